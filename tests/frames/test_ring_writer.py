import mmap
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from storeflow.contract.geometry import BoundingBox
from storeflow.contract.messages import StreamEnded
from storeflow.frames import i420, ring_writer
from storeflow.frames.frame import WHOLE_FRAME, Frame
from storeflow.frames.ring_reader import FrameReader
from storeflow.frames.ring_writer import FrameWriter
from storeflow.frames.seqpacket import Link

WRITER = """
import sys, time
from pathlib import Path
from storeflow.frames.frame import WHOLE_FRAME, Frame
from storeflow.frames.ring_writer import FrameWriter
path, width, height = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
writer = FrameWriter(path)
sequence = 0
while True:
    pixels = writer.acquire(width, height)
    pixels[:] = sequence % 251
    writer.publish(Frame("door", sequence, float(sequence), width, height, WHOLE_FRAME, pixels))
    print(sequence, flush=True)
    sequence += 1
    writer.serve(0.01)
"""
READER = """
import sys, time
from pathlib import Path
from storeflow.frames.ring_reader import FrameReader
reader = FrameReader(Path(sys.argv[1]))
while True:
    frame = reader.receive(10.0)
    if frame is not None:
        print(frame.sequence, int(frame.i420.sum() > 0), flush=True)
        time.sleep(float(sys.argv[2]))
"""
ENDED = StreamEnded(camera_id="door", sequence=7, captured_at=0.28, reason="the clip has ended")

Start = Callable[..., "subprocess.Popen[str]"]


def write(writer: FrameWriter, frame: Frame) -> int:
    picture = writer.acquire(frame.width, frame.height)
    if picture is None:
        return 0
    picture[:] = frame.i420
    return writer.publish(replace(frame, i420=picture))


@pytest.fixture
def start(repository: Path) -> Iterator[Start]:
    """Runs a script as a process of its own; all are killed at the end."""
    processes: list[subprocess.Popen[str]] = []

    def run(script: str, *arguments: object) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", script, *map(str, arguments)]
        processes.append(subprocess.Popen(command, cwd=repository, stdout=subprocess.PIPE, text=True))  # noqa: S603 - a script of this file
        return processes[-1]

    yield run
    for process in processes:
        kill(process)


