"""The tracker that counts rest on: ByteTrack's two passes, in seconds and body heights, with a third pass for reach.

It differs from the `bytetrack` profile where counting asks for it:

- Noise is scaled by the height of the box, so near and far people are followed alike.
- Time is `captured_at`: the same person at 5, 10 or 25 frames per second, or with frames missing, is one track.
- A box that is lost from sight keeps its size; only its centre moves on.
- Who walks farther between two frames than they are wide has no overlap with their own prediction. The third pass
  pairs what is left over by distance, as far as the motion model itself thinks possible.
- Of two claims on one detection, that of a track which is already believed in counts more; and boxes of one person
  span the same rows, so that the overlap of heights counts beside the overlap of areas.
- A track has its number from its first observation, and is confirmed later under the same number.

Memory is bounded: `_forget` drops a confirmed track that was unseen for `lost_seconds`, any other sooner.
"""

from collections.abc import Iterator
from itertools import count, islice

import numpy as np
from numpy.typing import NDArray

from modules.inference.boxes import pairwise_iou
from modules.inference.track.association import Indices, match
from modules.inference.track.follower import Followed
from modules.inference.track.motion import Floats, acceleration_noise, gains, predict_covariance
from modules.inference.track.parameters import DEFAULT

Mask = NDArray[np.bool_]

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


class Tracker:
    """Follows the objects of one camera and task.

    Args:
        numbers: where tracks get their numbers from; by default counted from 0.
    """

    def __init__(self, numbers: Iterator[int] | None = None) -> None:
        self._parameters = DEFAULT
        self._tracks = np.empty(0, _TRACK)
        self._numbers = count() if numbers is None else numbers
        self._updated_at = float("-inf")

    @property
    def remembered(self) -> frozenset[int]:
        """Numbers of the tracks that may still be seen again."""
        return frozenset(self._tracks["number"].tolist())

    def floor(self, threshold: float) -> float:
        """Detections down to this confidence may continue a track."""
        return threshold * self._parameters.low_confidence_share

    def update(self, boxes: Floats, scores: Floats, captured_at: float, threshold: float) -> list[Followed]:
        """As `Follower.update`; detections below `threshold` may continue a track, never begin one.

        While the clock is set back, time stands still; `CameraTracks` begins again when it was set back far.
        """
        parameters = self._parameters
        now = max(captured_at, self._updated_at)
        self._forget(now)
        self._predict(now)

        sure = scores >= threshold
        unsure = ~sure & (scores >= self.floor(threshold))
        recent = now - self._tracks["seen_at"] <= parameters.low_seconds
        pairs = _Pairs(len(self._tracks), len(boxes))
        pairs.add(*self._by_overlap(pairs.tracks(), boxes, pairs.detections(sure), parameters.minimum_iou))
        pairs.add(*self._by_overlap(pairs.tracks(recent), boxes, pairs.detections(unsure), parameters.minimum_iou_low))
        pairs.add(*self._by_reach(pairs.tracks(), boxes, pairs.detections(sure), now))
        for track, detection in pairs.found:
            self._correct(track, boxes[detection], now)
        new = pairs.detections(scores >= threshold * parameters.begin_confidence_share)

        seen = [
            (int(detection), int(number), bool(confirmed))
            for tracks, detections in pairs.found
            for detection, number, confirmed in zip(
                detections, self._tracks["number"][tracks], self._tracks["confirmed"][tracks], strict=True
            )
        ]
        begun = zip(new.tolist(), self._begin(boxes[new], now), strict=True)
        self._updated_at = now
        return sorted([Followed(*each) for each in seen] + [Followed(index, number, False) for index, number in begun])

    def _predict(self, now: float) -> None:
        if not len(self._tracks):
            return
        tracks, seconds = self._tracks, now - self._updated_at
        tracks["centre"] += tracks["velocity"] * seconds
        density = self._parameters.acceleration_density * tracks["size"][:, 1] ** 2
        tracks["covariance"] = predict_covariance(tracks["covariance"], seconds, acceleration_noise(seconds, density))

    def _by_overlap(
        self, tracks: Indices, boxes: Floats, detections: Indices, minimum: float
    ) -> tuple[Indices, Indices]:
        """Pairs of predicted and detected boxes that overlap."""
        if not (len(tracks) and len(detections)):
            return tracks[:0], detections[:0]
        chosen = self._tracks[tracks]
        predicted, detected = _boxes(chosen["centre"], chosen["size"]), boxes[detections]
        similarity = pairwise_iou(predicted, detected) * np.sqrt(_shared_height(predicted, detected))
        bonus = self._parameters.confirmed_bonus * chosen["confirmed"]
        rows, columns = match(np.where(similarity >= minimum, similarity + bonus[:, None], 0.0), minimum)
        return tracks[rows], detections[columns]

    def _by_reach(self, tracks: Indices, boxes: Floats, detections: Indices, now: float) -> tuple[Indices, Indices]:
        """Pairs without enough overlap, the nearest first, where the motion model and the size allow them."""
        if not (len(tracks) and len(detections)):
            return tracks[:0], detections[:0]
        parameters, chosen = self._parameters, self._tracks[tracks]
        centres, sizes = _centres_and_sizes(boxes[detections])
        heights = chosen["size"][:, 1]
        distances = np.linalg.norm(chosen["centre"][:, None] - centres, axis=2)
        deviations = np.sqrt(chosen["covariance"][:, 0] + (parameters.position_noise * heights) ** 2)
        # Anyone who stops or turns is off their predicted place by their own speed as well.
        astray = parameters.reach_speed * heights + np.linalg.norm(chosen["velocity"], axis=1)
        walked = parameters.reach_margin * heights + astray * (now - chosen["seen_at"])
        possible = np.minimum(walked, parameters.reach_heights * heights)
        reach = np.minimum(parameters.reach_sigmas * deviations, possible)
        ratios = heights[:, None] / sizes[:, 1]
        alike = np.maximum(ratios, 1 / ratios) <= parameters.reach_size_ratio
        nearness = 1 - distances / reach[:, None]
        rows, columns = match(np.where(alike & (nearness > 0), nearness, -1.0), 0.0)
        return tracks[rows], detections[columns]

    def _correct(self, chosen: Indices, seen: Floats, now: float) -> None:
        if not len(chosen):
            return
        tracks = self._tracks[chosen]
        centres, sizes = _centres_and_sizes(seen)
        noise = (self._parameters.position_noise * tracks["size"][:, 1]) ** 2
        of_position, of_velocity, tracks["covariance"] = gains(tracks["covariance"], noise)
        surprise = centres - tracks["centre"]
        tracks["centre"] += of_position[:, None] * surprise
        tracks["velocity"] += of_velocity[:, None] * surprise
        tracks["size"] += of_position[:, None] * (sizes - tracks["size"])
        tracks["seen_at"] = now
        tracks["observations"] += 1
        long_enough = now - tracks["born_at"] >= self._parameters.confirm_seconds
        tracks["confirmed"] |= long_enough & (tracks["observations"] >= self._parameters.confirm_observations)
        self._tracks[chosen] = tracks

    def _forget(self, now: float) -> None:
        parameters, tracks = self._parameters, self._tracks
        # Anyone who was there at the last look may be there still, however seldom this camera looks.
        there = tracks["confirmed"] | (tracks["seen_at"] == self._updated_at)
        patience = np.where(there, parameters.lost_seconds, parameters.tentative_seconds)
        kept = now - tracks["seen_at"] <= patience
        if not kept.all():
            self._tracks = tracks[kept]

    def _begin(self, boxes: Floats, now: float) -> list[int]:
        """New tracks for these detections, and their numbers."""
        numbers = list(islice(self._numbers, len(boxes)))
        if numbers:
            born = np.zeros(len(boxes), _TRACK)
            born["number"] = numbers
            born["centre"], born["size"] = _centres_and_sizes(boxes)
            heights = born["size"][:, 1]
            born["covariance"][:, 0] = (self._parameters.position_noise * heights) ** 2
            born["covariance"][:, 2] = (self._parameters.begin_speed * heights) ** 2
            born["born_at"] = born["seen_at"] = now
            born["observations"] = 1
            self._tracks = np.concatenate([self._tracks, born])
        return numbers


