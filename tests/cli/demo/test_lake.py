from collections.abc import Callable
from typing import Any

from storeflow.cli.demo.lake import Figures, apart, compare, edge_figures, lake_figures
from storeflow.contract.cloudevents import CloudEvent

EDGE = Figures(lines={"door": {"in": 2, "out": 1, "net_in": 2, "net_out": 1}}, zones={"aisle": {"visits": 0}})


def footfall(line_id: str = "door", **figures: int) -> dict[str, Any]:
    return {"line_id": line_id, "in_raw": 0, "out_raw": 0, "in_net": 0, "out_net": 0, **figures}


def rows_of(events: list[CloudEvent]) -> list[dict[str, Any]]:
    return [{"source": event.source, "id": event.id} for event in events]


def test_gold_is_added_up_over_windows_and_what_nobody_was_in_is_nought() -> None:
    rows = [footfall(in_raw=1, in_net=1), footfall(in_raw=1, in_net=1, out_raw=1, out_net=1)]
    assert lake_figures(rows, [], EDGE) == EDGE
    more = lake_figures(
        [footfall("side", in_raw=1)], [{"zone_id": "promo", "visits": 2}, {"zone_id": "promo", "visits": 1}], EDGE
    )
    assert more["lines"]["side"] == {"in": 1, "out": 0, "net_in": 0, "net_out": 0}
    assert more["zones"] == {"aisle": {"visits": 0}, "promo": {"visits": 3}}


def test_a_summary_has_its_visits_counted() -> None:
    summary = {"lines": {"door": {**EDGE["lines"]["door"], "u_turns": 4}}, "zones": {"aisle": {"visits": [{}, {}]}}}
    assert edge_figures(summary) == Figures(lines=EDGE["lines"], zones={"aisle": {"visits": 2}})


def test_equal_are_events_figures_and_truth_all_together(
    crossing: Callable[..., Any], events_of: Callable[..., Any]
) -> None:
    events = events_of(crossing(1.0, "in"), crossing(2.0, "out"))
    rows = rows_of(events)
    other = Figures(lines={**EDGE["lines"], "side": {"in": 0}}, zones=EDGE["zones"])
    cases = [
        (compare(EDGE, EDGE, EDGE, events, rows), True, []),
        (compare(EDGE, EDGE, None, events, rows), True, []),
        (compare(EDGE, EDGE, other, events, rows), False, []),
        (compare(EDGE, other, None, events, rows), False, ["side: in is 0 in the lake, unknown at the edge"]),
        (compare(EDGE, EDGE, EDGE, events, rows[:1]), False, ["the lake has 1 of 2 events"]),
        (
            compare(EDGE, EDGE, EDGE, events, [*rows, rows[0]]),
            False,
            ["the lake has 1 events, or copies of some, that the edge did not write"],
        ),
    ]
    for found, equal, told in cases:
        assert (found["equal"], apart(found)) == (equal, told)
