"""Where pictures come from: the port that a camera thread reads, and nothing more."""

from collections.abc import Generator
from typing import ClassVar, NamedTuple, Protocol

from storeflow.frames.i420 import Planes


class ClockState(NamedTuple):
    """How a live camera's times lie to this device's clock."""

    jumps: int = 0
    """How often that clock was set, as far as the times show."""
    ahead_seconds: float = 0.0
    """The times are so far ahead of it."""
    camera_ahead_seconds: float | None = None
    """The camera's own clock is so far ahead of it, if it says so; its times are not used."""


class Picture(NamedTuple):
    """One decoded picture, as large as the camera made it."""

    seconds: float
    """Of a clip: film time since the first picture. Of a live camera: when it was taken, since the epoch. Every
    picture's is greater than the one's before it."""
    width: int
    height: int
    planes: Planes
    """Limited-range YUV 4:2:0, good until the next picture is asked for. Colours of an odd width or height have
    one column or row more than half of it."""
    clock: ClockState = ClockState()
    """Of a live camera, as of this picture."""


class Source(Protocol):
    """A clip, a drawn picture or a camera."""

    live: ClassVar[bool]
    """It shows the present: its pictures are due when they come, and it may be opened again after it broke off."""
    codec: str
    """How its pictures are coded, as ffmpeg calls it; empty until it was opened, and where none are."""

    def pictures(self) -> Generator[Picture, None, None]:
        """All pictures in order of time; the source is closed when the iterator ends or is closed.

        Raises:
            SourceError: it cannot be opened or read, or breaks off.
        """
