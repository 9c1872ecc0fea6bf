from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.zone_analytics import checkpoint
from modules.zone_analytics.area_counter import AreaCounter
from modules.zone_analytics.decisions import AreaCounted, Crossing, Origin
from modules.zone_analytics.parameters import DECISIONS
from modules.zone_analytics.store_events import to_events
from storeflow.contract.events import Direction
from storeflow.contract.geometry import Point
from storeflow.contract.twins import read_section

DOOR = {"start": [0.1, 0.5], "end": [0.9, 0.5]}
NOON = datetime.fromisoformat("2026-11-20T12:00:00+00:00").timestamp()
HOUR = 3600.0


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


class Shop:
    """An area with two doors, in front of a camera each."""

    def __init__(self, **area: Any) -> None:
        lines = {"front": {**DOOR, "camera_id": "a"}, "back": {**DOOR, "camera_id": "b"}}
        chosen = {"lines": {"front": "in", "back": "out"}, **area}
        self.layout = read_section("layout", {"lines": lines, "areas": {"shop": chosen}})
        self.counter = AreaCounter("shop", self.layout.areas["shop"], self.layout.lines, DECISIONS)
        self.events: list[AreaCounted] = []

    def see(self, *moments: float, camera_id: str = "a") -> "Shop":
        """Frames of one camera."""
        for at in moments:
            self.events += self.counter.observe_frame(camera_id, at)
        return self

    def watch(self, start: float, seconds: float, step: float = 1.0) -> "Shop":
        """Both cameras look, without a hole."""
        for number in range(round(seconds / step) + 1):
            self.see(start + number * step).see(start + number * step, camera_id="b")
        return self

    def end(self, *camera_ids: str) -> "Shop":
        """Streams end."""
        for camera_id in camera_ids:
            self.counter.end(camera_id)
        return self

    def restart(self) -> "Shop":
        """The module goes on from its checkpoint."""
        if self.counter.state is not None:
            at_rest = checkpoint.Checkpoint(areas=[self.counter.state])
            (self.counter.state,) = checkpoint.decode(checkpoint.encode(at_rest)).areas
        return self.edit()

    def edit(self, **area: Any) -> "Shop":
        """Another layout is applied, after a restart or without."""
        edited = self.counter.area.model_copy(update=area)
        self.counter = AreaCounter("shop", edited, self.layout.lines, DECISIONS, self.counter.state)
        return self

    def cross(self, at: float, direction: Direction = "in", line_id: str = "front") -> "Shop":
        """Somebody crosses a line."""
        crossing = Crossing(line_id, "1", "person", at, direction, "settled", Point(0.5, 0.5))
        self.events += self.counter.count("a" if line_id == "front" else "b", crossing)
        return self

    @property
    def figures(self) -> list[tuple[str, int]]:
        """Cause and occupancy of every event."""
        return [(one.cause, one.occupancy) for one in self.events]

    @property
    def counted(self) -> list[tuple[str, int]]:
        """The same, without holes."""
        return [figures for figures in self.figures if figures[0] != "gap"]

    @property
    def occupancy(self) -> int:
        """As emitted last."""
        return self.events[-1].occupancy

    @property
    def resets(self) -> list[float]:
        """As of when each day began."""
        return [one.reset_at for one in self.events if one.cause == "reset"]


def test_counting_begins_with_the_first_frame_and_with_nobody() -> None:
    (event,) = Shop().see(NOON).events
    assert (event.cause, event.occupancy, event.drift_bound, event.reset_at, event.at) == ("start", 0, 0, NOON, NOON)


def test_each_line_says_which_direction_comes_in() -> None:
    shop = Shop().watch(NOON, 1).cross(NOON + 1).cross(NOON + 1, "out", "back").cross(NOON + 1, "out")
    assert shop.figures == [("start", 0), ("crossing", 1), ("crossing", 2), ("crossing", 1)]
    assert [one.crossings for one in shop.events] == [0, 1, 2, 3]


def test_a_line_that_is_none_of_the_area_changes_nothing() -> None:
    assert Shop().see(NOON).cross(NOON, line_id="till").figures == [("start", 0)]


