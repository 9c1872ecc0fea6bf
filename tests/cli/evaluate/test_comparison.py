from collections.abc import Callable
from typing import Any

from modules.zone_analytics.decisions import NoCrossing
from storeflow.cli.count.play import Played
from storeflow.cli.evaluate.comparison import differences, evaluation
from storeflow.cli.evaluate.report import page
from storeflow.cli.evaluate.truth import TrueCrossing, TrueLine, TrueVisit, Truth
from storeflow.contract.twins import Layout


def test_crossings_are_paired_by_direction_and_time_the_nearest_first(crossing: Callable[..., Any]) -> None:
    decisions = [crossing(1.2, "in"), crossing(1.9, "in"), crossing(5.0, "out"), crossing(9.0, "in")]
    truth = [TrueCrossing(2.0, "in"), TrueCrossing(1.0, "in"), TrueCrossing(5.0, "in")]
    found = differences("door", decisions, truth)
    assert [true.at for true, _ in found.missed] == [5.0]
    assert [extra.at for extra in found.extra] == [5.0, 9.0]


def test_one_crossing_that_was_counted_is_no_two_true_ones(crossing: Callable[..., Any]) -> None:
    found = differences("door", [crossing(1.5, "in")], [TrueCrossing(1.0, "in"), TrueCrossing(2.0, "in")])
    assert [true.at for true, _ in found.missed] == [2.0]


def test_a_missed_crossing_comes_with_the_decisions_near_it_about_the_same_line(crossing: Callable[..., Any]) -> None:
    decisions = [
        NoCrossing("door", "7", 4.0, "returned"),
        NoCrossing("exit", "8", 4.5, "beside"),
        crossing(50.0, "in"),
    ]
    found = differences("door", decisions, [TrueCrossing(5.0, "in")])
    assert found.missed[0][1] == ["4.00 s, person 7: not counted: returned"]


def test_an_evaluation_tells_the_errors_of_lines_zones_and_people(
    layout: Layout, crossing: Callable[..., Any], visit: Callable[..., Any], events_of: Callable[..., Any]
) -> None:
    decisions = [crossing(1.0, "in"), crossing(3.0, "in", "2"), visit(1.0, 6.0)]
    played = Played(
        layout, events=events_of(*decisions), decisions=decisions, in_view=[(0.0, 1), (1.0, 2)],
        people_seen={"1", "2"}, frames=2, model="m@1",
    )  # fmt: skip
    truth = Truth(
        layout,
        lines={"door": TrueLine(1, 1, (TrueCrossing(1.1, "in"), TrueCrossing(8.0, "out")), geometric=(2, 1))},
        zones={"aisle": (TrueVisit(1.0, 5.0), TrueVisit(4.0, 6.0))},
        people=3,
        in_view_by_second=(1, 1),
    )
    result = evaluation(played, truth)
    line = result["lines"]["door"]
    assert {name: line[name] for name in ("truth_in", "in", "error_in", "truth_out", "out", "error_out")} == {
        "truth_in": 1, "in": 2, "error_in": 1, "truth_out": 1, "out": 0, "error_out": -1,
    }  # fmt: skip
    assert (line["missed"], line["extra"], line["geometric"]) == (1, 1, {"in": 2, "out": 1})
    assert result["zones"]["aisle"] == {
        "truth_visits": 2, "visits": 1, "error_visits": -1, "truth_dwell_seconds": 6.0, "dwell_seconds": 5.0,
        "truth_most_at_once": 2, "most_at_once": 1,
    }  # fmt: skip
    assert result["people"] == {"truth": 3, "seen": 2}
    assert result["in_view"] == {"seconds": 2, "truth_mean": 1.0, "mean": 1.5, "mean_absolute_error": 0.5}
    html = page("clip <1>", result, played, truth)
    assert "clip &lt;1&gt;" in html
    assert "missed: out at 8.00 s" in html
    assert "3.00 s, person 2: counted in: settled" in html
