"""A reader that asks for the newest of the frames that wait."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from storeflow.contract.messages import StreamEnded
from storeflow.frames import i420
from storeflow.frames.frame import WHOLE_FRAME, Frame
from storeflow.frames.ring import FrameReader, FrameWriter

ENDED = StreamEnded(camera_id="door", sequence=9, captured_at=0.9, reason="the clip has ended")


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


def sequence_of(news: Frame | StreamEnded | None) -> int:
    assert isinstance(news, Frame)
    assert (news.i420 == news.sequence).all()
    return news.sequence


def test_the_newest_of_what_waits_is_told_and_the_others_go_back_unseen(path: Path, reader: FrameReader) -> None:
    with closing(connected(path, reader)) as writer:
        served = [writer.write(picture(number)) for number in range(5)]
        assert served == [1, 1, 0, 0, 0]  # two wait for the reader, the others passed it by
        assert sequence_of(reader.receive_newest()) == 1

        writer.serve(0.0)  # frame 0 came back unseen: there is room for the newest
        assert sequence_of(reader.receive_newest()) == 4
        assert reader.receive_newest() is None
        writer.serve(0.0)
        assert [writer.write(picture(number)) for number in range(5, 8)] == [1, 1, 0]  # and all slots are free again


def test_the_pixels_of_the_newest_frame_are_nobodys_to_write_over_until_it_is_released(
    path: Path, reader: FrameReader
) -> None:
    with closing(connected(path, reader)) as writer:
        writer.write(picture(0))
        writer.write(picture(1))
        frame = reader.receive_newest()
        for number in range(2, 30):
            writer.write(picture(number))
            assert sequence_of(frame) == 1


def test_the_end_is_told_after_the_frame_before_it_and_before_the_one_behind_it(
    path: Path, reader: FrameReader
) -> None:
    with closing(connected(path, reader)) as writer:
        writer.write(picture(0))
        writer.end(ENDED)
        writer.write(picture(1))

        assert sequence_of(reader.receive_newest()) == 0
        assert reader.has_end
        assert reader.receive_newest() == ENDED
        assert not reader.has_end
        assert sequence_of(reader.receive_newest()) == 1


def test_the_end_that_was_found_behind_a_frame_is_told_to_who_asks_for_the_next_one(
    path: Path, reader: FrameReader
) -> None:
    with closing(connected(path, reader)) as writer:
        writer.write(picture(0))
        writer.end(ENDED)
        assert sequence_of(reader.receive_newest()) == 0
        assert reader.receive(0.0) == ENDED


def test_of_a_lossless_writer_no_frame_is_passed_over(path: Path, reader: FrameReader) -> None:
    with closing(connected(path, reader, lossless=True)) as writer:
        assert reader.receive_newest() is None  # it has said what it is like
        writer.write(picture(0))
        writer.write(picture(1))
        assert [sequence_of(reader.receive_newest()) for _ in range(2)] == [0, 1]


def test_a_slot_of_the_writer_before_frees_none_of_its_successors(
    path: Path, reader: FrameReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storeflow.frames.seqpacket.LONGEST_RECONNECT_SECONDS", 0.0)
    before = connected(path, reader)
    before.write(picture(0))
    before.close()
    with closing(FrameWriter(path)) as after:
        # The end of the old connection is found behind its last frame, and the successor is reached there and then.
        old = reader.receive_newest()
        after.write(picture(1))
        assert sequence_of(old) == 0
        assert sequence_of(reader.receive_newest()) == 1  # in the slot of the same number as frame 0 was

        for number in range(2, 30):
            after.write(picture(number))
        newest = reader.receive_newest()
        for number in range(30, 60):
            after.write(picture(number))
            assert sequence_of(newest) == 2


def test_larger_memory_in_between_is_moved_on_to(path: Path, reader: FrameReader) -> None:
    with closing(connected(path, reader)) as writer:
        writer.write(picture(0))
        writer.write(picture(1, width=4096))
        assert sequence_of(reader.receive_newest()) == 1
        writer.serve(0.0)
        assert [writer.write(picture(number, width=4096)) for number in (2, 3)] == [1, 0]