def test_nobody_is_never_fewer_than_nobody_and_the_bound_says_that_something_was_missed() -> None:
    shop = Shop().watch(NOON, 60).cross(NOON + 60, "out").cross(NOON + 60, "out").cross(NOON + 60)
    assert [(one.occupancy, one.clamped) for one in shop.events[1:]] == [(0, 1), (0, 2), (1, 2)]
    assert shop.events[-1].drift_bound == 2 + 1


def test_the_bound_grows_with_what_a_counter_may_miss() -> None:
    shop = Shop().watch(NOON, 100)
    for _ in range(100):
        shop.cross(NOON + 100)
    assert shop.events[-1].drift_bound == round(100 * DECISIONS.miscount_share) == 5


def test_a_camera_that_was_away_is_reported_when_it_looks_again_with_what_went_on_unseen() -> None:
    shop = Shop().watch(NOON, 100)
    for _ in range(10):
        shop.cross(NOON + 100)
    shop.end("a", "b").see(NOON + 300, camera_id="b")
    event = shop.events[-1]
    assert (event.cause, event.occupancy, event.at) == ("gap", 10, NOON + 300)
    # Both cameras were away for 200 s; 10 crossings in 200 s of looking.
    assert (event.unseen_seconds, event.drift_bound) == (400.0, 1 + 20)


def test_a_camera_that_is_still_away_counts_up_to_now() -> None:
    shop = Shop().watch(NOON, 10).cross(NOON + 10).end("b")
    for second in range(11, 61):
        shop.see(NOON + second)
    shop.cross(NOON + 60)
    assert shop.events[-1].unseen_seconds == 50


def test_a_camera_that_the_layout_names_and_that_never_looked_is_away_from_the_start() -> None:
    shop = Shop().see(*(NOON + second for second in range(31))).cross(NOON + 30)
    assert shop.events[-1].unseen_seconds == 30


def test_a_hole_in_which_nothing_is_known_to_happen_is_not_emitted() -> None:
    assert Shop().watch(NOON, 10).watch(NOON + 600, 10).figures == [("start", 0)]


def test_frames_a_second_apart_are_no_hole() -> None:
    shop = Shop().watch(NOON, 60, step=DECISIONS.coverage_gap_seconds).cross(NOON + 60)
    assert shop.events[-1].unseen_seconds == 0


def test_cameras_need_not_look_at_the_same_moment() -> None:
    assert Shop().watch(NOON, 60).see(NOON + 60.5).cross(NOON + 60.5).events[-1].unseen_seconds == 0


def test_a_camera_on_which_no_line_of_the_area_is_drawn_does_not_matter() -> None:
    assert Shop().see(NOON, NOON + HOUR, camera_id="stockroom").events == []


def test_a_line_on_every_cameras_picture_makes_every_camera_matter() -> None:
    layout = read_section("layout", {"lines": {"front": DOOR}, "areas": {"shop": {"lines": {"front": "in"}}}})
    counter = AreaCounter("shop", layout.areas["shop"], layout.lines, DECISIONS)
    assert [one.cause for one in counter.observe_frame("anywhere", NOON)] == ["start"]
    counter.observe_frame("elsewhere", NOON)
    counter.end("elsewhere")
    assert counter.state is not None
    assert set(counter.state.cameras) == {"anywhere", "elsewhere"}
    counter.observe_frame("anywhere", NOON + 24 * HOUR)
    counter.observe_frame("anywhere", NOON + 48 * HOUR)
    assert set(counter.state.cameras) == {"anywhere"}


def test_every_day_begins_with_nobody_at_the_time_that_the_area_says() -> None:
    shop = Shop(reset_at="05:30").watch(NOON, 10).cross(NOON + 1)
    shop.see(moment("2026-11-21T05:29:59+00:00"))
    assert shop.events[-1].cause != "reset"
    shop.see(moment("2026-11-21T05:31:07+00:00"))
    event = shop.events[-1]
    assert (event.cause, event.occupancy, event.crossings, event.clamped, event.drift_bound) == ("reset", 0, 0, 0, 0)
    assert event.at == event.reset_at == moment("2026-11-21T05:30:00+00:00")


