import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storeflow.contract.geometry import BoundingBox
from storeflow.contract.messages import Detections, StreamEnded, Track
from storeflow.errors import TransportError
from storeflow.frames.seqpacket import Listener
from storeflow.frames.side_channel import MAX_MESSAGE_BYTES, MessagePublisher, MessageSubscriber

SUBSCRIBER = """
import sys
from pathlib import Path
from storeflow.frames.side_channel import MessageSubscriber
subscriber = MessageSubscriber(Path(sys.argv[1]))
while True:
    message = subscriber.receive(10.0)
    if message is not None:
        print(message.sequence, flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the two meet."""
    return tmp_path / "detections.sock"


@pytest.fixture
def process(path: Path, repository: Path) -> Iterator["subprocess.Popen[str]"]:
    """A subscriber in a process of its own."""
    command = [sys.executable, "-c", SUBSCRIBER, str(path)]
    popen = subprocess.Popen(command, cwd=repository, stdout=subprocess.PIPE, text=True)  # noqa: S603 - a script of ours
    with popen as running:
        yield running
        running.kill()


def detections(sequence: int, tracks: int = 1) -> Detections:
    one = Track(
        track_id="a1b2c3d4-1", box=BoundingBox(0.123456789, 0.2, 0.3, 0.4), confidence=0.87654321, confirmed=True
    )
    return Detections(
        camera_id="door",
        sequence=sequence,
        captured_at=1_767_225_600.0 + sequence / 10,
        frame_width=1920,
        frame_height=1080,
        model_version="rtmdet_nano@0123456789ab",
        tracks=(one,) * tracks,
    )


def ended(sequence: int) -> StreamEnded:
    return StreamEnded(camera_id="door", sequence=sequence, captured_at=1_767_225_700.0, reason="the clip has ended")


def connect(subscriber: MessageSubscriber, publisher: MessagePublisher) -> None:
    assert subscriber.receive(0.0) is None
    publisher.flush()


def publish_when_there_is_room(publisher: MessagePublisher, message: Detections | StreamEnded) -> int:
    while not publisher.wait_for_room(0.1):
        pass
    return publisher.publish(message, lossless=True)


def sequences(subscriber: MessageSubscriber, publisher: MessagePublisher) -> list[int]:
    found = []
    while (message := subscriber.receive(0.0)) is not None:
        found.append(message.sequence)
        publisher.flush()
    return found


def test_every_subscriber_gets_every_message_in_order(path: Path) -> None:
    with (
        closing(MessagePublisher(path)) as publisher,
        closing(MessageSubscriber(path)) as one,
        closing(MessageSubscriber(path)) as two,
    ):
        connect(one, publisher)
        connect(two, publisher)
        messages = [detections(0), detections(1, tracks=0), ended(1)]
        assert [publisher.publish(message) for message in messages] == [2, 2, 2]
        assert [one.receive(1.0) for _ in messages] == messages
        assert [two.receive(1.0) for _ in messages] == messages


def test_two_hundred_tracks_fit_and_a_message_that_does_not_names_its_size(path: Path) -> None:
    with closing(MessagePublisher(path)) as publisher, closing(MessageSubscriber(path)) as subscriber:
        connect(subscriber, publisher)
        publisher.publish(detections(0, tracks=200))
        assert subscriber.receive(1.0) == detections(0, tracks=200)
        with pytest.raises(TransportError, match=rf"frame 1 of door takes \d+ bytes.*{MAX_MESSAGE_BYTES}"):
            publisher.publish(detections(1, tracks=2000))


def test_a_slow_subscriber_loses_the_oldest_and_they_are_counted(path: Path) -> None:
    count = 4000
    with closing(MessagePublisher(path, backlog=10)) as publisher, closing(MessageSubscriber(path)) as subscriber:
        connect(subscriber, publisher)
        for sequence in range(count):
            publisher.publish(detections(sequence, tracks=10))
        found = sequences(subscriber, publisher)
        assert found[-10:] == list(range(count - 10, count))
        assert found == sorted(found)
        assert publisher.lost == count - len(found) > 0


