"""What was decided, and why: every count has a decision behind it, and so has every count that was not made."""

from dataclasses import dataclass
from typing import Literal

from storeflow.contract.events import Censored, Direction
from storeflow.contract.geometry import Point

CountedReason = Literal["settled", "stitched", "vanished", "edge"]
RefusedReason = Literal["returned", "beside", "unsettled"]


@dataclass(frozen=True, slots=True)
class Crossing:
    """A person went over a line and settled on the other side."""

    line_id: str
    person_id: str
    object_class: str
    at: float
    """When the line was crossed, not when that was decided."""
    direction: Direction
    reason: CountedReason
    position: Point
    """Fractions of the frame."""
    u_turn_of: float | None = None
    """When the same person had crossed the other way before: the two net to nothing."""


@dataclass(frozen=True, slots=True)
class NoCrossing:
    """A person came over a line, or near, and it was not counted."""

    line_id: str
    person_id: str
    at: float
    reason: RefusedReason
    """`returned` before settling; passed `beside` the segment's end; `unsettled` when last seen."""


@dataclass(frozen=True, slots=True)
class VisitBegan:
    """A person came into a zone and stayed for its shortest visit."""

    zone_id: str
    person_id: str
    object_class: str
    at: float
    side: int | None


@dataclass(frozen=True, slots=True)
class VisitDwells:
    """A visitor has been inside for the zone's `min_dwell_seconds`."""

    zone_id: str
    person_id: str
    object_class: str
    at: float
    entered_at: float


@dataclass(frozen=True, slots=True)
class VisitEnded:
    """A visitor left a zone, or was lost inside it."""

    zone_id: str
    person_id: str
    object_class: str
    at: float
    side: int | None
    entered_at: float
    censored: Censored | None


@dataclass(frozen=True, slots=True)
class OccupancyChanged:
    """The number of visitors of a zone is another one now."""

    zone_id: str
    at: float
    occupancy: int


Decision = Crossing | NoCrossing | VisitBegan | VisitDwells | VisitEnded | OccupancyChanged
