from collections.abc import Callable
from typing import Any

import pytest

from modules.zone_analytics.decisions import Crossing, NoCrossing

DOOR = {"door": {"start": [0.3, 0.5], "end": [0.7, 0.5]}}
ABOVE, BELOW = (0.5, 0.4), (0.5, 0.6)


def directions(decisions: list[Any]) -> list[str]:
    return [decision.direction for decision in decisions if isinstance(decision, Crossing)]


def reasons(decisions: list[Any]) -> list[str]:
    return [decision.reason for decision in decisions if isinstance(decision, Crossing | NoCrossing)]


def test_a_walker_is_counted_once_in_each_direction(floor: Callable[..., Any]) -> None:
    assert directions(floor(lines=DOOR).walk("1", ABOVE, BELOW).end()) == ["in"]
    assert directions(floor(lines=DOOR).walk("1", BELOW, ABOVE).end()) == ["out"]


def test_the_line_says_which_side_is_in(floor: Callable[..., Any]) -> None:
    lines = {"door": {**DOOR["door"], "in": "left"}}
    assert directions(floor(lines=lines).walk("1", ABOVE, BELOW).end()) == ["out"]


def test_a_crossing_is_dated_when_the_line_was_crossed_and_placed_where(floor: Callable[..., Any]) -> None:
    """Between two frames, and nearer to the second."""
    crossing = floor(lines=DOOR).walk("1", (0.4, 0.415), (0.6, 0.615), seconds=1).end()[0]
    assert crossing.at == pytest.approx(0.425, abs=0.005)
    assert crossing.position == pytest.approx((0.485, 0.5), abs=0.001)


def test_on_a_wide_picture_a_line_is_where_it_was_drawn(floor: Callable[..., Any]) -> None:
    lines = {"door": {"start": [0.6, 0.2], "end": [0.6, 0.8]}}
    place = floor(width=2000, lines=lines).walk("1", (0.8, 0.5), (0.45, 0.5), seconds=2)
    (crossing,) = place.wait(3).end()
    assert crossing.at == pytest.approx(0.2 / 0.35 * 2, abs=0.02)
    assert crossing.position == pytest.approx((0.6, 0.5), abs=0.01)


@pytest.mark.parametrize(("line", "last_seen", "reason"), [(0.75, 0.735, []), (0.99, 0.7, []), (0.99, 0.975, ["edge"])])
def test_on_a_wide_picture_only_a_line_near_the_edge_and_the_walker_is_crossed_unseen(
    floor: Callable[..., Any], line: float, last_seen: float, reason: list[str]
) -> None:
    place = floor(width=2000, lines={"door": {"start": [line, 0.2], "end": [line, 0.8]}})
    place.walk("1", (last_seen - 0.2, 0.5), (last_seen, 0.5), seconds=2)
    assert reasons(place.wait(3).end()) == reason


def test_who_comes_over_the_line_and_back_before_settling_is_not_counted(floor: Callable[..., Any]) -> None:
    place = floor(lines=DOOR).walk("1", (0.5, 0.4), (0.5, 0.515)).walk("1", (0.5, 0.515), (0.5, 0.515), seconds=0.3)
    assert reasons(place.walk("1", (0.5, 0.515), (0.5, 0.4)).end()) == ["returned"]


def test_who_stands_a_little_beyond_the_line_is_counted_in_time(floor: Callable[..., Any]) -> None:
    place = floor(lines=DOOR).walk("1", (0.5, 0.4), (0.5, 0.515))
    assert directions(place.decisions) == []
    place.walk("1", (0.5, 0.515), (0.5, 0.515), seconds=3)
    assert directions(place.decisions) == ["in"]


def test_one_odd_box_is_no_evidence_however_far_it_jumps(floor: Callable[..., Any]) -> None:
    place = floor(lines=DOOR).walk("1", (0.5, 0.4), (0.5, 0.45))
    place.see({"1": (0.5, 0.7)}).walk("1", (0.5, 0.45), (0.5, 0.4))
    assert directions(place.end()) == []


def test_who_passes_beside_the_lines_end_is_not_counted(floor: Callable[..., Any]) -> None:
    assert reasons(floor(lines=DOOR).walk("1", (0.75, 0.4), (0.75, 0.6)).end()) == ["beside"]


