"""An id names one event: sinks keep the first of those that share one, and never hear of the others."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modules.zone_analytics.decisions import (
    Decision,
    OccupancyChanged,
    Origin,
    QueueChanged,
    StaffRecognised,
    VisitBegan,
    VisitEnded,
    WaitBegan,
    WaitEnded,
)
from modules.zone_analytics.parameters import DECISIONS
from modules.zone_analytics.spatial_analysis import to_documents
from modules.zone_analytics.store_events import to_events
from modules.zone_analytics.store_view import Decided, StoreView
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.messages import Detections
from storeflow.contract.twins import Layout, read_section

FrameOf = Callable[..., Detections]
Way = list[tuple[tuple[float, float] | None, int]]

EVERYWHERE = [[0, 0], [1, 0], [1, 1], [0, 1]]
STAYING = {"min_visit_seconds": 0.5, "reentry_seconds": 5}
"""Nobody's visit ends before they are forgotten: then several end in one frame."""
RICH: dict[str, Any] = {
    "spatial_analysis": True,
    "lines": {
        "door": {"start": [0, 0.5], "end": [1, 0.5]},
        "edge": {"start": [0, 0.98], "end": [1, 0.98]},
    },
    "zones": {
        "shop": {"polygon": EVERYWHERE, **STAYING},
        "at_once": {"polygon": EVERYWHERE, **STAYING, "min_visit_seconds": 0},
        "left": {
            "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]],
            "min_visit_seconds": 0,
            "reentry_seconds": 0,
            "min_dwell_seconds": 0,
            "dwell_interval_seconds": 0.5,
            "occupancy_interval_seconds": 0.5,
        },
        "behind": {"polygon": [[0.8, 0.6], [1, 0.6], [1, 1], [0.8, 1]], "staff_only": True, "staff_seconds": 1},
    },
    "queues": {
        "till": {
            "polygon": [[0, 0.6], [0.3, 0.6], [0.3, 1], [0, 1]],
            "service": [[0.3, 0.6], [0.5, 0.6], [0.5, 1], [0.3, 1]],
            "min_wait_seconds": 0.5,
            "served_seconds": 0.5,
            "reentry_seconds": 5,
        },
        "desk": {
            "polygon": [[0, 0.3], [0.5, 0.3], [0.5, 0.7], [0, 0.7]],
            "service": [[0.5, 0.3], [0.7, 0.3], [0.7, 0.7], [0.5, 0.7]],
            "min_wait_seconds": 0,
            "reentry_seconds": 0,
        },
    },
    "areas": {"all": {"lines": {"door": "in", "edge": "out"}}},
}
EDITED = {
    **RICH,
    "zones": {**RICH["zones"], "shop": {"polygon": EVERYWHERE, **STAYING, "min_dwell_seconds": 1}},
    "queues": {"till": {**RICH["queues"]["till"], "served_seconds": 1}},
}
SPOTS = [(0.1, 0.4), (0.15, 0.7), (0.25, 0.85), (0.4, 0.8), (0.9, 0.8), (0.45, 0.55), (0.7, 0.3), (0.3, 0.3)]
PLACES = [(0.1, 0.4), (0.15, 0.7), (0.2, 0.8), (0.4, 0.8), (0.9, 0.8), (0.45, 0.55), (0.5, 0.96), None]
# Pieces of half a second, so that what is decided after half a second and after two often falls into one frame.
WALKERS = st.lists(
    st.lists(st.tuples(st.sampled_from(PLACES), st.integers(1, 6)), min_size=1, max_size=6), min_size=2, max_size=6
)
STANDERS = st.lists(
    st.tuples(st.tuples(st.none(), st.integers(0, 8)), st.tuples(st.sampled_from(SPOTS), st.integers(1, 8))).map(list),
    min_size=3,
    max_size=10,
)
TWO_GO_AS_ONE_COMES: list[Way] = [[((0.1, 0.4), 2)], [((0.9, 0.3), 2)], [(None, 6), ((0.5, 0.3), 6)]]


def crowd(ways: Sequence[Way]) -> Iterator[dict[str, tuple[float, float]]]:
    """Who is where in each frame: everyone stays at a place for some half seconds and goes to the next in another."""
    paths = [list(_path(way)) for way in ways]
    for number in range(max(map(len, paths))):
        there = {str(who): path[number] for who, path in enumerate(paths) if number < len(path)}
        yield {who: place for who, place in there.items() if place is not None}


def _path(way: Way) -> Iterator[tuple[float, float] | None]:
    for (start, pieces), (end, _) in pairwise([*way, (None, 0)]):
        yield from [start] * (5 * pieces)
        if start is not None and end is not None:
            yield from (
                (start[0] + step / 5 * (end[0] - start[0]), start[1] + step / 5 * (end[1] - start[1]))
                for step in range(5)
            )


def events_of(decided: Sequence[Decided]) -> list[CloudEvent]:
    """All events of some decisions, as the module emits them."""
    events: list[CloudEvent] = []
    for one in decided:
        origin = Origin(f"//hub/device/{one.camera_id}", "store-1", one.camera_id, 1, one.model_version)
        events += [*to_events(one.decision, origin), *to_documents(one.decision, one.scene, origin)]
    return events


