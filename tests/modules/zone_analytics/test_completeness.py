from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from modules.zone_analytics.camera_view import CameraView
from modules.zone_analytics.completeness import complete_until
from modules.zone_analytics.decisions import Crossing, Decision, NoCrossing, StaffRecognised, VisitEnded, WaitEnded
from modules.zone_analytics.parameters import DECISIONS
from storeflow.contract.messages import Detections
from storeflow.contract.twins import read_section

FrameOf = Callable[..., Detections]
FloorOf = Callable[..., Any]
LINES = {"door": {"start": [0, 0.5], "end": [1, 0.5]}, "edge": {"start": [0, 0.985], "end": [1, 0.985]}}
ROOM = {"polygon": [[0, 0.5], [1, 0.5], [1, 1], [0, 1]], "min_visit_seconds": 2.5, "reentry_seconds": 3.0}
BEHIND = {"polygon": [[0.8, 0.6], [1, 0.6], [1, 1], [0.8, 1]], "staff_only": True, "staff_seconds": 1}
TILL = {
    "polygon": [[0, 0.6], [0.3, 0.6], [0.3, 1], [0, 1]],
    "service": [[0.3, 0.6], [0.5, 0.6], [0.5, 1], [0.3, 1]],
    "min_wait_seconds": 2.5,
    "served_seconds": 2.5,
}
LAYOUT = {"lines": LINES, "zones": {"room": ROOM, "behind": BEHIND}, "queues": {"till": TILL}}
PLACES = [(0.1, 0.4), (0.1, 0.7), (0.2, 0.8), (0.4, 0.8), (0.9, 0.8), (0.45, 0.52), (0.45, 0.48), (0.6, 0.995), None]
BEGIN = 1_700_000_000.0


def walk(places: list[tuple[Any, int]]) -> list[Any]:
    """The track and the feet of one person in each frame, straight from place to place; none where they are hidden.

    No tracker finds a track again after so long that the person was forgotten: it is another track then.
    """
    path = feet_of(places)
    seen = [number for number, feet in enumerate(path) if feet is not None]
    longest = DECISIONS.forget_seconds * 10
    track, tracks = 0, {}
    for before, number in zip([-1, *seen], seen, strict=False):
        track += number - before >= longest
        tracks[number] = track
    return [None if feet is None else (tracks[number], feet) for number, feet in enumerate(path)]


def feet_of(places: list[tuple[Any, int]]) -> list[Any]:
    """The feet in each frame."""
    path: list[Any] = []
    for (start, count), (end, _) in zip(places, [*places[1:], places[-1]], strict=True):
        for step in range(count):
            hidden = start is None or end is None
            share = step / count
            path.append(None if hidden else tuple(a + share * (b - a) for a, b in zip(start, end, strict=True)))
    return path


def speaks_of(decision: Decision, by_person: dict[str, list[float]]) -> float:
    """The earliest moment that a decision says anything of, or takes anything back of."""
    if isinstance(decision, Crossing) and decision.u_turn_of is not None:
        return decision.u_turn_of
    if isinstance(decision, StaffRecognised):
        return min([decision.at, *(at for _, at in decision.crossings), *by_person.get(decision.person_id, [])])
    return decision.at


@settings(max_examples=60, deadline=None)
@given(
    ways=st.lists(
        st.lists(st.tuples(st.sampled_from(PLACES), st.integers(1, 40)), min_size=2, max_size=8),
        min_size=1,
        max_size=3,
    ),
    newborn=st.integers(0, 3),
)
def test_nothing_is_said_later_of_the_time_that_was_vouched_for(
    frame: FrameOf, ways: list[list[tuple[Any, int]]], newborn: int
) -> None:
    view = CameraView("door", read_section("layout", LAYOUT), DECISIONS)
    paths = [walk(way) for way in ways]
    vouched = float("-inf")
    ended: dict[str, list[float]] = {}
    for number in range(max(map(len, paths)) + 60):
        here = [(who, path[number]) for who, path in enumerate(paths) if number < len(path) and path[number]]
        feet = {f"{who}.{track}": place for who, (track, place) in here}
        decided = view.observe(frame(BEGIN + number / 10, feet, confirmed=number % 7 >= newborn))
        told = [one for one in decided if not isinstance(one, NoCrossing)]
        for one in told:
            assert round(speaks_of(one, ended), 3) >= vouched, one
        for one in told:
            if isinstance(one, VisitEnded | WaitEnded):
                ended.setdefault(one.person_id, []).append(one.at)
        until = complete_until(view)
        assert until is not None
        vouched = max(vouched, until)
    for last in view.end():
        assert isinstance(last, NoCrossing) or round(speaks_of(last, ended), 3) >= vouched, last


