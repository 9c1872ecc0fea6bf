"""Real models on a real clip: they find the people, with the boxes that a decoder written the plain way gives."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from modules.inference.detector import Detector, load_detector
from modules.inference.preprocess import to_tensor
from storeflow.errors import ModelError
from storeflow.frames.frame import WHOLE_FRAME, Frame

Boxes = NDArray[np.float64]
FRAMES = range(0, 400, 20)


@pytest.fixture(scope="module")
def clip(eval_data: Path) -> list[Frame]:
    """Every twentieth of the first 400 frames of PETS09-S2L1."""
    return list(frames_of(eval_data / "videos" / "mot_PETS09-S2L1.mp4"))


def frames_of(path: Path) -> Iterator[Frame]:
    with av.open(str(path)) as container:
        for index, picture in enumerate(container.decode(video=0)):
            if index >= FRAMES.stop:
                return
            if index in FRAMES:
                i420 = np.asarray(picture.to_ndarray(format="yuv420p"), np.uint8)
                yield Frame("pets", index, index / 7, picture.width, picture.height, WHOLE_FRAME, i420)


@pytest.fixture(scope="module")
def people(eval_data: Path) -> dict[int, Boxes]:
    """Boxes (n, 4) in pixels of the people in each of the frames."""
    rows = np.loadtxt(eval_data / "truth" / "mot_PETS09-S2L1.gt.txt", delimiter=",")
    boxes = np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]], axis=1)
    return {index: boxes[rows[:, 0] == index + 1] for index in FRAMES}


def load(eval_data: Path, repository: Path, task: str, name: str) -> Detector:
    return load_detector(repository / "models" / task / name, (eval_data / "models",))


@pytest.fixture
def detector(eval_data: Path, repository: Path, name: str) -> Detector:
    """The person model that the test names."""
    return load(eval_data, repository, "person", name)


@pytest.mark.parametrize(("name", "least_recall"), [("rtmdet_nano", 0.90), ("yolox_nano", 0.85)])
def test_people_of_a_real_clip_are_found(
    detector: Detector, least_recall: float, clip: list[Frame], people: dict[int, Boxes]
) -> None:
    found = there = reported = 0
    for frame in clip:
        detected = detector.detect(frame, detector.threshold)
        boxes = detected.boxes * ([frame.full_width, frame.full_height] * 2)
        found += sum(any(plain_iou(person, box) >= 0.5 for box in boxes) for person in people[frame.sequence])
        there += len(people[frame.sequence])
        reported += len(detected.boxes)
        assert set(detected.labels) <= {"person"}

    assert there > 80
    assert found / there >= least_recall, f"{found} of {there}"
    assert reported <= 1.4 * there


@pytest.mark.parametrize("name", ["rtmdet_nano", "yolox_nano"])
def test_boxes_are_those_of_a_decoder_written_the_plain_way(detector: Detector, name: str, clip: list[Frame]) -> None:
    for frame in clip[:4]:
        tensor, placement = to_tensor(frame, detector.card.input)
        outputs = detector._engine.run(tensor)
        plain = {"rtmdet_nano": plain_rtmdet, "yolox_nano": plain_yolox}[name](outputs, detector.threshold)
        assert plain
        boxes = [placement.to_frame(np.array([box], np.float32))[0] for _, box in plain]

        detected = detector.detect(frame, detector.threshold)

        order = np.argsort(-detected.scores, kind="stable")
        assert detected.scores[order] == pytest.approx([score for score, _ in plain], abs=1e-5)
        assert detected.boxes[order] == pytest.approx(np.array(boxes), abs=1e-4)


def plain_rtmdet(outputs: list[NDArray[Any]], threshold: float) -> list[tuple[float, list[float]]]:
    found = [(float(row[4]), row[:4].tolist()) for row in outputs[0][0] if row[4] >= threshold]
    return sorted(found, key=lambda each: -each[0])


def plain_yolox(outputs: list[NDArray[Any]], threshold: float) -> list[tuple[float, list[float]]]:
    """Cell by cell, and a greedy suppression over sorted boxes."""
    found = []
    rows = iter(outputs[0][0])
    for stride in (8, 16, 32):
        for row in range(416 // stride):
            for column in range(416 // stride):
                x, y, log_width, log_height, objectness, person = next(rows)[:6].astype(float)
                score = objectness * person
                if score >= threshold:
                    x, y = (column + x) * stride, (row + y) * stride
                    width, height = np.exp(log_width) * stride, np.exp(log_height) * stride
                    found.append((score, [x - width / 2, y - height / 2, x + width / 2, y + height / 2]))
    kept: list[tuple[float, list[float]]] = []
    for score, box in sorted(found, key=lambda each: -each[0]):
        if all(plain_iou(box, other) <= 0.6 for _, other in kept):
            kept.append((score, box))
    return kept


def plain_iou(one: Sequence[float], other: Sequence[float]) -> float:
    shared = [min(one[axis + 2], other[axis + 2]) - max(one[axis], other[axis]) for axis in (0, 1)]
    if min(shared) <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared[0] * shared[1] / (sum(areas) - shared[0] * shared[1])


def test_a_vehicle_model_reports_vehicles_only(eval_data: Path, repository: Path, clip: list[Frame]) -> None:
    detector = load(eval_data, repository, "vehicle", "yolox_nano")
    labels = {label for frame in clip for label in detector.detect(frame, 0.05).labels}
    assert labels <= {"car", "motorcycle", "bus", "truck"}


def test_an_operators_threshold_replaces_the_cards(eval_data: Path, repository: Path) -> None:
    folder = repository / "models" / "person" / "yolox_nano"
    assert load_detector(folder, (eval_data / "models",)).threshold == 0.45
    assert load_detector(folder, (eval_data / "models",), threshold=0.7).threshold == 0.7


def test_weights_that_speak_another_language_are_refused_before_the_first_frame(
    eval_data: Path, repository: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "person" / "yolox_nano"
    folder.mkdir(parents=True)
    card = (repository / "models" / "person" / "yolox_nano" / "model.toml").read_text(encoding="utf-8")
    (folder / "model.toml").write_text(card.replace('"yolox"', '"centre_map"'), encoding="utf-8")

    with pytest.raises(ModelError, match="decoder centre_map expected outputs of shape") as raised:
        load_detector(folder, (eval_data / "models",))
    assert "yolox_nano_bigisland.onnx" in str(raised.value)
