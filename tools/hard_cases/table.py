"""The table of the hard cases: how often each situation is counted wrongly."""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product

import numpy as np

from tools.hard_cases.run import DROP_RATES, FRAME_RATES, JITTER_PX, Follow, Tracked, count, frames, perfect_tracks
from tools.hard_cases.situations import SITUATIONS

SEEDS = 50
FOLLOWERS: dict[str, Callable[[], Follow]] = {"tracks": lambda: perfect_tracks, "tracker": Tracked}
"""Where tracks come from: as the situation states them, or from boxes by our own tracker."""
Key = tuple[str, str, int, float]
"""Situation, follower, frames per second, share of detections dropped."""


def failures(
    seeds: int,
    followers: tuple[str, ...] = tuple(FOLLOWERS),
    progress: Callable[[str], None] = lambda _name: None,
    *,
    processes: int = 1,
    first_seed: int = 0,
) -> Counter[Key]:
    """How many of `seeds` runs of every combination end with another count than the truth, raw or net.

    Args:
        seeds: how many.
        followers: of `FOLLOWERS`.
        progress: hears the name of each situation that is done.
        processes: to play in; 1 is this one. The result is the same, in the same order.
        first_seed: the seeds are this one and those after it.
    """
    combinations = list(product(range(len(SITUATIONS)), followers, FRAME_RATES, DROP_RATES))
    arguments = [*zip(*combinations, strict=True), [range(first_seed, first_seed + seeds)] * len(combinations)]
    if processes == 1:
        return _gathered(map(_play, *arguments), len(combinations) // len(SITUATIONS), progress)
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        return _gathered(pool.map(_play, *arguments), len(combinations) // len(SITUATIONS), progress)


def _play(situation_number: int, follower: str, fps: int, drop: float, seeds: range) -> tuple[Key, int]:
    """All runs of one combination: its key, and how many went wrong."""
    wrong = 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        situation = SITUATIONS[situation_number](rng)
        _, raw, net = count(situation, frames(situation, fps, drop, rng), FOLLOWERS[follower]())
        wrong += (raw, net) != (situation.truth, situation.net)
    return (situation.name, follower, fps, drop), wrong


def _gathered(played: Iterator[tuple[Key, int]], each: int, progress: Callable[[str], None]) -> Counter[Key]:
    wrong: Counter[Key] = Counter()
    for number, (key, failed) in enumerate(played, start=1):
        wrong[key] = failed
        if number % each == 0:
            progress(key[0])
    return wrong


def page(wrong: Counter[Key]) -> str:
    """The table as Markdown."""
    return "\n".join(_lines(wrong)) + "\n"


def _lines(wrong: Counter[Key]) -> Iterator[str]:
    yield "# Hard cases of counting"
    yield ""
    yield "Synthetic boxes of 60x120 px with exact truth: 60-150 px/s, every foot point off by a normal deviate of"
    yield f"{JITTER_PX:.0f} px. Of {SEEDS} runs (seeds 0 to {SEEDS - 1}) each figure is how many had another raw or net"
    yield "count than true, at 5, 10 and 25 frames per second, with all detections and with one in ten dropped (-10 %)."
    yield "`tracks` are the tracks as the situation states them, with the stated fault; `tracker` are tracks that"
    yield "storeflow's own tracker makes of the boxes. Written by `python -m tools.hard_cases`;"
    yield "tests/tools/test_hard_cases.py plays it again."
    yield ""
    yield "`tracker` sees no stated ids: there the id switch is one more clean crossing. The rules were mended with"
    yield "these seeds in view: `python -m tools.hard_cases --first-seed 1000` plays others (on 2026-11-20, 0 and 2 of"
    yield "3000 were wrong)."
    yield ""
    columns = [(follower, fps, drop) for follower in FOLLOWERS for fps in FRAME_RATES for drop in DROP_RATES]
    heads = [f"{follower} {fps} fps{' -10 %' if drop else ''}" for follower, fps, drop in columns]
    yield f"| situation | truth in/out | net | {' | '.join(heads)} |"
    yield "|---|---|---|" + "---|" * len(columns)
    for make in SITUATIONS:
        situation = make(np.random.default_rng(0))
        cells = [str(wrong[situation.name, *column]) for column in columns]
        yield f"| {situation.name} | {_pair(situation.truth)} | {_pair(situation.net)} | {' | '.join(cells)} |"
    yield ""
    yield from totals(wrong)


def totals(wrong: Counter[Key]) -> Iterator[str]:
    """How many of all runs with each follower went wrong, one line each."""
    runs = SEEDS * len({(name, fps, drop) for name, _, fps, drop in wrong})
    for follower in FOLLOWERS:
        total = sum(number for key, number in wrong.items() if key[1] == follower)
        yield f"- `{follower}`: {total} of {runs} runs were counted wrongly."


def _pair(figures: tuple[int, int]) -> str:
    return f"{figures[0]}/{figures[1]}"
