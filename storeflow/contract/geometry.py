"""Points, boxes, lines and polygons, in fractions of the full camera frame.

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
from typing import Literal, NamedTuple

Side = Literal["left", "right"]


class Point(NamedTuple):
    """A place in the frame; on the wire `[x, y]`."""

    x: float
    y: float

    def scaled(self, aspect_ratio: float) -> "Point":
        """The same place in units of the frame's *height* on both axes, so that lengths can be compared."""
        return Point(self.x * aspect_ratio, self.y)


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
    def center(self) -> Point:
        """The middle of the box."""
        return Point((self.left + self.right) / 2, (self.top + self.bottom) / 2)

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


def crosses_itself(polygon: tuple[Point, ...]) -> bool:
    """Whether two edges of the closed polygon touch anywhere but at a shared corner."""
    count = len(polygon)
    edges = [(polygon[i], polygon[(i + 1) % count]) for i in range(count)]
    for i in range(count):
        for j in range(i + 1, count):
            neighbours = j == i + 1 or (i == 0 and j == count - 1)
            if not neighbours and _segments_touch(*edges[i], *edges[j]):
                return True
    return any(_folds_back(*edges[i], edges[(i + 1) % count][1]) for i in range(count))


def area(polygon: tuple[Point, ...]) -> float:
    """Area of the closed polygon as a fraction of the frame (shoelace formula)."""
    twice = 0.0
    for here, there in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        twice += here.x * there.y - there.x * here.y
    return abs(twice) / 2


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)


def _between(a: Point, b: Point, c: Point) -> bool:
    return min(a.x, b.x) <= c.x <= max(a.x, b.x) and min(a.y, b.y) <= c.y <= max(a.y, b.y)


def _segments_touch(a: Point, b: Point, c: Point, d: Point) -> bool:
    turns = _turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)
    if turns[0] * turns[1] < 0 and turns[2] * turns[3] < 0:
        return True
    ends = ((turns[0], a, b, c), (turns[1], a, b, d), (turns[2], c, d, a), (turns[3], c, d, b))
    return any(turn == 0 and _between(*three) for turn, *three in ends)


def _folds_back(a: Point, corner: Point, b: Point) -> bool:
    """Whether the two edges at `corner` lie on top of each other."""
    opposite = (a.x - corner.x) * (b.x - corner.x) + (a.y - corner.y) * (b.y - corner.y) > 0
    return _turn(a, corner, b) == 0 and opposite
