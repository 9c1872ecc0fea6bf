import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from modules.video_capture.module import VideoCapture
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState
from storeflow.contract.messages import StreamEnded
from storeflow.contract.twins import read_section
from storeflow.errors import ConfigError, SourceError
from storeflow.frames import i420
from storeflow.frames.frame import Frame
from storeflow.frames.ring_reader import FrameReader
from storeflow.host.module import ModuleContext

Encode = Callable[..., Path]
NOW = 1_800_000_000.0
FAST: dict[str, Any] = {"pace": "lossless", "speed": 100, "starts_at": "2026-01-01T00:00:00Z"}
SIZES = ((160, 120), (320, 240))
MASK = [[0.25, 0.25], [0.5, 0.25], [0.5, 0.75], [0.25, 0.75]]


@pytest.fixture
def capture(context: ModuleContext) -> Iterator[VideoCapture]:
    """The module, with a clock that stands still."""
    module = VideoCapture(context, None, clock=lambda: NOW)
    yield module
    module.close()


def configure(module: VideoCapture, **cameras: dict[str, Any]) -> None:
    module.configure("cameras", read_section("cameras", cameras), 1)


def states(module: VideoCapture, count: int, seconds: float = 10.0) -> list[tuple[str, str, str]]:
    """Camera, state and detail of the next events, once there are `count` of them."""
    told: list[tuple[str, str, str]] = []
    deadline = time.monotonic() + seconds
    while len(told) < count:
        assert time.monotonic() < deadline, told
        for name, event in module.work(0.05):
            assert name == "events"
            assert isinstance(event, CloudEvent)
            assert isinstance(event.data, CameraState)
            assert event.data.store_id == "hamburg-1"
            assert event.subject == event.data.camera_id
            assert event.source == f"//hub.azure-devices.net/till/{event.subject}/state"
            told.append((event.data.camera_id, event.data.state, event.data.detail))
    return told


def facts(frame: Frame) -> tuple[Any, ...]:
    return (frame.sequence, frame.captured_at, frame.full_width, frame.full_height, frame.region, frame.i420.tobytes())


def from_ring(context: ModuleContext, camera_id: str) -> Iterator[Frame]:
    """Everything that a camera's ring shows until it says that it is over."""
    with closing(FrameReader(context.channel_folder / "frames" / f"{camera_id}.sock")) as reader:
        while not isinstance(frame := reader.receive(10.0), StreamEnded):
            assert frame is not None
            yield frame


def test_the_ring_and_the_pulled_frames_are_the_same(
    context: ModuleContext, capture: VideoCapture, encode: Encode
) -> None:
    encode("door.mp4", count=50)
    region, masks = [0.1, 0.1, 0.9, 0.9], {"till": MASK}
    configure(capture, door={"url": "file:door.mp4", "fps": 10, "region": region, "masks": masks, "playback": FAST})
    pulled = [facts(frame) for frame in capture.frames("door")]
    assert not (context.channel_folder / "frames").exists()  # pulling opens no socket
    capture.work(0.0)
    assert [facts(frame) for frame in from_ring(context, "door")] == pulled
    assert [sequence for sequence, *_ in pulled] == list(range(20))
    assert [captured_at - 1_767_225_600 for _, captured_at, *_ in pulled][:3] == pytest.approx([0.0, 0.08, 0.2])
    assert capture.metrics()["frames_published"] == 20


def test_what_lies_under_a_mask_is_grey_in_what_a_reader_gets(
    context: ModuleContext, capture: VideoCapture, encode: Encode
) -> None:
    encode("door.webm", codec="libvpx-vp9", size=(320, 240), brightness=lambda _: 250)
    configure(
        capture,
        plain={"url": "file:door.webm", "playback": FAST},
        masked={"url": "file:door.webm", "masks": {"till": MASK}, "playback": FAST},
    )
    capture.work(0.0)
    for frame in from_ring(context, "plain"):
        assert (i420.planes(frame.i420).y > 200).all()
    frames = 0
    for frame in from_ring(context, "masked"):
        planes = i420.planes(frame.i420)
        assert (planes.y[60:180, 80:160] == 128).all()
        assert (planes.u[30:90, 40:80] == 128).all()
        assert (planes.v[30:90, 40:80] == 128).all()
        assert (planes.y[:58] > 200).all()
        assert (planes.y[:, 164:] > 200).all()
        frames += 1
    assert frames == 10


def test_a_region_is_reported_as_it_was_cut(capture: VideoCapture, encode: Encode) -> None:
    encode("door.mkv", codec="ffv1", size=(161, 121))
    configure(capture, door={"url": "file:door.mkv", "region": [0.25, 0.0, 0.75, 0.5]})
    frame = next(capture.frames("door"))
    assert (frame.width, frame.height) == (78, 60)
    assert (frame.full_width, frame.full_height) == (161, 121)
    assert frame.region == (42 / 161, 0.0, 120 / 161, 60 / 121)


