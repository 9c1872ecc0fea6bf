import numpy as np
import pytest

from modules.inference.boxes import pairwise_iou


def test_overlap_is_shared_area_over_joint_area() -> None:
    first = np.array([[0.0, 0, 2, 2], [5, 5, 5, 5]])
    second = np.array([[1.0, 1, 3, 3], [0, 0, 2, 2], [5, 5, 5, 5], [9, 9, 10, 10]])
    assert pairwise_iou(first, second) == pytest.approx(np.array([[1 / 7, 1, 0, 0], [0, 0, 0, 0]]))


def test_boxes_above_and_beside_one_another_do_not_overlap() -> None:
    there = np.array([[10.0, 20, 14, 28]])
    others = np.array([[12.0, 24, 16, 32], [10, 40, 14, 48], [30, 20, 34, 28]])
    assert pairwise_iou(there, others) == pytest.approx(np.array([[1 / 7, 0, 0]]))