def test_a_full_backlog_drops_no_end_of_a_stream_and_nothing_lossless(path: Path) -> None:
    kept: list[Detections | StreamEnded] = [ended(0), detections(1, tracks=10), ended(2)]
    count = 4000
    with closing(MessagePublisher(path, backlog=10)) as publisher, closing(MessageSubscriber(path)) as subscriber:
        connect(subscriber, publisher)
        for sequence in range(count // 2):
            publisher.publish(detections(10 + sequence, tracks=10))
        for message in kept:
            publisher.publish(message, lossless=True)
        for sequence in range(count // 2, count):
            publisher.publish(detections(10 + sequence, tracks=10))
        found = sequences(subscriber, publisher)
        assert [sequence for sequence in found if sequence < 10] == [0, 1, 2]
        assert publisher.lost == count + len(kept) - len(found) > 0
        assert found[-1] == 10 + count - 1


def test_a_subscriber_that_never_takes_what_may_not_be_dropped_is_hung_up_on(path: Path) -> None:
    with closing(MessagePublisher(path, backlog=1)) as publisher, closing(MessageSubscriber(path)) as subscriber:
        connect(subscriber, publisher)
        connected = [publisher.publish(ended(sequence)) for sequence in range(10_000)]
        assert connected[0] == 1
        assert connected[-1] == 0


def test_who_waits_for_room_loses_nothing_however_slow_the_subscriber(path: Path) -> None:
    count, found = 2000, []

    def subscribe() -> None:
        with closing(MessageSubscriber(path)) as subscriber:
            time.sleep(0.3)
            while not isinstance(message := subscriber.receive(10.0), StreamEnded):
                assert message is not None
                found.append(message.sequence)

    thread = threading.Thread(target=subscribe)
    thread.start()
    with closing(MessagePublisher(path, backlog=2)) as publisher:
        for sequence in range(count):
            publish_when_there_is_room(publisher, detections(sequence, tracks=20))
        publish_when_there_is_room(publisher, ended(count))
        while not publisher.flush(0.1):
            pass
        thread.join()
        assert publisher.lost == 0
    assert found == list(range(count))


def test_a_wait_for_room_ends_when_another_thread_closes_the_publisher(path: Path) -> None:
    publisher = MessagePublisher(path)
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.append(publisher.wait_for_room(60.0)))
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    publisher.close()
    thread.join(2.0)
    assert results == [False]
    assert publisher.publish(detections(0)) == 0


def test_whether_there_is_room_can_be_asked_without_blocking(path: Path) -> None:
    with closing(MessagePublisher(path)) as publisher, closing(MessageSubscriber(path)) as subscriber:
        assert not publisher.wait_for_room(0.0)
        assert subscriber.receive(0.0) is None
        assert publisher.wait_for_room(0.0)


def test_who_comes_late_learns_which_cameras_are_over(path: Path) -> None:
    with closing(MessagePublisher(path)) as publisher:
        publisher.publish(ended(3))
        with closing(MessageSubscriber(path)) as late:
            connect(late, publisher)
            assert late.receive(1.0) == ended(3)
        publisher.publish(detections(0))
        with closing(MessageSubscriber(path)) as later:
            connect(later, publisher)
            assert later.receive(0.0) is None


def test_a_subscriber_that_is_killed_holds_nobody_up(path: Path, process: "subprocess.Popen[str]") -> None:
    with closing(MessagePublisher(path, backlog=2)) as publisher, closing(MessageSubscriber(path)) as survivor:
        assert publisher.wait_for_room(20.0)
        connect(survivor, publisher)
        publish_when_there_is_room(publisher, detections(0))
        assert process.stdout is not None
        assert process.stdout.readline() == "0\n"
        os.kill(process.pid, signal.SIGSTOP)
        process.kill()
        process.wait()
        for sequence in range(1, 200):
            connected = publish_when_there_is_room(publisher, detections(sequence, tracks=50))
            message = survivor.receive(1.0)
            assert message is not None
        assert connected == 1


def test_a_subscriber_goes_on_when_the_publisher_is_back(path: Path) -> None:
    with closing(MessageSubscriber(path)) as subscriber:
        for sequence in range(2):
            publisher = MessagePublisher(path)
            thread = threading.Thread(target=publish_when_there_is_room, args=(publisher, detections(sequence)))
            thread.start()
            message = subscriber.receive(5.0)
            assert message is not None
            assert message.sequence == sequence
            thread.join()
            publisher.close()
            assert subscriber.receive(0.1) is None


def test_a_datagram_that_is_no_message_is_passed_over(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    listener = Listener(path)
    with closing(MessageSubscriber(path)) as subscriber:
        assert subscriber.receive(0.0) is None
        client = listener.accept()
        assert client is not None
        client.send(b"{}")
        client.send(detections(5).model_dump_json().encode())
        message = subscriber.receive(1.0)
        assert message == detections(5)
        assert "dropped a message" in caplog.text
        client.close()
    listener.close()
