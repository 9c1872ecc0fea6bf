"""The source that a camera's url names."""

from collections.abc import Callable
from pathlib import Path

from modules.video_capture.file_source import FileSource
from modules.video_capture.live_time import LiveTime
from modules.video_capture.pattern_source import PatternSource
from modules.video_capture.rtsp_source import RtspSource
from modules.video_capture.source import Source
from storeflow.contract.twins import Camera


def source_of(camera: Camera, media_folder: Path, live_time: LiveTime, clock: Callable[[], float]) -> Source:
    """The source behind a camera's settings; it is opened when its pictures are asked for.

    Args:
        camera: its settings.
        media_folder: of clips.
        live_time: dates the pictures of a live camera; the same one again when the camera's settings change.
        clock: seconds since the epoch.
    """
    scheme, _, name = camera.url.partition(":")
    if scheme == "pattern":
        return PatternSource()
    if scheme == "file":
        return FileSource(media_folder, name)
    return RtspSource(camera, live_time, clock)
