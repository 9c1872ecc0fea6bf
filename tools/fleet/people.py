"""Who comes in front of a camera and what they do there. Pure: all times are milliseconds since 1970."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import NamedTuple

from tools.fleet.plan import AISLE, CHECKOUT, DRIVEWAY, ENTRANCE, SHELF

Outage = tuple[int, int]
"""When a camera did not look: from, to."""

_SIZES, _OF_A_GROUP = (1, 2, 3, 4), (84, 10, 4, 2)
_CAR, _STAFF_AT_ONCE, _STAFF_LATER, _TURNS_BACK = 0.03, 0.02, 0.02, 0.04
_IN_THE_AISLE, _AT_THE_SHELF, _IN_THE_QUEUE, _SEEN_TO_LEAVE = 0.5, 0.6, 0.35, 0.85
_UNSEEN_END = 0.04
_OUTCOMES, _OF_A_WAIT = ("served", "abandoned", "lost"), (85, 11, 4)


class Crossing(NamedTuple):
    """Somebody crosses a line."""

    at: int
    line_id: str
    direction: str
    buying_unit: bool


class Visit(NamedTuple):
    """Somebody is in a zone."""

    entered_at: int
    exited_at: int
    zone_id: str
    censored: str | None


class Wait(NamedTuple):
    """Somebody waits."""

    arrived_at: int
    left_at: int
    queue_id: str
    outcome: str
    censored: str | None


class UTurn(NamedTuple):
    """The way out over the line that somebody has just come in by."""

    first: Crossing
    second: Crossing


@dataclass(frozen=True, slots=True)
class Person:
    """One person, or one car, from when the camera first sees it.

    Attributes:
        staff: known from the beginning to work here.
        recognised_at: when it turned out that they do.
    """

    track_id: str
    object_class: str
    group_id: str | None = None
    staff: bool = False
    recognised_at: int | None = None
    crossings: list[Crossing] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    u_turn: UTurn | None = None

    def is_staff_at(self, at: int) -> bool:
        """Whether it was known by then that they work here."""
        return self.staff or (self.recognised_at is not None and at >= self.recognised_at)

    @property
    def works_here(self) -> bool:
        """Whether it was known in the end."""
        return self.staff or self.recognised_at is not None


def arrivals(chance: Random, name: str, at: int) -> Iterator[Person]:
    """Yield those who come in together, mostly one.

    Args:
        chance: of what they do.
        name: no others are called so.
        at: when the first of them crosses the entrance's line.
    """
    (size,) = chance.choices(_SIZES, _OF_A_GROUP)
    group = f"{name}-1" if size > 1 else None
    for place in range(1, size + 1):
        yield _person(chance, f"{name}-{place}", group, at + (place - 1) * chance.randint(200, 1500), place == 1)


def _person(chance: Random, track_id: str, group_id: str | None, at: int, first: bool) -> Person:
    random, chosen = chance.random, chance.random()
    if group_id is None and random() < _CAR:
        return _car(chance, track_id, at)
    person = Person(track_id, "person", group_id, staff=group_id is None and chosen < _STAFF_AT_ONCE)
    person.crossings.append(Crossing(at, ENTRANCE, "in", first))
    if random() < _TURNS_BACK:
        back = Crossing(at + chance.randint(1_500, 12_000), ENTRANCE, "out", first)
        person.crossings.append(back)
        return replace(person, u_turn=UTurn(person.crossings[0], back))
    if random() < _IN_THE_AISLE:
        at += chance.randint(3_000, 20_000)
        person.crossings.append(Crossing(at, AISLE, "in", first))
    if random() < _AT_THE_SHELF:
        at += chance.randint(1_000, 60_000)
        left = at + _duration(chance, 25_000)
        person.visits.append(Visit(at, left, SHELF, "end" if random() < _UNSEEN_END else None))
        at = left
    if random() < _IN_THE_QUEUE:
        at += chance.randint(2_000, 60_000)
        (outcome,) = chance.choices(_OUTCOMES, _OF_A_WAIT)
        left = at + _duration(chance, 90_000)
        person.waits.append(Wait(at, left, CHECKOUT, outcome, "end" if outcome == "lost" else None))
        at = left
    if random() < _SEEN_TO_LEAVE:
        at += chance.randint(2_000, 30_000)
        person.crossings.append(Crossing(at, ENTRANCE, "out", first))
    if group_id is None and not person.staff and chosen > 1 - _STAFF_LATER:
        first_at = person.crossings[0].at
        return replace(person, recognised_at=chance.randint(first_at + 1, at + 60_000))
    return person


def _car(chance: Random, track_id: str, at: int) -> Person:
    came = Crossing(at, DRIVEWAY, "in", buying_unit=True)
    if chance.random() < _SEEN_TO_LEAVE:
        left = Crossing(at + _duration(chance, 60_000), DRIVEWAY, "out", buying_unit=True)
        return Person(track_id, "car", crossings=[came, left])
    return Person(track_id, "car", crossings=[came])


def _duration(chance: Random, median: int) -> int:
    """Most are short, some are long; none is over 40 minutes."""
    return min(2_400_000, 300 + round(median * chance.lognormvariate(0, 1.1)))


def until(person: Person, outage: Outage | None) -> Person | None:
    """Return what the camera saw of somebody; none where they came while it did not look.

    What goes on when the camera ends, ends there, and says that its end was not seen.
    """
    if outage is None:
        return person
    begins, ends = outage
    first, *rest = person.crossings
    if begins <= first.at < ends:
        return None
    if first.at >= ends or last_moment(person) < begins:
        return person
    recognised = person.recognised_at
    return replace(
        person,
        recognised_at=recognised if recognised is not None and recognised < begins else None,
        crossings=[first, *(one for one in rest if one.at < begins)],
        visits=[
            one if one.exited_at < begins else one._replace(exited_at=begins, censored="end")
            for one in person.visits
            if one.entered_at < begins
        ],
        waits=[
            one if one.left_at < begins else one._replace(left_at=begins, outcome="lost", censored="end")
            for one in person.waits
            if one.arrived_at < begins
        ],
        u_turn=person.u_turn if person.u_turn and person.u_turn.second.at < begins else None,
    )


def last_moment(person: Person) -> int:
    """Return when the last happens that is told of somebody."""
    ends = [one.at for one in person.crossings]
    ends += [one.exited_at for one in person.visits] + [one.left_at for one in person.waits]
    return max(*ends, person.recognised_at or 0)
