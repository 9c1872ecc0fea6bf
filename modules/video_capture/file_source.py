"""Clips, read with PyAV: planes as the decoder leaves them, on one thread.

A clip that a twin names is somebody else's data. ffmpeg is let near plain container formats only: not near
playlists, which would have it open other files and addresses.
"""

import logging
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, NamedTuple

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from modules.video_capture import decoded
from modules.video_capture.clip_time import ClipTime
from modules.video_capture.source import Picture
from storeflow.errors import SourceError

_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,matroska,webm,mpeg,mpegts,mpegvideo,avi,h264,hevc,m4v",
}
_COMPLETE = 0.9
"""A clip that shows less than this part of the duration it announces has been cut off."""
_USUAL_RATE = Fraction(25)
"""Of a clip that names none."""

LOG = logging.getLogger(__name__)


class Announced(NamedTuple):
    """What a clip says of itself."""

    frames: int | None
    """How many pictures it has; None where it doesn't say."""
    rate: float
    """Pictures per second."""


class FileSource:
    """One clip of a media folder.

    Args:
        media_folder: the only folder that clips are read from.
        name: the clip's path inside it.
    """

    live: ClassVar[bool] = False

    def __init__(self, media_folder: Path, name: str) -> None:
        self._folder = media_folder
        self._name = name
        self.codec = ""

    def pictures(self) -> Generator[Picture, None, None]:
        """All pictures of the clip, from its first.

        Raises:
            SourceError: it is missing, outside the folder, no video, damaged beyond use, or shorter than it says.
        """
        with self._opened() as (container, stream):
            yield from self._read(container, stream)

    def announced(self) -> Announced:
        """What the clip says of itself; no picture is decoded.

        Raises:
            SourceError: it is missing, outside the folder, or no video.
        """
        with self._opened() as (container, stream):
            rate = stream.average_rate or stream.guessed_rate or _USUAL_RATE
            seconds = _announced_seconds(container, stream) or float(container.duration or 0) / av.time_base
            return Announced(stream.frames or round(seconds * rate) or None, float(rate))

    @contextmanager
    def _opened(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        path = self._path()
        try:
            with av.open(str(path), options=_OPTIONS) as container:
                if not container.streams.video:
                    raise SourceError(f"{self._name}: has no video in it")
                yield container, container.streams.video[0]
        except (av.FFmpegError, OSError) as error:
            raise SourceError(f"{self._name}: is no video that can be read: {error.strerror or error}") from error

    def _path(self) -> Path:
        path = (self._folder / self._name).resolve()
        if not path.is_relative_to(self._folder.resolve()):
            raise SourceError(f"{self._name}: is a link that leads out of the media folder: put the clip itself there")
        if not path.exists():
            raise SourceError(f"{self._name}: no such file in the media folder: put it there or fix url")
        if not path.is_file():
            raise SourceError(f"{self._name}: is not a file: name a clip in url")
        if path.stat().st_size == 0:
            raise SourceError(f"{self._name}: is empty: copy the clip again")
        return path

    def _read(self, container: InputContainer, stream: VideoStream) -> Generator[Picture, None, None]:
        decoded.use_one_thread(stream)
        self.codec = stream.codec_context.name
        clock = ClipTime(stream.time_base, stream.average_rate)
        reformatter = VideoReformatter()
        seconds, trusted = -1.0, True
        for frame in self._decode(container, stream):
            try:
                seconds = clock.seconds(frame.pts)
            except SourceError as error:
                raise SourceError(f"{self._name}: {error}") from error
            if trusted and clock.distrusted:
                trusted = False
                LOG.warning("%s: %s: going by its average rate from here on", self._name, clock.distrusted)
            yield Picture(seconds, frame.width, frame.height, decoded.planes(frame, reformatter))
        if seconds < 0:
            raise SourceError(f"{self._name}: not one picture in it can be decoded: copy the clip again")
        self._check_complete(seconds, _announced_seconds(container, stream), stream.average_rate)

    def _decode(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        damaged = 0
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
            except av.InvalidDataError:
                damaged += 1
        if damaged:
            LOG.warning("%s: %d damaged packets were passed over", self._name, damaged)

    def _check_complete(self, last: float, announced: float | None, rate: Fraction | None) -> None:
        shown = last + (float(1 / rate) if rate else 0.0)
        if announced is not None and shown < _COMPLETE * announced:
            raise SourceError(
                f"{self._name}: breaks off after {shown:.1f} s of the {announced:.1f} s it announces: copy it again"
            )


def _announced_seconds(container: InputContainer, stream: VideoStream) -> float | None:
    """How long the clip says that its video is, if it does."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    # The container's duration is the longest stream's; the video's only where there is no other.
    if container.duration is not None and len(container.streams) == 1:
        return container.duration / av.time_base
    return None
