from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.zone_analytics.camera_view import CameraView
from modules.zone_analytics.decisions import Crossing, StaffRecognised
from modules.zone_analytics.groups import Party
from modules.zone_analytics.parameters import DECISIONS, DecisionParameters

DOOR = {"door": {"start": [0.1, 0.6], "end": [0.9, 0.6]}}
Way = tuple[tuple[float, float], tuple[float, float]]


def down(x: float, start: float = 0.2, end: float = 0.8) -> Way:
    """A way across the door, at `x`."""
    return (x, start), (x, end)


def units(decisions: list[Any]) -> list[tuple[str, str, str | None, bool]]:
    """Person, direction, group and unit of every crossing."""
    crossings = [one for one in decisions if isinstance(one, Crossing)]
    return [(one.person_id, one.direction, one.group_id, one.buying_unit) for one in crossings]


def party_of(first: str, *others: str) -> Party:
    """A group of people whose ids say in which second they were first seen."""
    party = Party.alone(first, float(first))
    for other in others:
        party.join(Party.alone(other, float(other)))
    return party


def groups(decisions: list[Any]) -> set[str | None]:
    return {group_id for _, _, group_id, _ in units(decisions)}


@pytest.mark.parametrize("beside", [0.04, -0.04], ids=["to the right", "to the left"])
def test_a_couple_side_by_side_is_one_unit_and_its_first_carries_it(floor: Callable[..., Any], beside: float) -> None:
    place = floor(lines=DOOR).walk_all({"1": down(0.5), "2": down(0.5 + beside, 0.19, 0.79)}, seconds=6)
    assert units(place.end()) == [("1", "in", "g1", True), ("2", "in", "g1", False)]


def test_someone_alone_is_a_unit_and_no_group(floor: Callable[..., Any]) -> None:
    assert units(floor(lines=DOOR).walk("1", *down(0.5), seconds=6).end()) == [("1", "in", None, True)]


@pytest.mark.parametrize(
    "ways",
    [
        {"1": down(0.5, 0.3, 0.7), "2": ((0.3, 0.62), (0.75, 0.66))},
        {"1": down(0.5), "2": down(0.52, 0.8, 0.2)},
        {"1": down(0.5), "2": down(0.5, 0.08, 0.68)},
        {"1": down(0.5), "2": down(0.54, 0.5, 0.75)},
        {"1": down(0.3), "2": down(0.7)},
    ],
    ids=["paths that cross", "opposite ways", "in a row at 2 m", "overtaken", "far from each other"],
)
def test_strangers_are_no_group(floor: Callable[..., Any], ways: dict[str, Way]) -> None:
    assert groups(floor(lines=DOOR).walk_all(ways, seconds=6).end()) == {None}


def test_a_family_of_four_is_one_unit(floor: Callable[..., Any]) -> None:
    ways = {str(number): down(0.4 + 0.045 * number, 0.2 + 0.003 * number, 0.8) for number in range(4)}
    crossings = units(floor(lines=DOOR).walk_all(ways, seconds=6).end())
    assert len(crossings) == 4
    assert {group_id for _, _, group_id, _ in crossings} == {"g0"}
    assert [unit for _, _, _, unit in crossings] == [True, False, False, False]


def test_who_stands_in_a_queue_together_does_not_belong_together(floor: Callable[..., Any]) -> None:
    place = floor(lines=DOOR)
    for _ in range(300):
        place.see({"1": (0.5, 0.5), "2": (0.54, 0.5)})
    place.walk_all({"1": ((0.5, 0.5), (0.5, 0.7)), "2": ((0.54, 0.5), (0.54, 0.5))}, seconds=1)
    place.walk("2", (0.54, 0.5), (0.54, 0.7))
    assert groups(place.end()) == {None}


