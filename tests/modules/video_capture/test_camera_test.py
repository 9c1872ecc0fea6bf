import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from modules.video_capture import camera_test
from modules.video_capture.camera_error import CameraError
from modules.video_capture.camera_test import CameraTest, PictureStatistics
from modules.video_capture.module import VideoCapture
from modules.video_capture.source import ClockState, Picture
from storeflow.contract.twins import Camera, Cameras, read_section
from storeflow.errors import ContractError
from storeflow.frames import i420
from storeflow.host.module import HasMethods, ModuleContext

Encode = Callable[..., Path]
PASSWORD = "hunter2"  # noqa: S105 - of no camera


def picture(seconds: float, brightness: int = 100, clock: ClockState | None = None) -> Picture:
    planes = i420.planes(np.full(i420.shape(64, 48), brightness, np.uint8))
    return Picture(seconds, 64, 48, planes, clock or ClockState())


class _Source:
    """Shows what it is given, then fails, or stays silent until it is released."""

    live: ClassVar[bool] = True
    codec = "h264"

    def __init__(self, *pictures: Picture, fails: Exception | None = None, silent: bool = False) -> None:
        self._pictures, self._fails, self._silent = pictures, fails, silent
        self.released = threading.Event()
        self.closed = threading.Event()

    def pictures(self) -> Generator[Picture, None, None]:
        try:
            yield from self._pictures
            if self._silent:
                self.released.wait(20)
            if self._fails is not None:
                raise self._fails
        finally:
            self.closed.set()


def cameras(**documents: dict[str, Any]) -> Cameras:
    found: Cameras = read_section("cameras", documents)
    return found


def look(source: _Source) -> dict[str, Any]:
    status, result = CameraTest(lambda _: source, lambda: cameras(door={"url": "rtsp://10.0.0.7/1"}))(
        {"camera_id": "door"}
    )
    assert status == 200
    assert isinstance(result, dict)
    return result


@pytest.fixture
def capture(context: ModuleContext) -> VideoCapture:
    return VideoCapture(context, None)


def test_a_clip_is_reported_in_figures(capture: VideoCapture, encode: Encode) -> None:
    encode("door.mp4", codec="libx264", count=50, size=(320, 240), rate=25, brightness=lambda number: 60 + number)
    capture.configure("cameras", cameras(door={"url": "file:door.mp4"}), 1)
    assert isinstance(capture, HasMethods)
    status, result = capture.methods["testCamera"]({"camera_id": "door"})
    assert status == 200
    brightness = result.pop("brightness")
    assert 0.2 < brightness < 0.4
    assert result == {
        "state": "streaming",
        "pictures": 50,
        "width": 320,
        "height": 240,
        "codec": "h264",
        "fps": 25.0,
        "changes": True,
    }


def test_settings_that_are_not_in_force_are_tried_and_not_taken_over(capture: VideoCapture) -> None:
    _, result = capture.methods["testCamera"]({"camera": {"url": "pattern:walker"}})
    assert (result["state"], result["width"], result["height"], result["fps"], result["changes"]) == (
        "streaming",
        640,
        360,
        25.0,
        True,
    )
    assert capture.metrics()["cameras_configured"] == 0


def test_a_clip_that_is_not_there_is_reported_with_its_name(capture: VideoCapture) -> None:
    status, result = capture.methods["testCamera"]({"camera": {"url": "file:gone.mp4"}})
    assert status == 200
    assert (result["state"], result["reason"], result["pictures"]) == ("failed", "unreadable", 0)
    assert "gone.mp4: no such file in the media folder" in result["detail"]


@pytest.mark.parametrize(
    ("payload", "result"),
    [
        (None, "payload: expected"),
        ([], "payload: expected"),
        ({}, "payload: expected"),
        ({"camera_id": "door", "camera": {"url": "pattern:walker"}}, "payload: expected"),
        ({"camera_id": "aisle"}, "camera_id: there is no camera 'aisle' in force; there are: door"),
        ({"camera_id": ["door"]}, r"camera_id: there is no camera \['door'\]"),
        ({"camera": "pattern:walker"}, r"cameras\.camera: "),
        ({"camera": {}}, r"cameras\.camera\.url: is missing"),
        ({"camera": {"url": "pattern:walker", "fsp": 3}}, r"cameras\.camera\.fsp: there is no such setting"),
        ({"camera": {"url": "pattern:dancer"}}, r"cameras\.camera\.url: there is no pattern 'dancer'"),
        ({"camera": {"url": "file:../../etc/passwd"}}, r"cameras\.camera\.url: .* leads out of the media folder"),
        ({"camera": {"url": f"rtsp://admin:{PASSWORD}@h/1"}}, r"cameras\.camera\.url: a URL in a twin carries no"),
    ],
)
def test_a_payload_that_names_no_camera_is_refused_with_the_field(payload: Any, result: str) -> None:
    test = CameraTest(lambda _: _Source(), lambda: cameras(door={"url": "rtsp://10.0.0.7/1"}))
    with pytest.raises(ContractError, match=result) as caught:
        test(payload)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "ref", "taken"),
    [
        ("rtsps://10.0.0.7/other", "nvr", True),
        ("rtsps://10.0.0.7:322/1", "nvr", True),
        ("rtsp://10.0.0.9:8554/1", "aisle", True),
        ("rtsps://10.0.0.8/1", "nvr", False),
        ("rtsps://10.0.0.7.example.com/1", "nvr", False),
        ("rtsps://10.0.0.7:4444/1", "nvr", False),
        ("rtsp://10.0.0.7:322/1", "nvr", False),
        ("rtsp://10.0.0.7/1", "nvr", False),
        ("rtsps://10.0.0.7/1", "aisle", False),
        ("rtsp://10.0.0.9/1", "aisle", False),
        ("rtsps://10.0.0.7/1", "stockroom", False),
        ("rtsp://10.0.0.21/1", "stockroom", False),
    ],
)
def test_a_secret_is_sent_only_where_a_camera_in_force_sends_it(url: str, ref: str, *, taken: bool) -> None:
    opened: list[Camera] = []

    def open_source(camera: Camera) -> _Source:
        opened.append(camera)
        return _Source(picture(0.0))

    in_force = cameras(
        door={"url": "rtsps://10.0.0.7/1", "credentials_ref": "nvr"},
        aisle={"url": "rtsp://10.0.0.9:8554/1", "credentials_ref": "aisle"},
        till={"url": "pattern:walker"},
        yard={"url": "rtsp://10.0.0.21/1"},
    )
    test = CameraTest(open_source, lambda: in_force)
    payload = {"camera": {"url": url, "credentials_ref": ref}}
    if taken:
        assert test(payload)[0] == 200
    else:
        result = f"credentials_ref: no camera in force uses the secret {ref} at .*: put the camera into the twin first"
        with pytest.raises(ContractError, match=result):
            test(payload)
    assert len(opened) == taken