def test_a_clip_reports_that_it_streams_and_that_it_has_ended(
    context: ModuleContext, capture: VideoCapture, encode: Encode
) -> None:
    encode("door.mp4")
    configure(capture, door={"url": "file:door.mp4", "playback": FAST})
    capture.work(0.0)
    assert len(list(from_ring(context, "door"))) == 10
    assert states(capture, 2) == [
        ("door", "streaming", "160 x 120 pixels"),
        ("door", "ended", "the clip has ended"),
    ]
    assert list(from_ring(context, "door")) == []  # a reader that comes late learns it as well


def test_the_same_clip_played_again_gives_the_same_event_ids(context: ModuleContext, encode: Encode) -> None:
    encode("door.mp4")
    runs = []
    for _ in range(2):
        with closing(VideoCapture(context, None)) as module:
            configure(module, door={"url": "file:door.mp4", "playback": FAST})
            outputs = list(module.work(0.0))
            assert len(list(from_ring(context, "door"))) == 10
            while len(outputs) < 2:
                outputs += module.work(1.0)
            runs.append([(output.event.id, output.event.to_json()) for output in outputs])
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 2


def test_without_a_start_time_the_clock_dates_the_first_frame(capture: VideoCapture) -> None:
    configure(capture, hall={"url": "pattern:walker"})
    times = [frame.captured_at for frame in islice(capture.frames("hall"), 3)]
    assert times == pytest.approx([NOW, NOW + 0.08, NOW + 0.2])


def test_realtime_shows_a_frame_when_it_is_due(context: ModuleContext, capture: VideoCapture) -> None:
    configure(capture, hall={"url": "pattern:walker", "playback": {"speed": 2}})
    capture.work(0.0)
    with closing(FrameReader(context.channel_folder / "frames" / "hall.sock")) as reader:
        first = reader.receive(5.0)
        started = time.monotonic()
        assert isinstance(first, Frame)
        frames = [reader.receive(5.0) for _ in range(10)]
        took = time.monotonic() - started
        last = frames[-1]
        assert isinstance(last, Frame)
        assert not reader.lossless
        assert took == pytest.approx((last.captured_at - first.captured_at) / 2, abs=0.1)


def test_a_camera_that_cannot_be_read_disturbs_no_other_and_comes_when_it_can(
    context: ModuleContext, capture: VideoCapture, encode: Encode
) -> None:
    (context.media_folder / "text.mp4").write_text("this is no video\n" * 100)
    encode("door.mp4")
    configure(
        capture,
        door={"url": "file:door.mp4", "playback": FAST},
        hall={"url": "file:late.mp4", "playback": FAST},
        yard={"url": "file:text.mp4", "playback": FAST},
    )
    told = {camera_id: (state, detail) for camera_id, state, detail in states(capture, 2)}
    assert told["hall"][0] == told["yard"][0] == "failed"
    assert "late.mp4: no such file in the media folder" in told["hall"][1]
    assert "text.mp4: is no video that can be read" in told["yard"][1]
    assert len(list(from_ring(context, "door"))) == 10
    assert [(camera_id, state) for camera_id, state, _ in states(capture, 2)] == [
        ("door", "streaming"),
        ("door", "ended"),
    ]
    assert capture.metrics()["cameras_failed"] == 2
    assert list(from_ring(context, "hall")) == []  # its readers learn it as well
    encode("late.mp4")
    with closing(FrameReader(context.channel_folder / "frames" / "hall.sock")) as reader:
        frames = 0
        while frames < 10:  # the news that it failed comes first
            frames += isinstance(reader.receive(10.0), Frame)
    assert [state for _, state, _ in states(capture, 2)] == ["streaming", "ended"]


