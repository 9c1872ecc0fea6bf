"""Events and summaries as a test wants them."""

from collections.abc import Callable

import pytest

from modules.zone_analytics.decisions import Crossing, Decision, Origin, VisitEnded
from modules.zone_analytics.store_events import to_events
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import Censored
from storeflow.contract.geometry import Point
from storeflow.contract.twins import Layout, read_section

ORIGIN = Origin("//localhost/this-machine/camera", "store", "camera", 1, "m@1")


@pytest.fixture
def layout() -> Layout:
    """One line `door`, one zone `aisle`."""
    lines = {"door": {"start": [0.1, 0.5], "end": [0.9, 0.5]}}
    zones = {"aisle": {"polygon": [[0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]]}}
    value: Layout = read_section("layout", {"lines": lines, "zones": zones})
    return value


@pytest.fixture
def crossing() -> Callable[..., Crossing]:
    """`crossing(at, direction, person, u_turn_of=None)` over the line `door`."""

    def make(at: float, direction: str, person: str = "1", u_turn_of: float | None = None) -> Crossing:
        way = "in" if direction == "in" else "out"
        return Crossing("door", person, "person", at, way, "settled", Point(0.5, 0.5), u_turn_of)  # type: ignore[arg-type]

    return make


@pytest.fixture
def visit() -> Callable[..., VisitEnded]:
    """`visit(entered_at, exited_at, person="1", censored=None, staff=False)` of the zone `aisle`."""

    def make(
        start: float, end: float, person: str = "1", censored: Censored | None = None, *, staff: bool = False
    ) -> VisitEnded:
        return VisitEnded("aisle", person, "person", end, None, start, censored, staff)

    return make


@pytest.fixture
def events_of() -> Callable[..., list[CloudEvent]]:
    """The events of decisions."""

    def make(*decisions: Decision) -> list[CloudEvent]:
        return [event for decision in decisions for event in to_events(decision, ORIGIN)]

    return make
