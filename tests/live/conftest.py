"""A real RTSP server, what it shows, and a device that watches it."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from modules.video_capture import pattern_source
from modules.video_capture.module import VideoCapture
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState
from storeflow.contract.messages import StreamEnded
from storeflow.contract.twins import read_section
from storeflow.frames import i420
from storeflow.frames.frame import Frame
from storeflow.frames.ring_reader import FrameReader
from storeflow.host.module import ModuleContext
from tests.conftest import skip_or_fail

SYSTEM_PYTHON = "/usr/bin/python3"
NEEDED = "apt-get install gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good"
PROBE = 'import gi; gi.require_version("GstRtspServer", "1.0"); from gi.repository import GstRtspServer'
PATIENCE = 40.0
"""Seconds until a test gives up; what it waits for takes a fraction of that on an idle machine."""

Film = dict[str, Any]


class RtspServer:
    """The server process, on one port for as long as the test lives."""

    def __init__(self, films: dict[str, Film], mounts: dict[str, str], **more: Any) -> None:
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._configuration = {"port": self.port, "films": films, "mounts": mounts, **more}
        self._process: subprocess.Popen[str] | None = None

    def url(self, mount: str) -> str:
        """Where a camera finds it."""
        return f"rtsp{'s' if 'certificate' in self._configuration else ''}://127.0.0.1:{self.port}/{mount}"

    def start(self) -> None:
        """Serve; returns when cameras can connect."""
        command = [SYSTEM_PYTHON, str(Path(__file__).with_name("rtsp_server.py"))]
        self._process = subprocess.Popen(  # noqa: S603 - our own script
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._say(self._configuration)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "serving\n"

    def show(self, mount: str, **what: Any) -> None:
        """From now on the mount shows another `film`, or the same at another `rate`."""
        self._say({"mount": mount, **what})

    def freeze(self) -> None:
        """Stand still, with all connections open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Be gone at once."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                pipe.close()
            self._process = None

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def _say(self, document: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(document) + "\n")
        self._process.stdin.flush()


class Shop:
    """video_capture with its cameras, and what it told of them so far."""

    def __init__(self, context: ModuleContext, clock: Callable[[], float]) -> None:
        self.module = VideoCapture(context, None, clock)
        self.states: list[CameraState] = []
        self._read = 0
        """Of these, how many `wait_for` has looked at."""
        self._folder = context.channel_folder / "frames"
        self._readers: dict[str, FrameReader] = {}

    def configure(self, **cameras: dict[str, Any]) -> None:
        """Watch these cameras, and no others, from now on."""
        self.module.configure("cameras", read_section("cameras", cameras), 1)
        self.attend()

    def wait_for(self, camera_id: str, state: str, reason: str | None = None) -> CameraState:
        """The next time that a camera is told to be in that state; what was told before that is passed over."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            while self._read < len(self.states):
                one = self.states[self._read]
                self._read += 1
                if (one.camera_id, one.state, one.reason) == (camera_id, state, reason):
                    return one
            self.attend(0.1)
        raise AssertionError([(one.camera_id, one.state, one.reason, one.detail) for one in self.states])

    def attend(self, timeout: float = 0.0) -> list[CameraState]:
        """Let the module work; what it told."""
        news = [output.event.data for output in self.module.work(timeout) if isinstance(output.event, CloudEvent)]
        states = [one for one in news if isinstance(one, CameraState)]
        self.states += states
        return states

    def told(self, camera_id: str) -> list[tuple[str, str | None]]:
        """States and reasons so far."""
        return [(one.state, one.reason) for one in self.states if one.camera_id == camera_id]

    def frame(self, camera_id: str) -> Frame:
        """The next frame; news of an end are passed over."""
        reader = self._readers.setdefault(camera_id, FrameReader(self._folder / f"{camera_id}.sock"))
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            news = reader.receive(1.0)
            if news is not None and not isinstance(news, StreamEnded):
                return news
        raise AssertionError(f"no frame of {camera_id}; {[(one.state, one.detail) for one in self.states]}")

    def close(self) -> None:
        """Close up."""
        for reader in self._readers.values():
            reader.close()
        self.module.close()


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Film]:
    """The drawn walker as a camera's coded pictures, in two codecs and sizes; the same standing still; and nothing."""
    folder = tmp_path_factory.mktemp("films")
    return {
        "walk": _film(folder / "walk", "mjpeg", (320, 240), 50),
        "small": _film(folder / "small", "mjpeg", (160, 120), 50),
        "still": _film(folder / "still", "mjpeg", (320, 240), 1),
        "black": _film(folder / "black", "mjpeg", (320, 240), 50, black=True),
        "h264": _film(folder / "h264", "libx264", (320, 240), 50),
        "h264 small": _film(folder / "h264-small", "libx264", (160, 120), 50),
    }