def test_before_the_first_frame_nothing_is_vouched_for() -> None:
    assert complete_until(CameraView("door", read_section("layout", LAYOUT), DECISIONS)) is None


def test_who_only_stands_there_holds_up_nothing(floor: FloorOf) -> None:
    standing = floor(**LAYOUT).walk("1", (0.6, 0.8), (0.6, 0.8), seconds=60)
    until = complete_until(standing.view)
    assert until is not None
    assert standing.view.at - until < DECISIONS.edge_seconds + 0.002


def test_who_stands_on_the_line_holds_up_the_moment_they_came_over_it(floor: FloorOf) -> None:
    swaying = floor(lines=LINES).walk("1", (0.4, 0.3), (0.4, 0.505), seconds=2)
    came_over = swaying.at
    swaying.walk("1", (0.4, 0.505), (0.4, 0.505), seconds=60)
    until = complete_until(swaying.view)
    assert until is not None
    assert came_over - 1.5 < until < came_over + 0.2


def test_a_crossing_is_vouched_for_once_no_u_turn_can_take_it_back(floor: FloorOf) -> None:
    crossed = floor(lines=LINES).walk("1", (0.4, 0.3), (0.4, 0.7), seconds=2)
    (crossing,) = [one for one in crossed.decisions if isinstance(one, Crossing)]
    crossed.walk("1", (0.4, 0.7), (0.4, 0.7), seconds=DECISIONS.u_turn_seconds)
    assert abs((complete_until(crossed.view) or 0) - crossing.at) < 0.001
    crossed.walk("1", (0.4, 0.7), (0.4, 0.7), seconds=5)
    assert (complete_until(crossed.view) or 0) > crossing.at + DECISIONS.u_turn_seconds


def test_what_may_turn_out_to_be_of_staff_is_not_vouched_for_while_they_are_in_view(floor: FloorOf) -> None:
    visited = floor(**LAYOUT).walk("1", (0.6, 0.3), (0.6, 0.7), (0.6, 0.3), (0.6, 0.3), seconds=10)
    told = min(one.at for one in visited.decisions if isinstance(one, Crossing))
    until = complete_until(visited.view)
    assert until is not None
    assert abs(until - told) < 0.001
    without = floor(lines=LINES, zones={"room": ROOM}, queues={"till": TILL})
    without.walk("1", (0.6, 0.3), (0.6, 0.7), (0.6, 0.3), (0.6, 0.3), seconds=10)
    assert (complete_until(without.view) or 0) > until


def test_who_comes_next_may_have_crossed_a_line_at_the_edge_before_the_newest_frame(floor: FloorOf) -> None:
    door = floor(lines=LINES)
    for _ in range(10):
        door.see({})
    newest, until = door.view.at, complete_until(door.view)
    door.walk("1", (0.5, 0.93), (0.5, 0.63), seconds=2.0)
    (crossing,) = [one for one in door.decisions if isinstance(one, Crossing)]
    assert crossing.reason == "edge"
    assert (until or 0) <= crossing.at < newest


def test_who_has_come_to_the_service_point_may_turn_out_to_be_served_since_then(floor: FloorOf) -> None:
    waiting = floor(queues={"till": TILL}).walk("1", (0.6, 0.8), (0.2, 0.8), (0.2, 0.8), seconds=5)
    waiting.walk("1", (0.4, 0.8), (0.4, 0.8), seconds=2.0)
    until = complete_until(waiting.view)
    waiting.walk("1", (0.4, 0.8), (0.4, 0.8), seconds=2.0)
    (ended,) = [one for one in waiting.decisions if isinstance(one, WaitEnded)]
    assert (ended.outcome, round(ended.at, 3)) == ("served", 10.0)
    assert 9.0 < (until or 0) <= ended.at
