"""When a camera's stream says how far it is told, by the rules of docs/events.md. Pure."""

from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import NamedTuple

from tools.fleet.people import Outage, Person, last_moment

EVERY = 300_000
_EDGE = 1_000
"""Of so long before the newest frame may yet be spoken."""
_AWAY = 120_000
"""While a camera is away, its device says that time goes on so much later."""


class Heartbeat(NamedTuple):
    """Nothing from before `complete_until` is to come, nor anything that takes back what was said of that time."""

    at: int
    complete_until: int


def heartbeats(
    begins: int, ends: int, people: Iterable[Person], outage: Outage | None, *, is_first: bool, is_last: bool
) -> Iterator[Heartbeat]:
    """Yield those of one day.

    Who is in view may turn back, or turn out to work here: nothing since they came is told yet.

    Args:
        begins: of the day, by the camera's device: milliseconds since 1970, whole five minutes.
        ends: likewise.
        people: whom it saw. Nobody is in view when the day begins or ends.
        outage: nobody is in view then, either.
        is_first: whether the stream begins with this day.
        is_last: whether it ends with it.
    """
    due = [(_told_at(mark, outage), mark, False) for mark in range(begins, ends, EVERY)]
    stream_ends = ([outage[0]] if outage else []) + ([ends] if is_last else [])
    due += [(end - 1 + _EDGE, end - 1 - _EDGE, True) for end in stream_ends]
    came = sorted(((person.crossings[0].at, last_moment(person)) for person in people), key=itemgetter(0))
    told, place = begins if is_first else begins - 1, 0
    for at, reached, stream_ended in sorted(due):
        while place < len(came) and came[place][1] < at:
            place += 1
        until = min(reached, came[place][0]) if place < len(came) else reached
        if until // EVERY > told // EVERY or (stream_ended and until > told):
            told = until
            yield Heartbeat(at, until)


def _told_at(mark: int, outage: Outage | None) -> int:
    at = mark + _EDGE
    if outage and outage[0] <= at and mark < outage[1]:
        return min(mark + _AWAY, outage[1] + _EDGE)
    return at
