"""The default tracker in named situations, at several frame rates, with and without lost detections."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from modules.inference.track.tracker import Tracker

THRESHOLD = 0.4
WIDTH, HEIGHT = 60, 120
JITTER = 6.0
FRAME_RATES = (5, 10, 25)

Walk = Callable[[float], tuple[float, float] | None]
"""Where the feet are at a time, in pixels; None while nobody is to be seen."""


@dataclass
class Seen:
    """What the tracker said of each walker."""

    numbers: list[set[int]]
    confirmed: list[set[int]]
    tracker: Tracker


def straight(x: float, y: float, speed_x: float, speed_y: float = 0.0, hidden: tuple[float, float] = (9, 9)) -> Walk:
    return lambda at: None if hidden[0] <= at < hidden[1] else (x + speed_x * at, y + speed_y * at)


def u_turn(x: float, y: float, speed: float, at_second: float) -> Walk:
    return lambda at: (x + speed * (at if at < at_second else 2 * at_second - at), y)


def swaying(x: float, y: float) -> Walk:
    return lambda at: (x + 25 * np.sin(2.2 * at), y)


def seen(walks: Iterable[Walk], fps: float, lost: float, seed: int, seconds: float = 5.0) -> Seen:
    """Follow walkers whose boxes jitter by 6 px and of whose detections a share of `lost` is missing."""
    random = np.random.default_rng(seed)
    walkers = list(walks)
    result = Seen([set() for _ in walkers], [set() for _ in walkers], Tracker())
    for frame in range(int(seconds * fps)):
        at = frame / fps
        places = [(index, place) for index, walk in enumerate(walkers) if (place := walk(at)) is not None]
        kept = [(index, place) for index, place in places if random.random() >= lost]
        boxes = np.array([box_at(*place) for _, place in kept]).reshape(-1, 4)
        jitter = random.normal(0, JITTER / np.sqrt(2), boxes.shape)
        scores = np.full(len(kept), 0.8)
        for detection, number, confirmed in result.tracker.update(boxes + jitter, scores, at, THRESHOLD):
            walker = kept[detection][0]
            result.numbers[walker].add(number)
            if confirmed:
                result.confirmed[walker].add(number)
    return result


def box_at(x: float, y: float) -> tuple[float, float, float, float]:
    return x - WIDTH / 2, y - HEIGHT, x + WIDTH / 2, y


def one(*box: float) -> NDArray[np.float64]:
    return np.array([box], np.float64)


SITUATIONS: dict[str, list[Walk]] = {
    "walks slowly past": [straight(100, 300, 60)],
    "walks fast past": [straight(100, 300, 150)],
    "walks down the picture": [straight(300, 150, 0, 100)],
    "two side by side": [straight(100, 300, 100), straight(190, 300, 100)],
    "two one behind the other": [straight(100, 300, 110), straight(100, 390, 110)],
    "two cross at different depths": [straight(100, 300, 110), straight(650, 345, -110)],
    "hidden for half a second": [straight(100, 300, 100, hidden=(2.0, 2.5))],
    "turns round": [u_turn(100, 300, 100, 2.5)],
    "turns round fast": [u_turn(100, 300, 150, 2.5)],
    "sways on the spot": [swaying(300, 300)],
}


@pytest.mark.parametrize("fps", FRAME_RATES)
@pytest.mark.parametrize("lost", [0.0, 0.1])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_everyone_keeps_one_confirmed_track(situation: str, lost: float, fps: int) -> None:
    for seed in range(5):
        result = seen(SITUATIONS[situation], fps, lost, seed)
        assert all(len(numbers) == 1 for numbers in result.numbers), f"seed {seed}: {result.numbers}"
        assert result.confirmed == result.numbers, f"seed {seed}"
        assert len(set.union(*result.numbers)) == len(result.numbers), f"seed {seed}: a track jumped to another person"


def test_who_walks_90_pixels_between_two_looks_is_the_same_person() -> None:
    tracker = Tracker()
    numbers = set()
    for at in (0.0, 0.6, 0.8, 1.0):  # 150 px/s at 5 frames a second, and the second and third detection are lost
        for followed in tracker.update(one(*box_at(100 + 150 * at, 300)), np.array([0.8]), at, THRESHOLD):
            numbers.add(followed.number)
    assert numbers == {0}


def test_a_track_has_its_number_from_its_first_observation_on() -> None:
    tracker = Tracker()
    told = [tracker.update(one(*box_at(100, 300)), np.array([0.8]), frame / 10, THRESHOLD)[0] for frame in range(4)]

    assert [followed.number for followed in told] == [0, 0, 0, 0]
    assert [followed.confirmed for followed in told] == [False, False, True, True]


@pytest.mark.parametrize("fps", [5, 7, 10, 25, 30])
def test_belief_takes_the_same_time_at_every_frame_rate(fps: int) -> None:
    tracker = Tracker()
    at = 0.0
    for frame in range(fps):
        at = frame / fps
        if tracker.update(one(*box_at(100, 300)), np.array([0.8]), at, THRESHOLD)[0].confirmed:
            break
    assert 0.2 <= at <= max(0.2 + 1 / fps, 2 / fps)


def test_flickers_far_apart_are_never_confirmed() -> None:
    tracker = Tracker()
    numbers = []
    for frame in range(100):
        x = 100 if frame % 2 else 600
        at = frame * 0.8
        for followed in tracker.update(one(*box_at(x, 300)), np.array([0.9]), at, THRESHOLD):
            assert not followed.confirmed
            numbers.append(followed.number)
    assert len(set(numbers)) == 100


def test_two_single_flickers_are_two_unconfirmed_tracks() -> None:
    tracker = Tracker()
    first = tracker.update(one(*box_at(300, 250)), np.array([0.9]), 0.0, THRESHOLD)
    for frame in range(1, 8):
        tracker.update(np.empty((0, 4)), np.empty(0), frame / 10, THRESHOLD)
    second = tracker.update(one(*box_at(300, 350)), np.array([0.9]), 0.8, THRESHOLD)

    assert first[0].number != second[0].number
    assert not any(followed.confirmed for followed in (*first, *second))


def test_a_faint_detection_continues_a_track_and_begins_none() -> None:
    tracker = Tracker()
    assert tracker.update(one(*box_at(100, 300)), np.array([0.3]), 0.0, THRESHOLD) == []
    tracker.update(one(*box_at(100, 300)), np.array([0.8]), 0.1, THRESHOLD)
    assert tracker.update(one(*box_at(100, 300)), np.array([0.3]), 0.2, THRESHOLD)[0].number == 0
    assert tracker.update(one(*box_at(100, 300)), np.array([0.2]), 0.3, THRESHOLD) == []


def test_a_detection_of_another_size_is_not_reached_for() -> None:
    tracker = Tracker()
    tracker.update(one(*box_at(100, 300)), np.array([0.8]), 0.0, THRESHOLD)
    small = (160.0, 210.0, 180.0, 250.0)
    assert tracker.update(one(*small), np.array([0.8]), 0.2, THRESHOLD)[0].number == 1


@pytest.mark.parametrize(("away", "same"), [(1.5, True), (2.5, False)])
def test_a_confirmed_track_is_remembered_for_two_seconds(away: float, same: bool) -> None:
    tracker = Tracker()
    for frame in range(10):
        tracker.update(one(*box_at(300, 300)), np.array([0.8]), frame / 10, THRESHOLD)
    after = tracker.update(one(*box_at(300, 300)), np.array([0.8]), 0.9 + away, THRESHOLD)
    assert (after[0].number == 0) == same


def test_a_camera_that_looks_once_a_second_still_confirms_who_stays() -> None:
    tracker = Tracker()
    told = [tracker.update(one(*box_at(300, 300)), np.array([0.8]), float(second), THRESHOLD) for second in range(4)]
    assert [followed.confirmed for (followed,) in told] == [False, False, True, True]
    assert {followed.number for (followed,) in told} == {0}


def test_a_lost_box_keeps_its_size() -> None:
    """A person who comes nearer and is hidden for a second would otherwise be awaited as a giant."""
    tracker = Tracker()
    for frame in range(10):
        growth = 1 + frame / 20
        tracker.update(one(0, 0, WIDTH * growth, HEIGHT * growth), np.array([0.8]), frame / 10, THRESHOLD)
    size = tracker._tracks["size"][0].copy()
    tracker.update(np.empty((0, 4)), np.empty(0), 2.0, THRESHOLD)
    assert (tracker._tracks["size"][0] == size).all()


def test_twenty_thousand_dead_tracks_leave_nothing_behind() -> None:
    tracker = Tracker()
    most = 0
    for frame in range(5_000):
        xs = np.array([0, 300, 600, 900]) + 2000 * (frame % 2)
        boxes = np.array([box_at(x, 300) for x in xs])
        told = tracker.update(boxes, np.full(4, 0.9), frame * 0.7, THRESHOLD)
        most = max(most, len(tracker.remembered))
    assert max(followed.number for followed in told) == 19_999
    assert most <= 8


def test_while_the_clock_is_set_back_time_stands_still() -> None:
    tracker = Tracker()
    numbers = []
    for at in (100.0, 100.1, 100.2, 100.15, 100.3):
        numbers += [each.number for each in tracker.update(one(*box_at(100, 300)), np.array([0.8]), at, THRESHOLD)]
    assert numbers == [0, 0, 0, 0, 0]
    assert tracker._tracks["seen_at"].tolist() == [100.3]


def test_detections_are_told_in_the_order_they_came_in() -> None:
    tracker = Tracker()
    boxes = np.array([box_at(x, 300) for x in (100, 300, 500)])
    tracker.update(boxes[[1]], np.array([0.9]), 0.0, THRESHOLD)
    told = tracker.update(boxes, np.full(3, 0.9), 0.1, THRESHOLD)

    assert all(before.detection < after.detection for before, after in pairwise(told))
    assert [followed.number for followed in told] == [1, 0, 2]


def test_an_empty_picture_is_no_special_case() -> None:
    tracker = Tracker()
    assert tracker.update(np.empty((0, 4)), np.empty(0), 0.0, THRESHOLD) == []
    assert tracker.remembered == frozenset()
