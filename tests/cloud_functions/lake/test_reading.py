"""Files of bronze are read several at once, and nobody can tell but by the clock."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from requests.adapters import DEFAULT_POOLSIZE

from cloud_functions import erase
from cloud_functions.decode import MAX_UNPACKED_BYTES
from cloud_functions.erasure_wish import Wish
from cloud_functions.lake import silver
from cloud_functions.lake.ledger import FILES
from cloud_functions.lake.reading import READ_AT_ONCE, Reader
from cloud_functions.lake_port import Files
from cloud_functions.landing import PIECE_BYTES
from cloud_functions.settings import Settings
from cloud_functions.storage import open_files
from storeflow.errors import StorageError

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PATHS = [f"bronze/{number}" for number in range(5 * READ_AT_ONCE)]


class Shelf:
    """Files, the content of each of which is its path.

    Attributes:
        read_paths: in the order of being asked for.
        most: reads at a time.
    """

    def __init__(self, wait: Callable[[str], object] = str) -> None:
        self.read_paths: list[str] = []
        self.most = 0
        self._wait, self._at_once, self._lock = wait, 0, threading.Lock()

    def read(self, path: str) -> bytes:
        """As a file."""
        with self._lock:
            self.read_paths.append(path)
            self._at_once += 1
            self.most = max(self.most, self._at_once)
        try:
            self._wait(path)
        finally:
            with self._lock:
                self._at_once -= 1
        return path.encode()


def reader_of(shelf: Shelf) -> Reader:
    """A shelf has all that a reader asks of files."""
    files: Any = shelf
    return Reader(files)


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("bronze")}


def test_what_is_read_comes_in_the_order_of_the_paths_whoever_is_faster() -> None:
    shelf = Shelf(lambda path: time.sleep(0.003 * (-int(path.rpartition("/")[2]) % READ_AT_ONCE)))
    with reader_of(shelf) as reader:
        found = [(path, content()) for path, content in reader.read(PATHS)]
    assert found == [(path, path.encode()) for path in PATHS]
    assert sorted(shelf.read_paths) == sorted(PATHS)


def test_as_many_are_read_at_once_as_is_said() -> None:
    """Each waits until so many are under way."""
    together = threading.Barrier(READ_AT_ONCE)
    shelf = Shelf(lambda _: together.wait(10))
    with reader_of(shelf) as reader:
        assert [path for path, content in reader.read(PATHS) if content()] == PATHS
    assert shelf.most == READ_AT_ONCE


def test_nothing_is_read_further_ahead_than_that_however_slowly_it_is_taken() -> None:
    shelf = Shelf()
    with reader_of(shelf) as reader:
        for taken, (_, content) in enumerate(reader.read(PATHS), start=1):
            content()
            time.sleep(0.002)  # time enough to read on
            assert len(shelf.read_paths) < taken + READ_AT_ONCE


def test_what_cannot_be_read_is_told_in_its_turn_and_those_behind_it_are_read() -> None:
    def fails(path: str) -> None:
        if path in {PATHS[3], PATHS[4]}:
            raise StorageError(f"{path}: busy")

    found = []
    with reader_of(Shelf(fails)) as reader:
        for path, content in reader.read(PATHS):
            try:
                content()
            except StorageError as error:
                found.append((path, str(error)))
            else:
                found.append((path, ""))
    assert found == [(path, f"{path}: busy" if path in PATHS[3:5] else "") for path in PATHS]


@pytest.mark.parametrize("error", [StorageError("refused"), KeyboardInterrupt()], ids=["an error", "a key"])
def test_a_reader_that_is_left_early_leaves_no_thread_and_reads_nothing_more(error: BaseException) -> None:
    shelf = Shelf(lambda path: time.sleep(0.05 * (path != PATHS[0])))

    def left_early() -> None:
        with reader_of(shelf) as reader:
            for _, content in reader.read(PATHS):
                content()
                assert threads()
                raise error

    with pytest.raises(type(error)):
        left_early()
    assert threads() == set()
    assert len(shelf.read_paths) <= READ_AT_ONCE


def slowly_behind_the_first(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the lake's files, of which there are many, take their time but for the first."""
    first, *_ = cloud.files.files("bronze")
    read = cloud.files.read

    def slowly(path: str) -> bytes:
        time.sleep(0.05 * (path != first))
        content: bytes = read(path)
        return content

    monkeypatch.setattr(cloud.files, "read", slowly)