def test_no_secret_is_sent_anywhere_while_no_camera_is_in_force() -> None:
    test = CameraTest(lambda _: _Source(picture(0.0)), cameras)
    with pytest.raises(ContractError, match="put the camera into the twin first"):
        test({"camera": {"url": "rtsp://10.0.0.7/1", "credentials_ref": "nvr"}})
    assert test({"camera": {"url": "rtsp://10.0.0.7/1"}})[0] == 200


def test_a_look_that_cannot_be_begun_keeps_nobody_from_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    broken = [ZeroDivisionError("by nothing")]

    def open_source(_: Camera) -> _Source:
        if broken:
            raise broken.pop()
        return _Source(picture(0.0))

    test = CameraTest(open_source, lambda: cameras(door={"url": "rtsp://10.0.0.7/1"}))
    with pytest.raises(ZeroDivisionError):
        test({"camera_id": "door"})
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            test({"camera_id": "door"})
    assert test({"camera_id": "door"})[0] == 200


def test_a_live_cameras_clocks_are_reported() -> None:
    clock = ClockState(ahead_seconds=0.25, camera_ahead_seconds=-3600.5)
    result = look(_Source(picture(0.0), picture(0.5, 120, clock)))
    assert (result["clock_offset_ms"], result["camera_clock_offset_ms"]) == (250, -3_600_500)
    assert "camera_clock_offset_ms" not in look(_Source(picture(0.0), picture(0.5)))


def test_what_fails_after_some_pictures_is_reported_with_both() -> None:
    broken = CameraError("no_frames", "10.0.0.7 closed the connection")
    result = look(_Source(picture(0.0), picture(0.1), fails=broken))
    assert (result["state"], result["reason"], result["detail"]) == (
        "failed",
        "no_frames",
        "10.0.0.7 closed the connection",
    )
    assert (result["pictures"], result["width"], result["fps"]) == (2, 64, 10.0)


def test_a_black_picture_is_no_view_of_the_shop() -> None:
    result = look(_Source(picture(0.0, 16), picture(0.1, 20)))
    assert (result["state"], result["reason"], result["brightness"]) == ("failed", "black", 0.009)
    assert look(_Source(picture(0.0, 16), picture(0.1, 90)))["state"] == "streaming"


def test_a_picture_that_stands_still_is_reported() -> None:
    assert look(_Source(picture(0.0), picture(0.1)))["changes"] is False
    assert look(_Source(picture(0.0), picture(0.1, 101)))["changes"] is True


def test_a_fault_that_nobody_foresaw_is_an_answer_too() -> None:
    result = look(_Source(fails=ZeroDivisionError("by nothing")))
    assert (result["state"], result["reason"], result["detail"]) == (
        "failed",
        "unreadable",
        "ZeroDivisionError: by nothing",
    )


def test_a_camera_without_end_is_looked_at_for_a_few_seconds_of_its_time_and_released() -> None:
    endless = _Source(*(picture(number / 10) for number in range(1000)))
    result = look(endless)
    assert result["pictures"] == camera_test.LOOK_SECONDS * 10 + 1
    assert endless.closed.wait(5)


def test_a_silent_camera_costs_a_bounded_time_and_nobody_else_can_ask_until_it_is_released(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(camera_test, "ANSWER_SECONDS", 0.3)
    silent = _Source(silent=True)
    test = CameraTest(lambda _: silent, lambda: cameras(door={"url": "rtsp://10.0.0.7/1"}))
    started_at = time.monotonic()
    status, result = test({"camera_id": "door"})
    assert 0.3 <= time.monotonic() - started_at < 2
    assert (status, result["state"], result["reason"]) == (200, "failed", "no_frames")
    assert result["detail"] == "not one picture within 0.3 s"
    assert test({"camera_id": "door"})[0] == 429
    silent.released.set()
    deadline = time.monotonic() + 5
    while test({"camera_id": "door"})[0] == 429:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_pictures_add_up_and_none_of_them_is_kept() -> None:
    seen = PictureStatistics().and_also(picture(1.0)).and_also(picture(3.0, 120))
    assert (seen.pictures, seen.seconds, seen.changes, seen.black) == (2, 2.0, True, False)
    assert seen.last is not None
    assert seen.last.size <= 64 * 64
    facts = seen.facts("h264", live=True)
    assert all(isinstance(fact, int | float | str | bool) for fact in facts.values())
