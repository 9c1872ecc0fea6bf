from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.zone_analytics.decisions import QueueChanged, WaitBegan, WaitEnded
from storeflow.contract.twins import read_section

TILL = {
    "till": {
        "polygon": [[0.2, 0.2], [0.62, 0.2], [0.62, 0.4], [0.2, 0.4]],
        "service": [[0.6, 0.2], [0.8, 0.2], [0.8, 0.4], [0.6, 0.4]],
    }
}
OUTSIDE, FIRST, SECOND, SERVICE, EXIT = (0.1, 0.3), (0.5, 0.3), (0.3, 0.3), (0.7, 0.3), (0.9, 0.3)
BOTH = (0.61, 0.3)
"""Where the two polygons overlap."""


def left(place: Any) -> list[tuple[str, str]]:
    return [(one.person_id, one.outcome) for one in place.decided(WaitEnded)]


def lengths(place: Any) -> list[tuple[int, int]]:
    return [(one.length, one.being_served) for one in place.decided(QueueChanged)]


def queue(floor: Callable[..., Any], **settings: Any) -> Any:
    return floor(queues={"till": {**TILL["till"], **settings}})


def test_who_waits_and_is_served_has_a_wait_of_that_length(floor: Callable[..., Any]) -> None:
    place = queue(floor).walk("1", OUTSIDE, FIRST).walk("1", FIRST, FIRST, seconds=8)
    place.walk("1", FIRST, SERVICE).walk("1", SERVICE, SERVICE, seconds=4).walk("1", SERVICE, EXIT).wait(5)
    (arrived,), (ended,) = place.decided(WaitBegan), place.decided(WaitEnded)
    assert arrived.at == ended.arrived_at == pytest.approx(0.3, abs=0.11)
    assert (ended.outcome, ended.censored) == ("served", None)
    assert ended.at == pytest.approx(9.5, abs=0.11)
    assert lengths(place) == [(1, 0), (0, 1), (0, 0)]


def test_on_a_wide_picture_a_queue_is_where_it_was_drawn(floor: Callable[..., Any]) -> None:
    till = {"polygon": [[0.6, 0.4], [0.9, 0.4], [0.9, 0.6], [0.6, 0.6]], "service": TILL["till"]["service"]}
    place = floor(width=2000, queues={"till": till}).walk("1", (0.7, 0.5), (0.8, 0.5), seconds=8)
    assert len(place.decided(WaitBegan)) == 1


def test_where_the_two_places_overlap_the_service_point_wins(floor: Callable[..., Any]) -> None:
    place = queue(floor).walk("1", FIRST, FIRST, seconds=3).walk("1", BOTH, BOTH, seconds=3)
    assert left(place) == [("1", "served")]


def test_who_goes_straight_to_the_service_point_waited_for_nothing(floor: Callable[..., Any]) -> None:
    place = queue(floor).walk("1", EXIT, SERVICE).walk("1", SERVICE, SERVICE, seconds=4)
    (arrived,), (ended,) = place.decided(WaitBegan), place.decided(WaitEnded)
    assert (ended.outcome, ended.at - ended.arrived_at, arrived.at) == ("served", 0.0, ended.at)
    assert lengths(place) == [(0, 1)]


def test_who_is_seen_to_go_away_before_being_served_has_given_up(floor: Callable[..., Any]) -> None:
    place = queue(floor).walk("1", OUTSIDE, SECOND).walk("1", SECOND, SECOND, seconds=6)
    place.walk("1", SECOND, OUTSIDE).walk("1", OUTSIDE, OUTSIDE, seconds=3)
    (ended,) = place.decided(WaitEnded)
    assert (ended.outcome, ended.censored) == ("abandoned", None)
    assert ended.at == pytest.approx(7.5, abs=0.11)
    assert lengths(place) == [(1, 0), (0, 0)]


def test_who_was_at_the_service_point_for_a_moment_only_has_given_up(floor: Callable[..., Any]) -> None:
    place = queue(floor).walk("1", FIRST, FIRST, seconds=5).walk("1", SERVICE, SERVICE, seconds=1)
    place.walk("1", EXIT, EXIT, seconds=4)
    assert left(place) == [("1", "abandoned")]


