from pathlib import Path

import pytest

from modules.video_capture import address
from modules.video_capture.file_source import FileSource
from modules.video_capture.pattern_source import PatternSource
from modules.video_capture.rtsp_source import RtspSource
from storeflow.contract.twins import Camera


@pytest.mark.parametrize(
    "url",
    [
        "file:clip.mp4",
        "file:north/door 2.mp4",
        "file:100%.webm",
        "pattern:walker",
        "rtsp://camera/1",
        "rtsp://10.0.0.7:8554/Streaming/Channels/101?transportmode=unicast",
        "rtsps://[fe80::1]:322/door",
    ],
)
def test_clips_of_the_media_folder_known_patterns_and_cameras_are_taken(url: str) -> None:
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
        ("http://camera/1", "is not one of file, pattern, rtsp, rtsps"),
        ("rtsp:camera/1", "wants rtsp://host/path"),
        ("rtsp:///1", "wants rtsp://host/path"),
        ("rtsp://camera:0/1", "wants rtsp://host/path"),
        ("rtsp://camera:port/1", "wants rtsp://host/path"),
        ("rtsp://camera:65536/1", "wants rtsp://host/path"),
        ("rtsp://[fe80/1", "wants rtsp://host/path"),
        ("rtsp://camera/1 2", "wants rtsp://host/path"),
        ("rtsp://camera/1?user=admin&password=1234", "has a password in it"),
        ("rtsp://camera/user=admin_Pwd=1234_channel=1", "has a password in it"),
    ],
)
def test_what_is_refused_says_why(url: str, fact: str) -> None:
    assert fact in str(address.fault(url))


def test_what_is_refused_for_its_password_is_told_without_it() -> None:
    assert "1234" not in str(address.fault("rtsp://camera/1?password=1234"))


def test_each_scheme_has_its_source(tmp_path: Path) -> None:
    sources = address.Sources(tmp_path, lambda: 0.0)
    found = {url: sources.of("door", Camera(url=url)) for url in ("pattern:walker", "file:a.mp4", "rtsp://camera/1")}
    assert [type(source) for source in found.values()] == [PatternSource, FileSource, RtspSource]
    assert [source.live for source in found.values()] == [False, False, True]