def test_a_store_that_was_down_for_days_begins_again_once() -> None:
    shop = Shop().watch(NOON, 10).cross(NOON + 1).watch(NOON + 72 * HOUR, 10)
    assert shop.resets == [moment("2026-11-23T04:00:00+00:00")]


def test_a_crossing_from_before_the_reset_that_is_decided_after_it_is_of_the_day_before() -> None:
    reset_at = moment("2026-11-21T04:00:00+00:00")
    shop = Shop().see(reset_at - 10, reset_at + 0.1)
    assert shop.cross(reset_at - 0.1).figures[-1] == ("reset", 0)
    assert shop.cross(reset_at + 0.1).figures[-1] == ("crossing", 1)


def test_what_was_unseen_before_the_reset_is_of_the_day_before() -> None:
    reset_at = moment("2026-11-21T04:00:00+00:00")
    shop = Shop().watch(reset_at - 600, 10).watch(reset_at + 30, 10).cross(reset_at + 40)
    assert shop.events[-1].unseen_seconds == 60  # 30 s of each camera


def test_a_clock_that_is_set_back_goes_on_with_everyone_inside() -> None:
    shop = Shop().watch(NOON, 10).cross(NOON + 1).watch(NOON - 400 * 24 * HOUR, 5)
    shop.cross(NOON - 400 * 24 * HOUR + 5)
    assert shop.figures == [("start", 0), ("crossing", 1), ("crossing", 2)]
    shop.watch(NOON - 399 * 24 * HOUR, 5)
    assert shop.figures[3:] == [("reset", 0)]


def test_a_frame_that_comes_late_takes_nothing_back() -> None:
    shop = Shop().watch(NOON, 10).see(NOON + 9).cross(NOON + 10)
    assert (shop.events[-1].at, shop.events[-1].unseen_seconds) == (NOON + 10, 0)
    assert shop.watch(NOON + 10.5, 1).cross(NOON + 11).events[-1].unseen_seconds == 0


def test_an_edit_of_the_area_moves_nobody_out_of_it() -> None:
    shop = Shop().watch(NOON, 10).cross(NOON + 1).edit(lines={"front": "in"}).watch(NOON + 11, 10).cross(NOON + 21)
    assert (shop.figures[1:], shop.events[-1].unseen_seconds) == ([("crossing", 1), ("crossing", 2)], 0)
    shop.edit(lines={"front": "in", "back": "in"}).see(NOON + 22, NOON + 23).cross(NOON + 23)
    assert (shop.occupancy, shop.events[-1].unseen_seconds) == (3, 2)  # nobody has looked at the back door since


@pytest.mark.parametrize(
    ("area", "next_reset"),
    [
        ({"reset_at": "09:00"}, "2026-11-21T09:00:00+00:00"),
        ({"reset_at": "11:59"}, "2026-11-21T11:59:00+00:00"),
        ({"reset_at": "12:01"}, "2026-11-20T12:01:00+00:00"),
        ({"time_zone": "America/New_York"}, "2026-11-21T09:00:00+00:00"),
        ({"time_zone": "Asia/Tokyo"}, "2026-11-20T19:00:00+00:00"),
    ],
)
def test_another_hour_to_begin_at_holds_from_the_next_time_it_is_so_late(area: dict[str, str], next_reset: str) -> None:
    shop = Shop().watch(NOON - 20 * HOUR, 10).watch(NOON, 10)
    for _ in range(5):
        shop.cross(NOON + 10)
    shop.edit(**area).watch(NOON + 10.1, 10).cross(NOON + 20)
    assert (shop.occupancy, shop.resets) == (6, [moment("2026-11-20T04:00:00+00:00")])
    shop.watch(moment(next_reset) - 5, 4)
    assert (shop.occupancy, len(shop.resets)) == (6, 1)
    shop.watch(moment(next_reset) - 1, 4).edit(reset_at="05:00").watch(moment(next_reset) + 4, 4)
    assert (shop.occupancy, shop.resets[1:]) == (0, [moment(next_reset)])