def test_every_change_of_a_cameras_state_is_in_the_log_and_a_failure_is_a_warning(
    context: ModuleContext, capture: VideoCapture, encode: Encode, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    encode("door.mp4")
    door = {"url": "file:door.mp4", "playback": FAST}
    configure(capture, door=door)
    assert capture.work(0.0) == []  # the clip waits for its reader
    assert len(list(from_ring(context, "door"))) == 10
    configure(capture, door=door, hall={"url": "file:late.mp4"})
    found = states(capture, 3)
    written = [(record.levelname, record.getMessage()) for record in caplog.records if "camera " in record.getMessage()]
    assert sorted(written) == sorted(
        ("WARNING" if state == "failed" else "INFO", f"camera {camera_id}: {state}: {detail}")
        for camera_id, state, detail in found
    )


def test_a_clip_that_breaks_off_is_reported_and_not_played_again(
    context: ModuleContext, capture: VideoCapture, encode: Encode
) -> None:
    path = encode("door.webm", codec="libvpx-vp9", count=100, brightness=lambda number: 40 + 150 * (number % 2))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    configure(capture, door={"url": "file:door.webm", "playback": {**FAST, "pace": "realtime"}})
    told = states(capture, 2)
    shown = capture.metrics()["frames_published"]
    assert 5 < shown < 40
    assert [state for _, state, _ in told] == ["streaming", "failed"]
    assert "breaks off after" in told[1][2]
    assert capture.work(1.3) == []  # longer than the first retry takes
    assert capture.metrics()["frames_published"] == shown
    assert list(from_ring(context, "door")) == []
    with pytest.raises(SourceError, match="breaks off"):
        list(capture.frames("door"))


def test_only_cameras_that_changed_are_restarted_and_removed_ones_are_taken_away(
    context: ModuleContext, capture: VideoCapture
) -> None:
    folder = context.channel_folder / "frames"
    folder.mkdir(parents=True)
    (folder / "forgotten.sock").touch()  # of a process that was killed
    patterns: dict[str, dict[str, Any]] = {name: {"url": "pattern:walker", "fps": 25} for name in ("a", "b", "c")}
    configure(capture, **patterns)
    states(capture, 3)
    assert sorted(path.name for path in folder.iterdir()) == ["a.sock", "b.sock", "c.sock"]
    with closing(FrameReader(folder / "a.sock")) as kept, closing(FrameReader(folder / "c.sock")) as removed:
        first, news = kept.receive(5.0), removed.receive(5.0)
        assert isinstance(first, Frame)
        configure(capture, a=patterns["a"], b={"url": "pattern:walker", "fps": 5}, d=patterns["c"])
        told = states(capture, 3)
        assert {(camera_id, state) for camera_id, state, _ in told} == {
            ("b", "streaming"),
            ("c", "ended"),
            ("d", "streaming"),
        }
        while isinstance(news, Frame):
            news = removed.receive(5.0)
        assert isinstance(news, StreamEnded)
        assert "taken out of the configuration" in news.reason
        second = kept.receive(5.0)
        assert isinstance(second, Frame)
        assert second.captured_at > first.captured_at  # it went on; a restarted one would begin at the same time
    assert sorted(path.name for path in folder.iterdir()) == ["a.sock", "b.sock", "d.sock"]


def test_a_camera_that_is_not_configured_has_no_frames(capture: VideoCapture) -> None:
    configure(capture, hall={"url": "pattern:walker"})
    with pytest.raises(ConfigError, match=r"cameras\.door: there is no such camera"):
        capture.frames("door")


@pytest.mark.parametrize(
    ("camera", "told"),
    [
        ({"url": "rtsp://admin:1234@camera/1"}, "cameras.door.url: a URL in a twin carries no user name or password"),
        ({"url": "rtsp://camera/1", "credentials_ref": "../door"}, "cameras.door.credentials_ref: "),
        ({"url": "rtsp://camera/1", "playback": {"speed": 2}}, "cameras.door.playback: is not for a camera whose url"),
        ({"url": "file:a.mp4", "credentials_ref": "door"}, "cameras.door.credentials_ref: is not for a camera"),
        ({"url": "pattern:walker", "freeze_seconds": 9}, "cameras.door.freeze_seconds: is not for a camera"),
    ],
)
def test_what_is_for_another_kind_of_camera_is_refused(camera: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_section("cameras", {"door": camera})
    assert str(caught.value).startswith(told)
    assert "1234" not in str(caught.value)


def test_closing_stops_a_camera_that_waits_for_a_reader(context: ModuleContext) -> None:
    module = VideoCapture(context, None)
    configure(module, hall={"url": "pattern:walker", "playback": {"pace": "lossless"}})
    module.work(0.2)
    started = time.monotonic()
    module.close()
    assert time.monotonic() - started < 2
    assert list((context.channel_folder / "frames").iterdir()) == []


def test_a_picture_is_masked_again_when_its_size_changes(
    context: ModuleContext, capture: VideoCapture, encode: Encode
) -> None:
    # An elementary stream may change its size at a key frame: two clips end to end are one.
    halves = [encode(f"{w}.h264", codec="libx264", size=(w, h), brightness=lambda _: 250) for w, h in SIZES]
    (context.media_folder / "both.h264").write_bytes(b"".join(half.read_bytes() for half in halves))
    configure(capture, door={"url": "file:both.h264", "masks": {"till": MASK}, "fps": 60, "playback": FAST})
    capture.work(0.0)
    sizes = []
    for frame in from_ring(context, "door"):
        planes = i420.planes(frame.i420)
        sizes.append((frame.width, frame.height))
        assert (planes.y[frame.height // 4 : 3 * frame.height // 4, frame.width // 4 : frame.width // 2] == 128).all()
        assert (planes.y[:, frame.width // 2 + 2 :] > 200).all()
    assert sizes == [SIZES[0]] * 25 + [SIZES[1]] * 25