@pytest.fixture
def cloud_of_many(shop: Any, cloud: Any) -> Any:
    """A lake with a file for each of many crossings."""
    for at in range(2 * READ_AT_ONCE):
        cloud.land(shop.message(shop.crossed(at)), at=OPENS + timedelta(seconds=at))
    return cloud


def test_a_run_of_refining_that_is_refused_leaves_no_thread(
    cloud_of_many: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> int:
        assert threads()
        raise StorageError("somebody else refines")

    slowly_behind_the_first(cloud_of_many, monkeypatch)
    monkeypatch.setattr("cloud_functions.lake.rows.MAX_FILES", 1)
    monkeypatch.setattr(silver, "keep", refuses)
    with pytest.raises(StorageError, match="somebody else"):
        cloud_of_many.refine()
    assert threads() == set()


def test_an_erasure_that_is_refused_leaves_no_thread(cloud_of_many: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud, replace = cloud_of_many, cloud_of_many.files.replace

    def refuses(path: str, content: bytes) -> None:
        if path != erase.JOB:
            assert threads()
            raise StorageError(f"{path}: busy")
        replace(path, content)
        slowly_behind_the_first(cloud, monkeypatch)

    monkeypatch.setattr(cloud.files, "replace", refuses)
    wish = Wish("store-1", since=OPENS - timedelta(days=1), until=OPENS + timedelta(days=1))
    with pytest.raises(StorageError, match="busy"):
        erase.Erasure(cloud.files, cloud.lake, cloud.stores, wish).run(OPENS + timedelta(days=3))
    assert threads() == set()


def test_what_is_refined_in_front_of_a_file_that_the_store_refuses_is_kept(
    cloud_of_many: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two whole pieces of three files, and not the two files of the third piece that could be read."""
    paths = cloud_of_many.files.files("bronze")
    read = cloud_of_many.files.read

    def refuses(path: str) -> Any:
        if path == paths[8]:
            raise StorageError(f"{path}: busy")
        return read(path)

    monkeypatch.setattr("cloud_functions.lake.rows.MAX_FILES", 3)
    with monkeypatch.context() as patch:
        patch.setattr(cloud_of_many.files, "read", refuses)
        with pytest.raises(StorageError, match="busy"):
            cloud_of_many.refine()
    rows = cloud_of_many.sql("SELECT path FROM files ORDER BY path", files=FILES)
    assert [row["path"] for row in rows] == paths[:6]
    assert cloud_of_many.refine().events == len(paths) - 6


def test_no_thread_is_started_where_there_is_nothing_to_read() -> None:
    with reader_of(Shelf()) as reader:
        assert list(reader.read([])) == []
        assert threads() == set()


def test_connections_are_kept_for_all_that_are_read_at_once_and_for_two_functions_that_land() -> None:
    assert READ_AT_ONCE + 2 <= DEFAULT_POOLSIZE


def test_the_largest_files_that_are_read_ahead_are_a_thirtieth_of_the_smallest_instance(shop: Any, cloud: Any) -> None:
    """A file is as much larger than this one as the events in it are."""
    sent = [shop.crossed(at, track=f"t{at}") for at in range(500)]
    cloud.land(shop.packed(*sent))
    (path,) = cloud.files.files("bronze")
    a_character = len(cloud.files.read(path)) / sum(len(event.to_json()) for event in sent)
    assert (READ_AT_ONCE + 1) * (PIECE_BYTES + MAX_UNPACKED_BYTES) * a_character < 1.5e9 / 30


def test_every_kind_of_lake_is_read_by_several_threads_at_once(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    for path in PATHS:
        files.create(path, path.encode(), {})
    caplog.set_level(logging.WARNING)
    with Reader(files) as reader:
        assert [(path, content()) for path, content in reader.read(PATHS)] == [(path, path.encode()) for path in PATHS]
    assert caplog.records == []  # as of connections that are given up


def test_the_session_that_all_threads_share_is_there_before_the_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []

    def noted(transport: object) -> None:
        opened.append(transport)

    monkeypatch.setattr("azure.core.pipeline.transport.RequestsTransport.open", noted)
    text = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;BlobEndpoint=http://127.0.0.1:9/a"
    open_files(Settings("lake", "", text, ""))
    assert len(opened) == 1