def test_another_hour_to_begin_at_that_only_one_clock_has_passed_is_still_to_come_by_the_leaders() -> None:
    """The leader's clock is a minute behind the other's, and the leader ends before it is noon by it."""
    shop = Shop().see(NOON - 30).see(NOON + 30, camera_id="b").end("b").edit(reset_at="12:00").end("a")
    assert shop.see(NOON + 90, camera_id="b").resets == [NOON]


DAY = 24 * HOUR
FOUR = moment("2026-11-21T04:00:00+00:00")
"""The first reset after noon."""


def night(shop: Shop, **ahead: float) -> Shop:
    """Two minutes around four o'clock, by cameras whose clocks are so many seconds ahead."""
    for second in range(-60, 61):
        for camera_id in ("a", "b"):
            shop.see(FOUR + ahead.get(camera_id, 0) + second, camera_id=camera_id)
    return shop


@pytest.mark.parametrize("ahead", [-400 * DAY, -DAY, -10 * HOUR, -30.0, 30.0, 10 * HOUR, DAY, 400 * DAY])
def test_a_camera_that_comes_with_another_clock_neither_begins_a_day_nor_goes_uncounted(ahead: float) -> None:
    shop = Shop(lines={"front": "in", "back": "in"})
    shop.see(*(NOON + second for second in range(10))).cross(NOON + 9)
    for second in range(10, 20):
        shop.see(NOON + second).see(NOON + ahead + second, camera_id="b")
    shop.cross(NOON + ahead + 19, line_id="back").cross(NOON + 19)
    assert (shop.counted, shop.events[-1].at) == (
        [("start", 0), *(("crossing", n) for n in (1, 2, 3))],
        NOON + 19 + (30 if ahead == 30 else 0),
    )
    night(shop, b=ahead)
    assert (len(shop.resets), shop.occupancy) == (1, 0)
    shop.cross(FOUR + 60).cross(FOUR + ahead + 60, line_id="back").end("a")
    assert shop.occupancy == 2
    shop.see(FOUR + ahead + 61, FOUR + ahead + 62, camera_id="b")
    assert (len(shop.resets), shop.occupancy) == (1, 2)


@pytest.mark.parametrize("leaper", ["a", "b"])
@pytest.mark.parametrize("leap", [-DAY, -10 * HOUR, 16.5 * HOUR, DAY, 400 * DAY])
def test_one_camera_whose_clock_is_set_neither_begins_a_day_nor_goes_uncounted(leaper: str, leap: float) -> None:
    shop = Shop(lines={"front": "in", "back": "in"}).watch(NOON, 10).cross(NOON + 10)
    clocks = {"a": 0.0, "b": 0.0, leaper: leap}
    for tenth in range(110, 200):
        for camera_id, line_id in (("a", "front"), ("b", "back")):
            at = NOON + clocks[camera_id] + tenth / 10
            shop.see(at, camera_id=camera_id)
            if tenth % 10 == 0:
                shop.cross(at, line_id=line_id)
    assert (shop.occupancy, shop.resets) == (1 + 2 * 9, [])
    assert shop.events[-1].unseen_seconds < 6
    night(shop, **{leaper: leap})
    assert len(shop.resets) == 1


