"""The truth of the sample store, from the true feet: a routine of its own that shares no code with the product.

A foot is the point of the floor between a person's shoes, projected into the picture. Distances are in pixels
and are judged in body heights, the height of the whole body as drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Point = tuple[float, float]

SETTLED_BODY_HEIGHTS = 0.1
GAP_SECONDS = 1.0
MIN_VISIT_SECONDS = 0.5


@dataclass(frozen=True)
class Footstep:
    """Where a person's foot was at one moment.

    Attributes:
        at: Seconds from the first frame.
        foot: Pixels.
        body_height: Pixels.
    """

    at: float
    foot: Point
    body_height: float


@dataclass(frozen=True)
class Crossing:
    """A settled crossing; `at` is when the foot passed the line for the last time before it settled."""

    line: str
    direction: str
    at: float
    actor: str


@dataclass(frozen=True)
class Visit:
    """A stay in a zone, from the first to the last moment seen inside."""

    zone: str
    actor: str
    entered_at: float
    exited_at: float


def signed_distance(start: Point, end: Point, point: Point) -> float:
    """Return the distance in pixels from the line through `start` and `end`.

    Positive on the right of whoever stands at `start` and looks to `end`, in a picture whose y points down.
    """
    across, down = end[0] - start[0], end[1] - start[1]
    length = float((across**2 + down**2) ** 0.5)
    return (across * (point[1] - start[1]) - down * (point[0] - start[0])) / length


def _passes_segment(start: Point, end: Point, before: Point, after: Point) -> bool:
    """Whether the way from `before` to `after`, on two sides of the line, meets the segment itself."""
    near, far = signed_distance(start, end, before), signed_distance(start, end, after)
    share = near / (near - far)
    x, y = before[0] + share * (after[0] - before[0]), before[1] + share * (after[1] - before[1])
    across, down = end[0] - start[0], end[1] - start[1]
    along = ((x - start[0]) * across + (y - start[1]) * down) / (across**2 + down**2)
    return 0.0 <= along <= 1.0


def crossings(line: str, start: Point, end: Point, actor: str, steps: Sequence[Footstep]) -> list[Crossing]:
    """Return the settled crossings of one person, `in` meaning from left to right."""
    found: list[Crossing] = []
    side, passed, through = 0, 0.0, False
    previous: Footstep | None = None
    for step in steps:
        distance = signed_distance(start, end, step.foot)
        if previous is not None and distance * signed_distance(start, end, previous.foot) < 0:
            passed, through = step.at, _passes_segment(start, end, previous.foot, step.foot)
        if abs(distance) > SETTLED_BODY_HEIGHTS * step.body_height:
            now = 1 if distance > 0 else -1
            if side == -now and through:
                found.append(Crossing(line, "in" if now > 0 else "out", passed, actor))
            if side != now:
                through = False
            side = now
        previous = step
    return found


def u_turns(found: Sequence[Crossing]) -> int:
    """Return how many of one person's crossings of one line took back the one before."""
    count, index = 0, 1
    while index < len(found):
        if found[index].direction != found[index - 1].direction:
            count += 1
            index += 1
        index += 1
    return count


def inside(polygon: Sequence[Point], point: Point) -> bool:
    """Whether a point lies inside a simple polygon (even-odd rule)."""
    x, y = point
    within = False
    for (x0, y0), (x1, y1) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
            within = not within
    return within


def visits(zone: str, polygon: Sequence[Point], actor: str, steps: Sequence[Footstep]) -> list[Visit]:
    """Return one person's visits: gaps of up to a second merged, visits under half a second dropped."""
    spans: list[tuple[float, float]] = []
    for step in steps:
        if not inside(polygon, step.foot):
            continue
        # Frame times are sums of tenths; a millionth keeps a gap of exactly a second on its side.
        if spans and step.at - spans[-1][1] <= GAP_SECONDS + 1e-6:
            spans[-1] = (spans[-1][0], step.at)
        else:
            spans.append((step.at, step.at))
    return [Visit(zone, actor, first, last) for first, last in spans if last - first >= MIN_VISIT_SECONDS - 1e-6]


def max_occupancy(found: Sequence[Visit]) -> int:
    """Return the most visits that were going on at one moment."""
    return max((sum(v.entered_at <= visit.entered_at <= v.exited_at for v in found) for visit in found), default=0)


def true_counts(
    lines: Mapping[str, tuple[Point, Point]],
    zones: Mapping[str, Sequence[Point]],
    walks: Mapping[str, Sequence[Footstep]],
) -> dict[str, object]:
    """Return lines, zones and crossings of a whole scene, as `truth.json` holds them.

    Args:
        lines: Start and end in pixels, by line.
        zones: Polygons in pixels, by zone.
        walks: Every person's footsteps while they are in the picture, in order of time.
    """
    counted_lines, everything = {}, []
    for line, (start, end) in lines.items():
        by_actor = [crossings(line, start, end, actor, steps) for actor, steps in walks.items()]
        flat = [crossing for found in by_actor for crossing in found]
        back = sum(u_turns(found) for found in by_actor)
        into, out = (sum(crossing.direction == way for crossing in flat) for way in ("in", "out"))
        counted_lines[line] = {"in": into, "out": out, "net_in": into - back, "net_out": out - back}
        everything.extend(flat)
    counted_zones = {}
    for zone, polygon in zones.items():
        found = [visit for actor, steps in walks.items() for visit in visits(zone, polygon, actor, steps)]
        counted_zones[zone] = {
            "visits": [
                {
                    "entered_at": round(visit.entered_at, 3),
                    "exited_at": round(visit.exited_at, 3),
                    "dwell_seconds": round(visit.exited_at - visit.entered_at, 3),
                }
                for visit in sorted(found, key=lambda visit: (visit.entered_at, visit.exited_at))
            ],
            "max_occupancy": max_occupancy(found),
        }
    return {
        "lines": counted_lines,
        "zones": counted_zones,
        "crossings": [
            {
                "line": crossing.line,
                "direction": crossing.direction,
                "at": round(crossing.at, 3),
                "actor": crossing.actor,
            }
            for crossing in sorted(everything, key=lambda crossing: crossing.at)
        ],
    }
