from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from modules.zone_analytics.decisions import (
    AreaCounted,
    OccupancyChanged,
    QueueChanged,
    StaffRecognised,
    VisitBegan,
    WaitEnded,
)
from storeflow.cli.count.summary import Tally, most_at_once, started_at, summarise
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState
from storeflow.contract.instant import instant
from storeflow.contract.twins import Layout, read_section

FIGURES = ("in", "out", "net_in", "net_out", "shopper_in", "shopper_out", "units_in", "units_out")
SQUARE = [[0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]]
QUEUE_AND_AREA: Layout = read_section(
    "layout",
    {
        "lines": {"door": {"start": [0.1, 0.5], "end": [0.9, 0.5]}},
        "queues": {"till": {"polygon": SQUARE, "service": SQUARE}},
        "areas": {"shop": {"lines": {"door": "in"}}},
    },
)


def summary(events: Any, layout: Layout, starts_at: float = 0.0) -> dict[str, Any]:
    return summarise(events, layout, starts_at=starts_at, frames=10, model_version="m@1", config_version=1)


def numbered(events: Sequence[CloudEvent]) -> list[CloudEvent]:
    """As an outbox numbers them."""
    return [event.model_copy(update={"sequence": f"{number:012d}"}) for number, event in enumerate(events, 1)]


def figures(events: Any, layout: Layout) -> tuple[int, ...]:
    line = summary(events, layout)["lines"]["door"]
    return tuple(line[name] for name in FIGURES)


def test_a_layout_where_nothing_happened_is_a_summary_of_zeros(layout: Layout) -> None:
    assert summary([], layout) == {
        "starts_at": "1970-01-01T00:00:00.000Z",
        "lines": {"door": dict.fromkeys(FIGURES, 0)},
        "zones": {"aisle": {"visits": [], "most_at_once": 0}},
        "frames": 10,
        "model_version": "m@1",
        "config_version": 1,
    }


def test_a_u_turn_is_two_crossings_and_nets_to_none(
    layout: Layout, crossing: Callable[..., Any], events_of: Callable[..., Any]
) -> None:
    events = events_of(crossing(1.0, "in"), crossing(2.0, "out", u_turn_of=1.0), crossing(5.0, "in", "2"))
    assert figures(events, layout) == (2, 1, 1, 0, 1, 0, 1, 0)


def test_shoppers_are_counted_without_staff_also_who_was_recognised_later(
    layout: Layout, crossing: Callable[..., Any], events_of: Callable[..., Any]
) -> None:
    later = StaffRecognised("2", "aisle", 9.0, (("door", 3.0),))
    known = replace(crossing(4.0, "in", "3"), staff=True)
    events = events_of(crossing(1.0, "in"), crossing(3.0, "in", "2"), known, later)
    assert figures(events, layout) == (3, 0, 3, 0, 1, 0, 1, 0)


def test_a_group_is_one_unit(layout: Layout, crossing: Callable[..., Any], events_of: Callable[..., Any]) -> None:
    first, second = replace(crossing(1.0, "in"), group_id="g1"), replace(crossing(2.0, "in", "2"), group_id="g1")
    events = events_of(first, replace(second, buying_unit=False), crossing(3.0, "in", "3"))
    assert figures(events, layout) == (3, 0, 3, 0, 3, 0, 2, 0)


def test_waits_are_told_in_order_with_what_became_of_them(events_of: Callable[..., Any]) -> None:
    events = events_of(
        QueueChanged("till", 1002.0, 2, 0, 1.0),
        WaitEnded("till", "2", 1009.0, "abandoned", 1003.0, "start"),
        WaitEnded("till", "1", 1005.0, "served", 1001.0, None),
        QueueChanged("till", 1009.0, 0, 1, None),
    )
    assert summary(events, QUEUE_AND_AREA, starts_at=1000.0)["queues"]["till"] == {
        "waits": [
            {"arrived_seconds": 1.0, "wait_seconds": 4.0, "outcome": "served"},
            {"arrived_seconds": 3.0, "wait_seconds": 6.0, "outcome": "abandoned", "censored": "start"},
        ],
        "max_length": 2,
    }


def test_an_area_is_told_as_it_is_at_the_end(events_of: Callable[..., Any]) -> None:
    counted = AreaCounted("shop", 1.0, 4, 1, 4, 0, 0.0, 0.0, "crossing", "1")
    events = events_of(counted, replace(counted, at=2.0, occupancy=5, drift_bound=2))
    assert summary(events, QUEUE_AND_AREA)["areas"] == {"shop": {"occupancy": 5, "drift_bound": 2}}
    assert summary([], QUEUE_AND_AREA)["areas"] == {"shop": {"occupancy": 0, "drift_bound": 0}}