@pytest.mark.parametrize("back", [HOUR, 10 * HOUR, DAY, 400 * DAY])
def test_when_all_clocks_are_set_back_one_after_another_everyone_stays_and_days_go_on(back: float) -> None:
    shop = Shop(lines={"front": "in", "back": "in"}).watch(NOON, 10).cross(NOON + 10)
    for second in range(11, 20):
        shop.see(NOON - back + second).see(NOON + second, camera_id="b")
    for second in range(20, 30):
        shop.see(NOON - back + second).see(NOON - back + second, camera_id="b")
    shop.cross(NOON - back + 29).cross(NOON - back + 29, line_id="back")
    assert (shop.occupancy, shop.resets) == (3, [])
    last = shop.events[-1].at
    for _ in range(2):
        night(shop, a=-back // DAY * DAY, b=-back // DAY * DAY)
        back -= DAY
    assert [one.occupancy for one in shop.events if one.cause == "reset"] == [0, 0]
    assert min(shop.resets) >= last


def test_a_clock_that_is_set_forward_and_back_again_begins_days_that_all_have_ids_of_their_own() -> None:
    shop = Shop().watch(FOUR - 10, 20)
    for _ in range(5):
        shop.cross(FOUR + 10)
    shop.watch(FOUR - HOUR, 10).watch(FOUR - 10, 20)  # set back, and it is four o'clock again
    assert shop.counted[1:] == [("reset", 0), *(("crossing", n) for n in range(1, 6)), ("reset", 0)]
    shop.cross(FOUR + 10).watch(FOUR + DAY + HOUR, 10).watch(FOUR + HOUR, 10).cross(FOUR + HOUR + 10)
    assert shop.counted[8:] == [("crossing", 1), ("reset", 0), ("crossing", 1)]
    assert len({event_id(one) for one in shop.events}) == len(shop.events)


def test_the_next_camera_to_look_when_the_leader_has_gone_begins_the_day() -> None:
    shop = Shop().watch(FOUR - 60, 30).cross(FOUR - 30)
    for second in range(-29, 25):  # the front camera is silent for half a minute before its stream ends
        shop.see(FOUR + second, camera_id="b")
    assert shop.resets == []
    shop.end("a").see(FOUR + 25, camera_id="b")
    assert (shop.resets, shop.occupancy) == ([FOUR], 0)
    shop.see(FOUR + HOUR).see(FOUR + HOUR, camera_id="b")
    assert shop.resets == [FOUR]


def test_cameras_that_were_off_over_night_begin_the_day_with_the_first_of_them() -> None:
    shop = Shop().watch(NOON, 10).cross(NOON + 10).end("a", "b").see(FOUR + 4 * HOUR, camera_id="b")
    assert (shop.resets, shop.occupancy) == ([FOUR], 0)
    assert shop.see(FOUR + 4 * HOUR).see(FOUR + 5 * HOUR, camera_id="b").resets == [FOUR]


def test_a_camera_with_a_clock_far_behind_that_looks_alone_begins_the_next_day_by_it() -> None:
    shop = Shop(lines={"front": "in", "back": "in"}).see(NOON, NOON + 1).cross(NOON + 1).end("a")
    ago = 400 * DAY
    shop.see(NOON - ago, camera_id="b").cross(NOON - ago, line_id="back")
    assert (shop.occupancy, shop.resets) == (2, [])
    shop.see(FOUR - ago - 1, FOUR - ago + 1, camera_id="b")
    assert (shop.occupancy, len(shop.resets)) == (0, 1)


@pytest.mark.parametrize("restarts", [False, True])
def test_when_all_cameras_leap_over_four_o_clock_the_last_of_them_begins_the_day(restarts: bool) -> None:
    shop = Shop().watch(NOON, 10).cross(NOON + 10).see(FOUR + 2 * HOUR)
    assert shop.resets == []
    if restarts:
        shop.restart()
    shop.see(FOUR + 2 * HOUR, camera_id="b").see(FOUR + 2 * HOUR + 1)
    assert (shop.resets, shop.occupancy) == ([FOUR], 0)


def test_a_hole_of_a_camera_whose_clock_is_behind_is_as_long_as_it_says() -> None:
    shop = Shop().see(NOON + 60, camera_id="b").see(NOON).see(NOON + 31).cross(NOON + 31)
    assert shop.events[-1].unseen_seconds == 31


def test_cameras_that_are_looked_at_one_later_than_the_other_leave_no_hole() -> None:
    shop = Shop(lines={"front": "in", "back": "in"})
    for number in range(600):
        shop.see(NOON + number / 5).see(NOON + number / 10, camera_id="b")
    shop.cross(NOON + 119)
    assert shop.events[-1].unseen_seconds == 0
    for number in range(100):  # a slow engine has its turns
        shop.see(NOON + 120 + number * 0.9).see(NOON + 60 + number * 0.9, camera_id="b").cross(NOON + 120)
    assert shop.events[-1].unseen_seconds == 0


def test_a_stream_that_ends_is_a_hole_until_the_cameras_next_frame() -> None:
    shop = Shop().watch(NOON, 10).end("b").see(*(NOON + second for second in range(11, 21))).cross(NOON + 20)
    assert shop.events[-1].unseen_seconds == 10
    shop.see(NOON + 25, camera_id="b").see(NOON + 25.5, camera_id="b").cross(NOON + 25)
    assert shop.events[-1].unseen_seconds == 15 + 0  # the front camera's own hole ends with its own next frame
    shop.see(NOON + 26).cross(NOON + 26)
    assert shop.events[-1].unseen_seconds == 15 + 6


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["in", "out", "frame"]), st.sampled_from(["front", "back"]), st.floats(0, 20_000)),
        max_size=40,
    )
)
def test_occupancy_is_never_negative_and_the_bound_never_less_than_what_is_known_to_be_wrong(
    steps: list[tuple[str, str, float]],
) -> None:
    shop, at = Shop().see(NOON), NOON
    for what, line_id, seconds in steps:
        at += seconds
        shop.see(at, camera_id="a" if line_id == "front" else "b")
        if what in ("in", "out"):
            shop.cross(at, "in" if what == "in" else "out", line_id)
    assert all(one.occupancy >= 0 and one.unseen_seconds >= 0 for one in shop.events)
    assert all(one.drift_bound >= one.clamped for one in shop.events)
    assert sorted(one.at for one in shop.events) == [one.at for one in shop.events]


