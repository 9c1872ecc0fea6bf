"""`testCamera`: look at one camera for a few seconds, beside whatever runs, and say what it shows or why it does not.

The camera is opened a second time, with a clock and a health of its own: the capture that runs notices nothing. What
was seen is reported in figures; no picture, no address and no password leaves here.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from modules.video_capture.camera_error import CameraError
from modules.video_capture.picture_health import BLACK_BRIGHTNESS, BLACK_PART, samples
from modules.video_capture.source import ClockState, Picture, Source
from storeflow.contract.twins import Camera, Cameras, read_section
from storeflow.errors import ContractError, StoreflowError
from storeflow.host.module import MethodResult

LOG = logging.getLogger(__name__)
ANSWER_SECONDS = 8.0
"""Until the answer, whatever the camera does; IoT Hub waits for 30 s unless it is asked for less or more."""
LOOK_SECONDS = 2.5
"""Of pictures, from the first to the last; a clip plays them faster."""
_BLACK, _WHITE = 16, 235
"""Limited-range brightness."""
_PORTS = {"rtsp": 554, "rtsps": 322}
"""Where a camera is whose url names no port."""
_TEST_CAMERA = "camera"
"""The payload's field, and the id that problems in its settings are reported under."""


@dataclass(frozen=True, slots=True)
class PictureStatistics:
    """What the pictures so far have shown; replaced by every picture, so that any thread may look at it."""

    pictures: int = 0
    width: int = 0
    height: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    brightness: float = 0.0
    """Of all pictures together, summed."""
    black: bool = True
    """Every picture was."""
    changes: bool = False
    """Not every picture was the same in every sample."""
    clock: ClockState | None = None
    """Of the last picture."""
    last: NDArray[np.uint8] | None = None
    """Samples of the last picture."""

    def and_also(self, picture: Picture) -> "PictureStatistics":
        """The same, and one picture more."""
        last = samples(picture.planes.y)
        return replace(
            self,
            pictures=self.pictures + 1,
            width=picture.width,
            height=picture.height,
            first_at=self.first_at if self.pictures else picture.seconds,
            last_at=picture.seconds,
            brightness=self.brightness + float(last.mean()),
            black=self.black and float(np.mean(last <= BLACK_BRIGHTNESS)) >= BLACK_PART,
            changes=self.changes or (self.last is not None and not np.array_equal(last, self.last)),
            clock=picture.clock,
            last=last,
        )

    @property
    def seconds(self) -> float:
        """From the first picture to the last."""
        return self.last_at - self.first_at

    def facts(self, codec: str, *, live: bool) -> dict[str, Any]:
        """In figures: size, coding, pictures a second, mean brightness from 0 to 1, clocks of a live camera."""
        if self.clock is None:
            return {"pictures": 0}
        brightness = (self.brightness / self.pictures - _BLACK) / (_WHITE - _BLACK)
        facts = {
            "pictures": self.pictures,
            "width": self.width,
            "height": self.height,
            "codec": codec,
            "fps": round((self.pictures - 1) / self.seconds, 1) if self.seconds else None,
            "brightness": round(min(max(brightness, 0.0), 1.0), 3),
            "changes": self.changes,
        }
        if live:
            camera_ahead = self.clock.camera_ahead_seconds
            facts["clock_offset_ms"] = round(self.clock.ahead_seconds * 1000)
            facts["camera_clock_offset_ms"] = None if camera_ahead is None else round(camera_ahead * 1000)
        return {name: fact for name, fact in facts.items() if fact not in (None, "")}


