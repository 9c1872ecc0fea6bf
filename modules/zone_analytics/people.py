"""People: what is known of everyone in view of one camera, from its tracks.

A tracker loses people and finds them again under a new id. Here a track that is born where another vanished goes
on as the same *person*, so that a change of id at a line is no lost crossing and an occlusion no second visit.

All lengths are in units of the frame's height, on both axes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import hypot
from statistics import median
from typing import get_args

from modules.zone_analytics.parameters import DecisionParameters
from storeflow.contract.geometry import BoundingBox, Point
from storeflow.contract.layout import Vehicle
from storeflow.contract.messages import Track
from storeflow.contract.twins import Focus

HEIGHT_OBSERVATIONS = 15
"""The newest ones, whose median is a person's height."""
MOST_PEOPLE = 1000
"""Known at once per camera; beyond, those seen longest ago are forgotten first."""
TOUCHES = 0.005
"""A box that comes this near to the frame's border, as a fraction of it, is cut by it."""
VEHICLES = frozenset(get_args(Vehicle))
"""What a line or zone of class `vehicle` counts: detectors take one for another."""
NEAR_EDGE = 0.02
"""A box that comes this near to it is about to leave, or has just come."""


@dataclass(slots=True)
class Observation:
    """Where a person's feet were, once."""

    at: float
    """`captured_at`."""
    foot: Point
    height: float
    """Of the body."""
    at_edge: bool = False
    """Whether the frame's border cuts the box, or nearly so."""
    cut: tuple[float, float] | None = None
    """Top and bottom of the box, where the body was reckoned to be taller."""

    def seen_at(self, focus: Focus) -> "Observation":
        """The same observation, of another place of the person than the feet."""
        if focus == "footprint":
            return self
        top, bottom = self.cut or (self.foot.y - self.height, self.foot.y)
        return replace(self, foot=Point(self.foot.x, bottom if focus == "bottom_center" else (top + bottom) / 2))


