"""Dead cameras beside living ones: what they cost is counted in calls, not in time."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modules.inference import frame_sockets
from modules.inference.frame_sockets import FrameSockets
from storeflow.frames import ring_reader, ring_writer, seqpacket
from storeflow.frames.frame import WHOLE_FRAME, Frame
from storeflow.frames.ring_reader import FrameReader
from storeflow.frames.ring_writer import FrameWriter
from storeflow.frames.seqpacket import Link, Listener

TURNS = 300
TURN_SECONDS = 0.01
CAPTURE = """
import sys
from pathlib import Path
from storeflow.frames.ring_writer import FrameWriter
from storeflow.frames.seqpacket import Listener, wait_ready
folder = Path(sys.argv[1])
deaf = [Listener(folder / f"deaf-{number}.sock") for number in range(3)]
mute = [Listener(folder / f"mute-{number}.sock") for number in range(4)]
empty = [FrameWriter(folder / f"empty-{number}.sock") for number in range(3)]
print("serving", flush=True)
taken = []
while True:
    wait_ready([listener.fileno() for listener in mute], [], 0.01)
    taken += [client for listener in mute if (client := listener.accept()) is not None]
    for writer in empty:
        writer.serve(0.0)
"""
VICTIM = """
import sys
from pathlib import Path
from storeflow.frames.ring_writer import FrameWriter
writers = [FrameWriter(Path(sys.argv[1]) / f"killed-{number}.sock") for number in range(5)]
print("serving", flush=True)
sys.stdin.read()
"""


def write(writer: FrameWriter, frame: Frame) -> int:
    picture = writer.acquire(frame.width, frame.height)
    if picture is None:
        return 0
    picture[:] = frame.i420
    return writer.publish(replace(frame, i420=picture))


class Calls:
    """Counts what is called, and turns the clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.counted: Counter[str] = Counter()
        self.now = 1_000.0
        for module in (frame_sockets, seqpacket, ring_reader, ring_writer):
            monkeypatch.setattr(f"{module.__name__}.time.monotonic", lambda: self.now)
        monkeypatch.setattr(FrameReader, "receive_newest", self.counting(FrameReader.receive_newest))
        monkeypatch.setattr(Link, "_reach", self.counting(Link._reach))
        monkeypatch.setattr(frame_sockets, "wait_ready", self.counting(seqpacket.wait_ready))

    def counting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, counted."""

        def called(*arguments: Any) -> Any:
            self.counted[function.__name__] += 1
            return function(*arguments)

        return called


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Counted from here on."""
    return Calls(monkeypatch)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of frame sockets."""
    path = tmp_path / "frames"
    path.mkdir()
    return path


@pytest.fixture
def fifteen_dead(folder: Path, repository: Path) -> Iterator[list[str]]:
    """Five were killed; three don't take a reader, four take it and say nothing, three never have a frame."""
    with ExitStack() as stack:
        for script in (VICTIM, CAPTURE):
            process = subprocess.Popen(  # noqa: S603 - a script of this file
                [sys.executable, "-c", script, str(folder)],
                cwd=repository,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.callback(process.communicate)
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == "serving\n"
            if script is VICTIM:
                process.kill()
                process.wait()
        dead = sorted(path.stem for path in folder.iterdir())
        assert len(dead) == 15
        yield dead


def live_cameras(folder: Path, stack: ExitStack) -> list[FrameWriter]:
    writers = [FrameWriter(folder / f"live-{number}.sock") for number in range(3)]
    for writer in writers:
        stack.callback(writer.close)
    return writers


def turns(folder: Path, calls: Calls) -> list[tuple[str, int]]:
    """Camera and frame of so many turns of the engine, the living cameras having a frame for each of their turns."""
    told = []
    picture = np.zeros((24, 16), np.uint8)
    with ExitStack() as stack, closing(FrameSockets(folder)) as sockets:
        writers = live_cameras(folder, stack)
        sockets.receive(0.0)  # finds them, and knocks
        calls.counted.clear()
        for turn in range(TURNS):
            sockets.release()
            for number, writer in enumerate(writers):
                write(writer, Frame(f"live-{number}", turn, turn / 100, 16, 16, WHOLE_FRAME, picture))
            arrival = sockets.receive(0.2)
            assert arrival is not None
            told.append((arrival.item.camera_id, arrival.item.sequence))
            calls.now += TURN_SECONDS
    return told


def test_fifteen_dead_cameras_take_no_turn_and_cost_two_knocks_a_second_each_at_most(
    folder: Path, fifteen_dead: list[str], calls: Calls, tmp_path: Path
) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    expected, by_themselves = turns(alone, calls), calls.counted.copy()

    told = turns(folder, calls)

    assert told == expected
    assert {camera_id for camera_id, _ in told} == {"live-0", "live-1", "live-2"}
    assert calls.counted["wait_ready"] == by_themselves["wait_ready"] == TURNS
    # A ring without frames says once what it is like.
    rings = sum(camera_id.startswith("empty") for camera_id in fifteen_dead)
    assert by_themselves["receive_newest"] == TURNS <= calls.counted["receive_newest"] <= TURNS + rings
    # Only those whose process is gone are knocked at again: twice a second each, while 100 frames are looked at.
    killed = sum(camera_id.startswith("killed") for camera_id in fifteen_dead)
    most = killed * (TURNS * TURN_SECONDS / seqpacket.LONGEST_RECONNECT_SECONDS + 4)
    assert 0 < calls.counted["_reach"] <= most
    assert by_themselves["_reach"] == 0


def test_waiting_beside_dead_cameras_is_no_busy_loop(
    folder: Path, fifteen_dead: list[str], calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(readable: list[int], writable: list[int], timeout: float) -> frozenset[int]:
        calls.counted["waits"] += 1
        calls.now += timeout
        return seqpacket.wait_ready(readable, writable, 0)

    monkeypatch.setattr(frame_sockets, "wait_ready", sleep)
    with closing(FrameSockets(folder)) as sockets:
        assert sockets.receive(10.0) is None
        assert len(sockets._readers) == len(fifteen_dead)
    # Ten waits a second for those that may come back, and one for each ring that says what it is like.
    assert 10 <= calls.counted["waits"] <= 10.0 / frame_sockets._RECONNECT_SECONDS + 5


def test_a_writer_that_hangs_up_at_once_is_knocked_at_no_more_often(folder: Path, calls: Calls) -> None:
    listener = Listener(folder / "mad.sock")
    hung_up = 0
    with closing(FrameSockets(folder)) as sockets:
        for _ in range(1_000):
            sockets.receive(0.0)
            while (client := listener.accept()) is not None:
                client.send(b"\x09what?")
                client.close()
                hung_up += 1
            calls.now += TURN_SECONDS
    listener.close()
    assert 10 <= hung_up <= 10.0 / seqpacket.LONGEST_RECONNECT_SECONDS + 5


def test_a_camera_that_is_back_from_the_dead_has_its_turn_within_half_a_second(
    folder: Path, fifteen_dead: list[str], calls: Calls
) -> None:
    assert "killed-3" in fifteen_dead
    with closing(FrameSockets(folder)) as sockets:
        for _ in range(500):
            assert sockets.receive(0.0) is None
            calls.now += TURN_SECONDS
        with closing(FrameWriter(folder / "killed-3.sock")) as writer:
            began = calls.now
            arrival = None
            while arrival is None:
                assert calls.now < began + seqpacket.LONGEST_RECONNECT_SECONDS + 2 * frame_sockets._RECONNECT_SECONDS
                write(writer, Frame("killed-3", 0, 0.0, 16, 16, WHOLE_FRAME, np.zeros((24, 16), np.uint8)))
                arrival = sockets.receive(0.0)
                calls.now += TURN_SECONDS
            assert arrival.item.camera_id == "killed-3"


def test_no_descriptor_is_left_of_cameras_that_come_and_go(folder: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(5):
        with closing(FrameSockets(folder)) as sockets, closing(FrameWriter(folder / f"{number}.sock")) as writer:
            sockets.receive(0.0)
            write(writer, Frame(str(number), 0, 0.0, 16, 16, WHOLE_FRAME, np.zeros((24, 16), np.uint8)))
            assert sockets.receive(1.0) is not None
    assert len(list(Path("/proc/self/fd").iterdir())) == before
