"""Every decoder against tensors made by hand: shapes, thresholds, kept labels, overlaps."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from modules.inference.decode import DECODERS, Candidates
from modules.inference.decode.nms import suppress
from modules.inference.decode.output_spec import OutputSpec
from storeflow.errors import ModelError

HEIGHT, WIDTH = 64, 96
YOLOX_CELLS = 8 * 12 + 4 * 6 + 2 * 3


def output_spec(decoder: str, *labels: str, keep: tuple[str, ...] | None = None) -> OutputSpec:
    return OutputSpec.model_validate(
        {"decoder": decoder, "labels": labels, "keep": keep, "threshold": 0.4, "nms_iou": 0.6}
    )


def decode(spec: OutputSpec, *outputs: NDArray[Any], floor: float = 0.4) -> Candidates:
    return DECODERS[spec.decoder](outputs, spec, HEIGHT, WIDTH, floor)


def yolox_output(*cells: tuple[int, tuple[float, ...]], labels: int = 3) -> NDArray[np.float32]:
    output = np.zeros((1, YOLOX_CELLS, 5 + labels), np.float32)
    for index, row in cells:
        output[0, index] = row
    return output


def test_rtmdet_gives_its_boxes_as_they_are_above_the_floor_and_of_kept_labels() -> None:
    boxes = np.array([[[1, 2, 11, 22, 0.9], [5, 5, 9, 9, 0.39], [30, 2, 41, 22, 0.5]]], np.float32)
    found = decode(output_spec("rtmdet", "person", "dog", keep=("person",)), boxes, np.array([[0, 0, 1]]))

    assert found.boxes.tolist() == [[1, 2, 11, 22]]
    assert found.scores == pytest.approx([0.9])
    assert found.classes.tolist() == [0]


def test_yolox_adds_the_cell_and_multiplies_by_the_stride_of_each_grid() -> None:
    stride_8 = (1 * 12 + 2, (0.5, 0.25, np.log(2), np.log(4), 0.9, 0.8, 0, 0))  # row 1, column 2
    stride_32 = (8 * 12 + 4 * 6 + 1 * 3 + 2, (0, 0, 0, 0, 1, 0, 0, 0.5))  # row 1, column 2
    found = decode(output_spec("yolox", "person", "car", "bus"), yolox_output(stride_8, stride_32))

    assert found.scores == pytest.approx([0.72, 0.5])
    assert found.classes.tolist() == [0, 2]
    assert found.boxes[0] == pytest.approx([20 - 8, 10 - 16, 20 + 8, 10 + 16])
    assert found.boxes[1] == pytest.approx([64 - 16, 32 - 16, 64 + 16, 32 + 16])


def test_yolox_takes_the_best_kept_label_and_not_the_best_of_all() -> None:
    cell = (5, (0, 0, 0, 0, 0.9, 0.95, 0.5, 0.6))
    found = decode(output_spec("yolox", "person", "car", "bus", keep=("car", "bus")), yolox_output(cell))

    assert found.classes.tolist() == [2]
    assert found.scores == pytest.approx([0.54])


def test_yolox_judges_by_objectness_times_probability() -> None:
    unsure = (5, (0, 0, 0, 0, 0.6, 0.6, 0, 0))
    assert len(decode(output_spec("yolox", "person", "car", "bus"), yolox_output(unsure)).boxes) == 0
    assert len(decode(output_spec("yolox", "person", "car", "bus"), yolox_output(unsure), floor=0.3).boxes) == 1


def test_yolox_with_an_absurd_size_gives_a_large_box_and_no_overflow() -> None:
    found = decode(output_spec("yolox", "person", "car", "bus"), yolox_output((0, (0, 0, 900, 900, 1, 1, 0, 0))))
    assert np.isfinite(found.boxes).all()


WRONG_SIDES = (-8.0, 0.0, 0.01, float("nan"), float("inf"))
"""Width or height of a box, in pixels, as a broken model may give it."""


def rtmdet_with(wrong: float) -> list[NDArray[Any]]:
    boxes = [[20, 2, 20 + wrong, 22, 0.9], [20, 2, 40, 2 + wrong, 0.9], [50, 2, 60, 22, 0.8]]
    return [np.array([boxes], np.float32), np.zeros((1, 3), np.int64)]


def yolox_with(wrong: float) -> list[NDArray[Any]]:
    # A size is a logarithm: it may be as good as nothing, or no number, and never negative.
    side = -20.0 if wrong <= 0.01 else wrong
    place = side if side == float("inf") else 0.0
    cells = (5, (place, 0, side, 1, 0.9, 0.9)), (30, (0, place, 1, side, 0.9, 0.9)), (90, (0, 0, 1, 1, 0.9, 0.8))
    return [yolox_output(*cells, labels=1)]


def centre_map_with(wrong: float) -> list[NDArray[Any]]:
    maps = np.zeros((1, 5, HEIGHT // 4, WIDTH // 4), np.float32)
    maps[0, :, 3, 4] = (0.9, wrong / 2, 6, wrong / 2, 10)
    maps[0, :, 3, 12] = (0.9, 4, wrong / 2, 8, wrong / 2)
    maps[0, :, 12, 20] = (0.8, 4, 6, 8, 10)
    return [maps]


BROKEN = {"rtmdet": rtmdet_with, "yolox": yolox_with, "centre_map": centre_map_with}


@pytest.mark.parametrize("wrong", WRONG_SIDES)
@pytest.mark.parametrize("decoder", DECODERS)
def test_a_box_without_area_is_no_box(decoder: str, wrong: float) -> None:
    found = decode(output_spec(decoder, "person"), *BROKEN[decoder](wrong))
    assert found.boxes.shape == (1, 4)
    assert found.scores.shape == found.classes.shape == (1,)
    assert (found.boxes[:, 2:] - found.boxes[:, :2] >= 8).all()


@pytest.mark.parametrize("decoder", ["rtmdet", "centre_map"])
def test_a_box_one_pixel_wide_or_high_is_a_box(decoder: str) -> None:
    found = decode(output_spec(decoder, "person"), *BROKEN[decoder](1.0))
    assert len(found.boxes) == 3


def test_a_centre_map_measures_edges_from_the_middle_of_the_cell() -> None:
    maps = np.zeros((1, 5, HEIGHT // 4, WIDTH // 4), np.float32)
    maps[0, :, 3, 10] = (0.8, 4, 6, 8, 10)
    maps[0, :, 12, 2] = (0.39, 4, 6, 8, 10)
    found = decode(output_spec("centre_map", "person"), maps)

    assert found.boxes.tolist() == [[42 - 4, 14 - 6, 42 + 8, 14 + 10]]
    assert found.scores == pytest.approx([0.8])
    assert found.classes.tolist() == [0]


@pytest.mark.parametrize(
    ("decoder", "outputs"),
    [
        ("rtmdet", [np.zeros((1, 0, 5), np.float32), np.zeros((1, 0), np.int64)]),
        ("yolox", [np.zeros((1, YOLOX_CELLS, 6), np.float32)]),
        ("centre_map", [np.zeros((1, 5, HEIGHT // 4, WIDTH // 4), np.float32)]),
    ],
)
def test_an_empty_scene_gives_no_boxes_of_the_right_shape(decoder: str, outputs: list[NDArray[Any]]) -> None:
    found = decode(output_spec(decoder, "person"), *outputs)
    assert found.boxes.shape == (0, 4)
    assert found.scores.shape == found.classes.shape == (0,)


@pytest.mark.parametrize(
    ("decoder", "outputs"),
    [
        ("rtmdet", [np.zeros((1, 7, 5))]),
        ("rtmdet", [np.zeros((1, 7, 6)), np.zeros((1, 7))]),
        ("rtmdet", [np.zeros((1, 7)), np.zeros((1, 7))]),
        ("yolox", [np.zeros((1, YOLOX_CELLS - 1, 6))]),
        ("yolox", [np.zeros((1, YOLOX_CELLS, 85))]),
        ("centre_map", [np.zeros((1, 5, HEIGHT // 8, WIDTH // 8))]),
    ],
)
def test_outputs_of_another_shape_are_a_model_error(decoder: str, outputs: list[NDArray[Any]]) -> None:
    with pytest.raises(ModelError, match=f"decoder {decoder} expected outputs of shape"):
        decode(output_spec(decoder, "person"), *outputs)


def test_of_boxes_on_one_object_the_surest_stays_whatever_its_class() -> None:
    boxes = np.array([[0, 0, 10, 20], [1, 0, 11, 20], [40, 0, 50, 20]], np.float32)
    found = suppress(Candidates(boxes, np.array([0.5, 0.9, 0.7], np.float32), np.array([2, 5, 2])), 0.6)

    assert found.boxes.tolist() == [[1, 0, 11, 20], [40, 0, 50, 20]]
    assert found.classes.tolist() == [5, 2]


def test_a_box_that_was_dropped_shields_nobody() -> None:
    # Each overlaps the next by 2/3; the first and the last by 3/7 only.
    boxes = np.array([[0, 0, 10, 10], [2, 0, 12, 10], [4, 0, 14, 10]], np.float32)
    found = suppress(Candidates(boxes, np.array([0.9, 0.8, 0.7], np.float32), np.zeros(3, np.int64)), 0.6)
    assert found.boxes[:, 0].tolist() == [0, 4]
