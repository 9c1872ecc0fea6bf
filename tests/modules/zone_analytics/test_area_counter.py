from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.zone_analytics.area_counter import AreaCounter, latest_reset
from modules.zone_analytics.decisions import AreaCounted, Crossing
from storeflow.contract.events import Direction
from storeflow.contract.geometry import Point
from storeflow.contract.parameters import DECISIONS
from storeflow.contract.twins import Area, read_section

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
        self.told: list[AreaCounted] = []

    def see(self, *moments: float, camera_id: str = "a") -> "Shop":
        """Frames of one camera."""
        for at in moments:
            self.told += self.counter.hear(camera_id, at)
        return self

    def watch(self, start: float, seconds: float, step: float = 1.0) -> "Shop":
        """Both cameras look, without a hole."""
        for number in range(round(seconds / step) + 1):
            self.see(start + number * step).see(start + number * step, camera_id="b")
        return self

    def cross(self, at: float, direction: Direction = "in", line_id: str = "front") -> "Shop":
        """Somebody crosses a line."""
        crossing = Crossing(line_id, "1", "person", at, direction, "settled", Point(0.5, 0.5))
        self.told += self.counter.count("a" if line_id == "front" else "b", crossing)
        return self

    @property
    def figures(self) -> list[tuple[str, int]]:
        """Cause and occupancy of everything told."""
        return [(one.cause, one.occupancy) for one in self.told]


def test_counting_begins_with_the_first_frame_and_with_nobody() -> None:
    (told,) = Shop().see(NOON).told
    assert (told.cause, told.occupancy, told.drift_bound, told.reset_at, told.at) == ("start", 0, 0, NOON, NOON)


def test_each_line_says_which_direction_comes_in() -> None:
    shop = Shop().watch(NOON, 1).cross(NOON + 1).cross(NOON + 1, "out", "back").cross(NOON + 1, "out")
    assert shop.figures == [("start", 0), ("crossing", 1), ("crossing", 2), ("crossing", 1)]
    assert [one.crossings for one in shop.told] == [0, 1, 2, 3]


def test_a_line_that_is_none_of_the_area_changes_nothing() -> None:
    assert Shop().see(NOON).cross(NOON, line_id="till").figures == [("start", 0)]


def test_nobody_is_never_fewer_than_nobody_and_the_bound_says_that_something_was_missed() -> None:
    shop = Shop().watch(NOON, 60).cross(NOON + 60, "out").cross(NOON + 60, "out").cross(NOON + 60)
    assert [(one.occupancy, one.clamped) for one in shop.told[1:]] == [(0, 1), (0, 2), (1, 2)]
    assert shop.told[-1].drift_bound == 2 + 1


def test_the_bound_grows_with_what_a_counter_may_miss() -> None:
    shop = Shop().watch(NOON, 100)
    for _ in range(100):
        shop.cross(NOON + 100)
    assert shop.told[-1].drift_bound == round(100 * DECISIONS.miscount_share) == 5


def test_a_camera_that_was_away_is_told_when_it_looks_again_with_what_went_on_unseen() -> None:
    shop = Shop().watch(NOON, 100)
    for _ in range(10):
        shop.cross(NOON + 100)
    shop.see(NOON + 300, camera_id="b")
    told = shop.told[-1]
    assert (told.cause, told.occupancy, told.at) == ("gap", 10, NOON + 300)
    # Both cameras were away for 200 s; 10 crossings in 200 s of looking.
    assert (told.unseen_seconds, told.drift_bound) == (400.0, 1 + 20)


def test_a_camera_that_is_still_away_counts_up_to_now() -> None:
    shop = Shop().watch(NOON, 10).cross(NOON + 10)
    for second in range(11, 61):
        shop.see(NOON + second)
    shop.cross(NOON + 60)
    assert shop.told[-1].unseen_seconds == 50


