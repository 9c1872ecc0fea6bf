"""Who came together: people who walk side by side, at one pace, for long enough.

Only time in which both walk is evidence. To stand near each other, in a queue or at a shelf, is none; to pass each
other is over too soon, and at different velocities. A group that was found stays one until its last member has left
view; someone who turns out to work here never was one of it. Events that were emitted before stay as they are.

A buying unit is a group, or someone who came alone. The first of a group to cross a line carries the unit, the others
don't: so the units of any stretch of time add up. When someone who has crossed crosses the line once more in the same
direction, the group is on its second pass.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import hypot
from typing import Self

from modules.zone_analytics.decisions import Crossing
from modules.zone_analytics.parameters import DecisionParameters
from modules.zone_analytics.people import Person, newest, velocity
from storeflow.contract.geometry import Point


@dataclass(slots=True)
class Party:
    """One person, or several who came together."""

    first_seen: tuple[float, str]
    """When the first of its members was seen, and who that is."""
    members: list[str]
    """Those in view."""
    seen_since: dict[str, float]
    """When each was first seen, with those who left."""
    size: int = 1
    """With those who left."""
    passed: dict[str, list[str]] = field(default_factory=dict)
    """Who has crossed, on the present pass, by line and direction."""
    carried: dict[str, list[str]] = field(default_factory=dict)
    """Who of these carried the unit: one, or several where parties that had crossed became one."""

    @classmethod
    def alone(cls, person_id: str, at: float) -> Self:
        """Someone who was first seen at that time, and with nobody."""
        return cls((at, person_id), [person_id], {person_id: at})

    @property
    def group_id(self) -> str | None:
        """None for someone who came alone."""
        return f"g{self.first_seen[1]}" if self.size > 1 else None

    def join(self, other: "Party") -> None:
        """Become one party with another."""
        self.first_seen = min(self.first_seen, other.first_seen)
        self.members += other.members
        self.size += other.size
        self.seen_since |= other.seen_since
        for key, people in other.passed.items():
            self.passed.setdefault(key, []).extend(people)
            self.carried.setdefault(key, []).extend(other.carried[key])

    def cross(self, key: str, person_id: str) -> bool:
        """Take in a crossing; whether it carries the unit."""
        passed, carried = self.passed.setdefault(key, []), self.carried.setdefault(key, [])
        if person_id in passed:
            passed.clear()
            carried.clear()
        is_first = not carried
        passed.append(person_id)
        if is_first:
            carried.append(person_id)
        return is_first

    def take_back(self, key: str, person_id: str) -> None:
        """Go on as if a member had not crossed: where they carried the unit, the next to cross does."""
        for people in (self.passed.get(key, []), self.carried.get(key, [])):
            if person_id in people:
                people.remove(person_id)

    def without(self, person_id: str) -> "Party":
        """Go on as if a member in view had never been one, and give back that one's own party."""
        self.members.remove(person_id)
        self.size -= 1
        alone = Party.alone(person_id, self.seen_since.pop(person_id))
        self.first_seen = min(((at, member) for member, at in self.seen_since.items()), default=self.first_seen)
        for key in self.passed:
            self.take_back(key, person_id)
        return alone


@dataclass(slots=True)
class Pair:
    """Two who may become a group."""

    first: str
    second: str
    at: float | None
    """The latest observation, if they walked together in it."""
    seconds: float = 0.0
    """For how long so far."""

    @property
    def key(self) -> str:
        """The same for the two in either order."""
        return "\x1f".join(sorted((self.first, self.second)))


@dataclass(frozen=True, slots=True)
class _Walker:
    person_id: str
    foot: Point
    height: float
    speed: Point

    def distance(self, other: "_Walker") -> float:
        """In body heights of the two."""
        return 2 * hypot(self.foot.x - other.foot.x, self.foot.y - other.foot.y) / (self.height + other.height)


