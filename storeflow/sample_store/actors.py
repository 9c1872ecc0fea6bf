"""From a schedule to bodies: where everybody is in every frame, and how they walk."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from storeflow.sample_store.camera import FloatArray
from storeflow.sample_store.figure import STRIDE, Pose

# People cut corners and do not stop dead: paths are averaged over this many seconds.
SMOOTHING_SECONDS = 0.7
# How finely paths are laid before they are averaged, in steps per second.
STEPS_PER_SECOND = 50
TURN_PER_SECOND = 5.0
# Slower than this one does not look where one goes.
STANDING_M_PER_S = 0.25


@dataclass(frozen=True)
class Stop:
    """A place on the way.

    Attributes:
        x: Floor coordinate in metres.
        z: Floor coordinate in metres.
        pause: Seconds to stay there; the last stop's may be infinite.
        face: Direction to look in while staying, in radians, or None to keep walking's.
        reach: Whether to stretch out an arm, to a shelf or a till, while staying.
        sway: Metres to shift to and fro along x while staying.
    """

    x: float
    z: float
    pause: float = 0.0
    face: float | None = None
    reach: bool = False
    sway: float = 0.0


@dataclass(frozen=True)
class Actor:
    """One person of the schedule.

    Attributes:
        name: Unique in the schedule.
        appears_at: Seconds from the first frame.
        speed: Metres per second while walking.
        stops: The way, walked in straight lines; the person is gone after the last stop's pause.
        look: Number of the look, a seed.
        carries: What the person carries, as `Look.carries`.
        situations: Which situations of the sample this person is part of.
    """

    name: str
    appears_at: float
    speed: float
    stops: tuple[Stop, ...]
    look: int
    carries: str = "nothing"
    situations: tuple[str, ...] = ()


@dataclass(frozen=True)
class Performance:
    """One actor over all frames; rows are frames.

    Attributes:
        actor: Who.
        present: Whether the actor is in the scene, shape (frames,).
        poses: What the body does, one per frame; meaningless where not present.
    """

    actor: Actor
    present: npt.NDArray[np.bool_]
    poses: tuple[Pose, ...]


@dataclass(frozen=True)
class _Path:
    """Knots of a polyline in time, and what happens during pauses: (start, end, stop)."""

    times: list[float]
    x: list[float]
    z: list[float]
    pauses: list[tuple[float, float, Stop]]


def _path(actor: Actor) -> _Path:
    now = actor.appears_at
    first = actor.stops[0]
    path = _Path([now], [first.x], [first.z], [])
    previous = first
    for stop in actor.stops:
        now += float(np.hypot(stop.x - previous.x, stop.z - previous.z)) / actor.speed
        path.times.append(now)
        path.x.append(stop.x)
        path.z.append(stop.z)
        if stop.pause > 0:
            length = min(stop.pause, 1e4)
            path.pauses.append((now, now + length, stop))
            now += length
            path.times.append(now)
            path.x.append(stop.x)
            path.z.append(stop.z)
        previous = stop
    return path


def _smooth(values: FloatArray) -> FloatArray:
    """Average over `SMOOTHING_SECONDS`, twice, with the ends held."""
    half = int(SMOOTHING_SECONDS * STEPS_PER_SECOND / 4)
    kernel = np.full(2 * half + 1, 1 / (2 * half + 1))
    for _ in range(2):
        values = np.convolve(np.pad(values, half, mode="edge"), kernel, mode="valid").astype(np.float32)
    return values


def perform(actor: Actor, frames: int, fps: int) -> Performance:
    """Walk one actor's way and sample it at every frame.

    Raises:
        ValueError: the actor has no stop.
    """
    if not actor.stops:
        raise ValueError(f"actor {actor.name}: stops is empty; give at least one place")
    path = _path(actor)
    steps = np.arange(0, frames / fps + 1, 1 / STEPS_PER_SECOND)
    x = np.interp(steps, path.times, path.x)
    z = np.interp(steps, path.times, path.z)
    for start, end, stop in path.pauses:
        during = (steps > start) & (steps < end)
        x = x + stop.sway * np.sin(2 * np.pi * (steps - start) / 1.9) * during
    x, z = _smooth(x.astype(np.float32)), _smooth(z.astype(np.float32))
    velocity = np.stack([np.gradient(x), np.gradient(z)], axis=1) * STEPS_PER_SECOND
    speed = np.hypot(velocity[:, 0], velocity[:, 1])
    walked = np.cumsum(speed) / STEPS_PER_SECOND
    headings = _headings(velocity, speed, steps, path)
    poses, present = [], np.zeros(frames, np.bool_)
    for frame in range(frames):
        step = round(frame * STEPS_PER_SECOND / fps)
        now = float(steps[step])
        present[frame] = actor.appears_at <= now <= path.times[-1]
        reach = max((_reach(now, start, end) for start, end, stop in path.pauses if stop.reach), default=0.0)
        poses.append(
            Pose(
                x=float(x[step]),
                z=float(z[step]),
                heading=float(headings[step]),
                phase=float(walked[step]) * 2 * np.pi / (STRIDE * 1.75) + actor.look,
                swing=min(float(speed[step]) / 1.15, 1.0),
                reach=reach,
            )
        )
    return Performance(actor, present, tuple(poses))


def _reach(now: float, start: float, end: float) -> float:
    """Stretch and bend the arm slowly while a pause lasts."""
    if not start + 0.3 < now < end - 0.2:
        return 0.0
    return float(np.sin((now - start - 0.3) * 1.6) ** 2) * 0.9


def _headings(
    velocity: FloatArray, speed: FloatArray, steps: npt.NDArray[np.float64], path: _Path
) -> npt.NDArray[np.float64]:
    """Look where one walks, or where the stop says, and turn no faster than `TURN_PER_SECOND`."""
    wanted = np.arctan2(velocity[:, 0], velocity[:, 1]).astype(np.float64)
    wanted[speed < STANDING_M_PER_S] = np.nan
    for start, end, stop in path.pauses:
        if stop.face is not None:
            wanted[(steps >= start - 0.1) & (steps < end - 0.2)] = stop.face
    known = np.flatnonzero(~np.isnan(wanted))
    heading = float(wanted[known[0]]) if len(known) else 0.0
    headings = np.empty(len(steps))
    limit = TURN_PER_SECOND / STEPS_PER_SECOND
    for step, aim in enumerate(wanted):
        if not np.isnan(aim):
            turn = (aim - heading + np.pi) % (2 * np.pi) - np.pi
            heading += float(np.clip(turn * 0.16, -limit, limit))
        headings[step] = heading
    return headings


def perform_all(actors: Sequence[Actor], frames: int, fps: int) -> list[Performance]:
    """Perform a whole schedule."""
    return [perform(actor, frames, fps) for actor in actors]