def test_the_tally_says_who_waits_and_who_is_inside_now(events_of: Callable[..., Any]) -> None:
    tally = Tally(QUEUE_AND_AREA)
    assert tally.captions()[1:] == ["till  waiting 0  served now 0", "shop  inside 0  give or take 0"]
    counted = AreaCounted("shop", 1.0, 4, 1, 4, 0, 0.0, 0.0, "crossing", "1")
    tally.take(events_of(QueueChanged("till", 1.0, 2, 1, 1.0), counted))
    assert tally.captions()[1:] == ["till  waiting 2  served now 1", "shop  inside 4  give or take 1"]


def test_what_was_added_to_the_layout_meanwhile_has_a_row_from_its_first_event_on(
    crossing: Callable[..., Any], events_of: Callable[..., Any]
) -> None:
    tally = Tally(Layout())
    tally.take(events_of(crossing(1.0, "in")))
    tally.take(events_of(OccupancyChanged("aisle", 1.0, 2)))
    tally.take(events_of(VisitBegan("promo", "1", "person", 1.0, None)))
    tally.take(events_of(QueueChanged("till", 1.0, 2, 1, 1.0)))
    tally.take(events_of(AreaCounted("shop", 1.0, 4, 1, 4, 0, 0.0, 0.0, "crossing", "1")))
    assert tally.captions()[:4] == [
        "door  in 1  out 0",
        "aisle  visits 0",
        "promo  visits 1",
        "till  waiting 2  served now 1",
    ]
    assert tally.captions()[4].startswith("shop  inside 4")


def test_visits_are_told_in_seconds_from_the_first_frame_and_in_order(
    layout: Layout, visit: Callable[..., Any], events_of: Callable[..., Any]
) -> None:
    events = events_of(visit(1007.0, 1009.5, "2"), visit(1002.0, 1008.0, censored="end"))
    assert summary(events, layout, starts_at=1000.0)["zones"]["aisle"] == {
        "visits": [
            {
                "entered_seconds": 2.0,
                "exited_seconds": 8.0,
                "dwell_seconds": 6.0,
                "censored": "end",
                "staff": False,
            },
            {"entered_seconds": 7.0, "exited_seconds": 9.5, "dwell_seconds": 2.5, "staff": False},
        ],
        "most_at_once": 2,
    }


def test_who_works_here_is_told_and_is_no_shopper_at_once(
    layout: Layout, visit: Callable[..., Any], events_of: Callable[..., Any]
) -> None:
    events = events_of(visit(1.0, 9.0, "2", staff=True), visit(2.0, 3.0))
    aisle = summary(events, layout)["zones"]["aisle"]
    assert [one["staff"] for one in aisle["visits"]] == [True, False]
    assert aisle["most_at_once"] == 1


def test_the_last_is_the_latest_whatever_order_a_file_has(events_of: Callable[..., Any]) -> None:
    counted = AreaCounted("shop", 1.0, 4, 1, 4, 0, 0.0, 0.0, "crossing", "1")
    later, last = replace(counted, at=2.0, occupancy=5, what="2"), replace(counted, at=2.0, occupancy=6, what="3")
    events = numbered(events_of(counted, later, last))
    for order in permutations(events):
        assert summary(order, QUEUE_AND_AREA)["areas"]["shop"]["occupancy"] == 6
        tally = Tally(QUEUE_AND_AREA)
        tally.take(order)
        assert tally.areas["shop"] == (6, 1)


def test_an_older_number_of_another_zone_is_none_of_its_own(events_of: Callable[..., Any]) -> None:
    events = numbered(events_of(OccupancyChanged("aisle", 1.0, 2), OccupancyChanged("promo", 2.0, 3)))
    tally = Tally(Layout())
    tally.take(reversed(events))
    assert tally.inside == {"aisle": 2, "promo": 3}


def test_the_film_begins_when_the_camera_first_streams() -> None:
    states = [("failed", 1.0), ("streaming", 9.0), ("ended", 30.0), ("streaming", 31.0)]
    events = [
        CloudEvent.of(
            CameraState(store_id="s", camera_id="c", captured_at=instant(at), state=state, detail=""),
            source="//h/d/c/state", id=f"{at}", subject="c",
        )
        for state, at in states
    ]  # fmt: skip
    assert started_at(events) == 9.0
    with pytest.raises(ValueError, match="empty"):
        started_at(events[:1])


def test_who_comes_as_another_leaves_is_not_with_them() -> None:
    assert most_at_once([(2, 3), (1, 2)]) == 1
    assert most_at_once([(2, 3), (1, 2.1)]) == 2
    assert most_at_once([]) == 0


def test_events_of_lines_that_are_not_asked_for_are_left_out(
    crossing: Callable[..., Any], events_of: Callable[..., Any]
) -> None:
    assert summary(events_of(crossing(1.0, "in")), Layout())["lines"] == {}