@dataclass(slots=True)
class Groups:
    """The groups of one camera's picture."""

    parameters: DecisionParameters
    parties: dict[str, Party] = field(default_factory=dict)
    """By each member in view; forgotten when the last of them leaves view."""
    pairs: dict[str, Pair] = field(default_factory=dict)
    """By both persons; forgotten when they part, when they become a group, and when one of them leaves view."""

    def observe(self, at: float, people: Sequence[Person]) -> None:
        """Take in who is seen in one frame, and find who walks together."""
        for person in people:
            if person.person_id not in self.parties:
                self.parties[person.person_id] = Party.alone(person.person_id, person.first[0].at)
        shoppers = [person for person in people if person.is_a("person") and not person.staff]
        if len(shoppers) < 2:  # noqa: PLR2004 - a pair is two
            return
        walkers = sorted((self._walker(person) for person in shoppers), key=lambda walker: walker.foot.x)
        self._part({walker.person_id: walker for walker in walkers})
        reach = self.parameters.group_distance * max(walker.height for walker in walkers)
        for index, walker in enumerate(walkers):
            for other in walkers[index + 1 :]:
                if other.foot.x - walker.foot.x > reach:
                    break
                if self._walk_together(walker, other):
                    self._add_evidence(at, walker.person_id, other.person_id)

    def qualify(self, crossing: Crossing) -> Crossing:
        """The crossing with its group, and whether it is the one by which the group is counted."""
        party = self.parties.get(crossing.person_id)
        if party is None:
            return crossing
        key, back = f"{crossing.line_id} {crossing.direction}", "out" if crossing.direction == "in" else "in"
        is_first = party.cross(key, crossing.person_id)
        if crossing.u_turn_of is not None:  # the two net to nothing: the next of the group to cross is the first
            party.take_back(key, crossing.person_id)
            party.take_back(f"{crossing.line_id} {back}", crossing.person_id)
        return replace(crossing, group_id=party.group_id, buying_unit=is_first)

    def leave(self, person_id: str) -> None:
        """Forget a person who is gone."""
        party = self.parties.pop(person_id, None)
        if party is not None:
            party.members.remove(person_id)
        self._forget_pairs(person_id)

    def remove_from_group(self, person_id: str) -> None:
        """Take a person out of their group who turned out to work here."""
        party = self.parties.get(person_id)
        if party is not None and party.size > 1:
            self.parties[person_id] = party.without(person_id)
        self._forget_pairs(person_id)

    def _walker(self, person: Person) -> _Walker:
        speed = velocity(newest(person.recent, self.parameters.velocity_seconds))
        return _Walker(person.person_id, person.last.foot, person.height, speed)

    def _walk_together(self, one: _Walker, other: _Walker) -> bool:
        height = (one.height + other.height) / 2
        walking = min(hypot(*one.speed), hypot(*other.speed)) >= self.parameters.walking_speed * height
        difference = hypot(one.speed.x - other.speed.x, one.speed.y - other.speed.y) / height
        at_one_pace = difference < self.parameters.group_speed_difference
        return walking and at_one_pace and one.distance(other) < self.parameters.group_distance

    def _part(self, seen: Mapping[str, _Walker]) -> None:
        """Of every pair that is seen: forget those who went apart, and those who no longer walk have no evidence."""
        for key, pair in list(self.pairs.items()):
            one, other = seen.get(pair.first), seen.get(pair.second)
            if one is None or other is None:
                continue
            if one.distance(other) > self.parameters.group_apart:
                del self.pairs[key]
            elif not self._walk_together(one, other):
                pair.at = None

    def _add_evidence(self, at: float, first: str, second: str) -> None:
        party, other = self.parties[first], self.parties[second]
        if party is other or party.size + other.size > self.parameters.largest_group:
            return
        pair = Pair(first, second, None)
        pair = self.pairs.setdefault(pair.key, pair)
        if pair.at is not None:
            pair.seconds += at - pair.at
        pair.at = at
        if pair.seconds >= self.parameters.group_seconds:
            party.join(other)
            for member in other.members:
                self.parties[member] = party
            del self.pairs[pair.key]

    def _forget_pairs(self, person_id: str) -> None:
        for key in [key for key, pair in self.pairs.items() if person_id in (pair.first, pair.second)]:
            del self.pairs[key]
