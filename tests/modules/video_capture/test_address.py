from pathlib import Path

from modules.video_capture import address
from modules.video_capture.file_source import FileSource
from modules.video_capture.pattern_source import PatternSource
from modules.video_capture.rtsp_source import RtspSource
from storeflow.contract.twins import Camera


def test_each_scheme_has_its_source(tmp_path: Path) -> None:
    sources = address.Sources(tmp_path, lambda: 0.0)
    found = {url: sources.of("door", Camera(url=url)) for url in ("pattern:walker", "file:a.mp4", "rtsp://camera/1")}
    assert [type(source) for source in found.values()] == [PatternSource, FileSource, RtspSource]
    assert [source.live for source in found.values()] == [False, False, True]
