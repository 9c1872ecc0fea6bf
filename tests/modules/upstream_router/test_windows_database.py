import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from modules.upstream_router.windows import Counted, Window
from modules.upstream_router.windows_database import FILE_NAME, Camera, WindowDatabase
from modules.upstream_router.windows_sender import WindowSender
from modules.upstream_router.windows_series import Run, Series
from storeflow.contract import events
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.instant import instant
from storeflow.errors import StorageError
from storeflow.host.module import RawEvent

SOURCE = "//hub/device/door"
CROSSED = Counted("entrance", 1, "person", "in", staff=False, buying_unit=True, turned=False)


def window(start: int) -> Window:
    return Window(SOURCE, "s", "door", start, start + 1.0)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[WindowDatabase]:
    database = WindowDatabase(tmp_path / FILE_NAME)
    with database.transaction():
        yield database
    database.close()


def test_a_window_that_waits_for_its_coverage_is_not_sent_yet(database: WindowDatabase) -> None:
    assert database.first_unsent(SOURCE) is None
    database.touch(window(900), covered=False, whole=True, details=True)
    assert database.first_unsent(SOURCE) == 900
    database.touch(window(900), covered=True, whole=True, details=True)
    assert database.first_unsent(SOURCE) is None
    database.make_due(SOURCE, 900, 900, (10.0, 20.0), "coverage")
    assert database.first_unsent(SOURCE) == 900


def test_a_window_of_which_not_all_is_known_is_never_due_and_holds_up_nothing(database: WindowDatabase) -> None:
    database.touch(window(0), covered=True, whole=False, details=True)
    database.make_due(SOURCE, 0, 0, (10.0, 20.0), "coverage")
    assert database.due(1e9, 1e9) == []
    assert database.first_unsent(SOURCE) is None
    assert database.is_done(for_good=False)


def test_what_is_due_later_than_anything_can_be_was_made_so_before_the_clock_was_set_back(
    database: WindowDatabase,
) -> None:
    database.touch(window(0), covered=True, whole=True, details=True)
    database.make_due(SOURCE, 0, 0, (5000.0, 6000.0), "coverage")
    assert database.due(1000.0, 5000.0) == []
    assert [one.start for one, _ in database.due(1000.0, 4999.0)] == [0]


def test_a_camera_is_the_same_after_a_restart(tmp_path: Path) -> None:
    first = WindowDatabase(tmp_path / FILE_NAME)
    series = Series(3, 7, 11.0, [Run(9, 12, 300.0, 310.0, 600.0), Run(14, 14, None, None, None)])
    camera = Camera(SOURCE, "s", "door", 12.5, 900.0, 0, 900, 1800, series)
    with first.transaction():
        first.keep_camera(camera)
        first.set_ended_at(77.0)
    first.close()
    again = WindowDatabase(tmp_path / FILE_NAME)
    with again.transaction():
        assert again.cameras() == {SOURCE: camera}
        assert again.ended_at() == 77.0
    again.close()


def test_a_file_with_spoilt_pages_is_moved_aside_and_a_new_one_begun(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / FILE_NAME
    first = WindowDatabase(path)
    with first.transaction():
        for number in range(2000):
            first.add_crossing(number.to_bytes(16), SOURCE, 0, CROSSED)
    first.close()
    pages = bytearray(path.read_bytes())
    for page in range(15, len(pages) // 4096 - 1):
        pages[page * 4096 : page * 4096 + 200] = b"\xff" * 200
    path.write_bytes(bytes(pages))
    with caplog.at_level(logging.ERROR):
        again = WindowDatabase(path)
    with again.transaction():
        assert again.crossings(window(0)) == []
    again.close()
    assert (tmp_path / f"{FILE_NAME}.corrupt-1").exists()
    assert "windows that had not been sent are lost, and no other is corrected" in caplog.text


def event(data: events.StoreEvent, number: int) -> RawEvent:
    made = CloudEvent.of(data, source=SOURCE, id=f"{number:032x}", subject="x")
    body = made.model_copy(update={"sequence": f"{number:012d}"}).to_json()
    return RawEvent(SOURCE, made.id, made.type, "1.0", "s", body)


def test_what_the_disk_refused_is_worked_out_once_more_from_what_the_file_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, said = 1_763_625_600.0, {"store_id": "s", "camera_id": "door"}
    beats = [
        events.StreamHeartbeat(**said, captured_at=instant(begin + at), complete_until=instant(begin + at))
        for at in (1000.0, 1900.0)
    ]
    layout = events.LayoutApplied(**said, captured_at=instant(begin), config_version=1, lines=(), zones=(), queues=())
    sender = WindowSender(tmp_path, "device", "beside")
    sender.take(event(layout, 1))
    sender.keep(begin)
    with monkeypatch.context() as patch:
        patch.setattr(WindowDatabase, "outgoing", _refuse)
        sender.take(event(beats[0], 2))
        with pytest.raises(StorageError, match="full"):
            sender.keep(begin + 1)
    sender.keep(begin + 2)
    out = [one.data for one in sender.take(event(beats[1], 3))]
    assert [one.complete_until for one in out if isinstance(one, events.StreamHeartbeat)] == [instant(begin + 900)]
    sender.close()


def _refuse(*_: object, **__: object) -> None:
    raise StorageError("the disk is full")