def test_who_shuffles_on_in_a_queue_at_the_same_moments_does_not_belong_together(floor: Callable[..., Any]) -> None:
    place = floor(lines=DOOR)
    for step in range(2):
        y = 0.3 + 0.03 * step
        place.walk_all({"1": down(0.5, y, y), "2": down(0.54, y, y)}, seconds=10)
        place.walk_all({"1": down(0.5, y, y + 0.03), "2": down(0.54, y, y + 0.03)}, seconds=0.6)
    place.walk_all({"1": down(0.5, 0.36, 0.36), "2": down(0.54, 0.36, 0.36)}, seconds=10)
    place.walk("1", (0.5, 0.36), (0.5, 0.7)).walk("2", (0.54, 0.36), (0.54, 0.7))
    assert groups(place.end()) == {None}


def test_who_meets_parts_and_meets_again_does_not_belong_together(floor: Callable[..., Any]) -> None:
    place = floor(lines=DOOR)
    for _ in range(2):
        place.walk_all({"1": ((0.2, 0.5), (0.4, 0.5)), "2": ((0.2, 0.46), (0.4, 0.46))}, seconds=2)
        place.walk_all({"1": ((0.4, 0.5), (0.2, 0.5)), "2": ((0.4, 0.46), (0.6, 0.46))}, seconds=2)
        place.walk_all({"1": ((0.2, 0.5), (0.2, 0.5)), "2": ((0.6, 0.46), (0.2, 0.46))}, seconds=4)
    place.walk("1", (0.2, 0.5), (0.2, 0.7)).walk("2", (0.2, 0.46), (0.2, 0.7))
    assert groups(place.end()) == {None}


@pytest.mark.parametrize("beside", [0.01, -0.01], ids=["to the right", "to the left"])
def test_a_group_that_is_found_after_its_first_has_crossed_is_one_unit(
    floor: Callable[..., Any], beside: float
) -> None:
    place = floor(lines=DOOR).walk_all({"1": down(0.2, 0.5, 0.63), "2": down(0.2, 0.4, 0.4)}, seconds=1)
    place.walk_all({"1": down(0.2, 0.63, 0.63), "2": down(0.2, 0.4, 0.585)}, seconds=1)
    assert units(place.decisions) == [("1", "in", None, True)]
    place.walk_all({"1": ((0.2, 0.63), (0.8, 0.63)), "2": ((0.2 + beside, 0.585), (0.8, 0.585))}, seconds=5)
    place.walk_all({"1": down(0.8, 0.63, 0.63), "2": down(0.8, 0.585, 0.7)}, seconds=1)
    crossings = units(place.end())
    assert crossings[-1] == ("2", "in", "g1", False)


def test_who_crosses_again_leads_the_group_on_its_second_pass(floor: Callable[..., Any]) -> None:
    place = floor(lines=DOOR).walk_all({"1": down(0.5), "2": down(0.54)}, seconds=6)
    place.walk_all({"1": down(0.5, 0.8, 0.8), "2": down(0.54, 0.8, 0.8)}, seconds=16)
    place.walk_all({"1": down(0.5, 0.8, 0.2), "2": down(0.54, 0.8, 0.2)}, seconds=6)
    place.walk_all({"1": down(0.5, 0.2, 0.2), "2": down(0.54, 0.2, 0.2)}, seconds=16)
    crossings = units(place.walk_all({"1": down(0.5), "2": down(0.54)}, seconds=6).end())
    assert [(direction, unit) for _, direction, _, unit in crossings] == [
        ("in", True),
        ("in", False),
        ("out", True),
        ("out", False),
        ("in", True),
        ("in", False),
    ]


def test_a_turn_back_gives_the_unit_to_the_next_of_the_group(floor: Callable[..., Any]) -> None:
    place = floor(lines=DOOR).walk_all({"1": down(0.5, 0.1, 0.5), "2": down(0.54, 0.1, 0.5)}, seconds=4)
    still = ((0.54, 0.5), (0.54, 0.5))
    place.walk_all({"1": down(0.5, 0.5, 0.7), "2": still}, seconds=1)
    place.walk_all({"1": down(0.5, 0.7, 0.5), "2": still}, seconds=1)
    place.walk_all({"1": down(0.5, 0.5, 0.5), "2": down(0.54, 0.5, 0.7)}, seconds=1)
    place.walk_all({"1": down(0.5, 0.5, 0.5), "2": down(0.54, 0.7, 0.7)}, seconds=16)
    crossings = units(place.walk_all({"1": down(0.5, 0.5, 0.5), "2": down(0.54, 0.7, 0.5)}, seconds=1).end())
    assert [(person, direction, unit) for person, direction, _, unit in crossings] == [
        ("1", "in", True),
        ("1", "out", True),
        ("2", "in", True),
        ("2", "out", True),
    ]


