"""One zone: who visits it, and for how long.

A visit begins when a foot point comes inside and is told once it has lasted `min_visit_seconds`; it ends at the last
observation inside, and that is told once the person has been away for `reentry_seconds`. Someone who steps out for
less never left, whether they were seen outside or hidden behind a shelf. Times are those of the observations, so
telling late moves no figure. Out of sight a person is known for `forget_seconds` only: then the visit ends, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from modules.zone_analytics.decisions import Decision, OccupancyChanged, VisitBegan, VisitDwells, VisitEnded
from modules.zone_analytics.people import Person, Seen
from storeflow.contract.events import Censored
from storeflow.contract.geometry import Point
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


@dataclass(slots=True)
class ZoneVisits:
    """The decisions of one zone on one camera's picture."""

    zone_id: str
    zone: Zone
    visits: dict[str, Visit] = field(default_factory=dict)
    """Open visits by person: ended after `reentry_seconds` away, so no more than people in view lately."""
    outside: dict[str, Point] = field(default_factory=dict)
    """Last foot point outside of everyone in view, to know the edge by which they come in."""

    def observe(self, seen: Seen, aspect_ratio: float) -> None:
        """Take in what is new of one person; `tick` tells what follows from it."""
        if not seen.person.is_a(self.zone.object_class):
            return
        for observation in seen.observations:
            foot = Point(observation.foot.x / aspect_ratio, observation.foot.y)
            if contains(self.zone.polygon, foot):
                self._inside(seen.person, observation.at, foot)
            else:
                self._outside(seen.person.person_id, foot)

    def tick(self, at: float) -> list[Decision]:
        """Tell what has become certain by now: visits that began, dwell and ended."""
        return self._tell_all(at, certain_at=at)

    def leave(self, person: Person, at: float) -> list[Decision]:
        """End the visit of a person who is gone, and forget them."""
        self.outside.pop(person.person_id, None)
        visit = self.visits.get(person.person_id)
        return [] if visit is None else self._tell_all(at, certain_at=inf, visits=[visit])

    def close(self, at: float) -> list[Decision]:
        """End every visit now: the camera or the zone is gone."""
        return self._tell_all(at, certain_at=inf)

    @property
    def occupancy(self) -> int:
        """Visitors whose visit was told and has not ended."""
        return sum(visit.told for visit in self.visits.values())

    def _tell_all(self, at: float, certain_at: float, visits: Sequence[Visit] | None = None) -> list[Decision]:
        before = self.occupancy
        decisions: list[Decision] = []
        for visit in list(self.visits.values()) if visits is None else visits:
            decisions += self._tell(visit, certain_at)
        if self.occupancy != before:
            decisions.append(OccupancyChanged(self.zone_id, at, self.occupancy))
        return decisions

    def _inside(self, person: Person, at: float, foot: Point) -> None:
        visit = self.visits.get(person.person_id)
        if visit is None:
            came_from = self.outside.pop(person.person_id, None)
            side = None if came_from is None else edge_crossed(self.zone.polygon, foot, came_from)
            self.visits[person.person_id] = Visit(
                person.person_id, person.object_class, at, side, came_from is None, at, foot
            )
            return
        visit.last_inside, visit.last_foot, visit.seen_outside = at, foot, False

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
            decisions.append(VisitBegan(*who, visit.entered_at, visit.entered_by))
        if visit.told and not visit.dwell_told and stayed >= zone.min_dwell_seconds:
            visit.dwell_told = True
            decisions.append(VisitDwells(*who, visit.last_inside, visit.entered_at))
        if certain_at - visit.last_inside > zone.reentry_seconds:
            del self.visits[visit.person_id]
            if visit.told:
                left_by = visit.left_by if visit.seen_outside else None
                decisions.append(VisitEnded(*who, visit.last_inside, left_by, visit.entered_at, _censored(visit)))
        return decisions


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


def _censored(visit: Visit) -> Censored | None:
    if visit.appeared:
        return "start" if visit.seen_outside else "both"
    return None if visit.seen_outside else "end"
