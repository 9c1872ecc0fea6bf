"""What a camera's url names."""

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from modules.video_capture import pattern_source
from modules.video_capture.file_source import FileSource
from modules.video_capture.live_time import LiveTime
from modules.video_capture.pattern_source import PatternSource
from modules.video_capture.rtsp_source import RtspSource
from modules.video_capture.source import Source
from storeflow.contract.twins import Camera

_LIVE = ("rtsp", "rtsps")
_PASSWORD = re.compile(r"(?i)(?:password|passwd|pass|pwd)=[^&/]")


def fault(url: str) -> str | None:
    """What is wrong with a camera's url here; none if nothing is. Nothing is opened."""
    scheme, _, name = url.partition(":")
    if scheme == "pattern":
        return None if name in pattern_source.NAMES else f"there is no pattern {name!r}, only {_listed_patterns()}"
    if scheme in _LIVE:
        return _fault_of_live(url)
    if scheme != "file":
        return f"scheme {scheme!r} is not one of file, pattern, {', '.join(_LIVE)}"
    path = PurePosixPath(name)
    if not name.isprintable() or not path.parts:
        return "file: wants the name of a clip in the media folder"
    if path.is_absolute() or ".." in path.parts:
        return f"{name!r} leads out of the media folder: file: wants a name or a path inside it"
    return None


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
        """The source behind a url that has no `fault`; it is opened when its pictures are asked for."""
        scheme, _, name = camera.url.partition(":")
        if scheme == "pattern":
            return PatternSource()
        if scheme == "file":
            return FileSource(self._media_folder, name)
        # A camera's time goes on when its settings change.
        return RtspSource(camera, self._times.setdefault(camera_id, LiveTime()), self._clock)


def _fault_of_live(url: str) -> str | None:
    wanted = "wants rtsp://host/path or rtsp://host:port/path"
    try:
        parts = urlsplit(url)
        if not parts.hostname or parts.port == 0 or not url.isprintable() or " " in url:
            return wanted
    except ValueError:  # the port is no number, or too large
        return wanted
    if _PASSWORD.search(url):
        return "has a password in it: put user:password into a secret and name that in credentials_ref"
    return None


def _listed_patterns() -> str:
    return ", ".join(pattern_source.NAMES)
