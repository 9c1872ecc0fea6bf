"""How many are in a part of the store that is counted at its doors."""

from typing import ClassVar, Literal

from pydantic import AwareDatetime, Field

from storeflow.contract.events.base import StoreEvent


class AreaOccupancy(StoreEvent):
    """How many people are in an area, by what was counted at its lines, and how far that may be off."""

    event_type: ClassVar[str] = "storeflow.area.occupancy"

    config_version: int
    """`$version` of the layout twin that was in force."""
    area_id: str
    occupancy: int = Field(ge=0)
    drift_bound: int = Field(ge=0)
    """By how much the occupancy may be off, one way or the other: an estimate, docs/events.md says of what."""
    crossings: int = Field(ge=0)
    """Counted at the area's lines, both ways, since `reset_at`."""
    clamped: int = Field(ge=0)
    """How often someone went out who had not been counted in, since `reset_at`."""
    unseen_seconds: float = Field(ge=0)
    """How long the area's cameras were not looking since `reset_at`, added up over them."""
    reset_at: AwareDatetime
    """When the count last began at 0."""
    cause: Literal["start", "crossing", "gap", "reset"]
    """`start` of counting; `crossing` of a line; `gap`: a camera looks again after it had not; the daily `reset`."""