def kill(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def picture(sequence: int, width: int = 64, height: int = 48) -> Frame:
    pixels = np.full(i420.shape(width, height), sequence % 251, np.uint8)
    return Frame("door", sequence, 100.0 + sequence / 25, width, height, WHOLE_FRAME, pixels)


def received(reader: FrameReader, timeout: float = 5.0) -> Frame:
    frame = reader.receive(timeout)
    assert isinstance(frame, Frame)
    return frame


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def shared_memory_bytes() -> int:
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Shmem:"))


def connect(reader: FrameReader, writer: FrameWriter) -> None:
    assert reader.receive(0.0) is None
    writer.serve(0.0)
    assert reader.receive(0.0) is None


def test_a_reader_sees_every_fact_and_every_pixel_of_a_frame(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, i420.shape(34, 18), np.uint8)
    frame = Frame("back-door_2", 2**40, 1_767_225_600.125, 641, 361, BoundingBox(0.25, 0.125, 0.5, 1 / 3), pixels)
    with closing(FrameWriter(tmp_path / "a.sock")) as writer, closing(FrameReader(tmp_path / "a.sock")) as reader:
        connect(reader, writer)
        assert write(writer, frame) == 1
        seen = received(reader)
        np.testing.assert_array_equal(seen.i420, pixels)
        facts = ("camera_id", "sequence", "captured_at", "full_width", "full_height", "region", "width", "height")
        assert all(getattr(seen, name) == getattr(frame, name) for name in facts)


def test_a_decoder_can_fill_a_slot_itself(tmp_path: Path) -> None:
    with closing(FrameWriter(tmp_path / "a.sock")) as writer, closing(FrameReader(tmp_path / "a.sock")) as reader:
        connect(reader, writer)
        slot = writer.acquire(64, 48)
        assert slot is not None
        slot[:] = 9
        writer.publish(Frame("door", 0, 1.0, 64, 48, WHOLE_FRAME, slot))
        assert (received(reader).i420 == 9).all()


def test_publishing_pixels_that_are_not_in_the_ring_is_refused(tmp_path: Path) -> None:
    with closing(FrameWriter(tmp_path / "a.sock")) as writer:
        writer.acquire(64, 48)
        with pytest.raises(ValueError, match="acquire"):
            writer.publish(picture(0))


def test_the_memory_that_is_handed_over_cannot_be_mapped_writable_or_shrunk(tmp_path: Path) -> None:
    with closing(FrameWriter(tmp_path / "a.sock")) as writer:
        write(writer, picture(0))
        link = Link(tmp_path / "a.sock")
        assert link.receive(0.0) is None
        writer.serve(0.0)
        hello, ring = link.receive(1.0), link.receive(1.0)  # and then the frame
        assert hello is not None
        assert ring is not None
        (descriptor,) = ring[1]
        with pytest.raises(PermissionError):
            mmap.mmap(descriptor, 4096)
        with pytest.raises(PermissionError):
            os.ftruncate(descriptor, 0)
        os.close(descriptor)
        link.disconnect()


def test_a_slow_reader_is_passed_by_and_then_offered_the_newest_frame(tmp_path: Path) -> None:
    with closing(FrameWriter(tmp_path / "a.sock")) as writer, closing(FrameReader(tmp_path / "a.sock")) as reader:
        connect(reader, writer)
        served = [write(writer, picture(sequence)) for sequence in range(100)]
        assert served == [1, 1] + [0] * 98
        assert [received(reader).sequence, received(reader).sequence] == [0, 1]
        writer.serve(0.0)  # frame 0 came back: there is room again
        newest = received(reader)
        assert newest.sequence == 99
        assert (newest.i420 == 99).all()
        assert reader.receive(0.0) is None


def test_a_frame_that_is_being_read_is_never_written_over(tmp_path: Path) -> None:
    with closing(FrameWriter(tmp_path / "a.sock")) as writer, closing(FrameReader(tmp_path / "a.sock")) as reader:
        connect(reader, writer)
        write(writer, picture(5))
        held = received(reader)
        for sequence in range(6, 60):
            write(writer, picture(sequence))
        assert (held.i420 == 5).all()


def test_the_newest_frame_that_waits_for_a_reader_is_not_written_over_by_the_next(tmp_path: Path) -> None:
    with closing(FrameWriter(tmp_path / "a.sock")) as writer, closing(FrameReader(tmp_path / "a.sock")) as reader:
        connect(reader, writer)
        for sequence in range(5):
            write(writer, picture(sequence))
        being_filled = writer.acquire(64, 48)
        assert being_filled is not None
        being_filled[:] = 255
        assert [received(reader).sequence for _ in range(2)] == [0, 1]
        writer.serve(0.0)
        newest = received(reader)
        assert newest.sequence == 4
        assert (newest.i420 == 4).all()


def test_a_slot_of_the_old_memory_that_comes_back_frees_none_of_the_new(tmp_path: Path) -> None:
    with closing(FrameWriter(tmp_path / "a.sock")) as writer, closing(FrameReader(tmp_path / "a.sock")) as reader:
        connect(reader, writer)
        write(writer, picture(1, 64, 48))
        received(reader)
        write(writer, picture(2, 640, 360))
        held = received(reader)  # and the small one goes back
        for sequence in range(3, 20):
            write(writer, picture(sequence, 640, 360))
        assert (held.i420 == 2).all()


def test_a_reader_that_dies_gives_its_slots_back(tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring_writer, "MAX_READERS", 1)
    monkeypatch.setattr(ring_writer, "SLOTS", ring_writer.MAX_HELD + 2)  # room for this one reader and no other
    with closing(FrameWriter(tmp_path / "a.sock")) as writer:
        process = start(READER, tmp_path / "a.sock", 1000)
        sequence = iter(range(10**6))
        assert eventually(lambda: write(writer, picture(next(sequence))) == 1)
        assert said(process) != ""  # and from now on it sleeps on that frame
        assert eventually(lambda: [write(writer, picture(next(sequence))) for _ in range(3)] == [0, 0, 0])
        kill(process)
        with closing(FrameReader(tmp_path / "a.sock")) as reader:
            assert reader.receive(0.0) is None
            writer.serve(0.0)
            newest = received(reader)  # a newcomer is shown where things stand
            assert newest.sequence == next(sequence) - 1
            reader.release()
            assert [write(writer, picture(next(sequence))) for _ in range(3)] == [1, 1, 0]


def test_a_reader_goes_on_when_a_killed_writer_is_back(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "a.sock"
    with closing(FrameReader(path)) as reader:
        assert reader.receive(0.0) is None  # nobody there yet
        writer = start(WRITER, path, 64, 48)
        first = received(reader, 20.0)
        kill(writer)
        assert (first.i420 == first.sequence % 251).all()  # what it has stays readable
        assert eventually(lambda: reader.receive(0.05) is None)
        assert reader.fileno() is None
        assert path.is_socket()  # the dead one's
        start(WRITER, path, 64, 48)
        again = received(reader, 20.0)
        assert (again.i420 == again.sequence % 251).all()


def test_nothing_is_left_of_a_writer_and_a_reader_that_are_killed(tmp_path: Path, start: Start) -> None:
    before = shared_memory_bytes()
    half_a_ring = 4 * i420.byte_count(3840, 2160)
    for _ in range(3):
        writer = start(WRITER, tmp_path / "a.sock", 3840, 2160)
        reader = start(READER, tmp_path / "a.sock", 0)
        for _ in range(20):
            assert said(reader).endswith(("0", "1"))
        assert shared_memory_bytes() > before + half_a_ring / 4
        kill(writer)
        kill(reader)
    assert eventually(lambda: shared_memory_bytes() < before + half_a_ring / 4)
    assert [path.name for path in tmp_path.iterdir()] == ["a.sock"]


def test_a_lossless_writer_drops_no_frame_however_slow_its_readers(tmp_path: Path) -> None:
    path, count = tmp_path / "a.sock", 300
    seen: dict[str, list[int]] = {"slow": [], "quick": []}

    def read(name: str, seconds: float) -> None:
        with closing(FrameReader(path)) as reader:
            while not isinstance(frame := reader.receive(10.0), StreamEnded):
                assert frame is not None
                assert (frame.i420 == frame.sequence % 251).all()
                seen[name].append(frame.sequence)
                time.sleep(seconds)
            assert reader.lossless

    readers = [threading.Thread(target=read, args=arguments) for arguments in (("slow", 0.003), ("quick", 0.0))]
    with closing(FrameWriter(path, lossless=True)) as writer:
        for thread in readers:
            thread.start()
        while len(writer._readers) < 2:
            writer.serve(0.01)
        for sequence in range(count):
            write(writer, picture(sequence))
        writer.end(ENDED)
        for thread in readers:
            thread.join()
    assert seen == {"slow": list(range(count)), "quick": list(range(count))}


def test_a_lossless_writer_goes_on_when_one_of_its_readers_is_killed(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "a.sock"
    with closing(FrameWriter(path, lossless=True)) as writer, closing(FrameReader(path)) as reader:
        process = start(READER, path, 1000)
        while len(writer._readers) < 1:
            writer.serve(0.05)
        write(writer, picture(0))
        assert said(process).startswith("0")  # and from now on it sleeps on that frame
        kill(process)
        sequences = []
        assert reader.receive(0.0) is None
        for sequence in range(1, 20):
            write(writer, picture(sequence))
            while (frame := reader.receive(0.0)) is not None:
                assert isinstance(frame, Frame)
                sequences.append(frame.sequence)
        assert sequences[-19:] == list(range(1, 20))


def test_a_lossless_writer_waits_for_its_first_reader_until_it_is_closed(tmp_path: Path) -> None:
    writer = FrameWriter(tmp_path / "a.sock", lossless=True)
    results: list[int] = []
    thread = threading.Thread(target=lambda: results.append(write(writer, picture(0))))
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    writer.close()
    thread.join(2.0)
    assert results == [0]


def test_a_picture_of_another_size_moves_everybody_to_new_memory(tmp_path: Path) -> None:
    with closing(FrameWriter(tmp_path / "a.sock")) as writer, closing(FrameReader(tmp_path / "a.sock")) as reader:
        connect(reader, writer)
        write(writer, picture(1, 64, 48))
        write(writer, picture(2, 640, 360))
        small = received(reader)
        assert (small.width, small.height) == (64, 48)
        assert (small.i420 == 1).all()
        large = received(reader)
        assert (large.width, large.height) == (640, 360)
        assert (large.i420 == 2).all()
        assert (small.i420 == 1).all()  # the old memory lives as long as somebody looks at it
        for sequence in range(3, 9):
            assert write(writer, picture(sequence, 64, 48)) == 1
            assert (received(reader).i420 == sequence).all()
        assert writer._ring.stride == 8192  # no larger than it has to be


def test_the_end_reaches_readers_that_are_there_and_that_come_later(tmp_path: Path) -> None:
    with closing(FrameWriter(tmp_path / "a.sock")) as writer, closing(FrameReader(tmp_path / "a.sock")) as reader:
        connect(reader, writer)
        write(writer, picture(7))
        writer.end(ENDED)
        assert received(reader).sequence == 7
        assert reader.receive(1.0) == ENDED
        with closing(FrameReader(tmp_path / "a.sock")) as late:
            assert late.receive(0.0) is None
            writer.serve(0.0)
            assert late.receive(1.0) == ENDED
            write(writer, picture(0))  # and it goes on
            assert received(late).sequence == received(reader).sequence == 0


def test_closing_with_an_end_is_received_after_the_writer_has_gone(tmp_path: Path) -> None:
    with closing(FrameWriter(tmp_path / "a.sock")) as writer, closing(FrameReader(tmp_path / "a.sock")) as reader:
        connect(reader, writer)
        write(writer, picture(7))
        writer.close(ENDED)
        assert received(reader).sequence == 7
        assert reader.receive(1.0) == ENDED
        assert reader.receive(0.1) is None


def test_a_reader_too_many_waits_until_another_leaves(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    readers = [FrameReader(path) for _ in range(ring_writer.MAX_READERS + 1)]
    with closing(FrameWriter(path)) as writer:
        for reader in readers:
            assert reader.receive(0.0) is None
        assert write(writer, picture(0)) == ring_writer.MAX_READERS
        readers[0].close()
        writer.serve(0.0)
        assert received(readers[-1]).sequence == 0
        for reader in readers:
            reader.close()


def test_a_client_that_talks_nonsense_is_disconnected(tmp_path: Path) -> None:
    with closing(FrameWriter(tmp_path / "a.sock")) as writer, closing(FrameReader(tmp_path / "a.sock")) as reader:
        connect(reader, writer)
        link = Link(tmp_path / "a.sock")
        assert link.receive(0.0) is None
        writer.serve(0.0)
        assert link.receive(1.0) is not None
        link.send(b"let me have a frame")
        assert write(writer, picture(0)) == 1
        assert received(reader).sequence == 0
        assert len(writer._readers) == 1
        link.disconnect()
