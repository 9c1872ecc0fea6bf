"""The situations: who walks where, and what a counter must say.

A person is a box of 60x120 px whose foot point follows a path; the line is a door of 400 px that is walked over
from the top of the picture (`out` side) to the bottom (`in` side). Speeds vary from 60 to 150 px/s.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

WIDTH, HEIGHT = 640, 480
LINE_Y = 300.0
EDGE_LINE_Y = 10.0
Path = Callable[[float], tuple[float, float] | None]
"""Foot point in pixels at a time in seconds; none while the person can't be seen."""


@dataclass(frozen=True, slots=True)
class Actor:
    """One box on its way."""

    path: Path
    track_of: Callable[[float], int] = lambda _at: 1
    """Which track a perfect tracker with a stated fault would report at a time."""
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class Situation:
    """One row of the table."""

    name: str
    seconds: float
    actors: tuple[Actor, ...]
    truth: tuple[int, int]
    """in, out"""
    net: tuple[int, int]
    line_y: float = LINE_Y
    line_x: tuple[float, float] = (100.0, 500.0)


def _walk(x: float, y: float, speed: float, until: float = 480.0) -> Path:
    """Down the picture from `y` until the foot is at `until`."""
    return lambda at: (x, y + speed * at) if y + speed * at <= until else None


def _hidden(path: Path, since: float, until: float) -> Path:
    return lambda at: None if since <= at < until else path(at)


def clean_crossing(rng: Generator) -> Situation:
    """Straight over the line."""
    speed, y = rng.uniform(60, 150), rng.uniform(150, 200)
    return Situation("clean crossing", 300 / speed, (Actor(_walk(rng.uniform(150, 450), y, speed)),), (1, 0), (1, 0))


def swaying_on_the_line(rng: Generator) -> Situation:
    """Comes to the line, sways on it for 20 s, goes back."""
    speed, x, sway, phase = rng.uniform(60, 150), rng.uniform(150, 450), rng.uniform(0, 6), rng.uniform(0, 6)
    come = (LINE_Y - 200) / speed

    def path(at: float) -> tuple[float, float] | None:
        if at < come:
            return x, 200 + speed * at
        if at < come + 20:
            return x + 10 * np.sin(at), LINE_Y + sway * np.sin(2 * at + phase)
        y = LINE_Y - speed * (at - come - 20)
        return (x, y) if y > 150 else None

    return Situation(
        "20 s swaying on the line, leaves same side", 20 + come + 150 / speed, (Actor(path),), (0, 0), (0, 0)
    )


def two_flickers(rng: Generator) -> Situation:
    """Stands 30 px before the line; two single observations are 30-60 px beyond it."""
    speed, x = rng.uniform(60, 150), rng.uniform(150, 450)
    come, jump = 70 / speed, rng.uniform(60, 90)
    flickers = (come + rng.uniform(0.8, 1.2), come + rng.uniform(2.0, 2.6))

    def path(at: float) -> tuple[float, float] | None:
        if at < come:
            return x, 200 + speed * at
        if at < come + 4:
            return x, 270.0
        y = 270 - speed * (at - come - 4)
        return (x, y) if y > 150 else None

    return Situation(
        "two flickers of one observation",
        come + 4 + 120 / speed,
        (Actor(_Flicker(path, flickers, jump)),),
        (0, 0),
        (0, 0),
    )


@dataclass(slots=True)
class _Flicker:
    """A path with single observations that jump: the first one at or after each of `times`."""

    path: Path
    times: tuple[float, ...]
    jump: float
    done: int = 0

    def __call__(self, at: float) -> tuple[float, float] | None:
        place = self.path(at)
        if place is not None and self.done < len(self.times) and at >= self.times[self.done]:
            self.done += 1
            return place[0], place[1] + self.jump
        return place


def id_switch_at_the_line(rng: Generator) -> Situation:
    """The tracker changes its mind about who this is, within 10 px of the line."""
    speed, y = rng.uniform(60, 150), rng.uniform(150, 200)
    switch = (LINE_Y - y + rng.uniform(-10, 10)) / speed
    actor = Actor(_walk(rng.uniform(150, 450), y, speed), lambda at: 1 if at < switch else 2)
    return Situation("id switch at the line", 300 / speed, (actor,), (1, 0), (1, 0))


def two_side_by_side(rng: Generator) -> Situation:
    """Two boxes, 65-90 px apart."""
    speed, y, x = rng.uniform(60, 150), rng.uniform(150, 200), rng.uniform(150, 380)
    apart, behind = rng.uniform(65, 90), rng.uniform(-15, 15)
    actors = (Actor(_walk(x, y, speed)), Actor(_walk(x + apart, y + behind, speed), lambda _at: 2))
    return Situation("two side by side", 330 / speed, actors, (2, 0), (2, 0))


def u_turn(rng: Generator) -> Situation:
    """Over the line, 80-130 px on, and back."""
    speed, x, y = rng.uniform(60, 150), rng.uniform(150, 450), rng.uniform(150, 200)
    turn = (LINE_Y + rng.uniform(80, 130) - y) / speed

    def path(at: float) -> tuple[float, float] | None:
        return x, y + speed * (at if at < turn else 2 * turn - at)

    return Situation("U-turn", 2 * turn, (Actor(path),), (1, 1), (0, 0))


def occlusion_on_the_line(rng: Generator) -> Situation:
    """Not seen for half a second around the line."""
    speed, y = rng.uniform(60, 150), rng.uniform(150, 200)
    hidden = (LINE_Y - y) / speed - rng.uniform(0.1, 0.4)
    path = _hidden(_walk(rng.uniform(150, 450), y, speed), hidden, hidden + 0.5)
    return Situation("0.5 s occlusion on the line", 300 / speed, (Actor(path),), (1, 0), (1, 0))


def beside_the_end(rng: Generator) -> Situation:
    """Passes 25-80 px beside the line's end."""
    speed, y = rng.uniform(60, 150), rng.uniform(150, 200)
    return Situation(
        "beside the segment's end", 300 / speed, (Actor(_walk(rng.uniform(525, 580), y, speed)),), (0, 0), (0, 0)
    )


def near_the_frame_edge(rng: Generator) -> Situation:
    """The foot point is first seen below a line that is 10 px from the picture's upper edge."""
    speed = rng.uniform(60, 150)
    actor = Actor(_walk(rng.uniform(150, 450), rng.uniform(14, 26), speed, 300))
    return Situation("line 10 px from the frame edge", 280 / speed, (actor,), (1, 0), (1, 0), line_y=EDGE_LINE_Y)


def unconfirmed_flicker(rng: Generator) -> Situation:
    """Single observations, now on one side, now on the other, of nothing that stays."""
    x, start = rng.uniform(150, 450), rng.uniform(0, 0.1)
    count = [0]

    def path(at: float) -> tuple[float, float] | None:
        if at < start:
            return None
        count[0] += 1
        return x + 37.0 * (count[0] % 3), 220.0 if count[0] % 2 else 420.0

    actor = Actor(path, lambda _at: count[0], confirmed=False)
    return Situation("unconfirmed tracks flickering", 2.0, (actor,), (0, 0), (0, 0))


SITUATIONS: tuple[Callable[[Generator], Situation], ...] = (
    clean_crossing,
    swaying_on_the_line,
    two_flickers,
    id_switch_at_the_line,
    two_side_by_side,
    u_turn,
    occlusion_on_the_line,
    beside_the_end,
    near_the_frame_edge,
    unconfirmed_flicker,
)
