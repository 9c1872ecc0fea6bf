"""The `bytetrack` profile against the `trackers` package, detection by detection."""

from itertools import count
from pathlib import Path

import numpy as np
import pytest
import supervision as sv
from numpy.typing import NDArray
from trackers import ByteTrackTracker

from modules.inference.track.bytetrack import UNTRACKED, ByteTrack

Floats = NDArray[np.float64]


def frames_of(path: Path) -> list[tuple[Floats, Floats]]:
    """Boxes (n, 4) and scores (n,) of every frame of a MOTChallenge detection file."""
    rows = np.loadtxt(path, delimiter=",", usecols=range(7), ndmin=2)
    scores = rows[:, 6]
    if scores.max() > 1:  # some detectors' scores have no upper end: bring their middle to where both passes work
        low, high = np.percentile(scores, (1, 95))
        scores = np.clip((scores - low) / (high - low), 0.05, 1)
    boxes = np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]], axis=1)
    return [(boxes[rows[:, 0] == frame], scores[rows[:, 0] == frame]) for frame in range(1, int(rows[:, 0].max()) + 1)]


def reference_numbers(reference: ByteTrackTracker, boxes: Floats, scores: Floats) -> NDArray[np.int64]:
    numbers = np.full(len(boxes), UNTRACKED)
    tracked = reference.update(sv.Detections(xyxy=boxes, confidence=scores, class_id=np.arange(len(boxes))))
    if len(tracked):
        numbers[tracked.class_id] = tracked.tracker_id
    return numbers


def test_ids_equal_those_of_the_trackers_package_on_every_sequence(eval_data: Path) -> None:
    files = sorted((eval_data / "mot").glob("*/det*.txt"))
    assert len(files) >= 9
    compared = tracked = 0
    for path in files:
        ours, reference = ByteTrack(), ByteTrackTracker()
        for index, (boxes, scores) in enumerate(frames_of(path)):
            expected = reference_numbers(reference, boxes, scores)
            numbers = ours.track(boxes, scores)
            assert (numbers == expected).all(), f"{path.parent.name}/{path.name} frame {index + 1}"
            compared += len(boxes)
            tracked += int((numbers != UNTRACKED).sum())
    assert compared > 30_000
    assert tracked > 10_000


def test_as_a_profile_it_reports_confirmed_tracks_under_the_given_numbers() -> None:
    tracker = ByteTrack(count(40))
    box, score = np.array([[0.0, 0, 60, 120]]), np.array([0.9])

    assert tracker.update(box, score, 0.0, 0.4) == []
    assert tracker.update(box, score, 0.1, 0.4) == [(0, 40, True)]
    assert tracker.remembered == {40}


def test_it_forgets_a_track_that_stays_away() -> None:
    tracker = ByteTrack()
    for _ in range(3):
        tracker.track(np.array([[0.0, 0, 60, 120]]), np.array([0.9]))
    for _ in range(31):
        assert tracker.remembered == {0}
        tracker.track(np.empty((0, 4)), np.empty(0))
    assert tracker.remembered == frozenset()


@pytest.mark.parametrize(("threshold", "floor"), [(0.4, 0.1), (0.05, 0.05)])
def test_it_asks_for_faint_detections_too(threshold: float, floor: float) -> None:
    assert ByteTrack().floor(threshold) == floor
