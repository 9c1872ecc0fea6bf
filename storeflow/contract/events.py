"""What storeflow says happened: the data of every store event. The catalogue for readers is docs/events.md.

An event is a decision, not an observation; a crossing's `reason` says by which rule it was made. Readers ignore fields
they don't know; a new field is a new minor version of the schema, a changed meaning a new event type.
"""

from datetime import UTC, datetime
from typing import ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from storeflow.contract.geometry import Point

SCHEMA_VERSION = "1.0"
Direction = Literal["in", "out"]
Censored = Literal["start", "end", "both"]


class StoreEvent(BaseModel):
    """What every event says of itself."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    event_type: ClassVar[str]

    store_id: str
    camera_id: str
    captured_at: AwareDatetime
    """When it happened in front of the camera, UTC."""


class DecidedEvent(StoreEvent):
    """An event that zone_analytics decided from tracks and a layout."""

    config_version: int
    """`$version` of the layout twin that was in force."""
    model_version: str
    """Detector that saw it, `<name>@<first 12 of sha256>`."""


class LineCrossed(DecidedEvent):
    """A person went from one side of a line to the other and settled there."""

    event_type: ClassVar[str] = "storeflow.line.crossed"

    line_id: str
    direction: Direction
    track_id: str
    """Pseudonymous: it tells two people of one visit apart and nothing more."""
    object_class: str
    reason: Literal["settled", "stitched", "vanished", "edge"]
    """`settled` on the far side; `stitched`: over a change of track; `vanished`: last seen beyond, walking on;
    `edge`: crossed beyond view, at the frame's edge."""
    position: Point
    """Where the line was crossed."""


class LineUTurn(DecidedEvent):
    """A person who crossed came back over the same line before leaving view: both crossings net to nothing."""

    event_type: ClassVar[str] = "storeflow.line.u_turn"

    line_id: str
    direction: Direction
    """Of the first of the two crossings."""
    track_id: str
    first_crossing_id: str
    """Event id of the crossing that was taken back."""
    second_crossing_id: str
    seconds_between: float


class ZoneEntered(DecidedEvent):
    """A visit to a zone began."""

    event_type: ClassVar[str] = "storeflow.zone.entered"

    zone_id: str
    track_id: str
    object_class: str
    side: int | None = None
    """Index of the polygon's edge that was crossed, 0 = from the first point to the second; none when the
    person appeared inside."""


class ZoneExited(DecidedEvent):
    """A visit to a zone ended."""

    event_type: ClassVar[str] = "storeflow.zone.exited"

    zone_id: str
    track_id: str
    object_class: str
    side: int | None = None
    """Index of the polygon's edge that was crossed; none when the person vanished inside."""
    entered_at: AwareDatetime
    dwell_seconds: float = Field(ge=0)
    censored: Censored | None = None
    """Which end of the visit the camera or the track cut short: the dwell is then a lower bound."""


class ZoneDwelling(DecidedEvent):
    """A visitor has stayed for the zone's `min_dwell_seconds` and is still inside."""

    event_type: ClassVar[str] = "storeflow.zone.dwelling"

    zone_id: str
    track_id: str
    object_class: str
    entered_at: AwareDatetime
    dwell_seconds: float = Field(ge=0)


class ZoneOccupancy(DecidedEvent):
    """The number of people in a zone changed."""

    event_type: ClassVar[str] = "storeflow.zone.occupancy"

    zone_id: str
    occupancy: int = Field(ge=0)


class CameraState(StoreEvent):
    """A camera began to be read, ended, or cannot be read."""

    event_type: ClassVar[str] = "storeflow.camera.state"

    state: Literal["streaming", "ended", "failed"]
    detail: str
    """What an operator needs to know; never a URL with credentials."""
    reason: Literal["unreachable", "credentials", "no_frames", "frozen", "black", "unreadable"] | None = None
    """Why it failed."""
    clock_offset_ms: int | None = None
    """Of a live camera that streams: how far `captured_at` is ahead of the device's clock."""


EVENT_MODELS: dict[str, type[StoreEvent]] = {
    model.event_type: model
    for model in (
        LineCrossed,
        LineUTurn,
        ZoneEntered,
        ZoneExited,
        ZoneDwelling,
        ZoneOccupancy,
        CameraState,
    )
}


def instant(captured_at: float) -> datetime:
    """Seconds since the epoch as UTC, to the millisecond: what an event id is made of survives a round trip."""
    return datetime.fromtimestamp(round(captured_at, 3), UTC)
