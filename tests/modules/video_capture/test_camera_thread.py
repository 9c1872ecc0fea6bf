"""One camera's life: opened, played, ended, failed, tried again; on a source that follows a script."""

import queue
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from modules.video_capture.backoff import Backoff
from modules.video_capture.camera_error import CameraError
from modules.video_capture.camera_state import Change
from modules.video_capture.camera_thread import CameraThread
from modules.video_capture.live_time import ClockSetBackError
from modules.video_capture.source import ClockState, Picture
from storeflow.contract.messages import StreamEnded
from storeflow.contract.twins import Camera
from storeflow.errors import SourceError
from storeflow.frames import i420
from storeflow.frames.frame import Frame
from storeflow.frames.ring_reader import FrameReader

NOW = 1_800_000_000.0
CLIP, LIVE = Camera(url="file:a.mp4"), Camera(url="rtsp://10.0.0.7/1")
Opening = Callable[[], Iterator[Picture]]


class Script:
    """A source: each time it is opened it does the next thing that it was given, and the last one for ever."""

    live: ClassVar[bool] = True
    codec = ""

    def __init__(self, *openings: Opening) -> None:
        self._openings = openings
        self.opened = 0

    def pictures(self) -> Generator[Picture, None, None]:
        """As the present opening has it."""
        opening = self._openings[min(self.opened, len(self._openings) - 1)]
        self.opened += 1
        yield from opening()


class ClipScript(Script):
    """The same, of a clip."""

    live: ClassVar[bool] = False


def shows(*times: float, clock: ClockState | None = None, then: Exception | None = None) -> Opening:
    def opening() -> Iterator[Picture]:
        for seconds in times:
            planes = i420.planes(np.full(i420.shape(64, 48), 100, np.uint8))
            yield Picture(seconds, 64, 48, planes, clock or ClockState())
        if then is not None:
            raise then

    return opening


@pytest.fixture(autouse=True)
def _without_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backoff, "seconds", lambda _self, _lasted=0.0: 0.01)


@contextmanager
def played(source: Script, camera: Camera, folder: Path) -> Iterator[tuple[CameraThread, Callable[[], Change]]]:
    """The thread, and what gives the next change of its camera's state."""
    changes: queue.SimpleQueue[Change] = queue.SimpleQueue()
    thread = CameraThread("door", camera, source, folder, on_change=changes.put, clock=lambda: NOW)
    try:
        yield thread, lambda: changes.get(timeout=10)
    finally:
        thread.stop()
        thread.join()
        assert changes.empty()


def test_a_failure_is_reported_once_however_often_it_is_met_and_again_after_it_was_over(tmp_path: Path) -> None:
    refused = shows(then=CameraError("unreachable", "nothing listens there"))
    silent = shows(then=CameraError("no_frames", "has sent nothing for 3 s"))
    works = shows(NOW, then=CameraError("no_frames", "closed the connection"))
    source = Script(refused, silent, refused, silent, works, refused)
    with played(source, LIVE, tmp_path) as (_, change):
        found = [change() for _ in range(5)]
        while source.opened < 12:
            time.sleep(0.01)
    assert [(one.state, one.reason) for one in found] == [
        ("failed", "unreachable"),
        ("failed", "no_frames"),
        ("streaming", None),
        ("failed", "no_frames"),
        ("failed", "unreachable"),
    ]


def test_a_clip_that_breaks_off_is_not_played_again_and_one_that_never_began_is(tmp_path: Path) -> None:
    source = ClipScript(
        shows(then=SourceError("a.mp4: no such file")), shows(0.0, then=SourceError("a.mp4: breaks off"))
    )
    with played(source, CLIP, tmp_path) as (_, change):
        assert [change().detail for _ in range(3)] == ["a.mp4: no such file", "64 x 48 pixels", "a.mp4: breaks off"]
        with closing(FrameReader(tmp_path / "door.sock")) as late:
            ended = late.receive(5.0)
        assert isinstance(ended, StreamEnded)
        assert ended.reason == "a.mp4: breaks off"
    assert source.opened == 2


def test_a_failure_that_nobody_foresaw_has_no_password_in_it_and_silences_no_camera(tmp_path: Path) -> None:
    source = Script(shows(then=ZeroDivisionError("rtsp://admin:hunter2@10.0.0.7/1")), shows(NOW))
    with played(source, LIVE, tmp_path) as (_, change):
        failed, streaming = change(), change()
        ended = change()
    assert (failed.reason, failed.detail) == ("unreadable", "ZeroDivisionError: rtsp://***@10.0.0.7/1")
    assert (streaming.state, ended.state) == ("streaming", "ended")


def test_a_clock_that_is_set_back_ends_the_stream_and_is_no_failure(tmp_path: Path) -> None:
    with closing(FrameReader(tmp_path / "door.sock")) as reader:
        back = shows(NOW + 90_000, then=ClockSetBackError("the clock was set back"))
        again = shows(NOW, clock=ClockState(jumps=1), then=CameraError("no_frames", "closed the connection"))
        lossless = LIVE.model_copy(update={"playback": CLIP.playback.model_copy(update={"pace": "lossless"})})
        with played(Script(back, again), lossless, tmp_path) as (_, change):
            items = [reader.receive(5.0) for _ in range(3)]
            found = [change() for _ in range(3)]
    first, ended, second = items
    assert isinstance(first, Frame)
    assert isinstance(second, Frame)
    assert isinstance(ended, StreamEnded)
    assert ended.reason == "the clock was set back"
    assert (first.sequence, second.sequence) == (0, 1)
    assert second.captured_at < first.captured_at
    assert [one.state for one in found] == ["streaming", "streaming", "failed"]
    assert found[1].detail == "64 x 48 pixels; this device's clock was set"


def test_who_reads_a_camera_that_is_taken_away_learns_why(tmp_path: Path) -> None:
    endless = shows(*(number / 25 for number in range(10_000)))
    with (
        closing(FrameReader(tmp_path / "door.sock")) as reader,
        played(ClipScript(endless), CLIP, tmp_path) as (thread, change),
    ):
        assert change().state == "streaming"
        item = reader.receive(5.0)
        thread.stop("it was taken away")
        while isinstance(item, Frame):
            item = reader.receive(5.0)
    assert isinstance(item, StreamEnded)
    assert item.reason == "it was taken away"