@pytest.mark.parametrize("beside", [FIRST, EXIT], ids=["in the queue", "elsewhere"])
def test_swaying_towards_the_service_point_is_no_service(floor: Callable[..., Any], beside: Any) -> None:
    place = queue(floor).walk("1", FIRST, FIRST, seconds=2)
    for _ in range(20):
        place.see({"1": SERVICE}).walk("1", beside, beside, seconds=0.4)
    assert left(place) == []


@pytest.mark.parametrize("flickers", [1, 2], ids=["one frame", "two frames"])
@pytest.mark.parametrize("beside", [FIRST, EXIT], ids=["in the queue", "elsewhere"])
def test_who_stands_first_in_line_and_flickers_into_the_service_point_waits_until_really_served(
    floor: Callable[..., Any], beside: Any, flickers: int
) -> None:
    place = queue(floor).walk("1", FIRST, FIRST, seconds=5)
    while place.at < 120:
        place.walk("1", SERVICE, SERVICE, seconds=flickers / 10).walk("1", beside, beside, seconds=1.8 - flickers / 10)
    assert (left(place), lengths(place)) == ([], [(1, 0)])
    came = place.at
    (ended,) = place.walk("1", SERVICE, SERVICE, seconds=5).decided(WaitEnded)
    assert (ended.outcome, ended.at - ended.arrived_at) == ("served", pytest.approx(came))
    assert lengths(place) == [(1, 0), (0, 1)]


@pytest.mark.parametrize("seconds", [0.1, 0.2, 0.5])
def test_who_is_as_long_away_from_the_service_point_as_at_it_is_not_being_served(
    floor: Callable[..., Any], seconds: float
) -> None:
    place = queue(floor).walk("1", FIRST, FIRST, seconds=2)
    for _ in range(40):
        place.walk("1", SERVICE, SERVICE, seconds=seconds).walk("1", FIRST, FIRST, seconds=seconds)
    assert left(place) == []
    came = place.at
    (ended,) = place.walk("1", SERVICE, SERVICE, seconds=3).decided(WaitEnded)
    assert (ended.outcome, ended.at) == ("served", pytest.approx(came))


@pytest.mark.parametrize("odd", [FIRST, EXIT], ids=["in the queue", "elsewhere"])
def test_one_odd_box_during_a_service_changes_nothing(floor: Callable[..., Any], odd: Any) -> None:
    place = queue(floor).walk("1", FIRST, FIRST, seconds=3).walk("1", SERVICE, SERVICE, seconds=1)
    (ended,) = place.see({"1": odd}).walk("1", SERVICE, SERVICE, seconds=1.4).decided(WaitEnded)
    assert (ended.outcome, ended.at) == ("served", pytest.approx(3.0))


def test_who_is_hidden_at_the_service_point_is_served_from_when_they_came_to_it(floor: Callable[..., Any]) -> None:
    place = queue(floor).walk("1", FIRST, FIRST, seconds=3).walk("1", SERVICE, SERVICE, seconds=0.5).wait(1.4)
    (ended,) = place.walk("1", SERVICE, SERVICE, seconds=0.3).decided(WaitEnded)
    assert (ended.outcome, ended.at) == ("served", pytest.approx(3.0))


def test_who_is_hidden_after_a_step_away_has_been_away_for_no_longer_than_was_seen(floor: Callable[..., Any]) -> None:
    place = queue(floor).walk("1", FIRST, FIRST, seconds=3).walk("1", SERVICE, SERVICE, seconds=1)
    place.walk("1", FIRST, FIRST, seconds=0.3).wait(1.4)
    (ended,) = place.walk("1", SERVICE, SERVICE, seconds=1.6).decided(WaitEnded)
    assert (ended.outcome, ended.at) == ("served", pytest.approx(3.0))


def test_who_is_hidden_has_not_been_seen_to_go_away(floor: Callable[..., Any]) -> None:
    place = queue(floor, reentry_seconds=0.5).walk("1", FIRST, FIRST, seconds=3).wait(1.5)
    assert left(place.walk("1", FIRST, FIRST, seconds=3)) == []


