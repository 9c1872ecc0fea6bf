from pathlib import Path

import pytest

from modules.video_capture import address
from modules.video_capture.file_source import FileSource
from modules.video_capture.pattern_source import PatternSource


@pytest.mark.parametrize("url", ["file:clip.mp4", "file:north/door 2.mp4", "file:100%.webm", "pattern:walker"])
def test_names_inside_the_media_folder_and_known_patterns_are_taken(url: str) -> None:
    assert address.fault(url) is None


@pytest.mark.parametrize(
    ("url", "fact"),
    [
        ("file:/etc/passwd", "leads out of the media folder"),
        ("file:///etc/passwd", "leads out of the media folder"),
        ("file://host/clip.mp4", "leads out of the media folder"),
        ("file:../clip.mp4", "leads out of the media folder"),
        ("file:north/../../clip.mp4", "leads out of the media folder"),
        ("file:", "wants the name"),
        ("file:.", "wants the name"),
        ("file:clip\x00.mp4", "wants the name"),
        ("pattern:unicorn", "only walker"),
        ("rtsp://camera/1", "is not one of file, pattern"),
    ],
)
def test_what_is_refused_says_why(url: str, fact: str) -> None:
    assert fact in str(address.fault(url))


def test_each_scheme_has_its_source(tmp_path: Path) -> None:
    assert isinstance(address.source("pattern:walker", tmp_path), PatternSource)
    assert isinstance(address.source("file:a.mp4", tmp_path), FileSource)
