"""The source that a camera's url names."""

from collections.abc import Callable
from pathlib import Path

from modules.video_capture.file_source import FileSource
from modules.video_capture.live_time import LiveTime
from modules.video_capture.pattern_source import PatternSource
from modules.video_capture.rtsp_source import RtspSource
from modules.video_capture.source import Source
from storeflow.contract.twins import Camera


class Sources:
    """Finds the source behind a camera's settings, for as long as the module lives.

    Args:
        media_folder: of clips.
        clock: seconds since the epoch.
    """

    def __init__(self, media_folder: Path, clock: Callable[[], float]) -> None:
        self._media_folder, self._clock = media_folder, clock
        self._times: dict[str, LiveTime] = {}

    def of(self, camera_id: str, camera: Camera) -> Source:
        """The source behind a camera; it is opened when its pictures are asked for."""
        scheme, _, name = camera.url.partition(":")
        if scheme == "pattern":
            return PatternSource()
        if scheme == "file":
            return FileSource(self._media_folder, name)
        # A camera's time goes on when its settings change.
        return RtspSource(camera, self._times.setdefault(camera_id, LiveTime()), self._clock)