def test_a_step_back_to_the_queue_is_no_service(floor: Callable[..., Any]) -> None:
    """1.4 s at the service point, 0.4 s seen away from it, 0.7 s at it: not the 2 s of a service."""
    place = queue(floor).walk("1", FIRST, FIRST, seconds=3).walk("1", SERVICE, SERVICE, seconds=1.5)
    place.walk("1", FIRST, FIRST, seconds=0.5).walk("1", SERVICE, SERVICE, seconds=0.8)
    assert left(place) == []


def test_who_was_away_from_the_service_point_for_too_long_is_served_from_when_they_came_again(
    floor: Callable[..., Any],
) -> None:
    place = queue(floor, reentry_seconds=1).walk("1", FIRST, FIRST, seconds=3).walk("1", SERVICE, SERVICE, seconds=1)
    came = place.see({"1": FIRST}).wait(1.4).at
    (ended,) = place.walk("1", SERVICE, SERVICE, seconds=3).decided(WaitEnded)
    assert (ended.outcome, ended.at) == ("served", pytest.approx(came))


def test_who_vanishes_in_the_queue_is_lost_and_not_said_to_have_given_up(floor: Callable[..., Any]) -> None:
    place = queue(floor).walk("1", OUTSIDE, FIRST).walk("1", FIRST, FIRST, seconds=5).wait(3)
    (ended,) = place.decided(WaitEnded)
    assert (ended.outcome, ended.censored) == ("lost", "end")
    assert ended.at == pytest.approx(5.9)
    assert lengths(place) == [(1, 0), (0, 0)]


def test_who_walks_out_of_the_queue_and_then_out_of_view_has_given_up(floor: Callable[..., Any]) -> None:
    place = queue(floor, reentry_seconds=9).walk("1", FIRST, FIRST, seconds=5)
    place.walk("1", OUTSIDE, OUTSIDE, seconds=0.5).wait(3)
    assert left(place) == [("1", "abandoned")]


def test_a_wait_whose_beginning_was_not_seen_says_so(floor: Callable[..., Any]) -> None:
    place = queue(floor).walk("1", FIRST, FIRST, seconds=5).walk("1", SERVICE, SERVICE, seconds=3)
    place.walk("2", FIRST, FIRST, seconds=5).wait(3)
    assert [(one.person_id, one.censored) for one in place.decided(WaitEnded)] == [("1", "start"), ("2", "both")]


def test_who_is_hidden_for_a_moment_or_steps_out_of_the_row_still_waits(floor: Callable[..., Any]) -> None:
    place = queue(floor).walk("1", FIRST, FIRST, seconds=3).wait(1.2).walk("1", FIRST, FIRST, seconds=1)
    place.walk("1", OUTSIDE, OUTSIDE, seconds=1.5).walk("1", FIRST, FIRST, seconds=3)
    assert (len(place.decided(WaitBegan)), left(place)) == (1, [])


def test_who_walks_through_the_queue_is_not_waiting(floor: Callable[..., Any]) -> None:
    place = queue(floor).walk("1", OUTSIDE, FIRST, seconds=0.8).walk("1", (0.5, 0.5), (0.5, 0.5), seconds=4)
    assert place.end() == []


def test_who_passes_by_the_service_point_is_not_served(floor: Callable[..., Any]) -> None:
    assert queue(floor).walk("1", SERVICE, SERVICE, seconds=1.5).walk("1", EXIT, EXIT, seconds=4).end() == []


def test_who_packs_beside_the_till_after_paying_does_not_wait_again(floor: Callable[..., Any]) -> None:
    place = queue(floor).walk("1", FIRST, FIRST, seconds=3).walk("1", SERVICE, SERVICE, seconds=3)
    place.walk("1", FIRST, FIRST, seconds=20).walk("1", EXIT, EXIT, seconds=4)
    assert len(place.decided(WaitBegan)) == 1
    assert lengths(place) == [(1, 0), (0, 1), (0, 0)]


