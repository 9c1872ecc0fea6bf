import json
import resource
from pathlib import Path

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
    assert json.loads(state) == {"file": "events.ndjson", "offset": 24}


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
