"""How many are in a part of the store that is counted at its doors."""

from typing import ClassVar, Literal

from pydantic import Field

from storeflow.contract.events.base import StoreEvent
from storeflow.contract.events.privacy import Impersonal
from storeflow.contract.instant import Instant


class AreaOccupancy(StoreEvent):
    """How many people are in an area, by what was counted at its lines, and how far that may be off."""

    event_type: ClassVar[str] = "storeflow.area.occupancy"
    importance: ClassVar[int] = 0

    config_version: Impersonal[int]
    """`$version` of the layout that was in force: which line, drawn where."""
    area_id: Impersonal[str]
    """The area, by its name in the layout."""
    occupancy: Impersonal[int] = Field(ge=0)
    """How many people are inside from now on, also those who work here, until the next such event; never below 0."""
    drift_bound: Impersonal[int] = Field(ge=0)
    """How many people too many or too few that may be: an estimate."""
    crossings: Impersonal[int] = Field(ge=0)
    """How many were counted at the area's lines since `began_at`, in and out."""
    clamped: Impersonal[int] = Field(ge=0)
    """How many went out since `began_at` who had not been counted in: the occupancy stayed at 0."""
    unseen_seconds: Impersonal[float] = Field(ge=0)
    """How many seconds since `began_at` the area's cameras did not look, added up over them: pieces of more than 1 s
    without a frame of one camera, and from the end of its stream to its next frame."""
    began_at: Impersonal[Instant]
    """When the count last began at 0, by `captured_at`. UTC."""
    cause: Impersonal[Literal["start", "crossing", "gap", "reset"]]
    """What happened: `start` of counting; `crossing` of a line; `gap`: a camera looks again after it had not; `reset`:
    the count begins anew, once a day."""
