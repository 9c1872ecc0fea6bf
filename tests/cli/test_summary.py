from collections.abc import Callable
from typing import Any

from storeflow.cli.summary import max_occupancy, summarise
from storeflow.contract.twins import Layout


def summary(events: Any, layout: Layout, starts_at: float = 0.0) -> dict[str, Any]:
    return summarise(events, layout, starts_at=starts_at, frames=10, model="m@1", config_version=1)


def test_a_layout_where_nothing_happened_is_a_summary_of_zeros(layout: Layout) -> None:
    assert summary([], layout) == {
        "lines": {"door": {"in": 0, "out": 0, "net_in": 0, "net_out": 0}},
        "zones": {"aisle": {"visits": [], "max_occupancy": 0}},
        "frames": 10,
        "model": "m@1",
        "config_version": 1,
    }


def test_a_u_turn_is_two_crossings_and_nets_to_none(
    layout: Layout, crossing: Callable[..., Any], events_of: Callable[..., Any]
) -> None:
    events = events_of(crossing(1.0, "in"), crossing(2.0, "out", u_turn_of=1.0), crossing(5.0, "in", "2"))
    assert summary(events, layout)["lines"]["door"] == {"in": 2, "out": 1, "net_in": 1, "net_out": 0}


def test_visits_are_told_in_seconds_from_the_first_frame_and_in_order(
    layout: Layout, visit: Callable[..., Any], events_of: Callable[..., Any]
) -> None:
    events = events_of(visit(1007.0, 1009.5, "2"), visit(1002.0, 1008.0))
    assert summary(events, layout, starts_at=1000.0)["zones"]["aisle"] == {
        "visits": [
            {"entered_at": 2.0, "exited_at": 8.0, "dwell_seconds": 6.0},
            {"entered_at": 7.0, "exited_at": 9.5, "dwell_seconds": 2.5},
        ],
        "max_occupancy": 2,
    }


def test_who_comes_as_another_leaves_is_not_with_them() -> None:
    assert max_occupancy([{"entered_at": 1, "exited_at": 2}, {"entered_at": 2, "exited_at": 3}]) == 1


def test_events_of_lines_that_are_not_asked_for_are_left_out(
    crossing: Callable[..., Any], events_of: Callable[..., Any]
) -> None:
    assert summary(events_of(crossing(1.0, "in")), Layout())["lines"] == {}