def test_a_camera_that_the_layout_names_and_that_never_looked_is_away_from_the_start() -> None:
    shop = Shop().see(*(NOON + second for second in range(31))).cross(NOON + 30)
    assert shop.told[-1].unseen_seconds == 30


def test_a_hole_in_which_nothing_is_known_to_happen_is_not_told() -> None:
    assert Shop().watch(NOON, 10).watch(NOON + 600, 10).figures == [("start", 0)]


def test_frames_a_second_apart_are_no_hole() -> None:
    shop = Shop().watch(NOON, 60, step=DECISIONS.coverage_gap_seconds).cross(NOON + 60)
    assert shop.told[-1].unseen_seconds == 0


def test_cameras_need_not_look_at_the_same_moment() -> None:
    assert Shop().watch(NOON, 60).see(NOON + 60.5).cross(NOON + 60.5).told[-1].unseen_seconds == 0


def test_a_camera_on_which_no_line_of_the_area_is_drawn_does_not_matter() -> None:
    assert Shop().see(NOON, NOON + HOUR, camera_id="stockroom").told == []


def test_a_line_on_every_cameras_picture_makes_every_camera_matter() -> None:
    layout = read_section("layout", {"lines": {"front": DOOR}, "areas": {"shop": {"lines": {"front": "in"}}}})
    counter = AreaCounter("shop", layout.areas["shop"], layout.lines, DECISIONS)
    assert [one.cause for one in counter.hear("anywhere", NOON)] == ["start"]
    counter.hear("elsewhere", NOON)
    assert counter.state is not None
    assert set(counter.state.heard_at) == {"anywhere", "elsewhere"}
    counter.hear("anywhere", NOON + 24 * HOUR)
    counter.hear("anywhere", NOON + 48 * HOUR)
    assert set(counter.state.heard_at) == {"anywhere"}


def test_every_day_begins_with_nobody_at_the_time_that_the_area_says() -> None:
    shop = Shop(reset_at="05:30").watch(NOON, 10).cross(NOON + 1)
    shop.see(moment("2026-11-21T05:29:59+00:00"))
    assert shop.told[-1].cause != "reset"
    shop.see(moment("2026-11-21T05:31:07+00:00"))
    told = shop.told[-1]
    assert (told.cause, told.occupancy, told.crossings, told.clamped, told.drift_bound) == ("reset", 0, 0, 0, 0)
    assert told.at == told.reset_at == moment("2026-11-21T05:30:00+00:00")


def test_a_store_that_was_down_for_days_begins_anew_once() -> None:
    shop = Shop().watch(NOON, 10).cross(NOON + 1).see(NOON + 72 * HOUR)
    assert [one.reset_at for one in shop.told if one.cause == "reset"] == [moment("2026-11-23T04:00:00+00:00")]


def test_a_crossing_from_before_the_reset_that_is_decided_after_it_is_of_the_day_before() -> None:
    reset_at = moment("2026-11-21T04:00:00+00:00")
    shop = Shop().see(reset_at - 10, reset_at + 0.1)
    assert shop.cross(reset_at - 0.1).figures[-1] == ("reset", 0)
    assert shop.cross(reset_at + 0.1).figures[-1] == ("crossing", 1)


def test_what_was_unseen_before_the_reset_is_of_the_day_before() -> None:
    reset_at = moment("2026-11-21T04:00:00+00:00")
    shop = Shop().watch(reset_at - 600, 10).watch(reset_at + 30, 10).cross(reset_at + 40)
    assert shop.told[-1].unseen_seconds == 60  # 30 s of each camera


def test_a_clock_that_is_set_back_goes_on_with_whoever_is_inside() -> None:
    shop = Shop().watch(NOON, 10).cross(NOON + 1).watch(NOON - 400 * 24 * HOUR, 5)
    shop.cross(NOON - 400 * 24 * HOUR + 5)
    assert shop.figures == [("start", 0), ("crossing", 1), ("crossing", 2)]
    shop.see(NOON - 399 * 24 * HOUR)
    assert shop.told[-1].cause == "reset"


