"""One zone: who visits it, and for how long.

A visit begins when a foot point comes inside, and is announced once it has lasted `min_visit_seconds`; it ends at the
last observation inside, which is certain once the person has been away for `reentry_seconds`. Someone who steps out for
less never left, whether they were seen outside or hidden behind a shelf. Times are those of the observations, so
deciding late moves no figure. Out of sight a person is known for `forget_seconds` only: then the visit ends, too.

With a `margin` a visit begins this far inside the polygon's edge and ends at the edge, so that anyone who stands on the
edge comes in once. People who work here visit as others do, but are not counted as visitors.

However many come and go in one frame, the number of visitors is emitted at most once for it, and last: an event's id is
made of the number and the moment, so the same number twice in a moment would be one event.
"""

from dataclasses import dataclass, field, replace
from math import inf

from modules.zone_analytics.decisions import (
    Decision,
    OccupancyChanged,
    VisitBegan,
    VisitDwells,
    VisitEnded,
    next_free_moment,
)
from modules.zone_analytics.people import Person, Sighting
from modules.zone_analytics.polygon import contains, distance_to_edge, edge_crossed
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
    announced: bool = False
    dwell_announced: bool = False
    dwell_intervals: int = 0
    """How many `dwell_interval_seconds` had passed when it was last announced."""
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
    last_occupancy: int = 0
    """As emitted last."""
    last_occupancy_at: float | None = None

    def observe(self, sighting: Sighting, aspect_ratio: float) -> None:
        """Take in what is new of one person; `tick` and `emit_occupancy` return what follows from it."""
        person = sighting.person
        if not person.is_a(self.zone.object_class):
            return
        for observation in sighting.observations:
            foot = observation.seen_at(self.zone.focus).foot.unscaled(aspect_ratio)
            if not contains(self.zone.polygon, foot):
                self._outside(person.person_id, foot)
            elif person.person_id in self.visits or self._deep_inside(foot, aspect_ratio):
                self._inside(person, observation.at, foot)

    def tick(self, at: float) -> list[Decision]:
        """What has become certain by now: visits that began, go on and ended."""
        return self._emit_all(certain_at=at)

    def emit_occupancy(self, at: float) -> list[Decision]:
        """The number of visitors, if it changed or is due again; asked once all else of a frame is decided."""
        visitors = self.visitors
        every, last_at = self.zone.occupancy_interval_seconds, self.last_occupancy_at
        is_due = every > 0 and (last_at is None or at - last_at >= every)
        if len(visitors) == self.last_occupancy and not is_due:
            return []
        self.last_occupancy, self.last_occupancy_at = len(visitors), at
        return [OccupancyChanged(self.zone_id, at, len(visitors), visitors)]

    def staying(self, seconds: float) -> list[str]:
        """Who has been inside for at least so long."""
        return [visit.person_id for visit in self.visits.values() if visit.last_inside - visit.entered_at >= seconds]

    def leave(self, person: Person) -> list[Decision]:
        """End the visit of a person who is gone, and forget them."""
        self.outside.pop(person.person_id, None)
        visit = self.visits.get(person.person_id)
        return [] if visit is None else self._emit(visit, certain_at=inf)

    def recognise(self, person_id: str) -> None:
        """Take in that a person works here: from now on no visitor."""
        visit = self.visits.get(person_id)
        if visit is not None:
            visit.staff = True

    def close(self, at: float) -> list[Decision]:
        """End every visit now: the camera or the zone is gone. `at` is that of the last frame."""
        decisions = self._emit_all(certain_at=inf)
        if self.last_occupancy:
            decisions += self.emit_occupancy(next_free_moment(at, self.last_occupancy_at))
        self.last_occupancy_at = None
        return decisions

    @property
    def visitors(self) -> tuple[str, ...]:
        """Everyone whose visit was announced and has not ended, without those who work here."""
        return tuple(visit.person_id for visit in self.visits.values() if visit.announced and not visit.staff)

    def _emit_all(self, certain_at: float) -> list[Decision]:
        decisions: list[Decision] = []
        for visit in list(self.visits.values()):
            decisions += self._emit(visit, certain_at)
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

    def _emit(self, visit: Visit, certain_at: float) -> list[Decision]:
        zone, who = self.zone, (self.zone_id, visit.person_id, visit.object_class)
        decisions: list[Decision] = []
        stayed = visit.last_inside - visit.entered_at
        if not visit.announced and stayed >= zone.min_visit_seconds:
            visit.announced = True
            decisions.append(VisitBegan(*who, visit.entered_at, visit.entered_by, visit.staff))
        if visit.announced and self._dwells(visit, stayed):
            decisions.append(VisitDwells(*who, visit.last_inside, visit.entered_at, visit.staff))
        if certain_at - visit.last_inside > zone.reentry_seconds:
            del self.visits[visit.person_id]
            if visit.announced:
                left_by = visit.left_by if visit.seen_outside else None
                ended = VisitEnded(*who, visit.last_inside, left_by, visit.entered_at, _censored(visit))
                decisions.append(replace(ended, staff=visit.staff, frames=visit.frames))
        return decisions

    def _dwells(self, visit: Visit, stayed: float) -> bool:
        """Whether it is time to announce that a visit goes on: first at `min_dwell_seconds`, then once an interval."""
        over, every = stayed - self.zone.min_dwell_seconds, self.zone.dwell_interval_seconds
        if over < 0:
            return False
        intervals = int(over / every) if every > 0 else 0
        due = not visit.dwell_announced or intervals > visit.dwell_intervals
        visit.dwell_announced, visit.dwell_intervals = True, intervals
        return due


def _censored(visit: Visit) -> Censored | None:
    if visit.appeared:
        return "start" if visit.seen_outside else "both"
    return None if visit.seen_outside else "end"
