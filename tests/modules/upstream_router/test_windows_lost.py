"""What a device lost for good is missing in its sums, so its heartbeats vouch for no window that may lack it."""

from pathlib import Path
from typing import Any

import pytest

from modules.upstream_router.windows import KEEP_SECONDS
from modules.upstream_router.windows_database import FILE_NAME
from modules.upstream_router.windows_sender import WindowSender
from storeflow.contract import events
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import StoreEvent
from storeflow.contract.instant import instant
from storeflow.host.module import RawEvent

SOURCE = "//hub/store-1/door"
BEGIN = 1_763_625_600.0
"""08:00 UTC, a window's beginning."""
SAID: dict[str, Any] = {"store_id": "s", "camera_id": "door"}


def raw(data: StoreEvent, number: int) -> RawEvent:
    event = CloudEvent.of(data, source=SOURCE, id=f"{number:032x}", subject="x")
    body = event.model_copy(update={"sequence": f"{number:012d}"}).to_json()
    return RawEvent(SOURCE, event.id, event.type, "1.0", "s", body)


def looked(at: float, number: int) -> RawEvent:
    """A camera looked for a second before a moment."""
    data = events.CameraCoverage(
        **SAID,
        captured_at=instant(BEGIN + at),
        window_start=instant(BEGIN + at // 900 * 900),
        window_end=instant(BEGIN + at // 900 * 900 + 900),
        observed_seconds=1,
        frames_analysed=1,
        frames_missed=0,
        longest_gap_seconds=1,
    )
    return raw(data, number)


def beat(until: float, number: int, *, at: float | None = None) -> RawEvent:
    moments = {"captured_at": instant(BEGIN + (until if at is None else at)), "complete_until": instant(BEGIN + until)}
    return raw(events.StreamHeartbeat(**SAID, **moments), number)


def crossed(at: float, number: int) -> RawEvent:
    what = {"line_id": "door", "direction": "in", "object_class": "person", "reason": "settled", "position": (0.5, 0.5)}
    said = {"captured_at": instant(BEGIN + at), "config_version": 1, "model_version": "m", "track_id": "t"}
    return raw(events.LineCrossed(**SAID, **said, **what), number)


def drawn(at: float, number: int) -> RawEvent:
    applied = events.LayoutApplied(
        **SAID, captured_at=instant(BEGIN + at), config_version=1, lines=(), zones=(), queues=()
    )
    return raw(applied, number)


class Router:
    """A host around the sender."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now = folder, BEGIN + 3 * KEEP_SECONDS
        self.sender = WindowSender(folder, "store-1", "beside")
        self.heartbeats: list[CloudEvent] = []
        self.windows: list[tuple[float, int]] = []
        """When each that was sent began, and how many came in."""

    def start_again(self, *, lost: bool = False) -> None:
        """A kill; the file is there afterwards, unless it is lost."""
        self.sender.close()
        if lost:
            (self.folder / FILE_NAME).unlink()
        self.sender = WindowSender(self.folder, "store-1", "beside")

    def pass_on(self, *batch: RawEvent) -> None:
        """Events, and all that follows from each; the next one carries it."""
        for event in batch:
            for made in self.sender.take(event):
                if isinstance(made.data, events.StreamHeartbeat):
                    self.heartbeats.append(made)
                elif isinstance(made.data, events.FootfallWindow):
                    self.windows.append((made.data.window_start.timestamp() - BEGIN, made.data.in_raw))
            for _ in range(2):
                self.sender.keep(self.now)
                self.now += 400

    def vouched(self) -> list[tuple[float | None, float]]:
        """From when and until when, by each heartbeat in order."""
        self.pass_on(raw(events.CameraState(**SAID, captured_at=instant(BEGIN), state="ended", detail=""), 1))
        found: list[tuple[float | None, float]] = []
        for data in (one.data for one in self.heartbeats):
            assert isinstance(data, events.StreamHeartbeat)
            since = None if data.complete_from is None else data.complete_from.timestamp() - BEGIN
            found.append((since, data.complete_until.timestamp() - BEGIN))
        return found


@pytest.fixture
def router(tmp_path: Path) -> Router:
    return Router(tmp_path)


@pytest.fixture
def given_up(router: Router) -> Router:
    """Number 3 never came; the first heartbeat behind it was made at 2750."""
    router.pass_on(looked(100, 1), beat(1000, 2))
    router.pass_on(looked(2700, 4), beat(2000, 5, at=2750), beat(4600, 6))
    assert router.vouched() == [(None, 900)]
    router.pass_on(beat(2001 + KEEP_SECONDS, 7))
    return router


UNTIL = 1800 + KEEP_SECONDS
"""The end of the last window that the heartbeat behind the hole reaches."""


def test_what_comes_late_leaves_nothing_out(router: Router) -> None:
    router.pass_on(looked(100, 1), beat(1000, 2), beat(2000, 4))
    router.pass_on(looked(1000, 3))
    assert router.vouched() == [(None, 900), (None, 1800)]


def test_what_never_came_leaves_out_all_windows_that_it_may_be_of(given_up: Router) -> None:
    assert given_up.vouched() == [(None, 900), (3600, UNTIL)]


def test_what_was_lost_is_not_forgotten_by_a_restart_nor_by_a_change_of_mode(given_up: Router) -> None:
    given_up.start_again()
    given_up.pass_on(beat(UNTIL + 901, 8))
    given_up.sender.mode = "off"
    given_up.pass_on(looked(UNTIL + 902, 9))
    given_up.sender.mode = "instead"
    given_up.pass_on(looked(UNTIL + 1000, 10), beat(UNTIL + 1801, 11), beat(UNTIL + 1900, 12))
    assert given_up.vouched()[2:] == [(3600, UNTIL + 900), (UNTIL + 1800, UNTIL + 1800)]


def test_crossings_of_the_time_in_which_windows_were_off_are_in_none_and_nobody_vouches_for_it(router: Router) -> None:
    router.sender.mode = "instead"
    router.pass_on(drawn(0, 1), looked(890, 2), beat(1000, 3))
    router.sender.mode = "off"
    router.pass_on(looked(2000, 4))
    router.sender.mode = "instead"
    router.pass_on(looked(3700, 5), crossed(3750, 6), looked(4499, 7), beat(4600, 8), beat(5500, 9))
    assert router.vouched()[-1] == (4500, 5400)
    assert 3600 not in dict(router.windows)


@pytest.mark.parametrize(("days", "complete_from"), [(0.5, None), (2, 1800)])
def test_a_window_whose_coverage_comes_after_a_long_pause_is_sent_with_its_crossings(
    router: Router, days: float, complete_from: float | None
) -> None:
    """A box that was off from Saturday to Monday says first what is drawn, and then what it had looked at."""
    later = days * KEEP_SECONDS
    router.pass_on(drawn(0, 1), looked(10, 2), crossed(1000, 3), beat(1300, 4))
    router.pass_on(drawn(later, 5), looked(1001, 6), beat(later + 1000, 7), looked(later + 1100, 8))
    (since, until) = router.vouched()[-1]
    assert until > later - 900
    assert dict(router.windows)[900] == 1
    assert since == complete_from, "the seconds that it looked are lost then, if not whom it saw"


def test_windows_that_all_lack_something_have_no_heartbeat(router: Router) -> None:
    router.pass_on(looked(100, 1), beat(1000, 2))
    router.pass_on(beat(2000, 4, at=2750))
    router.pass_on(beat(2001 + KEEP_SECONDS, 6))
    assert router.vouched() == [(None, 900)], "up to 2000 all is told, and all after 900 may lack number 3"
    router.pass_on(looked(2100 + KEEP_SECONDS, 7), looked(1900, 5))
    assert router.vouched() == [(None, 900), (3600, UNTIL)]


def test_what_was_under_way_when_numbers_begin_again_leaves_out_the_time_up_to_the_first_of_these(
    router: Router,
) -> None:
    router.pass_on(looked(100, 1), beat(1000, 2), looked(1100, 3))
    router.pass_on(looked(2750, 1), beat(3700, 2))
    assert router.vouched() == [(None, 900), (3600, 3600)]


def test_what_came_too_late_for_its_window_leaves_that_out(router: Router) -> None:
    router.pass_on(looked(100, 1), beat(1000, 2))
    router.pass_on(looked(3000 + KEEP_SECONDS, 4), beat(3000 + KEEP_SECONDS, 5))
    router.pass_on(looked(1000, 3))
    assert router.sender.counts["windows_too_late"] == 1
    assert router.vouched() == [(None, 900), (2700, 2700 + KEEP_SECONDS)]


def test_a_hole_of_a_time_that_can_be_corrected_leaves_nothing_out(router: Router) -> None:
    router.pass_on(looked(100, 1), beat(1000, 2))
    router.pass_on(looked(1000 + KEEP_SECONDS, 4), beat(1000 + KEEP_SECONDS, 5))
    router.pass_on(looked(1000, 3))
    assert router.vouched() == [(None, 900), (None, 900 + KEEP_SECONDS)]


def test_windows_of_a_file_that_is_lost_are_vouched_for_by_no_other(router: Router) -> None:
    router.pass_on(looked(100, 1), beat(1000, 2), looked(1000, 3))
    router.start_again(lost=True)
    router.pass_on(looked(1100, 4), beat(2800, 5))
    assert router.vouched() == [(None, 900), (1800, 2700)]


def test_heartbeats_that_leave_out_something_else_are_not_the_same_event(router: Router) -> None:
    router.pass_on(looked(100, 1), looked(1000, 2), beat(1900, 3))
    assert router.vouched() == [(None, 1800)]
    router.start_again(lost=True)
    router.pass_on(looked(100, 2), looked(1000, 3), beat(1900, 4))
    assert router.vouched() == [(None, 1800), (900, 1800)]
    assert len({one.id for one in router.heartbeats}) == 2
