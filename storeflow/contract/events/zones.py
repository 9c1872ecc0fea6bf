"""What happens in a zone."""

from typing import ClassVar

from pydantic import Field

from storeflow.contract.events.base import Censored, DecidedEvent, PersonEvent
from storeflow.contract.events.privacy import Impersonal, Personal
from storeflow.contract.instant import Instant


class ZoneEntered(PersonEvent):
    """A visit to a zone began."""

    event_type: ClassVar[str] = "storeflow.zone.entered"
    importance: ClassVar[int] = 1

    zone_id: Impersonal[str]
    """The zone, by its name in the layout."""
    object_class: Impersonal[str]
    """What was seen: `person`, or a label of the vehicle detector such as `car`."""
    side: Personal[int | None] = Field(default=None, ge=0)
    """Number of the polygon's edge that was crossed: 0 is the one from its first to its second corner. Absent when the
    person was first seen inside."""
    staff: Personal[bool] = False
    """Whether the visitor was known by then to work here."""


class ZoneExited(PersonEvent):
    """A visit to a zone ended."""

    event_type: ClassVar[str] = "storeflow.zone.exited"

    zone_id: Impersonal[str]
    """The zone, by its name in the layout."""
    object_class: Impersonal[str]
    """What was seen: `person`, or a label of the vehicle detector such as `car`."""
    side: Personal[int | None] = Field(default=None, ge=0)
    """Number of the edge that was crossed on the way out; absent when the person vanished inside."""
    entered_at: Personal[Instant]
    """When the visit began; with `track_id` and `zone_id` it leads back to `storeflow.zone.entered`. UTC."""
    dwell_seconds: Personal[float] = Field(ge=0)
    """Seconds from `entered_at` to `captured_at`, to a millisecond."""
    censored: Impersonal[Censored | None] = None
    """Which end of the visit was not seen; absent when both were. The dwell is then a lower bound."""
    staff: Personal[bool] = False
    """Whether the visitor turned out to work here, at any time of the visit."""


class ZoneDwelling(PersonEvent):
    """A visitor has stayed for the zone's `min_dwell_seconds`, or for one more `dwell_interval_seconds`."""

    event_type: ClassVar[str] = "storeflow.zone.dwelling"
    importance: ClassVar[int] = 0

    zone_id: Impersonal[str]
    """The zone, by its name in the layout."""
    object_class: Impersonal[str]
    """What was seen: `person`, or a label of the vehicle detector such as `car`."""
    entered_at: Personal[Instant]
    """When the visit began; with `track_id` and `zone_id` it leads back to `storeflow.zone.entered`. UTC."""
    dwell_seconds: Personal[float] = Field(ge=0)
    """Seconds from `entered_at` to `captured_at`, to a millisecond."""
    staff: Personal[bool] = False
    """Whether the visitor was known by then to work here."""


class ZoneOccupancy(DecidedEvent):
    """The number of visitors of a zone changed, or is sent again after `occupancy_interval_seconds`."""

    event_type: ClassVar[str] = "storeflow.zone.occupancy"
    importance: ClassVar[int] = 0

    zone_id: Impersonal[str]
    """The zone, by its name in the layout."""
    occupancy: Impersonal[int] = Field(ge=0)
    """How many visitors are inside from now on, without those who work here, until the next such event."""
