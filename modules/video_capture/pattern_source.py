"""A drawn picture: a plain room in which a figure walks to and fro, the same for ever and everywhere.

It stands in for a camera where there is none, and shows at a glance that pictures flow and in which direction.
"""

from collections.abc import Generator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from modules.video_capture.source import Picture
from storeflow.frames import i420
from storeflow.frames.i420 import Planes

WIDTH, HEIGHT, FRAMES_PER_SECOND = 640, 360, 25

_CROSSING_SECONDS = 4
"""From one wall to the other."""
_WALL, _FLOOR, _BODY, _HEAD = 176, 96, 40, 200  # brightness
_BODY_COLOUR, _HEAD_COLOUR = (160, 96), (112, 144)  # U, V


class PatternSource:
    """The walking figure, without end."""

    live: ClassVar[bool] = False
    codec = ""

    def pictures(self) -> Generator[Picture, None, None]:
        """All pictures, at 25 a second of film time."""
        canvas = np.empty(i420.shape(WIDTH, HEIGHT), np.uint8)
        planes = i420.planes(canvas)
        number = 0
        while True:
            draw(planes, number)
            yield Picture(number / FRAMES_PER_SECOND, WIDTH, HEIGHT, planes)
            number += 1


def draw(planes: Planes, number: int) -> None:
    """Paint picture `number` over whatever is in the planes, scaled to their size."""
    height = len(planes.y)
    planes.y[: height // 2] = _WALL
    planes.y[height // 2 :] = _FLOOR
    planes.u[:] = planes.v[:] = 128
    leg = number / FRAMES_PER_SECOND / _CROSSING_SECONDS % 2
    x = 0.1 + 0.8 * (leg if leg < 1 else 2 - leg)
    _paint(planes, (x - 0.04, 0.45, x + 0.04, 0.9), _BODY, _BODY_COLOUR)
    _paint(planes, (x - 0.02, 0.37, x + 0.02, 0.45), _HEAD, _HEAD_COLOUR)


def _paint(planes: Planes, box: tuple[float, float, float, float], brightness: int, colour: tuple[int, int]) -> None:
    """Fill a box given in fractions of the picture."""
    for plane, value in zip(planes, (brightness, *colour), strict=True):
        _part(plane, box)[:] = value


def _part(plane: NDArray[np.uint8], box: tuple[float, float, float, float]) -> NDArray[np.uint8]:
    height, width = plane.shape
    left, top, right, bottom = box
    return plane[round(top * height) : round(bottom * height), round(left * width) : round(right * width)]
