"""Several cameras before one engine, on a clock that the test turns: whose frame is looked at, how old, how evenly.

The rings and their reader are real; only the waiting is not, so that every run takes the same turns.
"""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean

import numpy as np
import pytest

from modules.inference.frame_sockets import FrameSockets
from storeflow.frames.frame import WHOLE_FRAME, Frame
from storeflow.frames.ring_writer import FrameWriter

SECONDS = 30


def write(writer: FrameWriter, frame: Frame) -> int:
    picture = writer.acquire(frame.width, frame.height)
    if picture is None:
        return 0
    picture[:] = frame.i420
    return writer.publish(replace(frame, i420=picture))


@dataclass
class Looked:
    """One frame that the engine looked at."""

    captured_at: float
    at: float
    """When its turn began."""


@dataclass
class Store:
    """Cameras of different rates, each with a ring, before one engine whose turns take equally long."""

    folder: Path
    rates: Mapping[str, float]
    """Frames per second by camera."""
    turn_seconds: float
    writers: dict[str, FrameWriter] = field(default_factory=dict)
    published: dict[str, list[float]] = field(default_factory=dict)
    looked: dict[str, list[Looked]] = field(default_factory=dict)

    def run(self) -> "Store":
        """Let `SECONDS` pass."""
        with ExitStack() as stack, closing(FrameSockets(self.folder)) as sockets:
            for camera_id in self.rates:
                writer = self.writers[camera_id] = FrameWriter(self.folder / f"{camera_id}.sock")
                stack.callback(writer.close)
                self.published[camera_id], self.looked[camera_id] = [], []
            sockets.receive(0.0)  # finds them, and knocks
            self._run(sockets, self._frames())
        return self

    def _run(self, sockets: FrameSockets, frames: Iterator[tuple[float, str]]) -> None:
        now, (due, camera_id) = 0.0, next(frames)
        while now < SECONDS:
            sockets.release()
            for writer in self.writers.values():  # as they do while they wait for their next picture
                writer.serve(0.0)
            arrival = sockets.receive(0.0)
            if arrival is not None:
                self.looked[arrival.item.camera_id].append(Looked(arrival.item.captured_at, now))
            now = now + self.turn_seconds if arrival is not None else due
            while due <= now:
                self._publish(camera_id, due)
                due, camera_id = next(frames)

    def _frames(self) -> Iterator[tuple[float, str]]:
        """When which camera has a frame: all begin at an odd moment of their own."""
        coming = [(0.0137 * number, camera_id) for number, camera_id in enumerate(self.rates)]
        while True:
            due, camera_id = min(coming)
            yield due, camera_id
            coming.remove((due, camera_id))
            coming.append((due + 1 / self.rates[camera_id], camera_id))

    def _publish(self, camera_id: str, at: float) -> None:
        self.published[camera_id].append(at)
        sequence, picture = len(self.published[camera_id]), np.zeros((24, 16), np.uint8)
        write(self.writers[camera_id], Frame(camera_id, sequence, at, 16, 16, WHOLE_FRAME, picture))

    def shares(self) -> dict[str, float]:
        """Frames looked at per second, by camera."""
        return {camera_id: len(looked) / SECONDS for camera_id, looked in self.looked.items()}


def fair_shares(rates: Mapping[str, float], capacity: float) -> dict[str, float]:
    """What each camera is due: nobody more than it has, and what one leaves is for the others (max-min fairness)."""
    due: dict[str, float] = {}
    for left, (camera_id, rate) in zip(
        range(len(rates), 0, -1), sorted(rates.items(), key=lambda one: one[1]), strict=True
    ):
        due[camera_id] = min(rate, (capacity - sum(due.values())) / left)
    return due


STORES = {
    "alike": dict.fromkeys(("a", "b", "c", "d"), 10.0),
    "fast and slow": {"a": 25.0, "b": 10.0, "c": 10.0, "d": 5.0, "e": 1.0},
    "one fast": {"a": 60.0, "b": 4.0, "c": 4.0},
    "sixteen": {f"camera-{number}": 10.0 for number in range(16)},
    "alone": {"a": 25.0},
}


@pytest.fixture(params=STORES, ids=list(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store whose engine does half of what its cameras ask for."""
    rates = STORES[request.param]
    return Store(tmp_path, rates, turn_seconds=2 / sum(rates.values())).run()


def test_every_camera_gets_its_fair_share_of_a_slow_engine(store: Store) -> None:
    shares = store.shares()
    for camera_id, due in fair_shares(store.rates, 1 / store.turn_seconds).items():
        assert 0.9 * due <= shares[camera_id] <= 1.1 * due + 1 / SECONDS, (camera_id, due, shares)


def test_what_a_slow_engine_looks_at_was_captured_since_the_cameras_last_turn(store: Store) -> None:
    for camera_id, looked in store.looked.items():
        for before, now in itertools.pairwise(looked):
            waiting = [at for at in store.published[camera_id] if before.captured_at < at <= now.at]
            since_last_turn = [at for at in waiting if at > before.at]
            assert now.captured_at in (since_last_turn or waiting[-1:])


def test_no_frame_is_older_than_a_turn_of_every_camera(store: Store) -> None:
    everybody = store.turn_seconds * len(store.rates)
    for camera_id, looked in store.looked.items():
        oldest = max(one.at - one.captured_at for one in looked)
        assert oldest <= everybody + store.turn_seconds, (camera_id, oldest, everybody)


def test_what_a_slow_engine_drops_is_spread_evenly(store: Store) -> None:
    everybody = store.turn_seconds * len(store.rates)
    for camera_id, looked in store.looked.items():
        gaps = [later.captured_at - earlier.captured_at for earlier, later in itertools.pairwise(looked)]
        # One that mostly has the engine to itself still waits when all the others come at once.
        longest = max(2 * mean(gaps), everybody + 1 / store.rates[camera_id]) + 1e-9
        assert max(gaps) <= longest, (camera_id, mean(gaps), max(gaps))


def test_an_engine_that_keeps_up_drops_nothing(tmp_path: Path) -> None:
    rates = {"a": 25.0, "b": 10.0, "c": 10.0, "d": 5.0}
    store = Store(tmp_path, rates, turn_seconds=0.9 / sum(rates.values())).run()
    for camera_id, looked in store.looked.items():
        assert [one.captured_at for one in looked] == store.published[camera_id][: len(looked)]
        assert len(looked) >= rates[camera_id] * SECONDS - 1
