"""What the detector has to answer for a labelled picture: a map of centres and four distances."""

from dataclasses import dataclass

import numpy as np

from storeflow.sample_store.camera import FloatArray

STRIDE = 4
# A body that can be seen this much has to be found; one seen less than `FORGIVEN` has to be left alone; in
# between the detector may do as it likes.
REQUIRED, FORGIVEN = 0.35, 0.12
# How high up its bell a cell is left unjudged, or has to give the distances.
UNJUDGED, REGRESSED = 0.2, 0.5
# No cell but the centre's own is to answer more than this.
BESIDE = 0.95


@dataclass(frozen=True)
class Target:
    """Training targets of one picture, rows and columns in cells of `STRIDE` pixels.

    Attributes:
        centre: 1 in the cell of a body's centre, falling off round it, shape (rows, columns).
        care: 0 where the centre map is not judged, 1 elsewhere, shape (rows, columns).
        distances: To the left, top, right and bottom edge in pixels, shape (4, rows, columns).
        weight: Weight of the distances in the loss, shape (rows, columns).
    """

    centre: FloatArray
    care: FloatArray
    distances: FloatArray
    weight: FloatArray


def encode(boxes: FloatArray, visible: FloatArray, size: tuple[int, int]) -> Target:
    """Encode boxes (n, 4) in pixels, with their visible shares (n,), for a picture of `size` (width, height)."""
    columns, rows = size[0] // STRIDE, size[1] // STRIDE
    centre, care = np.zeros((rows, columns), np.float32), np.ones((rows, columns), np.float32)
    distances, weight = np.zeros((4, rows, columns), np.float32), np.zeros((rows, columns), np.float32)
    x = (np.arange(columns, dtype=np.float32)[None, :] + 0.5) * STRIDE
    y = (np.arange(rows, dtype=np.float32)[:, None] + 0.5) * STRIDE
    # The best seen body comes last, so that it owns the cells it shares.
    for index in np.argsort(visible):
        left, top, right, bottom = (float(edge) for edge in boxes[index])
        middle = ((left + right) / 2, (top + bottom) / 2)
        wide, tall = max(0.13 * (right - left), 3.0), max(0.08 * (bottom - top), 3.0)
        bell = np.exp(-0.5 * (((x - middle[0]) / wide) ** 2 + ((y - middle[1]) / tall) ** 2))
        if visible[index] < FORGIVEN:
            continue
        if visible[index] < REQUIRED:
            care[bell > UNJUDGED] = 0.0
            continue
        column = min(max(int(middle[0] / STRIDE), 0), columns - 1)
        row = min(max(int(middle[1] / STRIDE), 0), rows - 1)
        centre = np.maximum(centre, np.minimum(bell, BESIDE)).astype(np.float32)
        centre[row, column] = 1.0
        care[row, column] = 1.0
        near = bell > REGRESSED
        near[row, column] = True
        for channel, values in enumerate((x - left, y - top, right - x, bottom - y)):
            distances[channel] = np.where(near, values, distances[channel])
        weight[near] = bell[near]
        weight[row, column] = 1.0
    return Target(centre, care, distances, weight)