def test_a_turn_back_on_the_way_out_gives_the_unit_to_the_next_of_the_group(floor: Callable[..., Any]) -> None:
    place = floor(lines=DOOR).walk_all({"1": down(0.5, 0.98, 0.7), "2": down(0.54, 0.98, 0.7)}, seconds=4)
    still = ((0.54, 0.7), (0.54, 0.7))
    place.walk_all({"1": down(0.5, 0.7, 0.5), "2": still}, seconds=1)
    place.walk_all({"1": down(0.5, 0.5, 0.7), "2": still}, seconds=1)
    place.walk_all({"1": down(0.5, 0.7, 0.8), "2": down(0.54, 0.7, 0.5)}, seconds=1)
    crossings = units(place.wait(3).end())
    assert [(person, direction, unit) for person, direction, _, unit in crossings] == [
        ("1", "out", True),
        ("1", "in", True),
        ("2", "out", True),
    ]


def test_who_left_view_is_still_one_of_the_group_for_those_who_follow(floor: Callable[..., Any]) -> None:
    place = floor(lines=DOOR).walk_all({"1": down(0.5, 0.1, 0.55), "2": down(0.54, 0.08, 0.53)}, seconds=5)
    place.walk_all({"1": down(0.5, 0.55, 0.75), "2": down(0.54, 0.53, 0.53)}, seconds=1)
    place.walk("2", *down(0.54, 0.53, 0.53), seconds=5)
    crossings = units(place.walk("2", *down(0.54, 0.53, 0.75)).end())
    assert crossings == [("1", "in", "g1", True), ("2", "in", "g1", False)]


def test_a_crossing_that_is_decided_after_they_left_is_the_groups_too(floor: Callable[..., Any]) -> None:
    lines = {"edge": {"start": [0.1, 0.98], "end": [0.9, 0.98]}}
    place = floor(lines=lines).walk_all({"1": down(0.5, 0.4, 0.94), "2": down(0.54, 0.4, 0.94)}, seconds=5).wait(3)
    assert units(place.decisions) == [("1", "in", "g1", True), ("2", "in", "g1", False)]


def test_a_crowd_that_moves_one_way_is_no_single_group(floor: Callable[..., Any]) -> None:
    ways = {f"{number:02d}": down(0.05 + 0.05 * number) for number in range(18)}
    crossings = units(floor(lines={"door": {"start": [0, 0.6], "end": [1, 0.6]}}).walk_all(ways, seconds=6).end())
    assert len(crossings) == 18
    sizes = [sum(group == one for _, _, group, _ in crossings) for one in {group for _, _, group, _ in crossings}]
    assert max(sizes) <= DECISIONS.largest_group


def test_cars_in_two_lanes_are_no_group(floor: Callable[..., Any], frame: Callable[..., Any]) -> None:
    place = floor(lines={"door": {**DOOR["door"], "object_class": "car"}})
    for step in range(60):
        y = 0.2 + 0.01 * step
        seen = frame(place.at, {"1": (0.5, y), "2": (0.54, y)})
        tracks = tuple(track.model_copy(update={"object_class": "car"}) for track in seen.tracks)
        place.decisions += place.view.observe(seen.model_copy(update={"tracks": tracks}))
        place.at = round(place.at + 0.1, 3)
    assert [(group, unit) for _, _, group, unit in units(place.end())] == [(None, True), (None, True)]


