"""A camera's pictures on their way to being frames: sampled, then cropped and masked in one copy.

The same for the thread that feeds a ring and for anyone who pulls frames in its own process.
"""

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modules.video_capture.masks import Patch, patches
from modules.video_capture.region import PixelBox, region_in_pixels
from modules.video_capture.sampling import Sampler
from modules.video_capture.source import Picture, Source
from storeflow.contract.twins import Camera
from storeflow.frames import i420
from storeflow.frames.frame import Frame


@dataclass(frozen=True, slots=True)
class _Stencil:
    """What of a picture of one size may be seen."""

    picture_size: tuple[int, int]
    box: PixelBox
    patches: tuple[Patch, ...]


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture that was chosen, still in the decoder's memory; good until the next one is asked for."""

    camera_id: str
    sequence: int
    captured_at: float
    picture: Picture
    stencil: _Stencil

    @property
    def width(self) -> int:
        """Of the frame to be, in pixels, even."""
        return self.stencil.box.width

    @property
    def height(self) -> int:
        """Of the frame to be, in pixels, even."""
        return self.stencil.box.height

    def develop(self, into: NDArray[np.uint8]) -> Frame:
        """The frame, its pixels copied into an array of shape (height * 3 / 2, width), and masked there."""
        left, top, right, bottom = self.stencil.box
        target = i420.planes(into)
        np.copyto(target.y, self.picture.planes.y[top:bottom, left:right])
        for colour, seen in zip(target[1:], self.picture.planes[1:], strict=True):
            np.copyto(colour, seen[top // 2 : bottom // 2, left // 2 : right // 2])
        for patch in self.stencil.patches:
            patch.paint(target)
        full_width, full_height = self.picture.width, self.picture.height
        region = self.stencil.box.in_fractions(full_width, full_height)
        return Frame(self.camera_id, self.sequence, self.captured_at, full_width, full_height, region, into)


def shots(
    camera_id: str, camera: Camera, source: Source, clock: Callable[[], float], *, sequence: int = 0
) -> Generator[Shot, None, None]:
    """The pictures of a camera to look at, in order of time, the first of them numbered `sequence`.

    `clock` is asked when the first one of a clip is there, unless the playback says when that was taken.

    Raises:
        SourceError: as the source does; or the region leaves nothing of a picture.
    """
    sampler = Sampler(camera.fps)
    starts_at = _starts_at(camera, source)
    stencil: _Stencil | None = None
    with closing(source.pictures()) as pictures:
        for picture in pictures:
            starts_at = clock() if starts_at is None else starts_at
            captured_at = starts_at + picture.seconds
            if not sampler.picks(captured_at):
                continue
            if stencil is None or stencil.picture_size != (picture.width, picture.height):
                stencil = _cut_stencil(camera, picture.width, picture.height)
            yield Shot(camera_id, sequence, captured_at, picture, stencil)
            sequence += 1


def _starts_at(camera: Camera, source: Source) -> float | None:
    if source.live:
        return 0.0  # its pictures are dated already
    return None if camera.playback.starts_at is None else camera.playback.starts_at.timestamp()


def _cut_stencil(camera: Camera, width: int, height: int) -> _Stencil:
    box = region_in_pixels(camera.region, width, height)
    return _Stencil((width, height), box, patches(camera.masks.values(), width, height, box))
