import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from modules.inference.frame_sockets import Arrival, FrameSockets
from storeflow.contract.messages import StreamEnded
from storeflow.frames.frame import WHOLE_FRAME, Frame
from storeflow.frames.ring_writer import FrameWriter

Cameras = Callable[[str], FrameWriter]


def write(writer: FrameWriter, frame: Frame) -> int:
    picture = writer.acquire(frame.width, frame.height)
    if picture is None:
        return 0
    picture[:] = frame.i420
    return writer.publish(replace(frame, i420=picture))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of frame sockets."""
    path = tmp_path / "frames"
    path.mkdir()
    return path


@pytest.fixture
def cameras(folder: Path) -> Iterator[Cameras]:
    """Makes live cameras, each with a thread that attends to its readers."""
    with ExitStack() as stack:

        def start(camera_id: str) -> FrameWriter:
            writer = FrameWriter(folder / f"{camera_id}.sock")
            attendant = threading.Thread(target=attend, args=(writer, done))
            attendant.start()
            stack.callback(attendant.join)
            stack.callback(writer.close)
            return writer

        done = threading.Event()
        yield start
        done.set()


def attend(writer: FrameWriter, done: threading.Event) -> None:
    while not done.is_set():
        writer.serve(0.05)


@pytest.fixture
def sockets(folder: Path) -> Iterator[FrameSockets]:
    """The reader of all cameras."""
    reader = FrameSockets(folder)
    yield reader
    reader.close()


def picture(camera_id: str, sequence: int) -> Frame:
    i420 = np.full((24, 16), sequence % 256, np.uint8)
    return Frame(camera_id, sequence, sequence / 10, 16, 16, WHOLE_FRAME, i420)


def received(sockets: FrameSockets, seconds: float = 5.0) -> Arrival:
    arrival = sockets.receive(seconds)
    assert arrival is not None
    return arrival


def test_a_camera_that_comes_later_is_found(sockets: FrameSockets, cameras: Cameras) -> None:
    assert sockets.receive(0.05) is None
    write(cameras("door"), picture("door", 7))

    frame = received(sockets).item

    assert isinstance(frame, Frame)
    assert (frame.camera_id, frame.sequence, int(frame.i420[0, 0])) == ("door", 7, 7)
    assert list(sockets._readers) == ["door"]


def test_a_camera_without_end_starves_no_other(sockets: FrameSockets, cameras: Cameras) -> None:
    busy, quiet = cameras("busy"), cameras("quiet")
    write(busy, picture("busy", 0))
    write(quiet, picture("quiet", 0))
    received(sockets)
    received(sockets)
    for sequence in range(1, 4):
        write(busy, picture("busy", sequence))
    write(quiet, picture("quiet", 1))

    served = [received(sockets).item.camera_id for _ in range(2)]

    assert sorted(served) == ["busy", "quiet"]


def test_a_camera_that_closes_is_let_go(
    sockets: FrameSockets, cameras: Cameras, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modules.inference.frame_sockets._SCAN_SECONDS", 0.0)
    writer = cameras("door")
    write(writer, picture("door", 0))
    assert received(sockets).item.sequence == 0
    writer.end(StreamEnded(camera_id="door", sequence=0, captured_at=0.0, reason="the clip is over"))
    assert isinstance(received(sockets).item, StreamEnded)
    assert list(sockets._readers) == ["door"]

    writer.close()

    deadline = time.monotonic() + 5
    while sockets._readers and time.monotonic() < deadline:
        assert sockets.receive(0.05) is None
    assert not sockets._readers


def test_the_end_of_a_camera_that_is_taken_away_is_told_although_a_frame_of_it_still_waited(
    sockets: FrameSockets, cameras: Cameras, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modules.inference.frame_sockets._SCAN_SECONDS", 0.0)
    writer = cameras("door")
    write(writer, picture("door", 0))
    assert received(sockets).item.sequence == 0
    write(writer, picture("door", 1))
    writer.close(StreamEnded(camera_id="door", sequence=1, captured_at=0.1, reason="the camera was taken out"))

    assert [type(received(sockets).item) for _ in range(2)] == [Frame, StreamEnded]


def test_a_camera_that_comes_back_is_read_again(sockets: FrameSockets, cameras: Cameras) -> None:
    first = cameras("door")
    write(first, picture("door", 0))
    received(sockets)
    first.close()
    write(cameras("door"), picture("door", 1))

    assert received(sockets).item.sequence == 1


def test_waiting_for_nobody_takes_as_long_as_it_was_told(sockets: FrameSockets) -> None:
    started = time.monotonic()
    assert sockets.receive(0.2) is None
    assert 0.19 <= time.monotonic() - started < 2