@pytest.mark.parametrize(
    ("change", "ways"),
    [
        ({"group_distance": 9.0, "group_apart": 9.0}, {"1": down(0.3), "2": down(0.7)}),
        ({"group_speed_difference": 99.0}, {"1": down(0.5), "2": down(0.51, 0.3, 0.69)}),
        ({"group_seconds": 0.0}, {"1": down(0.5), "2": ((0.65, 0.2), (0.5, 0.8))}),
        ({"walking_speed": 0.0}, {"1": ((0.5, 0.7), (0.5, 0.71)), "2": ((0.54, 0.7), (0.54, 0.71))}),
    ],
    ids=["distance", "pace", "time", "walking"],
)
def test_each_figure_is_what_keeps_strangers_apart(
    floor: Callable[..., Any], change: dict[str, Any], ways: dict[str, Way]
) -> None:
    def found(parameters: DecisionParameters) -> Any:
        place = floor()
        place.view = CameraView("door", place.layout, parameters)
        place.walk_all(ways, seconds=6)
        return max(party.size for party in place.view.groups.parties.values())

    assert found(DECISIONS) == 1
    assert found(replace(DECISIONS, **change)) == 2


BACK_ROOM = {"polygon": [[0, 0.62], [0.5, 0.62], [0.5, 1], [0, 1]], "staff_only": True, "staff_seconds": 1}


def who_turns_out_to_work_here(floor: Callable[..., Any], first: str, *others: str) -> Any:
    """All walk together; then the first crosses into the back room and is recognised there, while the others stand."""
    everyone = [first, *others]
    places = {who: 0.30 + 0.04 * number for number, who in enumerate(everyone)}
    place = floor(lines=DOOR, zones={"back": BACK_ROOM}).walk_all(
        {who: down(places[who], 0.1, 0.5) for who in everyone}, 4
    )
    still = {who: down(places[who], 0.5, 0.5) for who in others}
    place.walk_all({first: down(places[first], 0.5, 0.7), **still}, 1)
    return place.walk_all({first: down(places[first], 0.7, 0.7), **still}, 2)


def test_staff_who_came_first_leaves_the_shopper_beside_them_a_unit(floor: Callable[..., Any]) -> None:
    place = who_turns_out_to_work_here(floor, "1", "2")
    assert [one.person_id for one in place.decided(StaffRecognised)] == ["1"]
    crossings = units(place.walk("2", *down(0.6, 0.5, 0.8)).end())
    assert crossings == [("1", "in", "g1", True), ("2", "in", None, True)]


def test_a_group_without_the_one_who_works_here_is_a_group_of_its_own_with_one_unit(floor: Callable[..., Any]) -> None:
    place = who_turns_out_to_work_here(floor, "1", "2", "3")
    assert {party.size for party in place.view.groups.parties.values()} == {1, 2}
    crossings = units(place.walk_all({"2": down(0.6, 0.5, 0.8), "3": down(0.64, 0.49, 0.79)}, seconds=2).end())
    assert crossings == [("1", "in", "g1", True), ("2", "in", "g2", True), ("3", "in", "g2", False)]


def test_a_group_whose_unit_was_carried_by_staff_gives_it_to_the_next_of_them(floor: Callable[..., Any]) -> None:
    """One of the two shoppers had crossed behind the one who works here: without the unit, which is counted already."""
    place = floor(lines=DOOR, zones={"back": BACK_ROOM})
    ways = {"1": 0.30, "2": 0.34, "3": 0.38}
    place.walk_all({who: down(x, 0.1, 0.5) for who, x in ways.items()}, 4)
    place.walk_all({"1": down(0.30, 0.5, 0.7), "2": down(0.6, 0.49, 0.69), "3": down(0.38, 0.5, 0.5)}, 1)
    place.walk_all({"1": down(0.30, 0.7, 0.7), "2": down(0.6, 0.69, 0.69), "3": down(0.38, 0.5, 0.5)}, 2)
    assert [one.person_id for one in place.decided(StaffRecognised)] == ["1"]
    crossings = units(place.walk("3", *down(0.6, 0.5, 0.8)).end())
    assert crossings == [("1", "in", "g1", True), ("2", "in", "g1", False), ("3", "in", "g2", True)]