AREAS = Origin("//hub/device/areas", "store-1", "", 1, "")


def event_id(counted: AreaCounted) -> str:
    (event,) = to_events(counted, AREAS)
    return event.id


STEPS = st.tuples(
    st.sampled_from(["frame", "in", "out", "end", "set clock", "edit"]),
    st.sampled_from(["a", "b"]),
    st.sampled_from([0.0, 0.1, 5.0, HOUR, 9 * HOUR, DAY, -1.0, -5.0, -HOUR, -9 * HOUR, -DAY, -400 * DAY]),
    st.sampled_from(["04:00", "09:00", "12:00"]),
)


def played(steps: list[tuple[str, str, float, str]], restarted: bool = False) -> Shop:
    shop, clocks = Shop().see(NOON), {"a": NOON, "b": NOON}
    for what, camera_id, seconds, reset_at in steps:
        if what == "edit":
            shop.edit(reset_at=reset_at)
        elif what == "end":
            shop.end(camera_id)
        else:
            clocks[camera_id] += seconds if what == "set clock" else max(seconds, 0)
            shop.see(clocks[camera_id], camera_id=camera_id)
        if what in ("in", "out"):
            shop.cross(clocks[camera_id], "in" if what == "in" else "out", "front" if camera_id == "a" else "back")
        if restarted:
            shop.restart()
    return shop


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEPS, max_size=40))
def test_a_restart_after_every_step_changes_no_event(steps: list[tuple[str, str, float, str]]) -> None:
    assert played(steps, restarted=True).events == played(steps).events


@settings(max_examples=400, deadline=None)
@given(steps=st.lists(STEPS, max_size=60))
def test_whatever_clocks_do_no_two_events_share_an_id_and_no_time_goes_back(
    steps: list[tuple[str, str, float, str]],
) -> None:
    shop = played(steps)
    assert all(one.occupancy >= 0 and one.unseen_seconds >= 0 for one in shop.events)
    assert all(one.reset_at <= one.at for one in shop.events)
    assert [one.at for one in shop.events] == sorted(one.at for one in shop.events)
    assert [one.reset_at for one in shop.events] == sorted(one.reset_at for one in shop.events)
    assert len({event_id(one) for one in shop.events}) == len(shop.events)


def test_a_camera_walked_by_feeds_its_area(floor: Callable[..., Any]) -> None:
    """Both crossings of a U-turn count, and cancel."""
    turned = floor(lines={"front": DOOR}).walk("1", (0.5, 0.4), (0.5, 0.6), (0.5, 0.4)).end()
    shop = Shop().watch(NOON, 1)
    for crossing in (one for one in turned if isinstance(one, Crossing)):
        shop.events += shop.counter.count("a", replace(crossing, at=NOON + 1 + crossing.at))
    assert [occupancy for _, occupancy in shop.figures] == [0, 1, 0]
