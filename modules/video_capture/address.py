"""What a camera's url names."""

from pathlib import Path, PurePosixPath

from modules.video_capture import pattern_source
from modules.video_capture.file_source import FileSource
from modules.video_capture.pattern_source import PatternSource
from modules.video_capture.source import Source


def fault(url: str) -> str | None:
    """What is wrong with a camera's url here; none if nothing is. Nothing is opened."""
    scheme, _, name = url.partition(":")
    if scheme == "pattern":
        return None if name in pattern_source.NAMES else f"there is no pattern {name!r}, only {_listed_patterns()}"
    if scheme != "file":
        return f"scheme {scheme!r} is not one of file, pattern"
    path = PurePosixPath(name)
    if not name.isprintable() or not path.parts:
        return "file: wants the name of a clip in the media folder"
    if path.is_absolute() or ".." in path.parts:
        return f"{name!r} leads out of the media folder: file: wants a name or a path inside it"
    return None


def source(url: str, media_folder: Path) -> Source:
    """The source behind a url that has no `fault`; it is opened when its pictures are asked for."""
    scheme, _, name = url.partition(":")
    return PatternSource() if scheme == "pattern" else FileSource(media_folder, name)


def _listed_patterns() -> str:
    return ", ".join(pattern_source.NAMES)
