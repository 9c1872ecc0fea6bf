"""One line: who crossed it.

A person is *on* the line while the foot point is nearer than `near` body heights, else on a side. A crossing is
decided when the foot point has spoken for the other side for `settle_seconds`: fully from `far` body heights on,
with less weight between `near` and `far`. So a walker is decided within a fraction of a second, someone who sways
on the line never, and one odd box is no evidence at all: only time *between* two observations speaks.

    weight of an observation
      1 |                ________
        |              /
      0 |____________/
             near     far          distance from the line, in body heights
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import hypot

from modules.zone_analytics.decisions import CountedReason, Crossing, Decision, NoCrossing
from modules.zone_analytics.line_geometry import Measurement, Over, ScaledLine
from modules.zone_analytics.parameters import DecisionParameters
from modules.zone_analytics.people import Observation, Person, Sighting, newest, velocity
from storeflow.contract.geometry import Point
from storeflow.contract.twins import Line


@dataclass(slots=True)
class Passage:
    """Where one line stands with one person."""

    side: int = 0
    """The side that the person is settled on: -1 left, 1 right, 0 not known yet."""
    birth_open: bool = True
    """Whether the person may still turn out to have come over the line before the first observation."""
    evidence: float = 0.0
    """Seconds, weighted, for the other side."""
    previous: Measurement | None = None
    over: Over | None = None
    """The latest one."""
    counted_at: float | None = None
    """A crossing that may still be taken back by a U-turn."""


@dataclass(slots=True)
class LineCounter:
    """The decisions of one line on one camera's picture."""

    line_id: str
    line: Line
    parameters: DecisionParameters
    passages: dict[str, Passage] = field(default_factory=dict)
    """By person; forgotten when the person leaves."""

    def observe(self, sighting: Sighting, aspect_ratio: float) -> list[Decision]:
        """Take in what is new of one person."""
        person, line = sighting.person, ScaledLine.of(self.line, aspect_ratio)
        if not person.is_a(self.line.object_class):
            return []
        passage = self.passages.setdefault(person.person_id, Passage())
        decisions: list[Decision] = []
        for observation in sighting.observations:
            measured = line.measure(observation.seen_at(self.line.focus), person.height)
            decisions += self._weigh(passage, person, measured)
        if passage.birth_open and person.last.at - person.first[0].at >= self.parameters.velocity_seconds:
            decisions += self._came_over_the_edge(passage, person, line)
        return decisions

    def begin_among(self, people: Iterable[Person]) -> None:
        """Start to look while people are in view: how they once came into it is none of this line's business."""
        for person in people:
            self.passages[person.person_id] = Passage(birth_open=False)

    def leave(self, person: Person, aspect_ratio: float) -> list[Decision]:
        """Decide what is still open about a person who is gone."""
        passage = self.passages.pop(person.person_id, None)
        if passage is None:
            return []
        line = ScaledLine.of(self.line, aspect_ratio)
        decisions = self._came_over_the_edge(passage, person, line) if passage.birth_open else []
        return decisions + self._went_on_unseen(passage, person, line)

    def _weigh(self, passage: Passage, person: Person, now: Measurement) -> list[Decision]:
        """One observation: weigh it, and decide once there is enough evidence."""
        before, passage.previous = passage.previous, now
        if before is not None and (before.distance < 0) != (now.distance < 0):
            passage.over = Over.between(before, now, person.stitched_at)
        side = self._side(now)
        if passage.side == 0:
            passage.side = side
        elif side == passage.side:
            return self._come_back(passage, person, now)
        elif before is not None:
            self._add_evidence(passage, before, now)
            if passage.evidence >= self.parameters.settle_seconds and passage.over is not None:
                return [self._settle(passage, person, side, passage.over)]
        return []

    def _add_evidence(self, passage: Passage, before: Measurement, now: Measurement) -> None:
        """Add what the time between two observations says for the other side."""
        seconds = min(now.at - before.at, self.parameters.longest_step_seconds)
        side = self._side(now)
        if side == 0:
            passage.evidence = max(0.0, passage.evidence - self.parameters.leak * seconds)
        elif self._side(before) == side:
            passage.evidence += seconds * (self._weight(before) + self._weight(now)) / 2

    def _settle(self, passage: Passage, person: Person, side: int, over: Over) -> Decision:
        passage.birth_open = False
        if not 0 <= over.along <= 1:
            # Anyone who walks around the line has not come back over it: what was counted before stands.
            passage.side, passage.evidence, passage.counted_at = side, 0.0, None
            return NoCrossing(self.line_id, person.person_id, over.at, "beside")
        passage.side = side
        return self._count(passage, person, over.at, over.along, reason="stitched" if over.stitched else "settled")

    def _come_back(self, passage: Passage, person: Person, now: Measurement) -> list[Decision]:
        had_evidence, passage.evidence = passage.evidence > 0, 0.0
        if had_evidence and passage.over is not None:
            return [NoCrossing(self.line_id, person.person_id, now.at, "returned")]
        return []

    def _came_over_the_edge(self, passage: Passage, person: Person, line: ScaledLine) -> list[Decision]:
        """Someone who came into view between a line and the picture's edge has crossed the line, if it's narrow there.

        Decided from the first observations: their velocity, followed back to the line.
        """
        side = passage.side
        if side == 0:
            return []
        passage.birth_open = False
        first, height = self._focused(person.first), person.height
        born, speed = first[0], velocity(first)
        walking = side * line.towards_right(speed) / height
        if walking < self.parameters.walking_speed:
            return []
        seconds_ago = side * line.measure(born, height).distance / walking
        if not -self.parameters.near / walking <= seconds_ago <= self.parameters.edge_seconds:
            return []
        foot = Point(born.foot.x - speed.x * seconds_ago, born.foot.y - speed.y * seconds_ago)
        backwards = Point(-speed.x, -speed.y)
        along = line.along(foot)
        if not 0 <= along <= 1 or line.room(foot, backwards) > self.parameters.edge_strip * height:
            return []
        return [self._count(passage, person, born.at - seconds_ago, along, reason="edge")]

    def _went_on_unseen(self, passage: Passage, person: Person, line: ScaledLine) -> list[Decision]:
        """Someone last seen walking: beyond the line, or towards one that is near the picture's edge."""
        recent, height, other_side = self._focused(person.recent), person.height, -passage.side
        if other_side == 0:
            return []
        last = recent[-1]
        # Without the last observation: one odd box must not make a walker of someone who stands.
        speed = velocity(newest(recent[:-1] or recent, self.parameters.velocity_seconds))
        walking = other_side * line.towards_right(speed) / height
        beyond = other_side * line.measure(last, height).distance
        if walking >= self.parameters.walking_speed:
            over = passage.over
            believed = passage.evidence > 0 or self._was_foreseen(recent, height, speed)
            if beyond >= self.parameters.near and believed and over is not None and 0 <= over.along <= 1:
                passage.side = other_side
                return [self._count(passage, person, over.at, over.along, reason="vanished")]
            seconds_ahead = -beyond / walking
            foot = Point(last.foot.x + speed.x * seconds_ahead, last.foot.y + speed.y * seconds_ahead)
            along = line.along(foot)
            near = seconds_ahead <= self.parameters.edge_seconds
            narrow = line.room(foot, speed) <= self.parameters.edge_strip * height
            if near and narrow and 0 <= along <= 1:
                passage.side = other_side
                return [self._count(passage, person, last.at + seconds_ahead, along, reason="edge")]
        return [NoCrossing(self.line_id, person.person_id, last.at, "unsettled")] if passage.evidence > 0 else []

    def _was_foreseen(self, recent: Sequence[Observation], height: float, speed: Point) -> bool:
        """Whether the last observation is where the ones before it led: a walker's, and no odd box."""
        if len(recent) < 2:  # noqa: PLR2004 - a last one and one before
            return False
        before, last = recent[-2:]
        seconds = last.at - before.at
        ahead = last.foot.x - before.foot.x - speed.x * seconds, last.foot.y - before.foot.y - speed.y * seconds
        return hypot(*ahead) <= self.parameters.foreseen_distance * height

    def _count(self, passage: Passage, person: Person, at: float, along: float, *, reason: CountedReason) -> Crossing:
        """A crossing to the side that the person is settled on now."""
        passage.evidence = 0.0
        u_turn_of, passage.counted_at = passage.counted_at, at
        if u_turn_of is not None and at - u_turn_of <= self.parameters.u_turn_seconds:
            passage.counted_at = None  # a third crossing counts by itself
        else:
            u_turn_of = None
        start, end = self.line.start, self.line.end
        return Crossing(
            line_id=self.line_id,
            person_id=person.person_id,
            object_class=person.object_class,
            at=at,
            direction="in" if (passage.side > 0) == (self.line.in_ == "right") else "out",
            reason=reason,
            position=Point(start.x + along * (end.x - start.x), start.y + along * (end.y - start.y)),
            u_turn_of=u_turn_of,
            staff=person.staff,
        )

    def _focused(self, observations: Iterable[Observation]) -> list[Observation]:
        return [observation.seen_at(self.line.focus) for observation in observations]

    def _side(self, measured: Measurement) -> int:
        if abs(measured.distance) < self.parameters.near:
            return 0
        return 1 if measured.distance > 0 else -1

    def _weight(self, measured: Measurement) -> float:
        near, far = self.parameters.near, self.parameters.far
        return min(1.0, max(0.0, (abs(measured.distance) - near) / (far - near)))