def test_who_walks_around_the_lines_end_and_back_over_it_is_counted_once(floor: Callable[..., Any]) -> None:
    place = floor(lines=DOOR).walk("1", (0.75, 0.4), (0.75, 0.6), (0.5, 0.6), (0.5, 0.4))
    assert directions(place.end()) == ["out"]


def test_who_comes_in_walks_around_the_line_and_comes_in_again_has_not_turned_back(floor: Callable[..., Any]) -> None:
    around = ((0.5, 0.4), (0.5, 0.6), (0.8, 0.6), (0.8, 0.4), (0.5, 0.4), (0.5, 0.6))
    crossings = [one for one in floor(lines=DOOR).walk("1", *around).end() if isinstance(one, Crossing)]
    assert [(crossing.direction, crossing.u_turn_of) for crossing in crossings] == [("in", None), ("in", None)]


def test_a_turn_back_names_the_crossing_that_it_takes_back(floor: Callable[..., Any]) -> None:
    first, second = (d for d in floor(lines=DOOR).walk("1", ABOVE, BELOW, ABOVE).end() if isinstance(d, Crossing))
    assert (first.u_turn_of, second.u_turn_of) == (None, first.at)


def test_a_third_crossing_after_a_turn_counts_by_itself(floor: Callable[..., Any]) -> None:
    crossings = floor(lines=DOOR).walk("1", ABOVE, BELOW, ABOVE, BELOW).end()
    assert [crossing.u_turn_of is not None for crossing in crossings] == [False, True, False]


def test_coming_back_much_later_is_no_u_turn(floor: Callable[..., Any]) -> None:
    place = floor(lines=DOOR).walk("1", ABOVE, BELOW).walk("1", BELOW, BELOW, seconds=16).walk("1", BELOW, ABOVE)
    assert [crossing.u_turn_of for crossing in place.end()] == [None, None]


def test_a_track_that_takes_over_at_the_line_carries_the_crossing_on(floor: Callable[..., Any]) -> None:
    place = floor(lines=DOOR).walk("1", (0.5, 0.4), (0.5, 0.498), seconds=0.7)
    place.walk("2", (0.5, 0.505), (0.5, 0.6), seconds=0.7)
    crossings = [decision for decision in place.end() if isinstance(decision, Crossing)]
    assert [(crossing.direction, crossing.reason, crossing.person_id) for crossing in crossings] == [
        ("in", "stitched", "1")
    ]


def test_who_is_last_seen_walking_on_beyond_the_line_is_counted_on_leaving(floor: Callable[..., Any]) -> None:
    place = floor(lines=DOOR).walk("1", (0.5, 0.4), (0.5, 0.515), seconds=0.5).see({"1": (0.5, 0.52)})
    assert directions(place.decisions) == []
    assert reasons(place.wait(3).end()) == ["vanished"]


def test_a_walker_who_vanishes_with_the_first_step_beyond_the_line_is_counted(floor: Callable[..., Any]) -> None:
    place = floor(lines=DOOR).walk("1", (0.5, 0.4), (0.5, 0.5), seconds=0.5).see({"1": (0.5, 0.515)})
    assert reasons(place.wait(3).end()) == ["vanished"]


def test_one_odd_box_beyond_the_line_with_which_a_track_ends_is_not_counted(floor: Callable[..., Any]) -> None:
    place = floor(lines=DOOR).walk("1", (0.5, 0.4), (0.5, 0.47), seconds=0.7).see({"1": (0.5, 0.54)})
    assert directions(place.wait(3).end()) == []


def test_who_steps_over_the_line_turns_and_vanishes_on_it_is_not_counted(floor: Callable[..., Any]) -> None:
    place = floor(lines=DOOR).walk("1", (0.5, 0.4), (0.5, 0.505), (0.5, 0.45))
    assert directions(place.walk("1", (0.5, 0.45), (0.5, 0.49), seconds=0.9).wait(3).end()) == []


def test_who_is_last_seen_standing_on_the_line_is_not_counted(floor: Callable[..., Any]) -> None:
    place = floor(lines=DOOR).walk("1", (0.5, 0.4), (0.5, 0.5)).walk("1", (0.5, 0.5), (0.5, 0.5), seconds=2)
    assert directions(place.wait(3).end()) == []


EDGE = {"door": {"start": [0.3, 0.02], "end": [0.7, 0.02]}}


def test_who_first_appears_walking_away_from_a_line_at_the_pictures_edge_came_over_it(
    floor: Callable[..., Any],
) -> None:
    assert reasons(floor(lines=EDGE).walk("1", (0.5, 0.05), (0.5, 0.2)).end()) == ["edge"]


