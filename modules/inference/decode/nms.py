"""Non-maximum suppression: of boxes on one object, the surest stays."""

import numpy as np

from modules.inference.boxes import pairwise_iou
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
