"""A reader that asks for the newest of the frames that wait, and one whose writer can't be trusted."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from storeflow.contract.messages import StreamEnded
from storeflow.frames import i420
from storeflow.frames.frame import WHOLE_FRAME, Frame
from storeflow.frames.ring_reader import FrameReader
from storeflow.frames.ring_writer import FrameWriter
from storeflow.frames.seqpacket import Listener

ENDED = StreamEnded(camera_id="door", sequence=9, captured_at=0.9, reason="the clip has ended")


def write(writer: FrameWriter, frame: Frame) -> int:
    picture = writer.acquire(frame.width, frame.height)
    if picture is None:
        return 0
    picture[:] = frame.i420
    return writer.publish(replace(frame, i420=picture))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "door.sock"


@pytest.fixture
def reader(path: Path) -> Iterator[FrameReader]:
    with closing(FrameReader(path)) as one:
        yield one


def picture(sequence: int, width: int = 16) -> Frame:
    return Frame(
        "door", sequence, sequence / 10, 16, 16, WHOLE_FRAME, np.full(i420.shape(width, 16), sequence, np.uint8)
    )


def connected(path: Path, reader: FrameReader, *, lossless: bool = False) -> FrameWriter:
    writer = FrameWriter(path, lossless=lossless)
    assert reader.connect()
    writer.serve(0.0)
    return writer


def sequence_of(item: Frame | StreamEnded | None) -> int:
    assert isinstance(item, Frame)
    assert (item.i420 == item.sequence).all()
    return item.sequence


def test_the_newest_of_what_waits_is_received_and_the_others_go_back_unseen(path: Path, reader: FrameReader) -> None:
    with closing(connected(path, reader)) as writer:
        served = [write(writer, picture(number)) for number in range(5)]
        assert served == [1, 1, 0, 0, 0]  # two wait for the reader, the others passed it by
        assert sequence_of(reader.receive_newest()) == 1

        writer.serve(0.0)  # frame 0 came back unseen: there is room for the newest
        assert sequence_of(reader.receive_newest()) == 4
        assert reader.receive_newest() is None
        writer.serve(0.0)
        assert [write(writer, picture(number)) for number in range(5, 8)] == [1, 1, 0]  # and all slots are free again


def test_the_pixels_of_the_newest_frame_are_nobodys_to_write_over_until_it_is_released(
    path: Path, reader: FrameReader
) -> None:
    with closing(connected(path, reader)) as writer:
        write(writer, picture(0))
        write(writer, picture(1))
        frame = reader.receive_newest()
        for number in range(2, 30):
            write(writer, picture(number))
            assert sequence_of(frame) == 1


def test_the_end_comes_after_the_frame_before_it_and_before_the_one_behind_it(path: Path, reader: FrameReader) -> None:
    with closing(connected(path, reader)) as writer:
        write(writer, picture(0))
        writer.end(ENDED)
        write(writer, picture(1))

        assert sequence_of(reader.receive_newest()) == 0
        assert reader.has_end
        assert reader.receive_newest() == ENDED
        assert not reader.has_end
        assert sequence_of(reader.receive_newest()) == 1


def test_the_end_that_was_found_behind_a_frame_comes_when_the_next_one_is_asked_for(
    path: Path, reader: FrameReader
) -> None:
    with closing(connected(path, reader)) as writer:
        write(writer, picture(0))
        writer.end(ENDED)
        assert sequence_of(reader.receive_newest()) == 0
        assert reader.receive(0.0) == ENDED


def test_of_a_lossless_writer_no_frame_is_passed_over(path: Path, reader: FrameReader) -> None:
    with closing(connected(path, reader, lossless=True)) as writer:
        assert reader.receive_newest() is None  # it has said what it is like
        write(writer, picture(0))
        write(writer, picture(1))
        assert [sequence_of(reader.receive_newest()) for _ in range(2)] == [0, 1]


def test_a_slot_of_the_writer_before_frees_none_of_its_successors(
    path: Path, reader: FrameReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storeflow.frames.seqpacket.LONGEST_RECONNECT_SECONDS", 0.0)
    before = connected(path, reader)
    write(before, picture(0))
    before.close()
    with closing(FrameWriter(path)) as after:
        # The end of the old connection is found behind its last frame, and the successor is reached there and then.
        old = reader.receive_newest()
        write(after, picture(1))
        assert sequence_of(old) == 0
        assert sequence_of(reader.receive_newest()) == 1  # in the slot of the same number as frame 0 was

        for number in range(2, 30):
            write(after, picture(number))
        newest = reader.receive_newest()
        for number in range(30, 60):
            write(after, picture(number))
            assert sequence_of(newest) == 2


def test_larger_memory_in_between_is_moved_on_to(path: Path, reader: FrameReader) -> None:
    with closing(connected(path, reader)) as writer:
        write(writer, picture(0))
        write(writer, picture(1, width=4096))
        assert sequence_of(reader.receive_newest()) == 1
        writer.serve(0.0)
        assert [write(writer, picture(number, width=4096)) for number in (2, 3)] == [1, 0]


def test_a_reader_cannot_write(path: Path, reader: FrameReader) -> None:
    with closing(connected(path, reader)) as writer:
        write(writer, picture(3))
        frame = reader.receive(1.0)
        assert isinstance(frame, Frame)
        with pytest.raises(ValueError, match="read-only"):
            frame.i420[0, 0] = 1
        with pytest.raises(ValueError, match="WRITEABLE"):
            frame.i420.flags.writeable = True


@pytest.mark.parametrize(
    "datagram",
    [
        b"\x09what?",
        b"\x03cut",
        b"\x04{}",
        b"\x02" + bytes(16),
        b"\x03" + bytes(76) + b"door",
    ],
    ids=["unknown", "cut", "no end", "ring without memory", "frame without ring"],
)
def test_a_reader_closes_the_connection_to_a_writer_that_talks_nonsense(
    tmp_path: Path, datagram: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener(tmp_path / "a.sock")
    with closing(FrameReader(tmp_path / "a.sock")) as reader:
        assert reader.receive(0.0) is None
        client = listener.accept()
        assert client is not None
        client.send(datagram)
        assert reader.receive(0.0) is None
        assert "closed the connection" in caplog.text
        with pytest.raises(BrokenPipeError):
            client.send(b"are you still there?")
        client.close()
    listener.close()


def test_memory_that_could_shrink_under_the_reader_is_not_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener(tmp_path / "a.sock")
    descriptor = os.memfd_create("unsealed", os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, 4096)
    with closing(FrameReader(tmp_path / "a.sock")) as reader:
        assert reader.receive(0.0) is None
        client = listener.accept()
        assert client is not None
        ring = b"\x02" + (1).to_bytes(4, "little") + (4096).to_bytes(8, "little") + (1).to_bytes(4, "little")
        socket.send_fds(client, [ring], [descriptor])
        assert reader.receive(0.0) is None
        assert "could shrink" in caplog.text
        client.close()
    os.close(descriptor)
    listener.close()