def test_a_shopper_who_crossed_with_the_unit_keeps_it_when_another_turns_out_to_work_here(
    floor: Callable[..., Any],
) -> None:
    place = floor(lines=DOOR, zones={"back": BACK_ROOM})
    ways = {"1": 0.30, "2": 0.34, "3": 0.38}
    place.walk_all({who: down(x, 0.1, 0.5) for who, x in ways.items()}, 4)
    place.walk_all({"2": down(0.6, 0.5, 0.7), "1": down(0.30, 0.48, 0.68), "3": down(0.38, 0.5, 0.5)}, 1)
    place.walk_all({"2": down(0.6, 0.7, 0.7), "1": down(0.30, 0.7, 0.7), "3": down(0.38, 0.5, 0.5)}, 2)
    crossings = units(place.walk("3", *down(0.6, 0.5, 0.8)).end())
    assert crossings == [("2", "in", "g1", True), ("1", "in", "g1", False), ("3", "in", "g2", False)]


def test_who_was_seen_first_of_those_who_are_left_gives_the_group_its_name(floor: Callable[..., Any]) -> None:
    """Also when they have left view by then."""
    place = floor(lines=DOOR, zones={"back": BACK_ROOM})
    ways = {"1": 0.30, "2": 0.34, "3": 0.38}
    place.walk_all({who: down(x, 0.1, 0.5) for who, x in ways.items()}, 4)
    place.walk_all({"1": down(0.30, 0.5, 0.61), "3": down(0.38, 0.5, 0.5)}, 2.5)
    place.walk_all({"1": down(0.30, 0.61, 0.7), "3": down(0.38, 0.5, 0.5)}, 2)
    place.walk_all({"1": down(0.30, 0.7, 0.7), "3": down(0.38, 0.5, 0.5)}, 2)
    assert "2" not in place.view.groups.parties
    crossings = units(place.walk("3", *down(0.6, 0.5, 0.8)).end())
    assert crossings == [("1", "in", "g1", True), ("3", "in", "g2", True)]


def test_where_two_had_carried_a_unit_and_one_of_them_works_here_the_other_ones_stands() -> None:
    staff, shopper, follower = (party_of(who) for who in ("1", "2", "3"))
    assert (staff.cross("door in", "1"), shopper.cross("door in", "2")) == (True, True)
    staff.join(shopper)
    staff.join(follower)
    staff.without("1")
    assert (staff.group_id, staff.members) == ("g2", ["2", "3"])
    assert staff.cross("door in", "3") is False


def test_a_turn_back_of_who_carried_the_unit_gives_it_to_a_third_who_comes_after_a_second() -> None:
    party = party_of("1", "2", "3")
    assert (party.cross("door in", "1"), party.cross("door in", "2")) == (True, False)
    party.take_back("door in", "1")
    assert party.cross("door in", "3") is True


def test_a_group_goes_on_without_the_one_who_works_here() -> None:
    party = party_of("1", "2", "3")
    alone = party.without("1")
    assert (alone.first_seen, alone.members, alone.group_id) == ((1.0, "1"), ["1"], None)
    assert (party.group_id, party.size) == ("g2", 2)


def test_a_group_whose_others_have_left_view_may_lose_its_last() -> None:
    party = party_of("1", "2")
    party.members.remove("2")
    assert (party.without("1").members, party.members, party.group_id) == (["1"], [], None)


def test_a_group_leaves_nothing_behind(floor: Callable[..., Any]) -> None:
    place = floor(lines=DOOR)
    for number in range(40):
        place.walk_all({f"{number}a": down(0.5, 0.5, 0.7), f"{number}b": down(0.54, 0.5, 0.7)}, seconds=1)
    place.wait(3)
    assert (place.view.groups.parties, place.view.groups.pairs) == ({}, {})


@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_the_units_of_a_crossing_are_its_singles_and_its_groups(floor: Callable[..., Any], sizes: list[int]) -> None:
    place = floor(lines={"door": {"start": [0, 0.6], "end": [1, 0.6]}})
    ways = {
        f"{party}.{member}": down(0.1 + 0.25 * party + 0.04 * member, 0.2 - 0.004 * member, 0.8 - 0.004 * member)
        for party, size in enumerate(sizes)
        for member in range(size)
    }
    crossings = units(place.walk_all(ways, seconds=6).end())
    assert len(crossings) == sum(sizes)
    assert sum(unit for _, _, _, unit in crossings) == len(sizes)
    assert len({group for _, _, group, _ in crossings if group}) == sum(size > 1 for size in sizes)
