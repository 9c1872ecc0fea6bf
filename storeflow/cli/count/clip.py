"""One clip, and how it is looked at."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from storeflow.cli.text import MAX_FPS
from storeflow.errors import SourceError

CAMERA_ID = "camera"
CLIP_STARTS_AT = datetime(1970, 1, 1, tzinfo=UTC)
"""A clip has no clock: its events are dated by seconds from its first frame, on the first day that a clock knows."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip as somebody asks for it; whether there is such a file is not looked at."""

    video: Path
    fps: float = MAX_FPS
    """Frames per second to analyse at most."""
    starts_at: datetime = CLIP_STARTS_AT
    """`captured_at` of the first frame."""
    camera_id: str = CAMERA_ID
    """What events call the camera."""


def existing_clip(video: Path) -> Path:
    """The file that a clip's name leads to.

    Raises:
        SourceError: there is none.
    """
    if not video.is_file():
        raise SourceError(f"no such clip: {video}")
    return video.resolve()