def test_who_packs_in_the_queue_is_no_longer_being_served(floor: Callable[..., Any]) -> None:
    place = queue(floor).walk("1", FIRST, FIRST, seconds=3).walk("1", SERVICE, SERVICE, seconds=3)
    assert lengths(place.walk("1", FIRST, FIRST, seconds=5)) == [(1, 0), (0, 1), (0, 0)]


def test_who_comes_back_later_waits_again(floor: Callable[..., Any]) -> None:
    place = queue(floor).walk("1", FIRST, FIRST, seconds=3).walk("1", SERVICE, SERVICE, seconds=3)
    place.walk("1", EXIT, EXIT, seconds=4).walk("1", FIRST, FIRST, seconds=3)
    assert len(place.decided(WaitBegan)) == 2


def test_a_second_try_at_the_service_point_begins_again(floor: Callable[..., Any]) -> None:
    place = queue(floor).walk("1", FIRST, FIRST, seconds=3).walk("1", SERVICE, SERVICE, seconds=1)
    place.walk("1", FIRST, FIRST, seconds=6).walk("1", SERVICE, SERVICE, seconds=3)
    (ended,) = place.decided(WaitEnded)
    assert (ended.outcome, ended.at) == ("served", pytest.approx(10.0))


@pytest.mark.parametrize(
    ("change", "waits"),
    [({"min_wait_seconds": 5}, 0), ({"min_wait_seconds": 0}, 1), ({"min_wait_seconds": 5, "served_seconds": 0}, 0)],
    ids=["longer", "none", "longer, where a service takes no time"],
)
def test_the_queue_says_how_short_a_wait_is_none(
    floor: Callable[..., Any], change: dict[str, float], waits: int
) -> None:
    place = queue(floor, **change).walk("1", FIRST, FIRST, seconds=3).walk("1", OUTSIDE, OUTSIDE, seconds=3)
    assert len(place.decided(WaitBegan)) == waits


def test_the_queue_says_how_long_a_service_takes(floor: Callable[..., Any]) -> None:
    place = queue(floor, served_seconds=5).walk("1", FIRST, FIRST, seconds=3).walk("1", SERVICE, SERVICE, seconds=4)
    assert left(place) == []
    assert left(place.walk("1", SERVICE, SERVICE, seconds=2)) == [("1", "served")]


def test_the_queue_says_how_long_one_may_be_away(floor: Callable[..., Any]) -> None:
    place = queue(floor, reentry_seconds=5).walk("1", FIRST, FIRST, seconds=3).walk("1", OUTSIDE, OUTSIDE, seconds=4)
    assert left(place) == []


def test_the_length_says_how_many_wait_are_served_and_for_how_long(floor: Callable[..., Any]) -> None:
    place = queue(floor)
    for _ in range(30):
        place.see({"1": SERVICE, "2": FIRST, "3": SECOND})
    last = place.decided(QueueChanged)[-1]
    assert (last.length, last.being_served) == (2, 1)
    assert last.longest_wait_seconds == pytest.approx(last.at)


def test_who_is_hidden_at_the_service_point_or_steps_back_is_still_being_served(floor: Callable[..., Any]) -> None:
    place = queue(floor, reentry_seconds=0.5).walk("1", FIRST, FIRST, seconds=3).walk("1", SERVICE, SERVICE, seconds=3)
    place.wait(1.5).walk("1", SERVICE, SERVICE).walk("1", FIRST, FIRST, seconds=0.4).walk("1", SERVICE, SERVICE)
    assert lengths(place) == [(1, 0), (0, 1)]


@pytest.mark.parametrize(("focus", "waits"), [("footprint", 0), ("bottom_center", 0), ("center", 1)])
def test_the_queue_says_which_place_of_a_person_counts(floor: Callable[..., Any], focus: str, waits: int) -> None:
    place = queue(floor, focus=focus).walk("1", (0.3, 0.43), (0.3, 0.43), seconds=3)
    assert len(place.decided(WaitBegan)) == waits


def test_another_class_of_object_does_not_wait(floor: Callable[..., Any]) -> None:
    assert queue(floor, object_class="car").walk("1", FIRST, FIRST, seconds=5).end() == []


