"""One zone: who visits it, and for how long.

A visit begins when a foot point comes inside and is told once it has lasted `min_visit_seconds`; it ends at the last
observation inside, and that is told once the person has been away for `reentry_seconds`. Someone who steps out for
less never left, whether they were seen outside or hidden behind a shelf. Times are those of the observations, so
telling late moves no figure. Out of sight a person is known for `forget_seconds` only: then the visit ends, too.

With a `margin` a visit begins this far inside the polygon's edge and ends at the edge, so that whoever stands on the
edge comes in once. Who works here visits as others do, but is not counted as a visitor.

However many come and go in one frame, the number of visitors is told at most once for it, and last: an event's id is
made of the number and the moment, so the same number twice in a moment would be one event.
"""

from dataclasses import dataclass, field, replace
from math import hypot, inf

from modules.zone_analytics.decisions import (
    Decision,
    OccupancyChanged,
    VisitBegan,
    VisitDwells,
    VisitEnded,
    moment_after,
)
from modules.zone_analytics.people import Person, Seen
from storeflow.contract.events import Censored
from storeflow.contract.geometry import Point, position_along
from storeflow.contract.twins import Zone


@dataclass(slots=True)
class Visit:
    """One person inside, or just gone."""

    person_id: str
    object_class: str
    entered_at: float
    entered_by: int | None
    """Edge of the polygon; none when the person appeared inside."""
    appeared: bool
    last_inside: float
    last_foot: Point
    left_by: int | None = None
    seen_outside: bool = False
    """Since `last_inside`."""
    told: bool = False
    dwell_told: bool = False
    dwell_intervals: int = 0
    """How many `dwell_interval_seconds` after the first were told."""
    staff: bool = False
    frames: int = 1
    """In which the person was seen inside."""