def test_a_frame_that_comes_late_takes_nothing_back() -> None:
    shop = Shop().watch(NOON, 10).see(NOON + 9).cross(NOON + 10)
    assert (shop.told[-1].at, shop.told[-1].unseen_seconds) == (NOON + 10, 0)
    assert shop.watch(NOON + 10.5, 1).cross(NOON + 11).told[-1].unseen_seconds == 0


def test_an_edit_of_the_area_moves_nobody_out_of_it() -> None:
    shop = Shop().watch(NOON, 10).cross(NOON + 1)
    edited = shop.layout.areas["shop"].model_copy(update={"reset_at": "05:00", "lines": {"front": "in"}})
    counter = AreaCounter("shop", edited, shop.layout.lines, DECISIONS, shop.counter.state)
    assert counter.state is not None
    assert (counter.state.occupancy, set(counter.state.heard_at)) == (1, {"a"})
    counter = AreaCounter("shop", shop.layout.areas["shop"], shop.layout.lines, DECISIONS, counter.state)
    assert counter.state is not None
    assert counter.state.heard_at == {"a": NOON + 10, "b": NOON + 10}


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-06-01T02:00:00+00:00", "2026-06-01T02:00:00+00:00"),
        ("2026-06-01T01:59:59+00:00", "2026-05-31T02:00:00+00:00"),
        ("2026-12-01T12:00:00+00:00", "2026-12-01T03:00:00+00:00"),
        ("2026-03-29T12:00:00+00:00", "2026-03-29T02:00:00+00:00"),
        ("2026-10-25T12:00:00+00:00", "2026-10-25T03:00:00+00:00"),
    ],
    ids=["at the very time", "a second before", "in winter", "a day of 23 hours", "a day of 25 hours"],
)
def test_the_day_begins_by_the_clock_on_the_wall(at: str, expected: str) -> None:
    area = Area(lines={"front": "in"}, reset_at="04:00", time_zone="Europe/Berlin")
    assert latest_reset(moment(at), area) == moment(expected)


@pytest.mark.parametrize(
    ("day", "expected"),
    [("2026-03-29", "2026-03-29T01:30:00+00:00"), ("2026-10-25", "2026-10-25T00:30:00+00:00")],
    ids=["an hour that is left out", "an hour that comes twice"],
)
def test_a_day_begins_once_also_in_the_hour_that_the_clock_is_changed(day: str, expected: str) -> None:
    area = Area(lines={"front": "in"}, reset_at="02:30", time_zone="Europe/Berlin")
    midnight = moment(f"{day}T00:00:00+00:00") - HOUR
    resets = {latest_reset(midnight + minute * 60, area) for minute in range(25 * 60)}
    assert sorted(resets)[1] == moment(expected)
    assert len(resets) == 2


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
    assert all(one.occupancy >= 0 and one.unseen_seconds >= 0 for one in shop.told)
    assert all(one.drift_bound >= one.clamped for one in shop.told)
    assert sorted(one.at for one in shop.told) == [one.at for one in shop.told]
    keys = [(one.at, one.cause, one.what) for one in shop.told if one.cause != "crossing"]
    assert len(set(keys)) == len(keys)


def test_a_camera_walked_by_feeds_its_area(floor: Callable[..., Any]) -> None:
    """Both crossings of a U-turn count, and cancel."""
    turned = floor(lines={"front": DOOR}).walk("1", (0.5, 0.4), (0.5, 0.6), (0.5, 0.4)).end()
    shop = Shop().watch(NOON, 1)
    for crossing in (one for one in turned if isinstance(one, Crossing)):
        shop.told += shop.counter.count("a", replace(crossing, at=NOON + 1 + crossing.at))
    assert [occupancy for _, occupancy in shop.figures] == [0, 1, 0]
