"""Points, boxes and lines, in fractions of the full camera frame.

The origin is the frame's top left corner, x grows to the right and y grows *down*. A value of 1.0 is the
right or bottom edge. Nothing here knows pixels: whoever measures lengths multiplies x by the frame's aspect
ratio first (`Point.scaled`), because a fraction of the width is not as long as a fraction of the height.

Stand at a line's `start` and face its `end`:

            end
             ^
      left   |   right        a walker from left to right crosses to the `right`
             |
           start
"""

from math import hypot
from typing import Annotated, NamedTuple

from pydantic import Strict


class Point(NamedTuple):
    """A place in the frame; on the wire `[x, y]`."""

    x: Annotated[float, Strict()]
    y: Annotated[float, Strict()]

    def scaled(self, aspect_ratio: float) -> "Point":
        """The same place in units of the frame's *height* on both axes, so that lengths can be compared."""
        return Point(self.x * aspect_ratio, self.y)

    def unscaled(self, aspect_ratio: float) -> "Point":
        """The same place in fractions of the frame again: what `scaled` was given."""
        return Point(self.x / aspect_ratio, self.y)


class BoundingBox(NamedTuple):
    """An upright rectangle around one object; on the wire `[left, top, right, bottom]`.

    A box may reach beyond the frame (values below 0 or above 1) when the object does.
    """

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Fraction of the frame's width."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Fraction of the frame's height."""
        return self.bottom - self.top

    @property
    def bottom_center(self) -> Point:
        """Where a standing person touches the floor, as far as a box can tell."""
        return Point((self.left + self.right) / 2, self.bottom)


def signed_distance(point: Point, start: Point, end: Point) -> float:
    """Distance of `point` from the endless line through `start` and `end`, negative to its left.

    All three points share one unit on both axes, and the result has that unit.

    Raises:
        ValueError: `start` and `end` are the same point.
    """
    along_x, along_y = end.x - start.x, end.y - start.y
    length = hypot(along_x, along_y)
    if length == 0:
        raise ValueError("a line needs two different points")
    # With y growing down, the cross product is positive to the right of the walker.
    return (along_x * (point.y - start.y) - along_y * (point.x - start.x)) / length


def position_along(point: Point, start: Point, end: Point) -> float:
    """Where the foot of the perpendicular from `point` lies on the line: 0 at `start`, 1 at `end`."""
    along_x, along_y = end.x - start.x, end.y - start.y
    length_squared = along_x * along_x + along_y * along_y
    if length_squared == 0:
        raise ValueError("a line needs two different points")
    return (along_x * (point.x - start.x) + along_y * (point.y - start.y)) / length_squared
