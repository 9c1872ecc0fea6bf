"""What happens in a zone."""

from typing import ClassVar

from pydantic import AwareDatetime, Field

from storeflow.contract.events.base import Censored, DecidedEvent


class ZoneEntered(DecidedEvent):
    """A visit to a zone began."""

    event_type: ClassVar[str] = "storeflow.zone.entered"

    zone_id: str
    track_id: str
    object_class: str
    side: int | None = None
    """Index of the polygon's edge that was crossed, 0 = from the first point to the second; none when the
    person appeared inside."""
    staff: bool = False
    """Whether the visitor was known by then to work here."""


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
    staff: bool = False
    """Whether the visitor was known by then to work here."""


class ZoneDwelling(DecidedEvent):
    """A visitor has stayed for the zone's `min_dwell_seconds`, or for one more `dwell_interval_seconds`."""

    event_type: ClassVar[str] = "storeflow.zone.dwelling"

    zone_id: str
    track_id: str
    object_class: str
    entered_at: AwareDatetime
    dwell_seconds: float = Field(ge=0)
    staff: bool = False
    """Whether the visitor was known by then to work here."""


class ZoneOccupancy(DecidedEvent):
    """The number of visitors of a zone changed, or is told again after `occupancy_interval_seconds`."""

    event_type: ClassVar[str] = "storeflow.zone.occupancy"

    zone_id: str
    occupancy: int = Field(ge=0)
