"""What was decided, and why: every count has a decision behind it, and so has every count that was not made."""

from dataclasses import dataclass
from typing import Literal

from storeflow.contract.events import Censored, Direction, QueueOutcome
from storeflow.contract.geometry import Point

SHORTEST_STEP_SECONDS = 0.001
"""Between two moments: events give time to the millisecond, and their ids are made of it."""
AreaCause = Literal["start", "crossing", "gap", "reset"]
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
    staff: bool = False
    group_id: str | None = None
    buying_unit: bool = True
    """Whether the person came alone, or first of a group."""


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
    staff: bool = False


@dataclass(frozen=True, slots=True)
class VisitDwells:
    """A visitor has been inside for the zone's `min_dwell_seconds`, or for one more `dwell_interval_seconds`."""

    zone_id: str
    person_id: str
    object_class: str
    at: float
    entered_at: float
    staff: bool = False


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
    staff: bool = False
    frames: int = 0
    """In how many the visitor was seen inside."""


@dataclass(frozen=True, slots=True)
class OccupancyChanged:
    """The number of visitors of a zone changed, or is due again."""

    zone_id: str
    at: float
    occupancy: int
    visitors: tuple[str, ...] = ()
    """Who they are, by person."""


@dataclass(frozen=True, slots=True)
class StaffRecognised:
    """A person turned out to work here."""

    person_id: str
    zone_id: str
    """Where."""
    at: float
    crossings: tuple[tuple[str, float], ...]
    """Line and time of those of this person that were emitted before."""


@dataclass(frozen=True, slots=True)
class WaitBegan:
    """A person waits, and has done so for the queue's shortest wait."""

    queue_id: str
    person_id: str
    at: float


@dataclass(frozen=True, slots=True)
class WaitEnded:
    """A person who waited is served, has gone, or was lost."""

    queue_id: str
    person_id: str
    at: float
    outcome: QueueOutcome
    arrived_at: float
    censored: Censored | None


@dataclass(frozen=True, slots=True)
class QueueChanged:
    """Another number of people wait, or are being served."""

    queue_id: str
    at: float
    length: int
    being_served: int
    longest_wait_seconds: float | None


@dataclass(frozen=True, slots=True)
class AreaCounted:
    """How many are in an area, by its lines."""

    area_id: str
    at: float
    occupancy: int
    drift_bound: int
    crossings: int
    clamped: int
    unseen_seconds: float
    reset_at: float
    cause: AreaCause
    what: str
    """The crossing, camera or day behind it: makes the event's id one of its own."""


@dataclass(frozen=True, slots=True)
class WindowCovered:
    """How much of a quarter of an hour was looked at, or of a piece of it."""

    at: float
    """Of the last frame in it."""
    start: float
    end: float
    observed_seconds: float
    frames_analysed: int
    frames_missed: int
    longest_gap_seconds: float


Decision = (
    Crossing
    | NoCrossing
    | VisitBegan
    | VisitDwells
    | VisitEnded
    | OccupancyChanged
    | StaffRecognised
    | WaitBegan
    | WaitEnded
    | QueueChanged
    | AreaCounted
    | WindowCovered
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where decisions come from: what every event of one camera, or of all areas, says."""

    source: str
    store_id: str
    camera_id: str
    config_version: int
    model_version: str


def next_free_moment(at: float, taken: float | None) -> float:
    """`at`; or the next moment, where that is `taken` by another number: two of one moment would contradict."""
    if taken is None or at - taken >= SHORTEST_STEP_SECONDS:
        return at
    return taken + SHORTEST_STEP_SECONDS
