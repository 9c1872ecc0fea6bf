"""Where pictures come from: the port that a camera thread reads, and nothing more."""

from collections.abc import Generator
from typing import NamedTuple, Protocol

from storeflow.frames.i420 import Planes


class Picture(NamedTuple):
    """One decoded picture, as large as the camera made it."""

    seconds: float
    """Film time since the first picture; every picture's is greater than the one's before it."""
    width: int
    height: int
    planes: Planes
    """Limited-range YUV 4:2:0, good until the next picture is asked for. Colours of an odd width or height have
    one column or row more than half of it."""


class Source(Protocol):
    """A clip, a drawn picture or a camera."""

    def pictures(self) -> Generator[Picture, None, None]:
        """All pictures in order of time; the source is closed when the iterator ends or is closed.

        Raises:
            SourceError: it cannot be opened or read, or breaks off.
        """
