"""Our own small detector: a map of object centres with the distances to the box edges beside it.

channel 0    probability that a cell is an object's centre; every cell but the peaks of 3x3 is exactly 0
channel 1-4  distance from the cell's centre to the left, top, right and bottom edge, in input pixels
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modules.inference.decode.candidates import Candidates, expect_outputs, sound
from modules.inference.decode.nms import suppress
from modules.inference.decode.output_spec import OutputSpec

_STRIDE = 4


def decode_centre_map(
    outputs: Sequence[NDArray[Any]], spec: OutputSpec, height: int, width: int, floor: float
) -> Candidates:
    """Read one output (1, 5, height / 4, width / 4).

    Raises:
        ModelError: the output has another shape.
    """
    expect_outputs("centre_map", outputs, [(1, 5, height // _STRIDE, width // _STRIDE)])
    maps = outputs[0][0]
    rows, columns = np.nonzero(maps[0] >= floor)
    scores = maps[0, rows, columns].astype(np.float32)
    distances = maps[1:, rows, columns].T.astype(np.float32)
    centres = (np.stack([columns, rows], axis=1).astype(np.float32) + np.float32(0.5)) * _STRIDE
    boxes = np.concatenate([centres - distances[:, :2], centres + distances[:, 2:]], axis=1)
    classes = np.full(len(boxes), spec.kept_classes[0], np.int64)
    return suppress(sound(Candidates(boxes, scores, classes)), spec.nms_iou)
