from collections.abc import Callable
from typing import Any

from storeflow.cli.count.summary import summarise
from storeflow.cli.demo.lake import Figures
from storeflow.cli.demo.verdict import decisions_differ, differences, verdict
from storeflow.contract.twins import Layout

TRUTH: dict[str, Any] = {
    "lines": {"door": {"in": 1, "out": 0, "net_in": 1, "net_out": 0}},
    "crossings": [{"line": "door", "direction": "in", "at": 7.0, "actor": "ada"}],
    "zones": {"aisle": {"visits": [{"entered_at": 1.0, "exited_at": 4.0, "dwell_seconds": 3.0}], "max_occupancy": 1}},
}


def test_equal_counts_leave_nothing_to_say(
    layout: Layout, crossing: Callable[..., Any], visit: Callable[..., Any], events_of: Callable[..., Any]
) -> None:
    events = events_of(crossing(1.0, "in"), visit(1.1, 3.9))
    summary = summarise(events, layout, starts_at=0.0, frames=1, model_version="m", config_version=1)
    assert differences(summary, TRUTH, events, 0.0) == []


def test_every_count_that_is_off_is_named_with_the_decisions_behind_it(
    layout: Layout, crossing: Callable[..., Any], events_of: Callable[..., Any]
) -> None:
    events = events_of(crossing(1001.0, "in"), crossing(1002.0, "out", u_turn_of=1001.0), crossing(1007.5, "in", "2"))
    summary = summarise(events, layout, starts_at=1000.0, frames=1, model_version="m", config_version=1)
    assert differences(summary, TRUTH, events, 1000.0) == [
        "door: in is 2, rendered were 1",
        "  counted and not rendered: in at 1.0 s, track 1, settled",
        "  counted and not rendered: out at 2.0 s, track 1, settled",
        "  counted as a U-turn at 2.0 s, track 1",
        "door: out is 1, rendered were 0",
        "aisle: visits is 0, rendered were 1",
        "  counted: ",
        "  rendered: 1.0-4.0 s",
    ]


def test_only_figures_that_are_off_are_red(
    layout: Layout, crossing: Callable[..., Any], visit: Callable[..., Any], events_of: Callable[..., Any]
) -> None:
    events = events_of(crossing(1.0, "in"), crossing(7.0, "in", "2"), visit(1.1, 3.9))
    summary = summarise(events, layout, starts_at=0.0, frames=1, model_version="m", config_version=1)
    landed = Figures(lines={"door": {"in": 2, "out": 0, "net_in": 2, "net_out": 0}}, zones={"aisle": {"visits": 1}})
    table = verdict(summary, TRUTH, landed)
    whats = list(table.columns[1].cells)
    assert whats == ["in", "out", "net in", "net out", "visits"]
    assert [what for what, row in zip(whats, table.rows, strict=True) if row.style == "red"] == ["in", "net in"]
    landed["lines"]["door"]["out"] = 1
    landed["zones"] = {}
    styles = [row.style for row in verdict(summary, TRUTH, landed).rows]
    assert styles == ["red", "red", "red", None, "red"]


def test_of_two_rendered_crossings_the_nearer_one_was_counted(
    layout: Layout, crossing: Callable[..., Any], events_of: Callable[..., Any]
) -> None:
    truth = {
        **TRUTH,
        "lines": {"door": {**TRUTH["lines"]["door"], "in": 2}},
        "crossings": [*TRUTH["crossings"], {"line": "door", "direction": "in", "at": 8.4, "actor": "bob"}],
    }
    events = events_of(crossing(7.2, "in"))
    summary = summarise(events, layout, starts_at=0.0, frames=1, model_version="m", config_version=1)
    told = differences(summary, truth, events, 0.0)
    assert told[:2] == ["door: in is 1, rendered were 2", "  rendered and not counted: in at 8.4 s"]


def test_a_crossing_that_was_not_counted_is_named(layout: Layout) -> None:
    summary = summarise([], layout, starts_at=0.0, frames=1, model_version="m", config_version=1)
    assert "  rendered and not counted: in at 7.0 s" in differences(summary, TRUTH, [], 0.0)


def test_decisions_are_compared_by_everything_that_they_say(
    crossing: Callable[..., Any], visit: Callable[..., Any], events_of: Callable[..., Any]
) -> None:
    events = events_of(crossing(1.0, "in"), visit(1.5, 4.0), crossing(9.0, "out", u_turn_of=1.0))
    assert decisions_differ(events, list(reversed(events))) == []
    others = events_of(crossing(1.0, "in"), visit(1.5, 4.0, "2"), crossing(9.0, "out", u_turn_of=1.0))
    told = decisions_differ(events, others)
    assert len(told) == 2
    assert told[0].startswith("only the processes decided storeflow.zone.exited aisle")
    assert '"track_id": "1"' in told[0]
    assert '"track_id": "2"' in told[1]


def test_an_event_that_came_twice_is_told(crossing: Callable[..., Any], events_of: Callable[..., Any]) -> None:
    events = events_of(crossing(1.0, "in"))
    assert len(decisions_differ(events * 3, events)) == 2


def test_decisions_at_another_time_are_others(crossing: Callable[..., Any], events_of: Callable[..., Any]) -> None:
    assert len(decisions_differ(events_of(crossing(1.0, "in")), events_of(crossing(2.0, "in")))) == 2