@settings(max_examples=100, deadline=None)
@given(ways=WALKERS | STANDERS, edit=st.integers(0, 100))
@example(ways=TWO_GO_AS_ONE_COMES, edit=100)
def test_no_two_events_of_a_crowd_have_one_id(frame: FrameOf, ways: list[Way], edit: int) -> None:
    store = StoreView(DECISIONS)
    store.apply(layout())
    events: list[CloudEvent] = []
    for number, feet in enumerate(crowd(ways)):
        events += events_of(store.apply(layout(EDITED))) if number == edit else []
        for camera_id in ("door", "till"):
            events += events_of(store.observe(frame(number / 10, feet, camera_id=camera_id)))
    for camera_id in ("door", "till"):
        events += events_of(store.end(camera_id))
    times = Counter((event.source, event.id) for event in events)
    assert [event for event in events if times[event.source, event.id] > 1] == []


@settings(max_examples=100, deadline=None)
@given(ways=WALKERS | STANDERS, edit=st.integers(0, 100))
@example(ways=TWO_GO_AS_ONE_COMES, edit=100)
def test_the_number_that_was_emitted_last_is_the_true_one_and_there_is_one_for_each_moment(
    floor: Callable[..., Any], ways: list[Way], edit: int
) -> None:
    place = floor(**RICH)
    for number, feet in enumerate(crowd(ways)):
        if number == edit:
            place.decisions += place.view.apply(layout(EDITED))
            assert last_emitted(place.decisions) == true_numbers(place.decisions)
        place.see(feet)
        assert last_emitted(place.decisions) == true_numbers(place.decisions)
    decisions = place.end()
    assert last_emitted(decisions) == true_numbers(decisions) == Counter()
    moments = Counter((rule_id(one), round(one.at * 1000)) for one in decisions if isinstance(one, NUMBERS))
    assert [moment for moment, times in moments.items() if times > 1] == []


NUMBERS = (OccupancyChanged, QueueChanged)


def layout(words: dict[str, Any] = RICH) -> Layout:
    section: Layout = read_section("layout", words)
    return section


def rule_id(number: OccupancyChanged | QueueChanged) -> str:
    return number.zone_id if isinstance(number, OccupancyChanged) else number.queue_id


def last_emitted(decisions: Sequence[Decision]) -> Counter[str]:
    """The latest number of every zone and queue; 0 before there was one."""
    numbers: Counter[str] = Counter()
    for one in decisions:
        if isinstance(one, OccupancyChanged):
            numbers[one.zone_id] = one.occupancy
        elif isinstance(one, QueueChanged):
            numbers[one.queue_id] = one.length
    return numbers


def true_numbers(decisions: Sequence[Decision]) -> Counter[str]:
    """The same by who came, went, and turned out to work here."""
    inside: dict[tuple[str, str], bool] = {}
    waiting: set[tuple[str, str]] = set()
    for one in decisions:
        match one:
            case VisitBegan():
                inside[one.zone_id, one.person_id] = one.staff
            case VisitEnded():
                del inside[one.zone_id, one.person_id]
            case StaffRecognised():
                inside |= {visit: True for visit in inside if visit[1] == one.person_id}
            case WaitBegan():
                waiting.add((one.queue_id, one.person_id))
            case WaitEnded():
                waiting.remove((one.queue_id, one.person_id))
            case _:
                pass
    visitors = Counter(zone_id for (zone_id, _), staff in inside.items() if not staff)
    return visitors + Counter(queue_id for queue_id, _ in waiting)


SHOP = {"shop": {"polygon": EVERYWHERE, "min_visit_seconds": 2, "reentry_seconds": 5}}
TILL = {
    "till": {
        "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]],
        "service": [[0.5, 0], [1, 0], [1, 1], [0.5, 1]],
        "min_wait_seconds": 2,
    }
}


@pytest.mark.parametrize("what", [{"zones": SHOP}, {"queues": TILL}], ids=["a zone", "a queue"])
@pytest.mark.parametrize("frames", range(-2, 3))
def test_two_who_are_forgotten_as_a_third_turns_out_to_be_there_leave_one(
    floor: Callable[..., Any], what: dict[str, Any], frames: int
) -> None:
    """Frame by frame around the one in which the three things happen at once."""
    place = floor(**what)
    for number in range(80):
        two = {"a": (0.1, 0.5), "b": (0.4, 0.5)} if number < 30 else {}
        third = {"c": (0.25, 0.9)} if number >= 30 + frames else {}
        place.see({**two, **third})
    numbers = [one for one in place.decisions if isinstance(one, NUMBERS)]
    assert len({one.at for one in numbers}) == len(numbers)
    assert last_emitted(numbers).total() == 1


@pytest.mark.parametrize("what", [{"zones": SHOP}, {"queues": TILL}], ids=["a zone", "a queue"])
def test_a_stream_that_ends_in_the_frame_of_a_change_has_two_moments(
    floor: Callable[..., Any], what: dict[str, Any]
) -> None:
    place = floor(**what)
    for _ in range(21):
        place.see({"a": (0.1, 0.5)})
    first, last = [one.at for one in place.end() if isinstance(one, NUMBERS)]
    assert (first, round(last, 6)) == (2.0, 2.001)


def test_two_frames_of_one_millisecond_are_one(floor: Callable[..., Any], frame: FrameOf) -> None:
    view = floor(zones={"shop": {"polygon": EVERYWHERE, "min_visit_seconds": 0}}).view
    assert view.observe(frame(1.0, {"a": (0.5, 0.5)})) != []
    assert view.observe(frame(1.0004, {"a": (0.5, 0.5), "b": (0.2, 0.5)})) == []
    assert view.observe(frame(1.001, {"a": (0.5, 0.5), "b": (0.2, 0.5)})) != []
