import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modules.zone_analytics.decisions import AreaCounted, Origin, VisitEnded, WaitEnded, WindowCovered
from modules.zone_analytics.store_events import to_events
from storeflow.cli.count.summary import summarise
from storeflow.contract.twins import Layout, read_section

SQUARE = [[0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]]
LAYOUT: Layout = read_section(
    "layout",
    {
        "lines": {"door": {"start": [0.1, 0.5], "end": [0.9, 0.5]}},
        "zones": {"aisle": {"polygon": SQUARE}},
        "queues": {"till": {"polygon": SQUARE, "service": SQUARE}},
        "areas": {"shop": {"lines": {"door": "in"}}},
    },
)
TYPES: dict[str, type | tuple[type, ...]] = {
    "UTC time": str,
    "whole number": int,
    "seconds": (int, float),
    "share": float,
    "yes or no": bool,
    "code": str,
    "text": str,
    "list": list,
    "object": dict,
}


@pytest.fixture(scope="module")
def summary() -> dict[str, Any]:
    """A summary with everything in it that there can be."""
    decisions = (
        VisitEnded("aisle", "1", "person", 5.0, None, 1.0, "start"),
        WaitEnded("till", "2", 9.0, "served", 3.0, "both"),
        AreaCounted("shop", 1.0, 4, 1, 4, 0, 0.0, 0.0, "crossing", "1"),
        WindowCovered(60.0, 0.0, 900.0, 30.0, 10, 0, 5.0),
    )
    origin = Origin("//h/d/camera", "store", "camera", 1, "m@1")
    events = [event for one in decisions for event in to_events(one, origin)]
    return summarise(events, LAYOUT, starts_at=0.0, frames=10, model_version="m@1", config_version=1)


def fields(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every field, by its path; names of the layout are ID, and items of a list have the list's."""
    if isinstance(value, list):
        for item in value:
            yield from fields(item, path)
    elif isinstance(value, dict):
        for name, inner in value.items():
            here = ".".join(filter(None, (path, "ID" if path in {"lines", "zones", "queues", "areas"} else name)))
            yield here, inner
            yield from fields(inner, here)


def test_every_field_is_described_and_none_that_there_is_not(
    summary: dict[str, Any], repository: Path, tables: Callable[[str], list[list[dict[str, str]]]]
) -> None:
    (rows,) = tables((repository / "docs" / "summary.md").read_text())
    described = {name: row["type"] for row in rows for name in re.findall(r"`([^`]+)`", row["field"])}
    there = {name: value for name, value in fields(summary) if not name.endswith("ID")}
    assert described.keys() == there.keys() - {"lines", "zones"}
    for name, kind in described.items():
        assert isinstance(there[name], TYPES[kind]), name


def test_what_is_absent_is_absent() -> None:
    bare = summarise([], Layout(), starts_at=0.0, frames=0, model_version="", config_version=1)
    assert {"queues", "areas", "coverage"} & bare.keys() == set()
