"""How a camera itself fares."""

from typing import ClassVar, Literal

from pydantic import Field

from storeflow.contract.events.base import CameraEvent
from storeflow.contract.events.privacy import Impersonal
from storeflow.contract.instant import Instant

State = Literal["streaming", "ended", "failed"]
FailedReason = Literal["unreachable", "credentials", "no_frames", "frozen", "black", "unreadable"]


class CameraState(CameraEvent):
    """A camera began to be read, ended, or cannot be read."""

    event_type: ClassVar[str] = "storeflow.camera.state"

    state: Impersonal[State]
    """How the camera fares from now on: it is read, `ended`, or can't be read."""
    detail: Impersonal[str]
    """For the operator: the picture's size, or what went wrong; never a password."""
    reason: Impersonal[FailedReason | None] = None
    """Of `failed`: what went wrong; else absent."""
    clock_offset_ms: Impersonal[int | None] = None
    """Of a live camera's `streaming`: milliseconds by which `captured_at` is ahead of the device's clock. 0 unless that
    clock was set back by up to a minute while the module ran."""


class CameraCoverage(CameraEvent):
    """How much of a quarter of an hour a camera was looked at; in pieces where its stream ended in between."""

    event_type: ClassVar[str] = "storeflow.camera.coverage"

    window_start: Impersonal[Instant]
    """When the quarter of an hour began. UTC."""
    window_end: Impersonal[Instant]
    """When it ended. UTC."""
    observed_seconds: Impersonal[float] = Field(ge=0)
    """How many seconds of the window somebody looked: time between two frames that are at most 1 s apart."""
    frames_analysed: Impersonal[int] = Field(ge=1)
    """How many frames in the window inference looked at."""
    frames_missed: Impersonal[int] = Field(ge=0)
    """How many frames video_capture had sampled and inference never looked at: the engine was too slow, or away. Time
    between two analysed frames is observed nevertheless, if they are near enough."""
    longest_gap_seconds: Impersonal[float] = Field(ge=0)
    """The longest time between two analysed frames, in seconds, as far as it lies in the window; also over the end of
    a stream."""
