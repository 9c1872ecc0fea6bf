"""Live cameras, read with PyAV by RTSP over TCP, on one thread.

ffmpeg repeats the address in its errors, and the password is part of that: no error of it leaves this file, neither as
text nor as the cause of another.
"""

import errno
import logging
import os
import socket
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import ClassVar, NoReturn
from urllib.parse import urlsplit, urlunsplit

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from modules.video_capture import credentials, decoded
from modules.video_capture.camera_error import CameraError
from modules.video_capture.live_time import LiveTime
from modules.video_capture.picture_health import BLACK_SECONDS, PictureHealth, samples
from modules.video_capture.source import Picture
from storeflow.contract.events.cameras import FailedReason
from storeflow.contract.twins import Camera

OPEN_SECONDS, READ_SECONDS = 5.0, 3.0
PICTURE_SECONDS = 30.0
"""A camera's first picture comes with its next key frame, and few cameras let more time pass between two."""
_OPTIONS = {
    "rtsp_transport": "tcp",
    "protocol_whitelist": "rtp,tcp,tls",
    # Sound would keep a connection alive that shows nothing.
    "allowed_media_types": "video",
    # What these would find out, the pictures themselves say: don't hold the first ones back for it.
    "analyzeduration": "100000",
    "fpsprobesize": "0",
}
_SILENT = (av.ExitError, av.TimeoutError)

LOG = logging.getLogger(__name__)


