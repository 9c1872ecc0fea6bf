"""The tracker that counts rest on: ByteTrack's two passes, in seconds and body heights, with a third pass for reach.

It differs from the `bytetrack` profile where counting asks for it:

- Noise is scaled by the height of the box, so near and far people are followed alike.
- Time is `captured_at`: the same person at 5, 10 or 25 frames per second, or with frames missing, is one track.
- A box that is lost from sight keeps its size; only its centre moves on.
- Who walks farther between two frames than they are wide has no overlap with their own prediction. The third pass
  pairs what is left over by distance, as far as the motion model itself thinks possible.
- A track has its number from its first observation, and is confirmed later under the same number.

Memory is bounded: `_forget` drops a confirmed track `lost_seconds` after it was last seen, any other sooner.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from modules.inference.decode.nms import pairwise_iou
from modules.inference.track.association import Indices, match
from modules.inference.track.motion import acceleration_noise, gains, predict_covariance
from modules.inference.track.parameters import DEFAULT, TrackerParameters

Floats = NDArray[np.float64]

_TRACK = np.dtype(
    [
        ("number", np.int64),
        ("centre", np.float64, 2),
        ("velocity", np.float64, 2),  # pixels per second
        ("size", np.float64, 2),  # width, height
        ("covariance", np.float64, 3),  # of centre and velocity, see motion.py
        ("born_at", np.float64),
        ("seen_at", np.float64),
        ("observations", np.int64),
        ("confirmed", np.bool_),
    ]
)
_SMALLEST_SIDE = 1.0
"""Pixels: a box without area would divide by zero."""


class Followed(NamedTuple):
    """One observation of one track."""

    detection: int
    """Index of the detection that was given."""
    number: int
    """Counted from 0 by this tracker; never given twice."""
    confirmed: bool


class Tracker:
    """Follows the objects of one camera and task."""

    def __init__(self, parameters: TrackerParameters = DEFAULT) -> None:
        self._parameters = parameters
        self._tracks = np.empty(0, _TRACK)
        self._next_number = 0
        self._updated_at: float | None = None

    def __len__(self) -> int:
        """How many tracks are remembered, seen or lost."""
        return len(self._tracks)

    def update(self, boxes: Floats, scores: Floats, captured_at: float, threshold: float) -> list[Followed]:
        """Take in one frame's detections.

        Args:
            boxes: shape (n, 4), left, top, right, bottom, in pixels (or any unit that is the same on both axes).
            scores: shape (n,); those below `threshold` may continue a track, not begin one.
            captured_at: of the frame, in seconds. A time before the last one begins anew: the clock was set back.
            threshold: the detector's.

        Returns:
            The detections that belong to a track, in the order of `boxes`.
        """
        if self._updated_at is not None and captured_at < self._updated_at:
            self._tracks = self._tracks[:0]
        self._predict(captured_at)
        sure = np.flatnonzero(scores >= threshold)
        unsure = np.flatnonzero((scores < threshold) & (scores >= threshold * self._parameters.low_confidence_share))
        everyone = np.arange(len(self._tracks))

        overlapping = self._pair_by_overlap(everyone, boxes, sure, self._parameters.minimum_iou)
        unseen = _without(everyone, overlapping[0])
        recent = unseen[captured_at - self._tracks["seen_at"][unseen] <= self._parameters.low_seconds]
        faint = self._pair_by_overlap(recent, boxes, unsure, self._parameters.minimum_iou_low)
        distant = self._pair_by_reach(_without(unseen, faint[0]), boxes, _without(sure, overlapping[1]))

        tracks = np.concatenate([overlapping[0], faint[0], distant[0]])
        detections = np.concatenate([overlapping[1], faint[1], distant[1]])
        self._correct(tracks, boxes[detections], captured_at)
        new = _without(sure, detections)
        new = new[scores[new] >= threshold * self._parameters.begin_confidence_share]
        followed = [
            *zip(detections, self._tracks["number"][tracks], self._tracks["confirmed"][tracks], strict=True),
            *((index, self._next_number + place, False) for place, index in enumerate(new)),
        ]
        self._forget(captured_at)
        self._begin(boxes[new], captured_at)
        self._updated_at = captured_at
        return [Followed(int(index), int(number), bool(confirmed)) for index, number, confirmed in sorted(followed)]

    def _predict(self, captured_at: float) -> None:
        if self._updated_at is None or not len(self._tracks):
            return
        tracks, seconds = self._tracks, captured_at - self._updated_at
        tracks["centre"] += tracks["velocity"] * seconds
        density = self._parameters.acceleration_density * tracks["size"][:, 1] ** 2
        tracks["covariance"] = predict_covariance(tracks["covariance"], seconds, acceleration_noise(seconds, density))

    def _pair_by_overlap(
        self, tracks: Indices, boxes: Floats, detections: Indices, minimum: float
    ) -> tuple[Indices, Indices]:
        predicted = _boxes(self._tracks["centre"][tracks], self._tracks["size"][tracks])
        rows, columns = match(pairwise_iou(predicted, boxes[detections]), minimum)
        return tracks[rows], detections[columns]

    def _pair_by_reach(self, tracks: Indices, boxes: Floats, detections: Indices) -> tuple[Indices, Indices]:
        """Pairs without overlap, the nearest first, where the motion model and the size allow them."""
        parameters = self._parameters
        centres, sizes = _centres_and_sizes(boxes[detections])
        heights = self._tracks["size"][tracks, 1]
        distances = np.linalg.norm(self._tracks["centre"][tracks][:, None] - centres[None], axis=2)
        deviations = np.sqrt(self._tracks["covariance"][tracks, 0] + (parameters.position_noise * heights) ** 2)
        reach = np.minimum(parameters.reach_sigmas * deviations, parameters.reach_heights * heights)
        similarity = 1 - distances / reach[:, None]
        ratios = heights[:, None] / sizes[None, :, 1]
        similarity[np.maximum(ratios, 1 / ratios) > parameters.reach_size_ratio] = -1
        rows, columns = match(np.maximum(similarity, -1), 0.0)
        return tracks[rows], detections[columns]

    def _correct(self, chosen: Indices, seen: Floats, captured_at: float) -> None:
        tracks = self._tracks
        centres, sizes = _centres_and_sizes(seen)
        noise = (self._parameters.position_noise * tracks["size"][chosen, 1]) ** 2
        of_position, of_velocity, covariance = gains(tracks["covariance"][chosen], noise)
        surprise = centres - tracks["centre"][chosen]
        tracks["centre"][chosen] += of_position[:, None] * surprise
        tracks["velocity"][chosen] += of_velocity[:, None] * surprise
        tracks["size"][chosen] += of_position[:, None] * (sizes - tracks["size"][chosen])
        tracks["covariance"][chosen] = covariance
        tracks["seen_at"][chosen] = captured_at
        tracks["observations"][chosen] += 1
        long_enough = captured_at - tracks["born_at"][chosen] >= self._parameters.confirm_seconds
        often_enough = tracks["observations"][chosen] >= self._parameters.confirm_observations
        tracks["confirmed"][chosen] |= long_enough & often_enough

    def _forget(self, captured_at: float) -> None:
        parameters, tracks = self._parameters, self._tracks
        patience = np.where(tracks["confirmed"], parameters.lost_seconds, parameters.tentative_seconds)
        self._tracks = tracks[captured_at - tracks["seen_at"] <= patience]

    def _begin(self, boxes: Floats, captured_at: float) -> None:
        born = np.zeros(len(boxes), _TRACK)
        born["number"] = np.arange(self._next_number, self._next_number + len(boxes))
        born["centre"], born["size"] = _centres_and_sizes(boxes)
        heights = born["size"][:, 1]
        born["covariance"][:, 0] = (self._parameters.position_noise * heights) ** 2
        born["covariance"][:, 2] = (self._parameters.begin_speed * heights) ** 2
        born["born_at"] = born["seen_at"] = captured_at
        born["observations"] = 1
        self._tracks = np.concatenate([self._tracks, born])
        self._next_number += len(boxes)


def _without(indices: Indices, taken: Indices) -> Indices:
    """`indices` that are not among `taken`, in their order."""
    return indices[~np.isin(indices, taken)]


def _boxes(centres: Floats, sizes: Floats) -> Floats:
    return np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)


def _centres_and_sizes(boxes: Floats) -> tuple[Floats, Floats]:
    return (boxes[:, :2] + boxes[:, 2:]) / 2, np.maximum(boxes[:, 2:] - boxes[:, :2], _SMALLEST_SIDE)
