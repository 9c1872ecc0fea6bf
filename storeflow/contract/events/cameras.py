"""How a camera itself fares."""

from typing import ClassVar, Literal

from pydantic import AwareDatetime, Field

from storeflow.contract.events.base import CameraEvent


class CameraState(CameraEvent):
    """A camera began to be read, ended, or cannot be read."""

    event_type: ClassVar[str] = "storeflow.camera.state"

    state: Literal["streaming", "ended", "failed"]
    detail: str
    """What an operator needs to know; never a URL with credentials."""
    reason: Literal["unreachable", "credentials", "no_frames", "frozen", "black", "unreadable"] | None = None
    """Why it failed."""
    clock_offset_ms: int | None = None
    """Of a live camera that streams: how far `captured_at` is ahead of the device's clock."""


class CameraCoverage(CameraEvent):
    """How much of a quarter of an hour a camera was looked at. Told in pieces where its stream ended in between."""

    event_type: ClassVar[str] = "storeflow.camera.coverage"

    window_start: AwareDatetime
    window_end: AwareDatetime
    observed_seconds: float = Field(ge=0)
    """Time between frames that follow each other closely. Those of the pieces of one window add up."""
    frames_analysed: int = Field(ge=1)
    frames_missed: int = Field(ge=0)
    """Sampled by the camera, and never looked at: the engine was too slow, or away."""
    longest_gap_seconds: float = Field(ge=0)
    """The longest time between two frames, as far as it lies in the window."""
