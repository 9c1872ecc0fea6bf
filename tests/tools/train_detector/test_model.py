from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from modules.inference.detector import Detector, load_detector
from modules.inference.engine import Engine
from modules.inference.model_card import load_card
from modules.inference.preprocess import to_tensor
from storeflow.frames.frame import WHOLE_FRAME, Frame
from storeflow.sample_store.film import Film
from tools.detectors.score import Score

FRAMES = (12, 80, 145, 232, 310, 372, 455, 570)


@pytest.fixture(scope="module")
def folder(repository: Path) -> Path:
    return repository / "models" / "person" / "storeflow_nano"


@pytest.fixture(scope="module")
def detector(folder: Path) -> Detector:
    return load_detector(folder, ())


def frame(picture: NDArray[np.uint8]) -> Frame:
    return Frame("film", 0, 0.0, 640, 360, WHOLE_FRAME, np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)))


def test_the_graph_answers_maps_whose_centres_are_peaks_and_probabilities(folder: Path) -> None:
    card = load_card(folder)
    engine = Engine(folder / card.model.file, (1, 3, card.input.height, card.input.width))
    (maps,) = engine.run(to_tensor(frame(Film().frame(80)[0]), card.input)[0])
    assert maps.shape == (1, 5, 64, 112)
    centre = maps[0, 0]
    assert centre.min() == 0
    assert 0.4 < centre.max() <= 1
    for row, column in np.argwhere(centre > 0):
        around = centre[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        assert np.count_nonzero(around == around.max()) == np.count_nonzero(around > 0)


def test_the_detector_sees_most_of_the_sample_stores_people_and_little_else(detector: Detector) -> None:
    film, score = Film(), Score(detector.threshold)
    for number in FRAMES:
        picture, bodies = film.frame(number)
        found = detector.detect(frame(picture), detector.threshold)
        score.add(found.boxes * ([640, 360] * 2), found.scores, bodies, (640, 360))
    assert score.required > 50
    assert score.recall >= 0.8
    assert score.wrong <= 0.15 * score.recalled
    assert float(np.percentile(score.foot_errors, 95)) < 0.1


def test_an_empty_room_holds_nobody(detector: Detector) -> None:
    grey = np.full((360, 640, 3), 114, np.uint8)
    assert len(detector.detect(frame(grey), detector.threshold).scores) == 0
