"""The events of one store in the order in which they reach the cloud, and the truth of them. Pure.

A hundredth come twice, a hundredth come hours or days late, and neighbours overtake each other; the device's clock is
ahead or behind. Memory is that of one store's day and of what is late.
"""

from collections.abc import Iterator
from heapq import heapify, heappop
from itertools import count
from random import Random
from typing import NamedTuple

from tools.fleet.camera_day import camera_day
from tools.fleet.plan import Store
from tools.fleet.truth import Truth
from tools.fleet.writing import Writer, Written

AGAIN, LATE, OVERTAKEN = 0.01, 0.01, 0.02
"""Shares of the events."""
_HOUR = 3_600_000.0


class Arrival(NamedTuple):
    """An event on its way."""

    at: float
    """The true time of its arrival: milliseconds since 1970."""
    place: int
    """Of two that arrive at one time, this is the order."""
    event: Written
    is_again: bool
    """Whether it is a copy of one that comes, too."""
    is_late: bool


def arrivals(store: Store, truth: Truth) -> Iterator[Arrival]:
    """Play a store; the truth is whole when the last event has come."""
    writers = {camera_id: Writer(store, camera_id) for camera_id in store.cameras}
    chance, places = store.chance("arrivals"), count()
    under_way: list[Arrival] = []
    for day in range(store.plan.days):
        for camera_id, writer in writers.items():
            played = camera_day(store, camera_id, day)
            truth.add(store, camera_id, played, writer)
            for happening in played.happenings:
                under_way += _sent(store, writer.write(happening), chance, places)
        heapify(under_way)
        # What happens tomorrow arrives later than today ends, but for clocks that are ahead: those have a day's grace.
        while under_way and under_way[0].at < store.true_time(store.moment(day)):
            yield heappop(under_way)
    while under_way:
        yield heappop(under_way)


def _sent(store: Store, event: Written, chance: Random, places: Iterator[int]) -> Iterator[Arrival]:
    random = chance.random
    at, late = store.true_time(event.at) + 200 + 3_000 * random(), False
    kind = random()
    if kind < LATE:
        at, late = at + _HOUR * (1 + chance.expovariate(1 / 12)), True
    elif kind < LATE + OVERTAKEN:
        at += 60_000 * random()
    yield Arrival(at, next(places), event, False, late)
    if random() < AGAIN:
        yield Arrival(at + 1_000 + _HOUR * chance.expovariate(2), next(places), event, True, late)
