import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest

from tools.sample_store.film import Film
from tools.train_detector.measure import Detector, Score

FRAMES = (12, 80, 145, 232, 310, 372, 455, 570)


@pytest.fixture(scope="module")
def folder(repository: Path) -> Path:
    return repository / "models" / "person" / "storeflow_nano"


@pytest.fixture(scope="module")
def detector(folder: Path) -> Detector:
    return Detector(folder / "storeflow_nano.onnx")


def test_the_weights_are_the_ones_the_entry_names_and_small(folder: Path) -> None:
    entry = tomllib.loads((folder / "model.toml").read_text(encoding="utf-8"))
    weights = (folder / entry["model"]["file"]).read_bytes()
    assert hashlib.sha256(weights).hexdigest() == entry["model"]["sha256"]
    assert len(weights) < 4 * 2**20


def test_the_graph_answers_maps_whose_centres_are_peaks_and_probabilities(detector: Detector) -> None:
    maps, scale = detector.maps(Film().frame(80)[0])
    assert scale == pytest.approx(0.7)
    assert maps.shape == (5, 64, 112)
    centre = maps[0]
    assert centre.min() == 0
    assert 0.4 < centre.max() <= 1
    for row, column in np.argwhere(centre > 0):
        around = centre[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        assert np.count_nonzero(around == around.max()) == np.count_nonzero(around > 0)


def test_the_detector_sees_most_of_the_sample_stores_people_and_little_else(detector: Detector) -> None:
    film, score = Film(), Score()
    for number in FRAMES:
        picture, bodies = film.frame(number)
        score.add(number, detector.find(picture), bodies, (640, 360), 0.4)
    assert score.required > 50
    assert score.recalled / score.required >= 0.8
    assert score.wrong <= 0.15 * score.right
    assert float(np.percentile(score.foot_errors, 95)) < 0.1


def test_an_empty_room_holds_nobody(detector: Detector) -> None:
    grey = np.full((360, 640, 3), 114, np.uint8)
    assert len(detector.find(grey).scores) == 0