@dataclass(slots=True)
class Person:
    """One person in view of one camera, over all tracks that followed them."""

    person_id: str
    """The id of the first of the tracks; in events it is the `track_id`."""
    current_track_id: str
    """The track that follows the person now."""
    object_class: str
    confirmed: bool
    stitched_at: float | None = None
    """First observation after the latest change of track."""
    first: list[Observation] = field(default_factory=list)
    """The oldest observations: how the person came into view."""
    recent: list[Observation] = field(default_factory=list)
    staff: bool = False
    """Whether the person is known to work here."""

    @property
    def last(self) -> Observation:
        """The newest observation."""
        return self.recent[-1]

    @property
    def height(self) -> float:
        """Typical height of the body lately; a single odd box doesn't change it."""
        return median(observation.height for observation in self.recent[-HEIGHT_OBSERVATIONS:])

    def is_a(self, object_class: str) -> bool:
        """Whether lines and zones of that class count this one."""
        return self.object_class == object_class or (object_class == "vehicle" and self.object_class in VEHICLES)

    def add(self, observation: Observation, seconds: float) -> None:
        """Take in what was seen now; keep the first and the latest `seconds`, all that velocities need."""
        if not self.first or observation.at - self.first[0].at <= seconds:
            self.first.append(observation)
        self.recent.append(observation)
        too_old = sum(observation.at - one.at > seconds for one in self.recent)
        del self.recent[: max(0, min(too_old, len(self.recent) - HEIGHT_OBSERVATIONS))]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A confirmed person, and the observations that are new since the last sighting."""

    person: Person
    observations: tuple[Observation, ...]


def velocity(observations: Sequence[Observation]) -> Point:
    """Least-squares velocity of the feet, per second; zero for a single observation."""
    mean_at = sum(one.at for one in observations) / len(observations)
    spread = sum((one.at - mean_at) ** 2 for one in observations)
    if spread == 0:
        return Point(0.0, 0.0)
    return Point(
        sum((one.at - mean_at) * one.foot.x for one in observations) / spread,
        sum((one.at - mean_at) * one.foot.y for one in observations) / spread,
    )


def newest(observations: Sequence[Observation], seconds: float) -> list[Observation]:
    """The observations of the last `seconds` before (and with) the newest one."""
    return [one for one in observations if observations[-1].at - one.at <= seconds]


class People:
    """Everyone in view of one camera. People who have not been seen for `forget_seconds` are forgotten."""

    def __init__(self, parameters: DecisionParameters) -> None:
        self.parameters = parameters
        self.by_track: dict[str, Person] = {}
        self.gone: list[Person] = []
        """Left, and not yet returned by `forget`."""

    def __iter__(self) -> Iterator[Person]:
        return iter(self.by_track.values())

    def update(self, at: float, aspect_ratio: float, tracks: Sequence[Track]) -> list[Sighting]:
        """Take in the tracks of one frame: every confirmed person in it, in the order of the tracks."""
        sightings = []
        for track in tracks:
            if track.box.height <= 0 or track.box.width <= 0:
                continue  # no body: nothing could be measured by it
            person = self.by_track.get(track.track_id)
            if person is not None and self._had_left(person, at):
                self.gone.append(self.by_track.pop(track.track_id))
                person = None
            if person is None:
                person = Person(self._new_id(track.track_id, at), track.track_id, track.object_class, confirmed=False)
                self.by_track[track.track_id] = person
            person.object_class = track.object_class  # the tracker may know better by now
            observation = _observe(track.box, at, aspect_ratio, person)
            person.add(observation, self.parameters.velocity_seconds)
            if person.confirmed:
                sightings.append(Sighting(person, (observation,)))
            elif track.confirmed:
                sightings.append(self._confirm(person))
        return sightings

    def forget(self, at: float) -> list[Person]:
        """Forget everyone who left: those of them who had been confirmed."""
        oldest_allowed = at - self.parameters.forget_seconds
        left = [person for person in self if person.last.at < oldest_allowed]
        excess = len(self.by_track) - len(left) - MOST_PEOPLE
        if excess > 0:
            staying = [person for person in self if person.last.at >= oldest_allowed]
            left += sorted(staying, key=lambda person: person.last.at)[:excess]
        for person in left:
            del self.by_track[person.current_track_id]
        left, self.gone = self.gone + left, []
        return [person for person in left if person.confirmed]

    def _had_left(self, person: Person, at: float) -> bool:
        """Whether the one who comes back under this track is someone else: people leave at the picture's edge."""
        return person.last.at_edge and at - person.last.at > self.parameters.edge_gap_seconds

    def _new_id(self, track_id: str, at: float) -> str:
        """The track's id, unless someone else has it: a track that comes back after another took its place."""
        taken = any(person.person_id == track_id for person in (*self, *self.gone))
        return f"{track_id}@{round(at * 1000)}" if taken else track_id

    def _confirm(self, newborn: Person) -> Sighting:
        """Believe in a track, as a person of its own or as one who had vanished."""
        backlog = tuple(newborn.recent)
        newborn.confirmed = True
        vanished = self._matching_lost_person(newborn)
        if vanished is None:
            return Sighting(newborn, backlog)
        del self.by_track[vanished.current_track_id]
        vanished.current_track_id = newborn.current_track_id
        vanished.stitched_at = backlog[0].at
        for observation in backlog:
            vanished.add(observation, self.parameters.velocity_seconds)
        self.by_track[newborn.current_track_id] = vanished
        return Sighting(vanished, backlog)

    def _matching_lost_person(self, newborn: Person) -> Person | None:
        """The person who vanished where a track was born, and near enough in time; the nearest of several."""
        born = newborn.recent[0]
        candidates = [
            (distance, person)
            for person in self
            if person.confirmed
            and person is not newborn
            and person.object_class == newborn.object_class
            and (distance := self._stitch_distance(person, born, newborn.height)) is not None
        ]
        return min(candidates, key=lambda candidate: candidate[0], default=(0.0, None))[1]

    def _stitch_distance(self, person: Person, born: Observation, height: float) -> float | None:
        """How far from where `person` may be by now, in body heights; none if it can't be the same person."""
        parameters = self.parameters
        gap = born.at - person.last.at
        if not 0 < gap <= parameters.stitch_seconds:
            return None
        ratio = height / person.height
        if not 1 / parameters.stitch_height_ratio <= ratio <= parameters.stitch_height_ratio:
            return None
        speed = velocity(newest(person.recent, parameters.velocity_seconds))
        last = person.last.foot
        # One odd last box spoils the velocity, and people stop: where they were last seen is as good a guess.
        guesses = last, Point(last.x + speed.x * gap, last.y + speed.y * gap)
        distance = min(hypot(born.foot.x - guess.x, born.foot.y - guess.y) for guess in guesses) / person.height
        allowed = parameters.stitch_distance + parameters.stitch_drift * gap
        if person.last.at_edge:  # those who vanish there have most likely left, and the next one is someone else
            allowed *= parameters.stitch_edge_share
        return distance if distance <= allowed else None


def _observe(box: BoundingBox, at: float, aspect_ratio: float, person: Person) -> Observation:
    """The foot point under a box; where the frame's lower border hides the feet, from the height known before."""
    foot, height = box.bottom_center, box.height
    if person.recent:
        usual = person.height
        if box.bottom >= 1 - TOUCHES and height < usual:
            foot, height = Point(foot.x, box.top + usual), usual
        elif box.top <= TOUCHES:
            height = max(height, usual)
    at_edge = min(box.left, box.top, 1 - box.right, 1 - box.bottom) <= NEAR_EDGE
    cut = None if height == box.height else (box.top, box.bottom)
    return Observation(at, foot.scaled(aspect_ratio), height, at_edge, cut)
