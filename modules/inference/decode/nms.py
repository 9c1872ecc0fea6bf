"""Non-maximum suppression: of boxes on one object, the surest stays."""

import numpy as np
from numpy.typing import NDArray

from modules.inference.decode.candidates import Candidates

_MOST_CANDIDATES = 1000
"""More than this is noise: it would cost more time than a store has people."""


def suppress(candidates: Candidates, most_overlap: float) -> Candidates:
    """The candidates without those that overlap a surer one by more than `most_overlap` (IoU).

    Classes don't shield each other: a lorry that also looks like a bus is one vehicle. The result is sorted by
    score, the surest first.
    """
    order = np.argsort(-candidates.scores, kind="stable")[:_MOST_CANDIDATES]
    boxes = candidates.boxes[order]
    overlaps = pairwise_iou(boxes, boxes) > most_overlap
    alive = np.ones(len(order), np.bool_)
    for index in range(len(order)):
        if alive[index]:
            alive[index + 1 :] &= ~overlaps[index, index + 1 :]
    kept = order[alive]
    return Candidates(candidates.boxes[kept], candidates.scores[kept], candidates.classes[kept])


def pairwise_iou(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.float64]:
    """Intersection over union of boxes (n, 4) and (m, 4) as (n, m); 0 where both are empty."""
    # One coordinate at a time: half the cost of (n, m, 2) arrays at the sizes that a camera sees.
    widths = np.minimum(first[:, None, 2], second[:, 2]) - np.maximum(first[:, None, 0], second[:, 0])
    heights = np.minimum(first[:, None, 3], second[:, 3]) - np.maximum(first[:, None, 1], second[:, 1])
    shared = np.maximum(widths, 0, dtype=np.float64) * np.maximum(heights, 0)
    areas_first = (first[:, 2] - first[:, 0]) * (first[:, 3] - first[:, 1])
    areas_second = (second[:, 2] - second[:, 0]) * (second[:, 3] - second[:, 1])
    union = areas_first[:, None] + areas_second - shared
    overlaps: NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlaps
