"""Does a store's process grow? Its resident memory, and how many objects it holds, hour by hour of a shop's day."""

import gc
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import NamedTuple

from tools.soak.chain import CAMERAS, Chain
from tools.soak.shop import FRAMES_PER_SECOND, OPENS_AT, Camera, pictures

DAY = 1_795_132_800.0
"""Midnight UTC of 20 November 2026."""
BASE_HOUR = 2
"""Everything is loaded and every path was walked by then."""
LARGEST_GROWTH = 1.02
_NOT_STATE = (type, ModuleType, FunctionType, BuiltinFunctionType)
_SHARE_OF_TRACKS = 0.92
"""Visitors for every track that is asked for: a person who is lost and found again is two tracks."""


class Hour(NamedTuple):
    """How things stand at the end of one hour."""

    hour: int
    resident_bytes: int
    objects: int
    """That the trackers and the analytics hold."""
    frames: int
    tracks: int
    """Different confirmed ones so far."""
    events: int
    """Delivered so far."""
    held: dict[str, int]


def play(hours: int, tracks: int, *, each_tick: Callable[[int], None] = lambda _: None) -> Iterator[Hour]:
    """Play a day and tell of the end of every hour.

    Args:
        hours: how many.
        tracks: people are sent for about so many on a whole day, over all cameras.
        each_tick: called with the number of every tick of the shop's clock.
    """
    starts_at = DAY + OPENS_AT
    visitors = round(tracks * _SHARE_OF_TRACKS / len(CAMERAS))
    cameras = [Camera(one, visitors, starts_at, hours, seed) for seed, one in enumerate(CAMERAS)]
    with tempfile.TemporaryDirectory() as folder:
        chain = Chain(Path(folder))
        try:
            for tick, seen in pictures(cameras, hours):
                for picture in seen:
                    chain.take(picture)
                each_tick(tick)
                if (tick + 1) % (3600 * FRAMES_PER_SECOND) == 0:
                    yield _measure((tick + 1) // (3600 * FRAMES_PER_SECOND), chain)
        finally:
            chain.close()


def growth(hours: list[Hour]) -> float:
    """Resident memory of the last hour over that of hour `BASE_HOUR`."""
    return hours[-1].resident_bytes / hours[BASE_HOUR - 1].resident_bytes


def objects_held(*roots: object) -> int:
    """How many objects can be reached from `roots`, code and classes aside: what is held, whoever holds it."""
    seen = {id(root) for root in roots}
    waiting = list(roots)
    while waiting:
        for one in gc.get_referents(waiting.pop()):
            if id(one) not in seen and not isinstance(one, _NOT_STATE):
                seen.add(id(one))
                waiting.append(one)
    return len(seen)


def _measure(hour: int, chain: Chain) -> Hour:
    gc.collect()
    return Hour(
        hour,
        resident_bytes=_resident_bytes(),
        objects=objects_held(chain.tracks, chain.analytics),
        frames=chain.frames,
        tracks=chain.tracks_confirmed,
        events=chain.sink.events.total(),
        held=dict(chain.held()),
    )


def _resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
