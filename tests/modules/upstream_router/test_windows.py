"""The sums of a device against the query of docs/figures.md on the single events, whatever comes late or again."""

import random
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from modules.upstream_router.windows import (
    COLUMNS,
    CORRECT_AFTER_SECONDS,
    KEEP_SECONDS,
    SEND_WITHIN_SECONDS,
    WINDOW_SECONDS,
)
from modules.upstream_router.windows_database import FILE_NAME
from modules.upstream_router.windows_sender import Mode, WindowSender
from storeflow.contract import events
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import StoreEvent
from storeflow.contract.geometry import Point
from storeflow.contract.instant import instant
from storeflow.host.module import RawEvent

SOURCE = "//hub/store-1/door"
BEGIN = 1_763_625_600.0
"""08:00 UTC, a window's beginning."""
LATER = SEND_WITHIN_SECONDS + CORRECT_AFTER_SECONDS + 1
SAID: dict[str, Any] = {"store_id": "s", "camera_id": "door"}
DECIDED: dict[str, Any] = SAID | {"config_version": 7, "model_version": "m"}


def raw(data: StoreEvent, number: int, *, source: str = SOURCE) -> RawEvent:
    event = CloudEvent.of(data, source=source, id=f"{number:032x}", subject="x")
    body = event.model_copy(update={"sequence": f"{number:012d}"}).to_json()
    return RawEvent(source, event.id, event.type, "1.0", "s", body)


def crossing(at: float, number: int, **said: Any) -> RawEvent:
    data = events.LineCrossed(
        **DECIDED
        | {"line_id": "entrance", "direction": "in", "object_class": "person", "reason": "settled", "track_id": "1"}
        | {"position": Point(0.5, 0.5), "captured_at": instant(BEGIN + at)}
        | said
    )
    return raw(data, number)


def u_turn(at: float, number: int, first: int, second: int) -> RawEvent:
    data = events.LineUTurn(
        **DECIDED,
        captured_at=instant(BEGIN + at),
        track_id="1",
        line_id="entrance",
        direction="in",
        first_crossing_id=f"{first:032x}",
        second_crossing_id=f"{second:032x}",
        seconds_between=1.0,
    )
    return raw(data, number)


def recognised(at: float, number: int, *crossings: int) -> RawEvent:
    data = events.PersonRecognised(
        **DECIDED,
        captured_at=instant(BEGIN + at),
        track_id="1",
        qualifier="staff",
        reason="staff_zone",
        crossing_ids=tuple(f"{one:032x}" for one in crossings),
    )
    return raw(data, number)


def coverage(window: int, number: int, seconds: float = 900.0, *, at: float = 899.0) -> RawEvent:
    start = BEGIN + window * WINDOW_SECONDS
    data = events.CameraCoverage(
        **SAID,
        captured_at=instant(start + at),
        window_start=instant(start),
        window_end=instant(start + WINDOW_SECONDS),
        observed_seconds=seconds,
        frames_analysed=10,
        frames_missed=0,
        longest_gap_seconds=1.0,
    )
    return raw(data, number)


def layout(at: float, number: int, *line_ids: str, version: int = 7, object_class: str = "person") -> RawEvent:
    lines = tuple(
        events.DrawnLine(id=one, object_class=object_class, start=Point(0, 0), end=Point(1, 1), to_right="in")
        for one in line_ids
    )
    data = events.LayoutApplied(
        **SAID, captured_at=instant(BEGIN + at), config_version=version, lines=lines, zones=(), queues=()
    )
    return raw(data, number)


def beat(until: float, number: int) -> RawEvent:
    at = instant(BEGIN + until)
    return raw(events.StreamHeartbeat(**SAID, captured_at=at, complete_until=at), number)


