import json
import os
import resource
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modules.upstream_router.sinks.ndjson import NdjsonFile
from storeflow.errors import StorageError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.ndjson"


def test_each_batch_goes_behind_the_one_before(path: Path) -> None:
    sink = NdjsonFile(path)

    state = sink.write([], None)
    state = sink.write([b'{"n":1}', b'{"n":2}'], state)
    state = sink.write([b'{"n":3}'], state)

    assert path.read_bytes() == b'{"n":1}\n{"n":2}\n{"n":3}\n'
    assert json.loads(state) == {"file": "events.ndjson", "inode": path.stat().st_ino, "offset": 24}


def test_a_batch_whose_state_was_never_kept_is_cut_off_before_it_comes_again(path: Path) -> None:
    kept = NdjsonFile(path).write([b"1"], NdjsonFile(path).write([], None))
    NdjsonFile(path).write([b"2", b"3"], kept)  # died before the transaction
    with path.open("ab") as file:
        file.write(b'{"half a li')

    NdjsonFile(path).write([b"2"], kept)

    assert path.read_bytes() == b"1\n2\n"


def test_a_file_that_was_there_before_the_sink_is_left_as_it_is(path: Path) -> None:
    path.write_bytes(b"older\n")

    state = NdjsonFile(path).write([], None)
    NdjsonFile(path).write([b"new"], state)

    assert path.read_bytes() == b"older\nnew\n"


@pytest.mark.parametrize("half", [b"", b'{"half a li', b"x" * 200_000])
@pytest.mark.parametrize("state", [None, b'{"file": "renamed.ndjson", "inode": 1, "offset": 2}'])
def test_half_a_line_at_the_end_of_a_file_that_was_there_is_cut_off(
    path: Path, half: bytes, state: bytes | None
) -> None:
    for whole in (b"older\n" * 3, b""):
        path.write_bytes(whole + half)

        NdjsonFile(path).write([b"new"], NdjsonFile(path).write([], state))

        assert path.read_bytes() == whole + b"new\n"


def test_an_event_of_many_lines_takes_one(path: Path) -> None:
    NdjsonFile(path).write([b'{\r\n  "n": 1\n}', b'{"n": 2}'], None)

    assert [json.loads(line) for line in path.read_bytes().splitlines()] == [{"n": 1}, {"n": 2}]


def test_a_file_that_would_grow_too_large_is_moved_aside_and_one_old_one_is_kept(path: Path) -> None:
    sink, state = NdjsonFile(path, max_bytes=10), None
    for number in range(10, 20):
        state = sink.write([b"%d" % number], state)

    assert path.read_bytes() == b"19\n"
    assert path.with_name("events.ndjson.1").read_bytes() == b"16\n17\n18\n"
    assert set(path.parent.iterdir()) == {path, path.with_name("events.ndjson.1")}


def test_every_file_of_a_rotation_is_closed(path: Path) -> None:
    sink, state, open_files = NdjsonFile(path, max_bytes=3), None, Path("/proc/self/fd")
    before = len(list(open_files.iterdir()))
    for number in range(20):
        state = sink.write([b"%d" % number], state)
    assert len(list(open_files.iterdir())) == before


def test_the_name_of_a_new_file_is_on_the_disk_before_its_rows_are_deleted(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronised: list[Path] = []
    real = os.fsync

    def remember(file: int) -> None:
        synchronised.append(Path(f"/proc/self/fd/{file}").readlink())
        real(file)

    monkeypatch.setattr(os, "fsync", remember)
    NdjsonFile(path).write([b"1"], None)
    assert synchronised == [path, path.parent]


def test_strangers_on_the_device_may_not_read_the_file(path: Path) -> None:
    NdjsonFile(path).write([b"1"], None)
    assert stat.S_IMODE(path.stat().st_mode) & stat.S_IRWXO == 0


def test_a_batch_that_is_too_large_by_itself_is_written_whole(path: Path) -> None:
    sink = NdjsonFile(path, max_bytes=3)
    state = sink.write([b"1" * 9, b"2"], sink.write([], None))
    sink.write([b"3"], state)

    assert path.with_name("events.ndjson.1").read_bytes() == b"1" * 9 + b"\n2\n"
    assert path.read_bytes() == b"3\n"

    sink.write([], sink.write([b"4" * 9], None))
    assert path.read_bytes() == b"4" * 9 + b"\n", "nothing is moved aside for no events"


class _Killed(BaseException):
    """No handler of the code runs after a kill -9; none takes this for a failure of the disk."""


CALLS = ("open", "ftruncate", "rename", "write", "fsync", "lseek", "close")


def killed_at(patch: pytest.MonkeyPatch, call: int) -> None:
    """Have the process die in the middle of its call number `call` to the system; a write gets half done."""
    made = iter(range(call))

    def dying(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def do(*arguments: Any, **options: Any) -> Any:
            if next(made, None) is not None:
                return real(*arguments, **options)
            if name == "write":
                real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
            raise _Killed

        return do

    for name in CALLS:
        patch.setattr(os, name, dying(name))


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("batch", [1, 3, 9])
def test_killed_at_any_moment_of_a_rotation_it_holds_each_event_once(path: Path, batch: int) -> None:
    older = path.with_name("events.ndjson.1")
    new = [b"new %d" % number for number in range(batch)]
    kills = rotated = 0
    while True:
        for left_over in path.parent.iterdir():
            left_over.unlink()
        older.write_bytes(b"oldest\n")
        sink = NdjsonFile(path, max_bytes=20)
        state = sink.write([b"1", b"2", b"3", b"4"] * 2, sink.write([], None))
        with path.open("ab") as file:
            file.write(b"never committed\n")
        with pytest.MonkeyPatch.context() as patch:
            killed_at(patch, kills)
            try:
                NdjsonFile(path, max_bytes=20).write(new, state)
                break
            except _Killed:
                kills += 1
        rotated += older.read_bytes() != b"oldest\n"

        state = NdjsonFile(path, max_bytes=20).write(new, state)
        state = NdjsonFile(path, max_bytes=20).write([], state)

        assert older.read_bytes() == b"1\n2\n3\n4\n" * 2
        assert path.read_bytes() == b"".join(line + b"\n" for line in new)
        assert json.loads(state)["offset"] == path.stat().st_size
    assert (kills - rotated, rotated) >= (4, 4), "there were moments before and after the file got its new name"


def test_the_offset_of_another_file_is_not_taken_for_this_ones(path: Path) -> None:
    path.write_bytes(b"a longer file\n")

    NdjsonFile(path).write([b"new"], b'{"file": "renamed.ndjson", "offset": 2}')

    assert path.read_bytes() == b"a longer file\nnew\n"


def test_a_file_that_was_moved_away_is_told_and_begun_again(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    state = NdjsonFile(path).write([b"1", b"2"], NdjsonFile(path).write([], None))
    path.rename(path.with_suffix(".old"))

    state = NdjsonFile(path).write([b"3"], state)

    assert path.read_bytes() == b"3\n"
    assert json.loads(state)["offset"] == 2
    assert "somebody cut or moved it" in caplog.text


def test_a_full_disk_is_told_and_half_a_batch_is_undone(path: Path) -> None:
    sink = NdjsonFile(path)
    state = sink.write([b"1"], sink.write([], None))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(StorageError, match=r"events\.ndjson.*free space"):
            sink.write([b"x" * 999] * 100, state)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.stat().st_size == 10_000, "the disk took a part"

    sink.write([b"2"], state)

    assert path.read_bytes() == b"1\n2\n"
