"""Detections held against true boxes, frame by frame: recall, precision, AP50 and where the feet were seen. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from modules.inference.boxes import pairwise_iou
from storeflow.sample_store.film import TrueBody

Boxes = NDArray[np.float64]
"""Shape (n, 4): left, top, right, bottom, in pixels."""
CLEARLY_VISIBLE = 0.5
"""A body of which less can be seen need not be found, and finding it is no mistake."""
SAME_BODY = 0.5
"""Overlap (IoU) of a detection with the body that it is of."""
SAME_MISTAKE = 0.3
"""Overlap of a detection that is no body with one of the frame before."""


@dataclass
class Score:
    """What came of a clip so far, at one threshold.

    Attributes:
        threshold: From this score on a detection counts as seen.
        required: True bodies that can be seen to half or more.
        recalled: Of those, the found ones.
        wrong: Detections on no body.
        lasting: Of those, the ones that overlap one of the frame before.
        foot_errors: Distance of foot points (bottom centres) in body heights, of recalled bodies.
        ranked: Score of every judged detection, below the threshold too, and whether it is right.
    """

    threshold: float
    required: int = 0
    recalled: int = 0
    wrong: int = 0
    lasting: int = 0
    foot_errors: list[float] = field(default_factory=list)
    ranked: list[tuple[float, bool]] = field(default_factory=list)
    _wrong_before: Boxes = field(default_factory=lambda: np.zeros((0, 4)))

    def add(self, boxes: Boxes, scores: NDArray[np.float64], bodies: Sequence[TrueBody], size: tuple[int, int]) -> None:
        """Match one frame's detections, best first, each to the free body that it overlaps most.

        Args:
            boxes: what was found, whatever its score.
            scores: shape (n,).
            bodies: who was there.
            size: width and height of the picture; boxes that reach beyond it are cut.
        """
        limit = np.array([*size, *size], float)
        true = np.clip(np.array([body.box for body in bodies], float).reshape(-1, 4), 0, limit)
        clear = np.array([body.visible >= CLEARLY_VISIBLE for body in bodies], np.bool_)
        free = np.ones(len(bodies), np.bool_)
        found = np.clip(boxes, 0, limit)
        overlaps = pairwise_iou(found, true)
        wrong = []
        for index in np.argsort(-scores, kind="stable"):
            here = overlaps[index] * free
            best = int(here.argmax()) if len(bodies) else 0
            is_right = bool(len(bodies) and here[best] >= SAME_BODY)
            if is_right:
                free[best] = False
                if not clear[best]:
                    continue
            self.ranked.append((float(scores[index]), is_right))
            if scores[index] < self.threshold:
                continue
            if is_right:
                self.recalled += 1
                self.foot_errors.append(_foot_error(found[index], true[best]))
            else:
                wrong.append(found[index])
        self.required += int(clear.sum())
        self.wrong += len(wrong)
        stray = np.array(wrong, float).reshape(-1, 4)
        if len(self._wrong_before):
            self.lasting += int((pairwise_iou(stray, self._wrong_before).max(axis=1) > SAME_MISTAKE).sum())
        self._wrong_before = stray

    @property
    def recall(self) -> float:
        """Share of the bodies that were found."""
        return self.recalled / max(self.required, 1)

    @property
    def precision(self) -> float:
        """Share of the detections that are bodies."""
        return self.recalled / max(self.recalled + self.wrong, 1)

    @property
    def average_precision(self) -> float:
        """The area under precision over recall, with precision made falling (as VOC 2010 does)."""
        right = np.cumsum([is_right for _, is_right in sorted(self.ranked, reverse=True)])
        precision = right / np.arange(1, len(right) + 1)
        falling = np.maximum.accumulate(precision[::-1])[::-1]
        steps = np.diff(np.concatenate([[0], right])) / max(self.required, 1)
        return float((falling * steps).sum())

    @property
    def best_threshold(self) -> float:
        """From which score on F1, the harmonic mean of recall and precision, is greatest on this clip."""
        ranked = sorted(self.ranked, reverse=True)
        right = np.cumsum([is_right for _, is_right in ranked])
        f1 = 2 * right / (np.arange(1, len(ranked) + 1) + self.required)
        return ranked[int(f1.argmax())][0]

    def cells(self) -> tuple[str, ...]:
        """AP50, recall, precision and foot error, as a card writes them."""
        feet = "none"
        if self.foot_errors:
            median, most = np.percentile(self.foot_errors, (50, 95))
            feet = f"{_short(median)} and {_short(most)}"
        recall = f"{_short(self.recall)} of {self.required:,}"
        return _short(self.average_precision), recall, _short(self.precision), feet


def _short(share: float) -> str:
    return f"{share:.3f}".removeprefix("0")


def _foot_error(found: Boxes, true: Boxes) -> float:
    across = (found[0] + found[2] - true[0] - true[2]) / 2
    return float(np.hypot(across, found[3] - true[3]) / (true[3] - true[1]))
