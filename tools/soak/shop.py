"""A shop's day in front of its cameras: who walks through which picture, when, and what a detector makes of it.

Nothing is filmed. Each camera sees people come over a door's line, walk to a place, stay there, and leave; a fifth of
them come in twos. A detector's faults are in it, since they are what fills a tracker: boxes that tremble, are missed,
or are there without anybody. The same seed is the same day.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, hypot
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

OPENS_AT = 6 * 3600
"""Seconds after midnight UTC: hour 2 of a run is a shop's early morning, hour 24 the next day's opening."""
FRAMES_PER_SECOND = 5
"""While somebody is in view, or was a moment ago."""
IDLE_EVERY = 3
"""Of an empty picture every third frame is looked at."""
IDLE_AFTER_SECONDS = 3.0

_ARRIVALS = (0, 0, 0, 0, 0, 0, 2, 4, 5, 6, 7, 9, 11, 10, 8, 8, 9, 11, 12, 9, 5, 2, 0, 0)
"""How busy each hour of the day is, from midnight."""
_HEIGHT, _WIDTH = 0.24, 0.07
_SPEED = 0.2
"""Of the picture's height in a second: 0.8 body heights."""
_PLACES = ((0.3, 0.45), (0.7, 0.45), (0.5, 0.3), (0.82, 0.7))
"""A shelf, the queue, the till, the place behind it."""
_POPULARITY = (0.45, 0.3, 0.22, 0.03)
_IN_TWOS, _GO_BACK = 0.2, 0.5
"""Shares of those who come."""
_BESIDE = 0.09
_TREMBLE, _MISSED, _GHOSTS = 0.004, 0.03, 0.01


class Picture(NamedTuple):
    """What a detector sees in one frame of one camera."""

    camera_id: str
    captured_at: float
    sequence: int
    boxes: Floats
    """Shape (n, 4), in fractions of the frame."""
    scores: Floats
    """Shape (n,)."""


@dataclass(frozen=True, slots=True)
class _Visit:
    """One person's walk: points of the feet, and when they are there."""

    times: tuple[float, ...]
    points: tuple[tuple[float, float], ...]

    def feet(self, at: float) -> tuple[float, float]:
        for index in range(len(self.times) - 1):
            start, end = self.times[index], self.times[index + 1]
            if at <= end:
                share = (at - start) / (end - start)
                (left, top), (right, bottom) = self.points[index], self.points[index + 1]
                return left + share * (right - left), top + share * (bottom - top)
        return self.points[-1]


class Camera:
    """What one camera sees, frame by frame.

    Args:
        camera_id: its name.
        visitors: people on a whole day.
        starts_at: seconds since the epoch.
        hours: how much of the day is played.
        seed: of chance.
    """

    def __init__(self, camera_id: str, visitors: int, starts_at: float, hours: float, seed: int) -> None:
        self.camera_id = camera_id
        self._starts_at = starts_at
        self._random = np.random.default_rng(seed)
        self._arrivals = iter(_arrivals(visitors, starts_at, hours, self._random).tolist())
        self._next = next(self._arrivals, np.inf)
        self._inside: list[_Visit] = []
        self._busy_until = -np.inf
        self._sequence = 0

    def look(self, tick: int) -> Picture | None:
        """The picture of one tick, `FRAMES_PER_SECOND` of them a second; none where an empty one is passed over."""
        at = self._starts_at + tick / FRAMES_PER_SECOND
        while self._next <= at:
            self._come(self._next)
            self._next = next(self._arrivals, np.inf)
        self._inside = [visit for visit in self._inside if visit.times[-1] > at]
        if self._inside:
            self._busy_until = at + IDLE_AFTER_SECONDS
        elif at > self._busy_until and tick % IDLE_EVERY:
            return None
        boxes, scores = self._detect(at)
        self._sequence += 1
        return Picture(self.camera_id, at, self._sequence, boxes, scores)

    def _come(self, at: float) -> None:
        """Somebody comes in, walks to a place, stays, and leaves by the door or out of the picture's side."""
        chance = self._random
        door, (x, y) = 0.2 + 0.6 * chance.random(), _PLACES[chance.choice(len(_PLACES), p=_POPULARITY)]
        stay = max(0.5, float(chance.gamma(1.5, 4.0)))
        back = chance.random() < _GO_BACK
        for beside in (0.0, _BESIDE)[: 1 + (chance.random() < _IN_TWOS)]:
            place = x + beside, y
            points = [(door + beside, 1.1), (door + beside, 0.75), place, place]
            points.append((door + beside, 1.1) if back else (1.1, 0.4))
            times = [at]
            for start, end in itertools.pairwise(points):
                walk = hypot(end[0] - start[0], end[1] - start[1]) / _SPEED
                times.append(times[-1] + (walk or stay))
            self._inside.append(_Visit(tuple(times), tuple(points)))

    def _detect(self, at: float) -> tuple[Floats, Floats]:
        feet = np.array([visit.feet(at) for visit in self._inside]).reshape(-1, 2)
        if self._random.random() < _GHOSTS:
            feet = np.vstack([feet, self._random.random((1, 2))])
        count = len(feet)
        x, y = (feet + self._random.normal(0, _TREMBLE, (count, 2))).T
        boxes = np.column_stack([x - _WIDTH / 2, y - _HEIGHT, x + _WIDTH / 2, y]).clip(0, 1)
        large_enough = (boxes[:, 2] - boxes[:, 0] > _WIDTH / 3) & (boxes[:, 3] - boxes[:, 1] > _HEIGHT / 3)
        seen = large_enough & (self._random.random(count) > _MISSED)
        return boxes[seen], self._random.uniform(0.6, 0.95, count)[seen]


def pictures(cameras: list[Camera], hours: float) -> Iterator[tuple[int, list[Picture]]]:
    """Tick by tick, what the cameras have to show."""
    for tick in range(ceil(hours * 3600 * FRAMES_PER_SECOND)):
        yield tick, [picture for camera in cameras if (picture := camera.look(tick)) is not None]


def _arrivals(visitors: int, starts_at: float, hours: float, random: np.random.Generator) -> Floats:
    """Times of arrival, sorted, shared out over the day as the shop is busy; a part of a day has its part of them."""
    busy = np.array(_ARRIVALS) / sum(_ARRIVALS)
    first = int(starts_at % 86_400) // 3600
    times = [
        starts_at + hour * 3600 + 3600 * random.random(round(visitors * busy[(first + hour) % 24]))
        for hour in range(ceil(hours))
    ]
    return np.sort(np.concatenate(times))
