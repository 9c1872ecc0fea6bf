"""What happens in front of one camera on one day of its store, in order. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter
from typing import NamedTuple

from tools.fleet.heartbeats import Heartbeat, heartbeats
from tools.fleet.people import Crossing, Outage, Person, UTurn, Visit, Wait, arrivals, until
from tools.fleet.plan import BUSY, OPENS_AT, Store

WINDOW = 900_000
FRAMES_PER_SECOND = 5
MIN_DWELL = 30_000
"""Whoever stays as long is told of while still there."""
_GOES_OUT = 0.12
"""Share of the days on which a camera fails for a while."""
_MISSED = 0.02


class Failed(NamedTuple):
    """The camera can't be reached."""


class Streaming(NamedTuple):
    """The camera is read."""


class Entered(NamedTuple):
    """A visit began."""

    visit: Visit


class Dwelling(NamedTuple):
    """A visitor stays."""

    visit: Visit


class Occupancy(NamedTuple):
    """How many are in the zone."""

    number: int


class Arrived(NamedTuple):
    """A wait began."""

    wait: Wait


class Length(NamedTuple):
    """How many wait."""

    number: int


class Recognised(NamedTuple):
    """It turned out that somebody works here, who had crossed lines before."""

    crossings: tuple[Crossing, ...]


class Applied(NamedTuple):
    """A layout is in force from now on."""

    version: int


class Covered(NamedTuple):
    """How long the camera looked, of a piece of a quarter of an hour."""

    window_start: int
    observed_ms: int
    frames_analysed: int
    frames_missed: int
    longest_gap_ms: int


What = (
    Failed
    | Streaming
    | Crossing
    | UTurn
    | Entered
    | Dwelling
    | Visit
    | Occupancy
    | Arrived
    | Wait
    | Length
    | Recognised
    | Applied
    | Covered
    | Heartbeat
)


class Happening(NamedTuple):
    """One thing that a camera's device tells of."""

    at: int
    """Milliseconds since 1970, by the device's clock."""
    what: What
    """A visit or a wait is told of when it ends."""
    who: Person | None = None


@dataclass(frozen=True)
class CameraDay:
    """All of it.

    Attributes:
        people: who was seen, with all that was seen of them.
        pieces: of coverage.
        layouts: from when which version is in force; the first is when the day begins.
        heartbeats: what the camera's stream says of how far it is told.
        happenings: what is told of, in the order of time.
    """

    people: list[Person]
    pieces: list[Covered]
    outage: Outage | None
    layouts: list[tuple[int, int]]
    heartbeats: list[Heartbeat]
    happenings: list[Happening]

    def versions(self, window_start: int) -> list[int]:
        """Return every layout that is in force at any time of a window."""
        until = [since for since, _ in self.layouts[1:]] + [window_start + WINDOW]
        return [
            version
            for (since, version), end in zip(self.layouts, until, strict=True)
            if since < window_start + WINDOW and end > window_start
        ]


def camera_day(store: Store, camera_id: str, day: int) -> CameraDay:
    """Play one day; 0 is the first of the plan."""
    chance = store.chance(camera_id, day)
    outage = None
    if chance.random() < _GOES_OUT:
        begins = store.moment(day, OPENS_AT) + chance.randrange(10 * 3_600) * 1_000
        outage = begins, begins + chance.randint(60, 9_000) * 1_000
    people: list[Person] = []
    hours = [store.moment(day, OPENS_AT + hour) for hour in range(len(BUSY))]
    busy = list(accumulate(BUSY))
    while len(people) < store.plan.visitors:
        (hour,) = chance.choices(hours, cum_weights=busy)
        at = hour + chance.randrange(3_600_000)
        come = [until(person, outage) for person in arrivals(chance, f"{camera_id}-{day}-{len(people)}", at)]
        people += [person for person in come if person is not None]
    begins, ends = store.moment(day), store.moment(day + 1)
    pieces = list(_pieces(begins, ends, outage))
    layouts = list(_layouts(begins, ends, store.redrawn_at(camera_id), outage))
    streams = ([begins] if day == 0 else []) + ([outage[1]] if outage else [])
    told = [
        Happening(at, Applied(max(version for since, version in layouts if since <= at)))
        for at in {*streams, *(since for since, _ in layouts[1:])}
    ]
    told += [happening for person in people for happening in _told_of(person)]
    told += [Happening(_end_of(piece, outage), piece) for piece in pieces]
    told += [Happening(at, Streaming()) for at in streams]
    if outage is not None:
        told.append(Happening(outage[0] + 10_000, Failed()))
    is_last = day == store.plan.days - 1
    beats = list(heartbeats(begins, ends, people, outage, is_first=day == 0, is_last=is_last))
    told += [Happening(beat.at, beat) for beat in beats]
    told.sort(key=itemgetter(0))
    return CameraDay(people, pieces, outage, layouts, beats, list(_with_numbers(told)))


