from collections.abc import Callable
from typing import Any

import pytest

from modules.zone_analytics.decisions import Crossing, OccupancyChanged, VisitBegan, VisitEnded
from storeflow.contract.twins import read_section

DOOR = {"start": [0.3, 0.5], "end": [0.7, 0.5]}
EDGE = {"start": [0.3, 0.02], "end": [0.7, 0.02]}
ROOM = {"polygon": [[0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6]]}
ABOVE, BELOW, INSIDE = (0.5, 0.4), (0.5, 0.6), (0.5, 0.5)


def layout(**lines_and_zones: Any) -> Any:
    return read_section("layout", lines_and_zones)


def crossings(decisions: list[Any]) -> list[tuple[str, str]]:
    return [(one.line_id, one.direction) for one in decisions if isinstance(one, Crossing)]


def test_an_edit_elsewhere_changes_nothing_for_a_crossing_in_progress(floor: Callable[..., Any]) -> None:
    place = floor(lines={"door": DOOR}).walk("1", ABOVE, (0.5, 0.49), seconds=0.8)
    place.decisions += place.view.apply(layout(lines={"door": DOOR, "exit": {"start": [0, 0.9], "end": [1, 0.9]}}))
    assert crossings(place.walk("1", (0.5, 0.51), BELOW).end()) == [("door", "in")]


def test_a_line_that_is_nudged_does_not_count_again_who_came_over_it_before(floor: Callable[..., Any]) -> None:
    place = floor(lines={"door": EDGE}).walk("1", (0.5, 0.05), (0.5, 0.2))
    assert crossings(place.decisions) == [("door", "in")]
    place.decisions += place.view.apply(layout(lines={"door": {**EDGE, "start": [0.3, 0.021]}}))
    assert crossings(place.walk("1", (0.5, 0.2), (0.5, 0.4)).end()) == [("door", "in")]


def test_a_new_line_counts_who_crosses_it_from_then_on(floor: Callable[..., Any]) -> None:
    place = floor().walk("1", (0.5, 0.05), (0.5, 0.2))
    place.decisions += place.view.apply(layout(lines={"edge": EDGE, "door": DOOR}))
    assert crossings(place.walk("1", (0.5, 0.2), BELOW, seconds=3).end()) == [("door", "in")]


def test_a_zone_that_is_changed_ends_its_visits_and_begins_new_ones(floor: Callable[..., Any]) -> None:
    place = floor(zones={"room": ROOM}).walk("1", INSIDE, INSIDE, seconds=3)
    place.decisions += place.view.apply(layout(zones={"room": {**ROOM, "min_dwell_seconds": 99}}))
    place.walk("1", INSIDE, INSIDE, seconds=3).wait(4)
    visits = place.decided(VisitBegan, VisitEnded)
    assert [(type(one).__name__, one.at) for one in visits] == [
        ("VisitBegan", 0.0),
        ("VisitEnded", pytest.approx(2.9)),
        ("VisitBegan", pytest.approx(3.0)),
        ("VisitEnded", pytest.approx(5.9)),
    ]
    assert [change.occupancy for change in place.decided(OccupancyChanged)] == [1, 0, 1, 0]


def test_an_edit_elsewhere_keeps_a_visit_open(floor: Callable[..., Any]) -> None:
    place = floor(zones={"room": ROOM}).walk("1", INSIDE, INSIDE, seconds=3)
    place.decisions += place.view.apply(layout(zones={"room": ROOM}, lines={"door": DOOR}))
    place.walk("1", INSIDE, INSIDE, seconds=3).wait(4)
    assert [(visit.entered_at, visit.at) for visit in place.decided(VisitEnded)] == [pytest.approx((0.0, 5.9))]


def test_a_line_of_another_cameras_picture_is_not_drawn_on_this_one(floor: Callable[..., Any]) -> None:
    lines = {"door": {**DOOR, "camera_id": "till"}, "here": {**DOOR, "camera_id": "door"}}
    assert crossings(floor(lines=lines).walk("1", ABOVE, BELOW).end()) == [("here", "in")]


def test_a_frame_that_comes_too_late_is_left_out(floor: Callable[..., Any], frame: Callable[..., Any]) -> None:
    place = floor(lines={"door": DOOR}).walk("1", ABOVE, (0.5, 0.48))
    assert place.view.observe(frame(place.at - 0.5, {"1": (0.5, 0.9)})) == []
    assert crossings(place.walk("1", (0.5, 0.48), BELOW).end()) == [("door", "in")]


def test_a_clock_that_is_set_back_a_day_ends_every_visit_and_counting_goes_on(floor: Callable[..., Any]) -> None:
    place = floor(lines={"door": DOOR}, zones={"room": ROOM})
    place.at = 86_400.0
    place.walk("1", INSIDE, INSIDE, seconds=2)
    place.at = 0.0
    place.walk("1", ABOVE, BELOW, seconds=2)
    assert [visit.at for visit in place.decided(VisitEnded)] == [pytest.approx(86_401.9)]
    assert crossings(place.end()) == [("door", "in")]


def test_who_is_hidden_for_longer_than_anyone_is_remembered_is_not_inside_twice(floor: Callable[..., Any]) -> None:
    place = floor(zones={"room": {**ROOM, "reentry_seconds": 10}}).walk("1", INSIDE, INSIDE, seconds=2)
    place.wait(3).walk("2", INSIDE, INSIDE, seconds=2).wait(3)
    assert [change.occupancy for change in place.decided(OccupancyChanged)] == [1, 0, 1, 0]