def test_who_first_appears_on_a_line_at_the_pictures_edge_came_over_it(floor: Callable[..., Any]) -> None:
    lines = {"door": {"start": [0.3, 0.025], "end": [0.7, 0.025]}}
    assert reasons(floor(lines=lines).walk("1", (0.5, 0.018), (0.5, 0.165), seconds=3).end()) == ["edge"]


def test_one_odd_box_makes_no_walker_of_who_stands_at_the_pictures_edge(floor: Callable[..., Any]) -> None:
    place = floor(lines=EDGE).walk("1", (0.5, 0.3), (0.5, 0.08), seconds=1.5)
    place.walk("1", (0.5, 0.08), (0.5, 0.08), seconds=2).see({"1": (0.5, 0.035)})
    assert directions(place.wait(3).end()) == []


def test_who_is_last_seen_walking_to_a_line_at_the_pictures_edge_went_over_it(floor: Callable[..., Any]) -> None:
    crossings = floor(lines=EDGE).walk("1", (0.5, 0.2), (0.5, 0.04)).wait(3).end()
    assert [(crossing.direction, crossing.reason) for crossing in crossings] == [("out", "edge")]


@pytest.mark.parametrize(
    ("lines", "way"),
    [
        (DOOR, ((0.5, 0.53), (0.5, 0.7))),
        (EDGE, ((0.5, 0.05), (0.5, 0.05))),
        (EDGE, ((0.8, 0.05), (0.8, 0.2))),
        (EDGE, ((0.5, 0.3), (0.5, 0.5))),
    ],
    ids=["far from the edge", "standing", "beside the line", "too far from the line"],
)
def test_who_first_appears_elsewhere_did_not_come_over_the_line(
    floor: Callable[..., Any], lines: dict[str, Any], way: tuple[Any, Any]
) -> None:
    assert directions(floor(lines=lines).walk("1", *way).end()) == []


@pytest.mark.parametrize(("focus", "counted"), [("footprint", []), ("bottom_center", []), ("center", ["in"])])
def test_the_line_says_which_place_of_a_person_counts(
    floor: Callable[..., Any], focus: str, counted: list[str]
) -> None:
    """The feet pass below the line; the middle of the box, half a tenth higher, crosses it."""
    place = floor(lines={"door": {**DOOR["door"], "focus": focus}})
    assert directions(place.walk("1", (0.5, 0.52), (0.5, 0.6)).end()) == counted


@pytest.mark.parametrize(("focus", "counted"), [("footprint", []), ("center", ["edge"])])
def test_a_line_at_the_pictures_edge_is_left_over_by_the_place_that_counts(
    floor: Callable[..., Any], focus: str, counted: list[str]
) -> None:
    """Both walk on at the same pace; the middle of the box reaches the line within a second, the feet don't."""
    lines = {"door": {"start": [0.3, 0.02], "end": [0.7, 0.02], "focus": focus}}
    assert reasons(floor(lines=lines).walk("1", (0.5, 0.36), (0.5, 0.2)).wait(3).end()) == counted


def test_an_unconfirmed_track_is_never_counted_and_a_confirmed_one_with_all_it_did_before(
    floor: Callable[..., Any],
) -> None:
    place = floor(lines=DOOR)
    for step in range(8):
        place.see({"1": (0.5, 0.42 + step * 0.02)}, confirmed=False)
    assert place.decisions == []
    assert directions(place.see({"1": (0.5, 0.58)}).end()) == ["in"]


def test_another_class_of_object_is_not_counted(floor: Callable[..., Any]) -> None:
    lines = {"door": {**DOOR["door"], "object_class": "car"}}
    assert floor(lines=lines).walk("1", ABOVE, BELOW).end() == []


def test_twenty_thousand_people_leave_nothing_behind(floor: Callable[..., Any]) -> None:
    place = floor(lines=DOOR, zones={"all": {"polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}})
    for number in range(20_000):
        place.see({str(number): (0.1 + 0.8 * (number % 7) / 7, 0.1 + 0.8 * (number % 11) / 11)})
        place.decisions.clear()
    view = place.view
    kept = (view.people.by_track, view.lines["door"].passages, view.zones["all"].visits, view.zones["all"].outside)
    assert all(len(states) < 50 for states in kept), [len(states) for states in kept]
