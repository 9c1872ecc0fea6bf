"""Privacy masks: what lies under a polygon is grey before a frame leaves this process."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from modules.video_capture.region import PixelBox
from storeflow.contract.geometry import Point
from storeflow.frames.i420 import Planes

GREY = 128
"""Of brightness and of both colours."""

_Edge = tuple[Point, Point]


@dataclass(frozen=True, slots=True)
class Patch:
    """One polygon as pixels of the region: which rows and columns it spans, and which of these it covers."""

    top: int
    left: int
    covered: NDArray[np.bool_]
    """Shape (height, width), all four borders even in the region."""
    covered_colour: NDArray[np.bool_]
    """Shape (height / 2, width / 2)."""

    def paint(self, planes: Planes) -> None:
        """Make what is covered grey."""
        _paint(planes.y, self.top, self.left, self.covered)
        for colour in (planes.u, planes.v):
            _paint(colour, self.top // 2, self.left // 2, self.covered_colour)


def patches(polygons: Iterable[Sequence[Point]], width: int, height: int, region: PixelBox) -> tuple[Patch, ...]:
    """The polygons, in fractions of a picture of that size, as pixels of its region; those outside it left out."""
    found = (_patch([Point(x * width, y * height) for x, y in polygon], region) for polygon in polygons)
    return tuple(patch for patch in found if patch is not None)


def _patch(corners: Sequence[Point], region: PixelBox) -> Patch | None:
    left = max(region.left, 2 * floor(min(x for x, _ in corners) / 2))
    top = max(region.top, 2 * floor(min(y for _, y in corners) / 2))
    right = min(region.right, 2 * floor(max(x for x, _ in corners) / 2) + 2)
    bottom = min(region.bottom, 2 * floor(max(y for _, y in corners) / 2) + 2)
    if right <= left or bottom <= top:
        return None
    covered = _covered([Point(x - left, y - top) for x, y in corners], right - left, bottom - top)
    # A sample of colour belongs to four pixels, and goes if any of them does.
    colour = covered[::2, ::2] | covered[::2, 1::2] | covered[1::2, ::2] | covered[1::2, 1::2]
    return Patch(top - region.top, left - region.left, covered, colour)


def _covered(corners: Sequence[Point], width: int, height: int) -> NDArray[np.bool_]:
    """Shape (height, width): every pixel that the polygon touches, even by a corner; a pixel more, not one less."""
    covered = np.zeros((height, width), np.bool_)
    edges = list(pairwise((*corners, corners[0])))
    for row in range(height):
        for start, stop in (*_inside(edges, row + 0.5), *_crossed(edges, row)):
            covered[row, max(0, floor(start)) : max(0, ceil(stop), floor(start) + 1)] = True
    return covered


def _inside(edges: Iterable[_Edge], y: float) -> Iterator[tuple[float, float]]:
    """The stretches of a horizontal line that lie inside, by the even-odd rule."""
    crossings = sorted(_x_at(edge, y) for edge in edges if (edge[0].y <= y) != (edge[1].y <= y))
    return zip(crossings[::2], crossings[1::2], strict=True)


def _crossed(edges: Iterable[_Edge], row: int) -> Iterator[tuple[float, float]]:
    """How far each edge reaches sideways within one row of pixels."""
    for edge in edges:
        top, bottom = sorted((edge[0].y, edge[1].y))
        if bottom < row or top > row + 1:
            continue
        if top == bottom:
            left, right = sorted((edge[0].x, edge[1].x))
        else:
            left, right = sorted((_x_at(edge, max(top, row)), _x_at(edge, min(bottom, row + 1))))
        yield left, right


def _x_at(edge: _Edge, y: float) -> float:
    (x0, y0), (x1, y1) = edge
    return x0 + (y - y0) * (x1 - x0) / (y1 - y0)


def _paint(plane: NDArray[np.uint8], top: int, left: int, covered: NDArray[np.bool_]) -> None:
    height, width = covered.shape
    np.copyto(plane[top : top + height, left : left + width], GREY, where=covered)
