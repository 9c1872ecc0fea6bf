from pathlib import Path

from modules.video_capture.file_source import FileSource
from modules.video_capture.live_time import LiveTime
from modules.video_capture.pattern_source import PatternSource
from modules.video_capture.rtsp_source import RtspSource
from modules.video_capture.sources import source_of
from storeflow.contract.twins import Camera


def test_each_scheme_has_its_source(tmp_path: Path) -> None:
    urls = ("pattern:walker", "file:a.mp4", "rtsp://camera/1")
    found = [source_of(Camera(url=url), tmp_path, LiveTime(), lambda: 0.0) for url in urls]
    assert [type(source) for source in found] == [PatternSource, FileSource, RtspSource]
    assert [source.live for source in found] == [False, False, True]