def _told_of(person: Person) -> Iterator[Happening]:
    for crossing in person.crossings:
        yield Happening(crossing.at, crossing, person)
    if person.u_turn is not None:
        yield Happening(person.u_turn.second.at, person.u_turn, person)
    for visit in person.visits:
        yield Happening(visit.entered_at, Entered(visit), person)
        if visit.exited_at - visit.entered_at > MIN_DWELL:
            yield Happening(visit.entered_at + MIN_DWELL, Dwelling(visit), person)
        yield Happening(visit.exited_at, visit, person)
    for wait in person.waits:
        yield Happening(wait.arrived_at, Arrived(wait), person)
        yield Happening(wait.left_at, wait, person)
    if person.recognised_at is not None:
        before = tuple(one for one in person.crossings if one.at < person.recognised_at)
        yield Happening(person.recognised_at, Recognised(before), person)


def _with_numbers(told: Iterable[Happening]) -> Iterator[Happening]:
    """Put how many are in the zone and in the queue behind each that changes it."""
    inside = waiting = 0
    for happening in told:
        yield happening
        what = happening.what
        if isinstance(what, Entered | Visit):
            inside += 1 if isinstance(what, Entered) else -1
            yield Happening(happening.at, Occupancy(inside))
        elif isinstance(what, Arrived | Wait):
            waiting += 1 if isinstance(what, Arrived) else -1
            yield Happening(happening.at, Length(waiting))


def _layouts(begins: int, ends: int, redrawn_at: int | None, outage: Outage | None) -> Iterator[tuple[int, int]]:
    """Yield from when which version is in force: a layout that is drawn while the camera is away, once it is back."""
    if redrawn_at is None or redrawn_at >= ends:
        yield begins, 1
    elif redrawn_at < begins:
        yield begins, 2
    else:
        yield begins, 1
        yield outage[1] if outage and outage[0] <= redrawn_at < outage[1] else redrawn_at, 2


def _pieces(begins: int, ends: int, outage: Outage | None) -> Iterator[Covered]:
    """Yield what was looked at of each quarter of an hour: one piece, or those before and after an outage."""
    for start in range(begins, ends, WINDOW):
        end = start + WINDOW
        dark = outage if outage and outage[0] < end and outage[1] > start else None
        gap = min(end, dark[1]) - max(start, dark[0]) if dark else 200
        for since, to in ((start, dark[0]), (dark[1], end)) if dark else ((start, end),):
            if (observed := to - since) > 0:
                frames = observed * FRAMES_PER_SECOND // 1_000
                missed = round(frames * _MISSED)
                yield Covered(start, observed, frames - missed, missed, gap if to == end else 200)


def _end_of(piece: Covered, outage: Outage | None) -> int:
    """When the newest frame of a piece was taken."""
    end = piece.window_start + WINDOW
    if outage and piece.window_start <= outage[0] < end and piece.window_start + piece.observed_ms == outage[0]:
        return outage[0] - 1
    return end - 1
