"""What every store event says of itself, whatever it is about."""

from datetime import UTC, datetime
from typing import ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

SCHEMA_VERSION = "1.1"
Direction = Literal["in", "out"]
Censored = Literal["start", "end", "both"]


class StoreEvent(BaseModel):
    """What every event says of itself."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    event_type: ClassVar[str]

    store_id: str
    captured_at: AwareDatetime
    """When it happened in front of the camera, UTC."""


class CameraEvent(StoreEvent):
    """An event of one camera."""

    camera_id: str


class DecidedEvent(CameraEvent):
    """An event that zone_analytics decided from the tracks of one camera and a layout."""

    config_version: int
    """`$version` of the layout twin that was in force."""
    model_version: str
    """Detector that saw it, `<name>@<first 12 of sha256>`."""


def instant(captured_at: float) -> datetime:
    """Seconds since the epoch as UTC, to the millisecond: what an event id is made of survives a round trip."""
    return datetime.fromtimestamp(round(captured_at, 3), UTC)
