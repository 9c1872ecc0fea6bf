"""Where a point is in a closed polygon: inside or not, how far from the edge, over which edge it left.

Points are fractions of the full camera frame. Edge 0 leads from the first corner to the second, the last edge back
to the first corner.
"""

from math import hypot

from storeflow.contract.geometry import Point, position_along


def contains(polygon: tuple[Point, ...], point: Point) -> bool:
    """Whether `point` is inside the closed polygon (even-odd rule; W. R. Franklin, "PNPOLY")."""
    inside = False
    previous = polygon[-1]
    for corner in polygon:
        if (corner.y > point.y) != (previous.y > point.y) and point.x < corner.x + (point.y - corner.y) * (
            previous.x - corner.x
        ) / (previous.y - corner.y):
            inside = not inside
        previous = corner
    return inside


def distance_to_edge(polygon: tuple[Point, ...], point: Point, aspect_ratio: float) -> float:
    """How far it is from `point` to the nearest edge of the closed polygon, as a fraction of the frame's width."""
    corners = [Point(corner.x, corner.y / aspect_ratio) for corner in polygon]
    place = Point(point.x, point.y / aspect_ratio)
    return min(
        _distance(place, corner, corners[(index + 1) % len(corners)])
        for index, corner in enumerate(corners)
        if corner != corners[(index + 1) % len(corners)]
    )


def edge_crossed(polygon: tuple[Point, ...], inside: Point, outside: Point) -> int | None:
    """Index of the edge that the way from `inside` to `outside` crosses first; edge 0 starts at the first corner."""
    best: tuple[float, int] | None = None
    way_x, way_y = outside.x - inside.x, outside.y - inside.y
    for index, corner in enumerate(polygon):
        other = polygon[(index + 1) % len(polygon)]
        edge_x, edge_y = other.x - corner.x, other.y - corner.y
        determinant = way_x * edge_y - way_y * edge_x
        if determinant == 0:
            continue
        from_x, from_y = corner.x - inside.x, corner.y - inside.y
        on_way = (from_x * edge_y - from_y * edge_x) / determinant
        on_edge = (from_x * way_y - from_y * way_x) / determinant
        if 0 <= on_way <= 1 and 0 <= on_edge <= 1 and (best is None or on_way < best[0]):
            best = (on_way, index)
    return None if best is None else best[1]


def _distance(point: Point, start: Point, end: Point) -> float:
    along = min(1.0, max(0.0, position_along(point, start, end)))
    return hypot(start.x + along * (end.x - start.x) - point.x, start.y + along * (end.y - start.y) - point.y)