class _Pairs:
    """What one frame's passes have paired so far, and who is still free."""

    def __init__(self, tracks: int, detections: int) -> None:
        self._free_tracks = np.ones(tracks, np.bool_)
        self._free_detections = np.ones(detections, np.bool_)
        self.found: list[tuple[Indices, Indices]] = []

    def tracks(self, among: Mask | None = None) -> Indices:
        """Tracks without a detection, of those that `among` admits."""
        return np.flatnonzero(self._free_tracks if among is None else self._free_tracks & among)

    def detections(self, among: Mask) -> Indices:
        """Detections without a track, of those that `among` admits."""
        return np.flatnonzero(self._free_detections & among)

    def add(self, tracks: Indices, detections: Indices) -> None:
        """Take note of one pass's pairs."""
        self._free_tracks[tracks] = False
        self._free_detections[detections] = False
        self.found.append((tracks, detections))


def _shared_height(first: Floats, second: Floats) -> Floats:
    """Rows that boxes (n, 4) and (m, 4) share, as a share of the rows that they span together, (n, m)."""
    shared = np.minimum(first[:, None, 3], second[:, 3]) - np.maximum(first[:, None, 1], second[:, 1])
    spanned = np.maximum(first[:, None, 3], second[:, 3]) - np.minimum(first[:, None, 1], second[:, 1])
    ratio: Floats = np.maximum(shared, 0) / np.maximum(spanned, _SMALLEST_SIDE)
    return ratio


def _boxes(centres: Floats, sizes: Floats) -> Floats:
    return np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)


def _centres_and_sizes(boxes: Floats) -> tuple[Floats, Floats]:
    return (boxes[:, :2] + boxes[:, 2:]) / 2, np.maximum(boxes[:, 2:] - boxes[:, :2], _SMALLEST_SIDE)
