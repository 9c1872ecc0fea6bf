"""YOLOX without its decoding layer: offsets on three grids, objectness and class probabilities after the sigmoid."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modules.inference.decode.candidates import Candidates, expect_outputs, sound
from modules.inference.decode.nms import suppress
from modules.inference.decode.output_spec import OutputSpec

_STRIDES = (8, 16, 32)
_LARGEST_LOG_SIDE = 10.0
"""exp(10) strides is wider than any picture: a broken model gives large boxes, not an overflow."""


def decode_yolox(
    outputs: Sequence[NDArray[Any]], spec: OutputSpec, height: int, width: int, floor: float
) -> Candidates:
    """Read one output (1, cells, 5 + labels): centre offset, log size, objectness, one probability per label.

    The score is objectness times the best kept label's probability. Formula: Ge et al., "YOLOX: Exceeding YOLO
    Series in 2021", and `decode_outputs` of its published code.

    Raises:
        ModelError: the output has another shape.
    """
    cells, strides = _grid(height, width)
    expect_outputs("yolox", outputs, [(1, len(cells), 5 + len(spec.labels))])
    rows = outputs[0][0]
    likely = np.flatnonzero(rows[:, 4] >= floor)  # most cells see nothing: they cost no further work
    rows = rows[likely].astype(np.float32, copy=False)
    kept_classes = np.array(spec.kept_classes)
    probabilities = rows[:, 5 + kept_classes]
    best = probabilities.argmax(axis=1)
    scores = rows[:, 4] * probabilities[np.arange(len(rows)), best]
    sure = scores >= floor
    rows, scores, likely = rows[sure], scores[sure], likely[sure]
    centres = (rows[:, :2] + cells[likely]) * strides[likely, None]
    halves = np.exp(np.minimum(rows[:, 2:4], _LARGEST_LOG_SIDE)) * strides[likely, None] / 2
    boxes = np.concatenate([centres - halves, centres + halves], axis=1)
    return suppress(sound(Candidates(boxes, scores, kept_classes[best[sure]])), spec.nms_iou)


@cache
def _grid(height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Column and row of every cell (cells, 2) and its stride in pixels (cells,), in the model's order."""
    cells, strides = [], []
    for stride in _STRIDES:
        rows, columns = np.mgrid[: height // stride, : width // stride]
        cells.append(np.stack([columns, rows], axis=-1).reshape(-1, 2))
        strides.append(np.full(cells[-1].shape[0], stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)
