import io
from typing import Any

import pytest
from rich.console import Console

from storeflow.cli.count.tables import mean, tables

WHOLE = {"entered_seconds": 1.0, "exited_seconds": 5.0, "dwell_seconds": 4.0, "staff": False}
CUT = {"entered_seconds": 0.0, "exited_seconds": 30.0, "dwell_seconds": 30.0, "censored": "start", "staff": False}
STAFF = {"entered_seconds": 0.0, "exited_seconds": 90.0, "dwell_seconds": 90.0, "staff": True}
SUMMARY: dict[str, Any] = {
    "lines": {
        "door": {
            "in": 9,
            "out": 8,
            "net_in": 7,
            "net_out": 6,
            "shopper_in": 5,
            "shopper_out": 4,
            "units_in": 3,
            "units_out": 2,
        }
    },
    "zones": {
        "aisle": {"visits": [WHOLE, CUT, STAFF], "most_at_once": 2},
        "till": {"visits": [CUT], "most_at_once": 1},
        "exit": {"visits": [], "most_at_once": 0},
    },
    "queues": {
        "tills": {
            "waits": [
                {"arrived_seconds": 0.0, "wait_seconds": 6.0, "outcome": "served"},
                {"arrived_seconds": 0.0, "wait_seconds": 50.0, "outcome": "served", "censored": "start"},
                {"arrived_seconds": 0.0, "wait_seconds": 70.0, "outcome": "abandoned"},
                {"arrived_seconds": 0.0, "wait_seconds": 80.0, "outcome": "lost", "censored": "end"},
                {"arrived_seconds": 0.0, "wait_seconds": 90.0, "outcome": "staff"},
            ],
            "max_length": 3,
        }
    },
    "areas": {"shop": {"occupancy": 12, "drift_bound": 2}},
}


def printed(summary: dict[str, Any]) -> list[list[str]]:
    """The cells of every row."""
    output = io.StringIO()
    console = Console(file=output, width=200)
    for table in tables(summary):
        console.print(table)
    return [line.split("  ") for line in _single_spaced(output.getvalue())]


def _single_spaced(text: str) -> list[str]:
    lines = []
    for line in text.splitlines():
        while "   " in line:
            line = line.replace("   ", "  ")  # noqa: PLW2901 - the same line, narrower
        lines.append(line.strip())
    return lines


def test_everything_that_the_layout_has_is_printed() -> None:
    assert printed(SUMMARY) == [
        ["line", "raw", "net", "shopper", "units"],
        ["door: in", "9", "7", "5", "3"],
        ["door: out", "8", "6", "4", "2"],
        ["zone", "visits", "whole", "mean dwell", "most at once"],
        ["aisle", "2", "1", "4.0 s", "2"],
        ["till", "1", "0", "at least 30.0 s", "1"],
        ["exit", "0", "0", "0"],
        ["queue", "waits", "served", "abandoned", "lost", "mean wait", "max length"],
        ["tills", "4", "2", "1", "1", "6.0 s", "3"],
        ["area", "inside at the end", "give or take"],
        ["shop", "12", "2"],
    ]


def test_nothing_is_printed_of_what_the_layout_has_not() -> None:
    assert printed({"lines": {}, "zones": {}}) == []


@pytest.mark.parametrize(
    ("stays", "told"),
    [([WHOLE, CUT], "4.0 s"), ([CUT, CUT], "at least 30.0 s"), ([], "")],
    ids=["some whole", "none whole", "none"],
)
def test_a_mean_is_of_what_was_seen_whole(stays: list[dict[str, Any]], told: str) -> None:
    assert mean(stays, "dwell_seconds") == told