class CameraTest:
    """The direct method; one camera at a time.

    Args:
        open_source: a fresh source for a camera's settings, that nobody else uses.
        cameras: gives those in force.
    """

    def __init__(self, open_source: Callable[[Camera], Source], cameras: Callable[[], Cameras]) -> None:
        self._open_source, self._cameras = open_source, cameras
        self._free = threading.Lock()

    def __call__(self, payload: Any) -> MethodResult:
        """Test `{"camera_id": ID}`, one of those in force, or `{"camera": {SETTINGS}}`, one that is not yet.

        Raises:
            ContractError: the payload is neither, or its settings are refused.
        """
        camera = self._wanted(payload)
        if not self._free.acquire(blocking=False):
            return 429, {"error": "another camera is being tested: ask again in a few seconds"}
        try:
            look = _Look(self._open_source(camera), self._free.release)
        except BaseException:  # without a look nobody else would release it
            self._free.release()
            raise
        return 200, look.result_within(ANSWER_SECONDS)

    def _wanted(self, payload: Any) -> Camera:
        if not isinstance(payload, dict) or len(payload) != 1 or not payload.keys() <= {"camera_id", _TEST_CAMERA}:
            raise ContractError('payload: expected {"camera_id": "…"} or {"camera": {"url": "…", …}}')
        cameras = self._cameras()
        if _TEST_CAMERA in payload:
            return _not_in_force(payload[_TEST_CAMERA], cameras)
        camera_id = payload["camera_id"]
        if not isinstance(camera_id, str) or camera_id not in cameras:
            there_are = ", ".join(sorted(cameras)) or "none"
            raise ContractError(f"camera_id: there is no camera {camera_id!r} in force; there are: {there_are}")
        return cameras[camera_id]


class _Look:
    """One look at one source, on a thread of its own; a camera that is silent lets go when its time-out is over."""

    def __init__(self, source: Source, release: Callable[[], None]) -> None:
        self._source, self._release = source, release
        self._statistics = PictureStatistics()
        self._failure: tuple[str, str] | None = None
        self._enough, self._ended = threading.Event(), threading.Event()
        threading.Thread(target=self._run, name="camera test", daemon=True).start()

    def result_within(self, seconds: float) -> dict[str, Any]:
        """What was seen in that time, or sooner."""
        ended = self._ended.wait(seconds)
        self._enough.set()
        statistics, failure = self._statistics, self._failure
        if failure is None and not statistics.pictures:
            failure = "no_frames", "not one picture in it" if ended else f"not one picture within {seconds:g} s"
        elif failure is None and statistics.black:
            failure = "black", "its picture is black: is the light off, or the lens covered?"
        state = {"state": "streaming"} if failure is None else dict(zip(_FAILED, ("failed", *failure), strict=True))
        return {**state, **statistics.facts(self._source.codec, live=self._source.live)}

    def _run(self) -> None:
        try:
            with closing(self._source.pictures()) as pictures:
                for picture in pictures:
                    self._statistics = self._statistics.and_also(picture)
                    if self._enough.is_set() or self._statistics.seconds >= LOOK_SECONDS:
                        break
        except CameraError as error:
            self._failure = error.reason, str(error)
        except StoreflowError as error:
            self._failure = "unreadable", str(error)
        except Exception as error:  # what no one foresaw is the answer, too
            LOG.exception("camera test")
            self._failure = "unreadable", f"{type(error).__name__}: {error}"
        finally:
            self._release()
            self._ended.set()


_FAILED = ("state", "reason", "detail")


def _not_in_force(document: Any, cameras: Cameras) -> Camera:
    camera: Camera = read_section("cameras", {_TEST_CAMERA: document})[_TEST_CAMERA]
    # Who may edit the twin decides where a password goes; who may call a method must not.
    ref, server = camera.credentials_ref, _server(camera.url)
    if ref and not any(other.credentials_ref == ref and _server(other.url) == server for other in cameras.values()):
        fact = (
            f"no camera in force uses the secret {ref} at this scheme, host and port: put the camera into the twin "
            "first, then test it by its camera_id"
        )
        raise ContractError(f"cameras.{_TEST_CAMERA}.credentials_ref: {fact}")
    return camera


def _server(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port: who is given a password, and whether anybody else can read it on its way."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