@dataclass(slots=True)
class ZoneVisits:
    """The decisions of one zone on one camera's picture."""

    zone_id: str
    zone: Zone
    visits: dict[str, Visit] = field(default_factory=dict)
    """Open visits by person: ended after `reentry_seconds` away, so no more than people in view lately."""
    outside: dict[str, Point] = field(default_factory=dict)
    """Last foot point outside of everyone in view, to know the edge by which they come in."""
    occupancy_told: int | None = None
    """The latest; none before there was anything to tell, and in a checkpoint of an earlier version."""
    occupancy_told_at: float | None = None

    def __post_init__(self) -> None:
        if self.occupancy_told is None:
            self.occupancy_told = len(self.visitors)

    def observe(self, seen: Seen, aspect_ratio: float) -> None:
        """Take in what is new of one person; `tick` and `tell_occupancy` tell what follows from it."""
        if not seen.person.is_a(self.zone.object_class):
            return
        for observation in seen.observations:
            place = observation.seen_at(self.zone.focus).foot
            foot = Point(place.x / aspect_ratio, place.y)
            if not contains(self.zone.polygon, foot):
                self._outside(seen.person.person_id, foot)
            elif seen.person.person_id in self.visits or self._deep_inside(foot, aspect_ratio):
                self._inside(seen.person, observation.at, foot)

    def tick(self, at: float) -> list[Decision]:
        """Tell what has become certain by now: visits that began, dwell and ended."""
        return self._tell_all(certain_at=at)

    def tell_occupancy(self, at: float) -> list[Decision]:
        """Tell the number of visitors if it is another one, or is to be told again: once all else of a frame is."""
        visitors = self.visitors
        every, told_at = self.zone.occupancy_interval_seconds, self.occupancy_told_at
        is_due = every > 0 and (told_at is None or at - told_at >= every)
        if len(visitors) == self.occupancy_told and not is_due:
            return []
        self.occupancy_told, self.occupancy_told_at = len(visitors), at
        return [OccupancyChanged(self.zone_id, at, len(visitors), visitors)]

    def staying(self, seconds: float) -> list[str]:
        """Who has been inside for at least so long."""
        return [visit.person_id for visit in self.visits.values() if visit.last_inside - visit.entered_at >= seconds]

    def leave(self, person: Person) -> list[Decision]:
        """End the visit of a person who is gone, and forget them."""
        self.outside.pop(person.person_id, None)
        visit = self.visits.get(person.person_id)
        return [] if visit is None else self._tell(visit, certain_at=inf)

    def recognise(self, person_id: str) -> None:
        """Take it in that a person works here: from now on no visitor."""
        visit = self.visits.get(person_id)
        if visit is not None:
            visit.staff = True

    def close(self, at: float) -> list[Decision]:
        """End every visit now: the camera or the zone is gone. `at` is that of the last frame."""
        decisions = self._tell_all(certain_at=inf)
        if self.occupancy_told:
            decisions += self.tell_occupancy(moment_after(at, self.occupancy_told_at))
        self.occupancy_told_at = None
        return decisions

    @property
    def visitors(self) -> tuple[str, ...]:
        """Whose visit was told and has not ended, without those who work here."""
        return tuple(visit.person_id for visit in self.visits.values() if visit.told and not visit.staff)

    def _tell_all(self, certain_at: float) -> list[Decision]:
        decisions: list[Decision] = []
        for visit in list(self.visits.values()):
            decisions += self._tell(visit, certain_at)
        return decisions

    def _deep_inside(self, foot: Point, aspect_ratio: float) -> bool:
        """Whether a place inside the polygon is the zone's `margin` away from its edge."""
        return self.zone.margin == 0 or distance_to_edge(self.zone.polygon, foot, aspect_ratio) >= self.zone.margin

    def _inside(self, person: Person, at: float, foot: Point) -> None:
        visit = self.visits.get(person.person_id)
        if visit is None:
            came_from = self.outside.pop(person.person_id, None)
            side = None if came_from is None else edge_crossed(self.zone.polygon, foot, came_from)
            self.visits[person.person_id] = Visit(
                person.person_id, person.object_class, at, side, came_from is None, at, foot, staff=person.staff
            )
            return
        visit.last_inside, visit.last_foot, visit.seen_outside = at, foot, False
        visit.staff, visit.frames = person.staff, visit.frames + 1

    def _outside(self, person_id: str, foot: Point) -> None:
        self.outside[person_id] = foot
        visit = self.visits.get(person_id)
        if visit is not None and not visit.seen_outside:
            visit.seen_outside = True
            visit.left_by = edge_crossed(self.zone.polygon, visit.last_foot, foot)

    def _tell(self, visit: Visit, certain_at: float) -> list[Decision]:
        zone, who = self.zone, (self.zone_id, visit.person_id, visit.object_class)
        decisions: list[Decision] = []
        stayed = visit.last_inside - visit.entered_at
        if not visit.told and stayed >= zone.min_visit_seconds:
            visit.told = True
            decisions.append(VisitBegan(*who, visit.entered_at, visit.entered_by, visit.staff))
        if visit.told and self._dwells(visit, stayed):
            decisions.append(VisitDwells(*who, visit.last_inside, visit.entered_at, visit.staff))
        if certain_at - visit.last_inside > zone.reentry_seconds:
            del self.visits[visit.person_id]
            if visit.told:
                left_by = visit.left_by if visit.seen_outside else None
                ended = VisitEnded(*who, visit.last_inside, left_by, visit.entered_at, _censored(visit))
                decisions.append(replace(ended, staff=visit.staff, frames=visit.frames))
        return decisions

    def _dwells(self, visit: Visit, stayed: float) -> bool:
        """Whether it is time to tell that a visit goes on: at first, and then once an interval."""
        over, every = stayed - self.zone.min_dwell_seconds, self.zone.dwell_interval_seconds
        if over < 0:
            return False
        intervals = int(over / every) if every > 0 else 0
        due = not visit.dwell_told or intervals > visit.dwell_intervals
        visit.dwell_told, visit.dwell_intervals = True, intervals
        return due


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


def _censored(visit: Visit) -> Censored | None:
    if visit.appeared:
        return "start" if visit.seen_outside else "both"
    return None if visit.seen_outside else "end"