def test_a_camera_that_ends_loses_everyone_who_waits(floor: Callable[..., Any]) -> None:
    place = queue(floor)
    for _ in range(30):
        place.see({"1": SERVICE, "2": FIRST})
    place.end()
    assert left(place) == [("1", "served"), ("2", "lost")]
    assert lengths(place)[-1] == (0, 0)


def test_a_queue_that_is_changed_begins_again(floor: Callable[..., Any]) -> None:
    place = queue(floor).walk("1", FIRST, FIRST, seconds=3)
    changed = read_section("layout", {"queues": {"till": {**TILL["till"], "served_seconds": 9}}})
    place.decisions += place.view.apply(changed)
    assert (left(place), lengths(place)) == ([("1", "lost")], [(1, 0), (0, 0)])
    place.walk("1", FIRST, FIRST, seconds=3)
    assert lengths(place)[-1] == (1, 0)


def test_who_works_here_never_waits(floor: Callable[..., Any]) -> None:
    behind = {"behind": {"polygon": [[0.2, 0], [0.8, 0], [0.8, 0.15], [0.2, 0.15]], "staff_only": True}}
    place = floor(queues=TILL, zones=behind).walk("1", FIRST, FIRST, seconds=3)
    assert lengths(place) == [(1, 0)]
    place.walk("1", FIRST, (0.5, 0.1), seconds=1).walk("1", (0.5, 0.1), (0.5, 0.1), seconds=1.5)
    place.walk("1", FIRST, FIRST, seconds=1).walk("1", (0.5, 0.1), (0.5, 0.1), seconds=6)
    place.walk("1", FIRST, FIRST, seconds=10)
    assert left(place) == [("1", "abandoned")]
    assert lengths(place) == [(1, 0), (0, 0)]


def test_who_turns_out_to_work_here_while_waiting_had_not_been_waiting(floor: Callable[..., Any]) -> None:
    aisle = {"behind": {"polygon": [[0.2, 0.1], [0.55, 0.1], [0.55, 0.4], [0.2, 0.4]], "staff_only": True}}
    place = floor(queues=TILL, zones=aisle).walk("1", FIRST, FIRST, seconds=7)
    assert (left(place), lengths(place)) == ([("1", "staff")], [(1, 0), (0, 0)])


def test_of_three_hundred_who_were_served_nothing_is_left(floor: Callable[..., Any]) -> None:
    place = queue(floor, served_seconds=0.2)
    for number in range(300):
        place.see({str(number): OUTSIDE}).see({str(number): FIRST}).walk(str(number), SERVICE, SERVICE, seconds=0.5)
    place.wait(3)
    waits = place.view.queues["till"]
    assert (waits.waits, waits.elsewhere) == ({}, set())
    assert len(place.decided(WaitEnded)) == 300


PLACES = [OUTSIDE, FIRST, SECOND, BOTH, SERVICE, EXIT, None]


@settings(max_examples=60, deadline=None)
@given(
    ways=st.lists(
        st.lists(st.tuples(st.sampled_from(PLACES), st.integers(1, 30)), min_size=1, max_size=8),
        min_size=1,
        max_size=4,
    )
)
def test_the_length_is_who_arrived_without_who_left_at_all_times(
    floor: Callable[..., Any], ways: list[list[tuple[Any, int]]]
) -> None:
    place = queue(floor)
    schedules = [[where for where, frames in way for _ in range(frames)] for way in ways]
    for step in range(max(map(len, schedules))):
        here = {str(n): way[step] for n, way in enumerate(schedules) if step < len(way) and way[step] is not None}
        place.see(here)
        assert_lengths_add_up(place.decisions)
    assert_lengths_add_up(place.end())
    assert len(place.decided(WaitBegan)) == len(place.decided(WaitEnded))


def assert_lengths_add_up(decisions: list[Any]) -> None:
    waiting, length = 0, 0
    for decision in decisions:
        waiting += isinstance(decision, WaitBegan)
        waiting -= isinstance(decision, WaitEnded)
        if isinstance(decision, QueueChanged):
            length = decision.length
            assert length == waiting >= 0
        if isinstance(decision, WaitEnded):
            assert decision.at >= decision.arrived_at
    assert length == waiting