class Router:
    """A host around the sender: an outbox that keeps the first of each id, and a clock."""

    def __init__(self, folder: Path, mode: Mode = "beside") -> None:
        self.folder, self.mode = folder, mode
        self.now = BEGIN + 10_000.0
        self.outbox: dict[tuple[str, str], CloudEvent] = {}
        self.sender = WindowSender(folder, "store-1", mode)

    def start_again(self, *, lost: bool = False) -> None:
        """What a kill leaves: the file, unless it is lost, and the outbox."""
        self.sender.close()
        if lost:
            (self.folder / FILE_NAME).unlink()
        self.sender = WindowSender(self.folder, "store-1", self.mode)

    def pass_on(self, *batch: RawEvent, killed: str = "") -> bool:
        """One batch; whether the outbox has it."""
        out = [made for event in batch for made in self.sender.take(event)]
        if killed == "before the file":
            self.start_again()
            return False
        self.sender.keep(self.now)
        if killed == "before the outbox":
            self.start_again()
            return False
        for event in out:
            known = self.outbox.setdefault((event.source, event.id), event)
            assert known == event, "one id, two events"
        if killed == "after the outbox":
            self.start_again()
        return True

    def windows(self) -> list[events.FootfallWindow]:
        """What was sent of windows, in order."""
        return [one.data for one in self.outbox.values() if isinstance(one.data, events.FootfallWindow)]

    def heartbeats(self) -> list[float]:
        """Until when windows were said to be sent, in order."""
        beats = [one.data for one in self.outbox.values() if isinstance(one.data, events.StreamHeartbeat)]
        return [one.complete_until.timestamp() - BEGIN for one in beats]

    def settle(self) -> list[events.FootfallWindow]:
        """All that is due, and what was sent so far; any event may carry it."""
        for _ in range(2):
            self.now += LATER
            self.pass_on()
            self.pass_on(raw(events.CameraState(**SAID, captured_at=instant(BEGIN), state="ended", detail=""), 999_999))
        return self.windows()


@pytest.fixture
def router(tmp_path: Path) -> Router:
    return Router(tmp_path)


Row = tuple[float, str, int, str]


def newest(windows: Sequence[events.FootfallWindow]) -> dict[Row, events.FootfallWindow]:
    """The highest revision of each row, all of whose revisions are there."""
    found: dict[Row, list[events.FootfallWindow]] = {}
    for one in windows:
        row = (one.window_start.timestamp() - BEGIN, one.line_id, one.config_version, one.object_class)
        found.setdefault(row, []).append(one)
    for revisions in found.values():
        assert sorted(one.revision for one in revisions) == list(range(len(revisions)))
    return {row: max(revisions, key=lambda one: one.revision) for row, revisions in found.items()}


def figures(window: events.FootfallWindow) -> tuple[int, ...]:
    return tuple(getattr(window, name) for name in COLUMNS)


def asked(query: str, sent: Sequence[RawEvent]) -> dict[Row, tuple[int, ...]]:
    """What the query of docs/figures.md says of each row, of the single events."""
    names = sorted({name for model in events.EVENT_MODELS.values() for name in model.model_fields})
    database = sqlite3.connect(":memory:")
    every = [CloudEvent.from_json(event.body) for event in sent]
    rows: dict[Row, tuple[int, ...]] = {}
    for event in every:
        one = event.data
        if not isinstance(one, events.LineCrossed):
            continue
        start = (one.captured_at.timestamp() - BEGIN) // WINDOW_SECONDS * WINDOW_SECONDS
        rows[start, one.line_id, one.config_version, one.object_class] = ()
    for row in rows:
        database.execute("DROP TABLE IF EXISTS events")
        database.execute(f"CREATE TABLE events (source, id, type, {', '.join(names)})")
        for event in every:
            one = event.data
            if isinstance(one, events.LineCrossed):
                start = (one.captured_at.timestamp() - BEGIN) // WINDOW_SECONDS * WINDOW_SECONDS
                if (start, one.line_id, one.config_version, one.object_class) != row:
                    continue
            values = one.model_dump(mode="json")
            cells = [str(value) if isinstance(value := values.get(name), list) else value for name in names]
            marks = ", ".join("?" for _ in range(len(names) + 3))
            database.execute(f"INSERT INTO events VALUES ({marks})", (event.source, event.id, event.type, *cells))  # noqa: S608 - question marks
        found = {direction: counts for _, direction, *counts in database.execute(query)}
        rows[row] = (*found.get("in", (0,) * 4), *found.get("out", (0,) * 4))
    database.close()
    return rows


