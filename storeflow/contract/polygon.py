"""What makes a closed polygon one that can be used as a zone: its edges don't cross, and it has an area."""

from storeflow.contract.geometry import Point


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


def polygon_area(polygon: tuple[Point, ...]) -> float:
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
