"""Two modules of one kind that were given the same channel folder: the second is told so, the first goes on."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from modules.inference.module import Inference
from modules.video_capture.module import VideoCapture
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState
from storeflow.contract.twins import Model, read_section
from storeflow.errors import TransportError
from storeflow.frames.frame import WHOLE_FRAME, Frame
from storeflow.frames.ring_reader import FrameReader
from storeflow.frames.ring_writer import FrameWriter
from storeflow.frames.side_channel import MessagePublisher
from storeflow.host.module import ModuleContext

FIRST = """
import sys
from pathlib import Path
from modules.video_capture.module import VideoCapture
from storeflow.contract.twins import read_section
from storeflow.host.module import ModuleContext
folder = Path(sys.argv[1])
capture = VideoCapture(ModuleContext("first", "hub", "device", "store", folder, folder, folder, (), folder), None)
capture.configure("cameras", read_section("cameras", {"door": {"url": "pattern:walker", "fps": 5}}), 1)
while True:
    for output in capture.work(0.1):
        print(output.event.data.state, flush=True)
"""


def write(writer: FrameWriter, frame: Frame) -> int:
    picture = writer.acquire(frame.width, frame.height)
    if picture is None:
        return 0
    picture[:] = frame.i420
    return writer.publish(replace(frame, i420=picture))


@pytest.fixture
def context(tmp_path: Path, repository: Path) -> ModuleContext:
    return ModuleContext("second", "hub", "device", "store", tmp_path, tmp_path, tmp_path, (), repository / "models")


@pytest.fixture
def first(tmp_path: Path, repository: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that captures the camera `door`."""
    command = [sys.executable, "-c", FIRST, str(tmp_path)]
    process = subprocess.Popen(command, cwd=repository, stdout=subprocess.PIPE, text=True)  # noqa: S603 - a script of this file
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "streaming\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def next_state(capture: VideoCapture, seconds: float = 20.0) -> CameraState:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for output in capture.work(0.1):
            assert isinstance(output.event, CloudEvent)
            assert isinstance(output.event.data, CameraState)
            return output.event.data
    pytest.fail("nothing was told of the camera")


def test_a_camera_that_another_process_captures_already_has_failed_and_is_taken_over_when_that_one_is_gone(
    context: ModuleContext, first: "subprocess.Popen[str]"
) -> None:
    socket_path = context.channel_folder / "frames" / "door.sock"
    with closing(FrameReader(socket_path)) as reader, closing(VideoCapture(context, None)) as second:
        assert isinstance(reader.receive(5.0), Frame)
        second.configure("cameras", read_section("cameras", {"door": {"url": "pattern:walker", "fps": 5}}), 1)

        refused = next_state(second)
        assert refused.state == "failed"
        assert f"{socket_path}: somebody serves this socket already" in refused.detail
        assert isinstance(reader.receive(5.0), Frame)  # the first one's reader lost nothing

        first.kill()
        first.wait()
        assert next_state(second).state == "streaming"


def test_a_second_inference_on_one_channel_ends_with_a_clear_error(context: ModuleContext) -> None:
    with closing(MessagePublisher(context.channel_folder / "detections.sock")) as publisher:
        second = Inference(context, None)
        second.configure("models", {"person": Model(name="storeflow_nano")}, 1)
        with pytest.raises(TransportError, match=r"detections\.sock: somebody serves this socket already; two modules"):
            second.work(0.0)
        assert not publisher.wait_for_room(0.0)  # nobody was taken for a subscriber


def test_a_writer_of_one_process_does_not_take_a_camera_from_another_writer_of_it(tmp_path: Path) -> None:
    picture = np.zeros((24, 16), np.uint8)
    with closing(FrameWriter(tmp_path / "door.sock")) as writer, closing(FrameReader(tmp_path / "door.sock")) as reader:
        with pytest.raises(TransportError, match="stop one of them, or give each a folder of its own"):
            FrameWriter(tmp_path / "door.sock")
        assert reader.connect()
        assert write(writer, Frame("door", 0, 0.0, 16, 16, WHOLE_FRAME, picture)) == 1