class RtspSource:
    """One camera; its pictures may be asked for again after it broke off.

    Args:
        camera: its settings, with an `rtsp` or `rtsps` url.
        live_time: dates its pictures, also over a change of settings.
        wall: seconds since the epoch by this device's clock.
        environment: where the secrets' folder is named.
    """

    live: ClassVar[bool] = True

    def __init__(
        self,
        camera: Camera,
        live_time: LiveTime,
        wall: Callable[[], float],
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._url = urlsplit(camera.url)
        self._ref, self._freeze_seconds = camera.credentials_ref, camera.freeze_seconds
        self._time, self._wall, self._environment = live_time, wall, environment
        self._health = PictureHealth(camera.freeze_seconds)
        self.codec = ""

    def pictures(self) -> Generator[Picture, None, None]:
        """All pictures from now on, without end.

        Raises:
            CameraError: the camera can't be opened, falls silent, or shows nothing of the shop.
            ClockSetBackError: the next pictures are from before those so far.
        """
        address = self._address()
        started = time.monotonic()
        opened = False
        try:
            with av.open(
                address, format="rtsp", options=self._options(), timeout=(OPEN_SECONDS, READ_SECONDS)
            ) as container:
                opened = True
                yield from self._read(container)
        except (av.FFmpegError, OSError) as error:
            fault = self._broken_off(error) if opened else self._not_opened(error, time.monotonic() - started)
        # Raised out here, where the error of ffmpeg is not its context.
        raise fault

    def _address(self) -> str:
        if self._ref is None:
            return urlunsplit(self._url)
        userinfo = credentials.userinfo(self._ref, self._environment)
        return urlunsplit(self._url._replace(netloc=f"{userinfo}@{self._url.netloc}"))

    def _options(self) -> dict[str, str]:
        pinned = credentials.certificate(self._ref, self._environment) if self._ref else None
        return {**_OPTIONS, "tls_verify": "1", "ca_file": str(pinned)} if pinned else _OPTIONS

    def _read(self, container: InputContainer) -> Generator[Picture, None, NoReturn]:
        if not container.streams.video:
            raise CameraError("unreadable", f"{self._url.netloc} sends no video: fix the path in url")
        stream = container.streams.video[0]
        decoded.use_one_thread(stream)
        self.codec = stream.codec_context.name
        reformatter = VideoReformatter()
        self._time.new_connection()
        for frame in self._decode(container, stream):
            stamp = None if frame.pts is None or frame.time_base is None else float(frame.pts * frame.time_base)
            wall, steady = self._wall(), time.monotonic()
            captured_at = self._time.captured_at(stamp, wall, steady)
            planes = decoded.planes(frame, reformatter)
            if fault := self._health.fault(samples(planes.y), steady):
                raise CameraError(fault, self._shows_nothing(fault))
            clock = self._time.clock._replace(camera_ahead_seconds=_ahead(container.start_time_realtime, stamp, wall))
            yield Picture(captured_at, frame.width, frame.height, planes, clock)
        raise CameraError("no_frames", f"{self._url.netloc} closed the connection")

    def _decode(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        shown_at, damaged = time.monotonic(), 0
        try:
            for packet in container.demux(stream):
                try:
                    for frame in packet.decode():
                        yield frame
                        shown_at = time.monotonic()
                except av.InvalidDataError:
                    damaged += 1
                if time.monotonic() - shown_at > PICTURE_SECONDS:
                    fact = f"nothing that {self._url.netloc} sent in {PICTURE_SECONDS:g} s could be decoded"
                    raise CameraError("no_frames", f"{fact}: is its stream H.264, and has it key frames?")
        finally:
            if damaged:
                LOG.warning("%s: %d damaged packets were passed over", self._url.netloc, damaged)

    def _not_opened(self, error: Exception, waited: float) -> CameraError:
        host = self._url.netloc
        # A time-out in the middle of the conversation comes as any of several errors.
        silent = isinstance(error, _SILENT) or waited >= OPEN_SECONDS
        reason: FailedReason
        match error:
            case av.HTTPUnauthorizedError() | av.HTTPForbiddenError() if self._ref is None:
                reason, fact = "credentials", "wants a user name and password: name a secret in credentials_ref"
            case av.HTTPUnauthorizedError() | av.HTTPForbiddenError():
                reason, fact = "credentials", f"refuses the user name or password of secret {self._ref}"
            case av.HTTPNotFoundError():
                reason, fact = "unreadable", "has no such stream: fix the path in url"
            case _ if silent:
                reason, fact = "unreachable", "does not answer: is the camera on, and on this network?"
            case av.HTTPError() | av.InvalidDataError():
                reason, fact = "unreadable", "answers, but with no stream: has it too many viewers?"
            case OSError(errno=errno.EIO) if not self._has_address():
                reason, fact = "unreachable", "can't be reached: no such host: check its name and the DNS"
            case OSError(errno=errno.EIO) if self._url.scheme == "rtsps":
                reason, fact = "credentials", "lets no encrypted connection be made: does its certificate fit?"
            case OSError(errno=errno.ECONNREFUSED):
                reason, fact = (
                    "unreachable",
                    "can't be reached: nothing listens there: check the port; is the camera on?",
                )
            case _:
                reason, fact = "unreachable", f"can't be reached: {_system_error(error)}"
        return CameraError(reason, f"{host} {fact}")

    def _has_address(self) -> bool:
        """Whether the host's name leads anywhere; ffmpeg reports one that doesn't as an input/output error."""
        try:
            return bool(socket.getaddrinfo(self._url.hostname, self._url.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError):
            return False

    def _broken_off(self, error: Exception) -> CameraError:
        if isinstance(error, _SILENT):
            return CameraError("no_frames", f"{self._url.netloc} has sent nothing for {READ_SECONDS:g} s")
        return CameraError("no_frames", f"{self._url.netloc} broke off: {_system_error(error)}")

    def _shows_nothing(self, fault: str) -> str:
        if fault == "black":
            return f"its picture has been black for {BLACK_SECONDS:g} s: is the light off, or the lens covered?"
        return f"its picture has not changed in the least for {self._freeze_seconds:g} s: restart the camera"


def _ahead(zero: int | None, stamp: float | None, wall: float) -> float | None:
    """How far the camera's clock is ahead of `wall`, once it has said (in an RTCP sender report) what its stamps mean.

    Args:
        zero: microseconds since the epoch at stamp 0, by the camera's clock.
        stamp: of the picture that has just come.
        wall: seconds since the epoch by this device's clock.
    """
    return None if zero is None or stamp is None else zero / 1e6 + stamp - wall


def _system_error(error: Exception) -> str:
    """What the system says of an error, without the address."""
    number = getattr(error, "errno", None) or 0
    # ffmpeg's own errors have numbers that the system does not know.
    return os.strerror(number).lower() if 0 < number < 4096 else type(error).__name__  # noqa: PLR2004 - said above
