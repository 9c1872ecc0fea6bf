from collections.abc import Callable
from typing import Any

import pytest

from modules.zone_analytics.decisions import (
    Crossing,
    OccupancyChanged,
    StaffRecognised,
    VisitBegan,
    VisitDwells,
    VisitEnded,
)
from modules.zone_analytics.staff import MOST_CROSSINGS

DOOR = {"door": {"start": [0.1, 0.5], "end": [0.9, 0.5]}}
BEHIND = {"polygon": [[0.4, 0.8], [0.6, 0.8], [0.6, 1], [0.4, 1]], "staff_only": True}
ROOM = {"polygon": [[0, 0.5], [1, 0.5], [1, 1], [0, 1]], "reentry_seconds": 1, "min_dwell_seconds": 3}
STREET, SHOP, TILL = (0.5, 0.4), (0.5, 0.6), (0.5, 0.9)


def staffed(floor: Callable[..., Any], **settings: Any) -> Any:
    return floor(lines=DOOR, zones={"behind": {**BEHIND, **settings}, "room": ROOM})


def test_who_stays_behind_the_till_works_here_and_says_which_crossings_to_leave_out(floor: Callable[..., Any]) -> None:
    place = staffed(floor).walk("1", STREET, SHOP).walk("1", SHOP, TILL)
    (crossing,) = place.decided(Crossing)
    assert place.decided(StaffRecognised) == []
    place.walk("1", TILL, TILL, seconds=8)
    (recognised,) = place.decided(StaffRecognised)
    assert recognised.crossings == (("door", crossing.at),)
    assert (recognised.person_id, recognised.zone_id) == ("1", "behind")
    assert recognised.at == pytest.approx(1 + 2 / 3 + 5, abs=0.11)


def test_what_staff_does_from_then_on_says_so(floor: Callable[..., Any]) -> None:
    place = staffed(floor).walk("1", TILL, TILL, seconds=8).walk("1", TILL, SHOP, STREET)
    place.walk("1", STREET, STREET, seconds=2).walk("1", STREET, SHOP, TILL).walk("1", TILL, TILL, seconds=4)
    assert [one.staff for one in place.decided(Crossing)] == [True, True]
    assert place.view.staff.crossings == {}
    place.wait(3)
    room = [one for one in place.decisions if getattr(one, "zone_id", "") == "room"]
    visits = [(type(one), one.staff) for one in room if not isinstance(one, OccupancyChanged)]
    first, second = (
        [(VisitBegan, False), (VisitDwells, False), (VisitEnded, True)],
        (VisitBegan, VisitDwells, VisitEnded),
    )
    assert visits == [*first, *((kind, True) for kind in second)]


def test_staff_are_no_visitors(floor: Callable[..., Any]) -> None:
    place = staffed(floor).walk("1", TILL, TILL, seconds=8)
    assert [one.occupancy for one in place.decided(OccupancyChanged) if one.zone_id == "room"] == [1, 0]
    for _ in range(20):
        place.see({"1": TILL, "2": SHOP})
    occupancy = [one for one in place.decided(OccupancyChanged) if one.zone_id == "room"]
    assert (occupancy[-1].occupancy, occupancy[-1].visitors) == (1, ("2",))


def test_who_reaches_over_the_till_for_a_moment_is_a_shopper(floor: Callable[..., Any]) -> None:
    place = staffed(floor).walk("1", SHOP, TILL, seconds=1).walk("1", TILL, TILL, seconds=3).walk("1", TILL, SHOP)
    place.end()
    assert place.decided(StaffRecognised) == []


def test_the_zone_says_how_long_one_must_stay(floor: Callable[..., Any]) -> None:
    assert staffed(floor, staff_seconds=60).walk("1", TILL, TILL, seconds=30).decided(StaffRecognised) == []
    assert len(staffed(floor, staff_seconds=1).walk("1", TILL, TILL, seconds=2).decided(StaffRecognised)) == 1


def test_where_no_zone_is_for_staff_nobody_is_staff_and_nothing_is_remembered(floor: Callable[..., Any]) -> None:
    place = staffed(floor, staff_only=False).walk("1", STREET, SHOP).walk("1", TILL, TILL, seconds=60)
    assert (place.decided(StaffRecognised), place.view.staff.crossings) == ([], {})


def test_who_works_here_is_recognised_once(floor: Callable[..., Any]) -> None:
    zones = {"behind": BEHIND, "also": BEHIND}
    place = floor(zones=zones).walk("1", TILL, TILL, seconds=30).walk("1", SHOP, SHOP, seconds=3)
    assert len(place.walk("1", TILL, TILL, seconds=30).decided(StaffRecognised)) == 1


def test_another_day_in_view_has_to_be_recognised_again(floor: Callable[..., Any]) -> None:
    place = staffed(floor).walk("1", TILL, TILL, seconds=8).wait(3).walk("2", STREET, SHOP)
    assert [one.staff for one in place.decided(Crossing)] == [False]


def test_someone_who_works_here_is_no_part_of_a_group(floor: Callable[..., Any]) -> None:
    place = staffed(floor).walk_all({"1": ((0.48, 0.1), (0.48, 0.8)), "2": ((0.52, 0.1), (0.52, 0.8))}, seconds=6)
    assert {one.group_id for one in place.decided(Crossing)} == {"g1"}
    place.walk_all({"1": ((0.48, 0.8), (0.48, 0.9)), "2": ((0.52, 0.8), (0.52, 0.7))}, seconds=1)
    place.walk_all({"1": ((0.48, 0.9), (0.48, 0.9)), "2": ((0.52, 0.7), (0.52, 0.7))}, seconds=12)
    place.walk("1", (0.48, 0.9), (0.48, 0.3), seconds=2)
    assert place.view.groups.parties["2"].members == ["2"]
    last = place.decided(Crossing)[-1]
    assert (last.direction, last.staff, last.group_id, last.buying_unit) == ("out", True, None, True)


def test_staff_and_a_shopper_who_walk_side_by_side_become_no_group(floor: Callable[..., Any]) -> None:
    place = staffed(floor).walk("1", TILL, TILL, seconds=8)
    place.walk_all({"1": ((0.48, 0.9), (0.48, 0.2)), "2": ((0.52, 0.9), (0.52, 0.2))}, seconds=7)
    assert [(one.group_id, one.buying_unit) for one in place.decided(Crossing)] == [(None, True), (None, True)]


def test_of_someone_who_crosses_all_day_the_newest_crossings_are_remembered(floor: Callable[..., Any]) -> None:
    place = staffed(floor)
    for _ in range(MOST_CROSSINGS):
        place.walk("1", STREET, SHOP, STREET, seconds=0.6)
    assert len(place.decided(Crossing)) > MOST_CROSSINGS
    assert len(place.view.staff.crossings["1"]) == MOST_CROSSINGS
    assert place.view.staff.crossings["1"][-1] == ("door", place.decided(Crossing)[-1].at)
    place.wait(3)
    assert place.view.staff.crossings == {}