@pytest.fixture(scope="module")
def query(repository: Path) -> str:
    text = (repository / "docs" / "figures.md").read_text()
    found: list[str] = re.findall(r"^## Footfall\n.*?^```sql\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return found[0]


def some_day(draw: random.Random) -> list[RawEvent]:
    """Crossings of two lines in three windows, U-turns, staff, a layout that is edited, and what was looked at."""
    sent, number = [layout(0.0, 1, "entrance", "exit")], 1
    if draw.random() < 0.5:
        sent.append(layout(1000.0, number := number + 1, "entrance", "exit", "side", version=8))
    for _ in range(draw.randrange(25)):
        number += 1
        sent.append(
            crossing(
                draw.uniform(0, 3 * WINDOW_SECONDS - 1),
                number,
                line_id=draw.choice(["entrance", "exit"]),
                direction=draw.choice(["in", "out"]),
                staff=draw.random() < 0.2,
                buying_unit=draw.random() < 0.7,
                config_version=draw.choice([7, 8]),
            )
        )
    crossings = range(2, number + 1)
    for _ in range(draw.randrange(5) if len(crossings) > 2 else 0):
        first, second = draw.sample(crossings, 2)
        sent.append(u_turn(draw.uniform(0, 2700), number := number + 1, first, second))
    for _ in range(draw.randrange(4) if len(crossings) > 2 else 0):
        named = draw.sample(crossings, draw.randrange(3))
        sent.append(recognised(draw.uniform(0, 2700), number := number + 1, *named))
    for window in range(3):
        pieces = draw.randrange(1, 3)
        sent += [coverage(window, number + piece, draw.uniform(1, 400)) for piece in range(1, pieces + 1)]
        number += pieces
    return [*sent, beat(2700.0, number + 1)]


@pytest.mark.parametrize("seed", range(10))
def test_windows_say_what_the_single_events_do_whatever_is_late_or_twice_and_whenever_the_router_is_killed(
    tmp_path: Path, query: str, seed: int
) -> None:
    draw = random.Random(seed)  # noqa: S311 - repeatable
    router, sent = Router(tmp_path), some_day(draw)
    waiting = [*sent[1:], *draw.choices(sent, k=5)]
    draw.shuffle(waiting)
    router.pass_on(sent[0])
    while waiting:
        batch = waiting[: draw.randrange(1, 8)]
        killed = draw.choice(["", "", "before the file", "before the outbox", "after the outbox"])
        if router.pass_on(*batch, killed=killed):
            waiting = waiting[len(batch) :]
        router.now += draw.choice([0.0, 1.0, LATER])
    found = newest(router.settle())
    expected = asked(query, sent)
    assert {row: figures(one) for row, one in found.items() if any(figures(one))} == {
        row: counts for row, counts in expected.items() if any(counts)
    }
    drawn = {("entrance", 7), ("exit", 7)}
    assert {(row[1], row[2]) for row in found if row[0] == 0} >= drawn
    looked: dict[float, float] = {}
    for event in sent:
        one = CloudEvent.from_json(event.body).data
        if isinstance(one, events.CameraCoverage):
            start = one.window_start.timestamp() - BEGIN
            looked[start] = looked.get(start, 0.0) + one.observed_seconds
    for row, one in found.items():
        assert one.observed_seconds == pytest.approx(looked[row[0]], abs=0.001)
    assert router.heartbeats()[-1] == 2700.0


def test_a_window_is_sent_once_its_coverage_came_and_not_before(router: Router) -> None:
    router.pass_on(layout(0.0, 1, "entrance"), crossing(10.0, 2))
    assert router.settle() == []
    router.pass_on(coverage(0, 3))
    (window,) = router.settle()
    assert (window.in_raw, window.out_raw, window.revision, window.reason) == (1, 0, 0, None)
    assert (window.observed_seconds, window.details_sent) == (900.0, True)
    assert len(router.settle()) == 1


def test_a_line_that_nobody_crossed_has_a_row_of_zeros_of_every_layout_it_was_in(router: Router) -> None:
    router.pass_on(layout(0.0, 1, "entrance", "gate"), layout(100.0, 2, "entrance", version=8), coverage(0, 3))
    router.pass_on(crossing(10.0, 4), coverage(1, 5))
    found = newest(router.settle())
    assert {row[:3]: one.in_raw for row, one in found.items()} == {
        (0, "entrance", 7): 1,
        (0, "gate", 7): 0,
        (0, "entrance", 8): 0,
        (900, "entrance", 8): 0,
    }


@pytest.mark.parametrize(
    ("later", "reason", "expected"),
    [
        (crossing(20.0, 9, direction="out"), "late_events", (1, 1, 1, 1, 1, 1, 1, 1)),
        (u_turn(20.0, 9, 2, 77), "u_turn", (1, 0, 0, 0, 0, 0, 0, 0)),
        (recognised(20.0, 9, 2), "staff_recognised", (1, 1, 0, 0, 0, 0, 0, 0)),
        (coverage(0, 9, 50.0), "coverage", (1, 1, 1, 1, 0, 0, 0, 0)),
    ],
)
def test_a_correction_says_what_made_it_necessary(
    router: Router, later: RawEvent, reason: str, expected: tuple[int, ...]
) -> None:
    router.pass_on(layout(0.0, 1, "entrance"), crossing(10.0, 2), coverage(0, 3, 100.0))
    assert len(router.settle()) == 1
    router.pass_on(later)
    window = newest(router.settle())[0, "entrance", 7, "person"]
    assert (window.revision, window.reason, figures(window)) == (1, reason, expected)
    assert window.observed_seconds == (150.0 if reason == "coverage" else 100.0)


def test_corrections_wait_for_one_another(router: Router) -> None:
    router.pass_on(crossing(10.0, 1), coverage(0, 3))
    router.settle()
    for number in range(4, 10):
        router.pass_on(crossing(20.0 + number, number))
        router.now += 10
    assert [one.revision for one in router.windows()] == [0]
    assert sorted((one.revision, one.in_raw) for one in router.settle()) == [(0, 1), (1, 7)]


def test_a_correction_of_one_line_says_nothing_new_of_another(router: Router) -> None:
    router.pass_on(layout(0.0, 1, "entrance", "gate"), crossing(10.0, 2), coverage(0, 3))
    router.settle()
    router.pass_on(crossing(20.0, 4))
    found = newest(router.settle())
    assert (found[0, "entrance", 7, "person"].revision, found[0, "gate", 7, "person"].revision) == (1, 0)


def test_what_comes_again_is_no_correction(router: Router) -> None:
    batch = (layout(0.0, 1, "entrance"), crossing(10.0, 2), u_turn(11.0, 3, 2, 4), crossing(11.0, 4), coverage(0, 5))
    router.pass_on(*batch)
    first = router.settle()
    router.pass_on(*batch)
    assert router.settle() == first


def test_what_is_too_late_for_its_window_is_dropped_and_counted(router: Router) -> None:
    days = KEEP_SECONDS // WINDOW_SECONDS
    router.now = BEGIN + 3 * KEEP_SECONDS
    router.pass_on(crossing(10.0, 1), coverage(0, 2))
    sent = router.settle()
    router.pass_on(coverage(days + 1, 3))
    assert router.pass_on(crossing(20.0, 4), crossing(KEEP_SECONDS + 910.0, 5))
    found = newest(router.settle())
    assert found[0, "entrance", 7, "person"] == sent[0]
    assert (KEEP_SECONDS + 900, "entrance", 7, "person") in found
    assert router.sender.counts["windows_too_late"] == 1


def test_a_camera_whose_clock_is_ahead_makes_no_window_of_today_too_late(router: Router) -> None:
    router.pass_on(crossing(10 * KEEP_SECONDS, 1), crossing(10.0, 2), coverage(0, 3))
    assert (0, "entrance", 7, "person") in newest(router.settle())


def test_a_window_that_nobody_looked_at_is_sent_when_no_coverage_can_come(router: Router) -> None:
    router.pass_on(crossing(899.9, 1), coverage(1, 2))
    assert [one.window_start.timestamp() - BEGIN for one in router.settle() if one.in_raw] == []
    router.pass_on(beat(901.0, 3))
    (window,) = [one for one in router.settle() if one.in_raw]
    assert window.observed_seconds == 0


def test_windows_are_vouched_for_once_every_number_below_the_heartbeat_is_here(router: Router) -> None:
    router.pass_on(layout(0.0, 1, "entrance"), crossing(10.0, 2), coverage(0, 4), beat(1000.0, 5))
    router.settle()
    assert router.heartbeats() == []
    router.pass_on(crossing(11.0, 3))
    assert newest(router.settle())[0, "entrance", 7, "person"].in_raw == 2
    assert router.heartbeats()[-1] == 900.0


def test_no_heartbeat_passes_a_window_that_is_still_to_be_sent(router: Router) -> None:
    router.pass_on(layout(0.0, 1, "entrance"), coverage(0, 2), coverage(1, 3), beat(1800.0, 4))
    router.pass_on(beat(1800.0, 4))
    assert router.heartbeats() == [0.0], "nothing was said to be before the first window"
    router.settle()
    order = [one.type for one in router.outbox.values()]
    assert order[1:] == ["storeflow.footfall.window"] * 2 + ["storeflow.stream.heartbeat"]
    assert router.heartbeats() == [0.0, 1800.0]


@pytest.mark.parametrize(
    ("first", "second", "later"),
    [
        ("instead", "beside", u_turn(901.0, 9, 1, 2)),
        ("instead", "beside", crossing(20.0, 9)),
        ("beside", "instead", crossing(20.0, 9)),
        ("beside", "instead", recognised(901.0, 9, 1)),
    ],
)
def test_a_window_of_which_any_single_event_stayed_in_the_store_says_so_for_ever(
    tmp_path: Path, first: Mode, second: Mode, later: RawEvent
) -> None:
    router = Router(tmp_path, first)
    router.pass_on(crossing(10.0, 1), crossing(11.0, 2), coverage(0, 3))
    assert [one.details_sent for one in router.settle()] == [first == "beside"]
    router.sender.mode = second
    router.pass_on(later)
    assert [one.details_sent for one in router.settle()][1:] == [False]
    router.sender.mode = "beside"
    router.pass_on(crossing(30.0, 10))
    assert [one.details_sent for one in router.settle()][2:] == [False]


def test_a_u_turn_that_stayed_in_the_store_is_remembered_until_its_crossing_comes(tmp_path: Path) -> None:
    router = Router(tmp_path, "instead")
    router.pass_on(layout(0.0, 1, "entrance"), u_turn(20.0, 2, 3, 4))
    router.sender.mode = "beside"
    router.pass_on(crossing(10.0, 3), coverage(0, 5))
    assert [(one.in_raw, one.in_net, one.details_sent) for one in router.settle()] == [(1, 0, False)]


def test_an_event_counts_under_the_setting_that_it_passed_under(tmp_path: Path) -> None:
    router = Router(tmp_path, "instead")
    router.sender.take(crossing(10.0, 1))
    router.sender.mode = "beside"
    router.pass_on(coverage(0, 2))
    assert [one.details_sent for one in router.settle()] == [False]


def test_a_window_that_began_before_the_file_is_neither_sent_nor_vouched_for(router: Router) -> None:
    router.pass_on(crossing(600.0, 500), beat(850.0, 501), coverage(0, 502), crossing(1000.0, 503), beat(1000.0, 504))
    assert (router.settle(), router.heartbeats()) == ([], [900.0])
    router.pass_on(coverage(1, 505), beat(1900.0, 506))
    assert {row[0]: one.in_raw for row, one in newest(router.settle()).items()} == {900.0: 1}
    assert router.heartbeats() == [900.0, 1800.0]


def test_a_window_that_was_sent_is_not_said_again_from_a_file_that_knows_less(router: Router) -> None:
    router.pass_on(layout(0.0, 1, "entrance"), *(crossing(10.0, number) for number in range(2, 12)), coverage(0, 12))
    assert [one.in_raw for one in router.settle()] == [10]
    router.start_again(lost=True)
    router.pass_on(crossing(800.0, 13), coverage(0, 14, 10.0), crossing(801.0, 15))
    assert [one.in_raw for one in router.settle()] == [10]


def test_a_window_that_is_on_its_way_while_nothing_passes_outlives_a_kill(router: Router) -> None:
    router.pass_on(crossing(10.0, 1), coverage(0, 2))
    for _ in range(3):
        router.now += LATER
        router.sender.keep(router.now)
    router.start_again()
    assert [one.in_raw for one in router.settle()] == [1]


def test_numbers_that_never_come_hold_up_heartbeats_for_a_day(router: Router, caplog: pytest.LogCaptureFixture) -> None:
    router.now = BEGIN + 3 * KEEP_SECONDS
    router.pass_on(layout(0.0, 1, "entrance"), coverage(0, 3), beat(1000.0, 4), beat(1000.0 + KEEP_SECONDS, 5))
    router.settle()
    assert router.heartbeats() == []
    router.pass_on(beat(2000.0 + KEEP_SECONDS, 6))
    router.settle()
    assert router.heartbeats() == [KEEP_SECONDS + 1800.0]
    assert "//hub/store-1/door: events that never came, and that its windows lack: 1" in caplog.text


def test_what_is_missing_of_a_sender_that_numbers_from_one_again_is_waited_for(router: Router) -> None:
    router.pass_on(*(crossing(10.0, number) for number in range(1, 9)), coverage(0, 9), beat(1000.0, 10))
    router.settle()
    router.start_again()
    router.pass_on(beat(1000.0, 10), coverage(0, 9))
    router.pass_on(coverage(1, 3), beat(1900.0, 4))
    router.settle()
    assert router.heartbeats() == [0.0, 900.0]
    router.pass_on(layout(1000.0, 1, "entrance"), layout(1001.0, 2, "entrance", version=8))
    router.settle()
    assert router.heartbeats()[-1] == 1800.0


def test_a_series_of_its_own_numbers_the_windows(router: Router) -> None:
    router.pass_on(crossing(10.0, 1), coverage(0, 2))
    router.settle()
    assert {one.source for one in router.outbox.values()} == {f"{SOURCE}/windows"}


def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "windows.db").write_bytes(b"no database" * 1000)
    router = Router(tmp_path)
    router.pass_on(crossing(10.0, 1), coverage(0, 2))
    assert len(router.settle()) == 1
