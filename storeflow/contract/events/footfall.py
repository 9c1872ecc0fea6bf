"""Footfall as a sum, made on the device, for lines whose single crossings need not leave the store."""

from typing import ClassVar, Literal

from pydantic import Field

from storeflow.contract.events.base import CameraEvent
from storeflow.contract.events.privacy import Impersonal
from storeflow.contract.instant import Instant

RevisionReason = Literal["late_events", "u_turn", "staff_recognised", "coverage"]


class FootfallWindow(CameraEvent):
    """How many crossed a line in a quarter of an hour; the highest `revision` of a window replaces the others."""

    event_type: ClassVar[str] = "storeflow.footfall.window"

    config_version: Impersonal[int]
    """`$version` of the layout that was in force: which line, drawn where."""
    line_id: Impersonal[str]
    """The line, by its name in the layout."""
    object_class: Impersonal[str]
    """What was seen: `person`, or a label of the vehicle detector such as `car`; `vehicle` where a line for vehicles of
    any kind saw none."""
    window_start: Impersonal[Instant]
    """When the quarter of an hour began. UTC."""
    window_end: Impersonal[Instant]
    """When it ended. UTC."""
    in_raw: Impersonal[int] = Field(ge=0)
    """How many crossings in."""
    in_net: Impersonal[int] = Field(ge=0)
    """How many of these, without both crossings of every U-turn."""
    in_shopper: Impersonal[int] = Field(ge=0)
    """How many of these, without those of who works here."""
    in_units: Impersonal[int] = Field(ge=0)
    """How many of these, as singles and groups."""
    out_raw: Impersonal[int] = Field(ge=0)
    """How many crossings out."""
    out_net: Impersonal[int] = Field(ge=0)
    """How many of these, without both crossings of every U-turn."""
    out_shopper: Impersonal[int] = Field(ge=0)
    """How many of these, without those of who works here."""
    out_units: Impersonal[int] = Field(ge=0)
    """How many of these, as singles and groups."""
    observed_seconds: Impersonal[float] = Field(ge=0)
    """How many seconds of the window somebody looked: the camera's, the same for each of its lines."""
    revision: Impersonal[int] = Field(ge=0)
    """Number of the correction: 0 when the window is first sent, one more with every correction."""
    reason: Impersonal[RevisionReason | None] = None
    """Of a correction: what came first that made it necessary; else absent."""
    details_sent: Impersonal[bool]
    """Whether the crossings themselves are sent to where this event is sent, too."""