def _film(folder: Path, codec: str, size: tuple[int, int], count: int, *, black: bool = False) -> Film:
    folder.mkdir()
    encoder = av.CodecContext.create(codec, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = size
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    width, height = size
    if codec == "mjpeg":
        # RTP carries no Huffman tables: those of the standard are meant (RFC 2435).
        encoder.pix_fmt, encoder.options = "yuvj420p", {"huffman": "default"}
        shown = {"caps": f"image/jpeg,width={width},height={height},framerate=25/1", "pay": "rtpjpegpay"}
    else:
        encoder.pix_fmt, encoder.options = "yuv420p", {"g": "12", "bf": "0", "x264-params": "repeat-headers=1"}
        shown = {"caps": "video/x-h264,stream-format=byte-stream,alignment=au", "pay": "rtph264pay"}
    canvas = np.empty(i420.shape(width, height), np.uint8)
    packets = []
    for number in range(count):
        pattern_source.draw(i420.planes(canvas), 4 * number)
        if black:
            canvas[:height], canvas[height:] = 16, 128
            canvas[:2, :2] = 16 + number  # a date, say: black it is, but not frozen
        frame = av.VideoFrame.from_ndarray(canvas, "yuv420p").reformat(format=encoder.pix_fmt)
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    paths = [folder / f"{number}.bin" for number in range(len(packets))]
    for path, packet in zip(paths, packets, strict=True):
        path.write_bytes(bytes(packet))
    return {**shown, "frames": [str(path) for path in paths]}


@pytest.fixture(scope="session")
def gstreamer() -> None:
    """The server's libraries are here."""
    try:
        command = [SYSTEM_PYTHON, "-c", PROBE]
        found = subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 - our own words
    except OSError:
        found = False
    if not found:
        skip_or_fail(f"no RTSP server to test against: {NEEDED}")


@pytest.fixture
def serve(films: dict[str, Film], gstreamer: None) -> Iterator[Callable[..., RtspServer]]:
    """`serve(door="walk")`: a server that is up, its mounts and what they show; `more` is for rtsp_server.py."""
    del gstreamer
    servers: list[RtspServer] = []

    def start(*, more: dict[str, Any] | None = None, **mounts: str) -> RtspServer:
        servers.append(RtspServer(films, mounts, **(more or {})))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


class Clock:
    """This device's clock, which a test may set."""

    def __init__(self) -> None:
        self.wrong_by = 0.0

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.wrong_by


@pytest.fixture
def clock() -> Clock:
    """A clock that is right until it is set."""
    return Clock()


@pytest.fixture
def shop(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """The module, and a folder `secrets` beside its others."""
    (tmp_path / "secrets").mkdir()
    monkeypatch.setenv("STOREFLOW_SECRETS", str(tmp_path / "secrets"))
    context = ModuleContext(
        module_id="video_capture",
        hub="hub.azure-devices.net",
        device_id="till",
        store_id="hamburg-1",
        state_folder=tmp_path / "state",
        channel_folder=tmp_path / "channels",
        media_folder=tmp_path / "media",
        model_folders=(),
        cards_folder=tmp_path / "models",
    )
    shop = Shop(context, clock)
    yield shop
    shop.close()
