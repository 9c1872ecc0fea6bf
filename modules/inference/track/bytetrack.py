"""ByteTrack as the `trackers` package has it, array at a time: the reference that the default tracker is measured by.

Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box" (2022). Ids equal those of
`trackers` 2.6's `ByteTrackTracker`, at a fraction of its cost. Like there, time is counted in frames and noise in
pixels, whatever the frame rate and the size of a person: that is why the default is another.
"""

from collections.abc import Iterator
from itertools import count, islice

import numpy as np
from numpy.typing import NDArray

from modules.inference.boxes import pairwise_iou
from modules.inference.track.association import match
from modules.inference.track.follower import Followed
from modules.inference.track.motion import Floats, gains, predict_covariance
from modules.inference.track.parameters import BYTETRACK, ByteTrackParameters

UNTRACKED = -1

_TRACK = np.dtype(
    [
        ("number", np.int64),  # UNTRACKED until the track is confirmed
        ("box", np.float64, 4),
        ("velocity", np.float64, 4),  # of the box's edges, in pixels per frame
        ("covariance", np.float64, 3),
        ("frames_unseen", np.int64),
        ("frames_in_a_row", np.int64),
    ]
)


class ByteTrack:
    """Follows the objects of one camera. It forgets a track `buffer_frames` after it was last seen.

    Args:
        numbers: where confirmed tracks get their numbers from; by default counted from 0.
        parameters: the figures.
    """

    def __init__(self, numbers: Iterator[int] | None = None, parameters: ByteTrackParameters = BYTETRACK) -> None:
        self._parameters = parameters
        self._tracks = np.empty(0, _TRACK)
        self._numbers = count() if numbers is None else numbers

    @property
    def remembered(self) -> frozenset[int]:
        """Numbers of the confirmed tracks that may still be seen again."""
        return frozenset(self._tracks["number"].tolist()) - {UNTRACKED}

    def floor(self, threshold: float) -> float:
        """ByteTrack asks for every box of at least 0.1, whatever the detector's threshold."""
        return min(threshold, self._parameters.low_score)

    def update(self, boxes: Floats, scores: Floats, captured_at: float, threshold: float) -> list[Followed]:
        """As `Follower.update`; frames are counted and scores judged without `captured_at` and `threshold`."""
        del captured_at, threshold
        numbers = self.track(boxes, scores).tolist()
        return [Followed(index, number, confirmed=True) for index, number in enumerate(numbers) if number != UNTRACKED]

    def track(self, boxes: Floats, scores: Floats) -> NDArray[np.int64]:
        """Take in one frame's detections.

        Args:
            boxes: shape (n, 4), left, top, right, bottom, in pixels.
            scores: shape (n,).

        Returns:
            Number of each detection's track, shape (n,); `UNTRACKED` where there is none or it is not confirmed.
        """
        self._predict()
        predicted = self._tracks["box"].copy()
        high = scores >= self._parameters.high_score
        free = np.ones(len(self._tracks), np.bool_)
        numbers = np.full(len(boxes), UNTRACKED, np.int64)
        unmatched = high.copy()
        for detections in (np.flatnonzero(high), np.flatnonzero(~high)):
            candidates = np.flatnonzero(free)
            if not (len(candidates) and len(detections)):
                continue
            rows, columns = match(pairwise_iou(predicted[candidates], boxes[detections]), self._parameters.minimum_iou)
            chosen, seen = candidates[rows], detections[columns]
            self._correct(chosen, boxes[seen])
            free[chosen], unmatched[seen] = False, False
            numbers[seen] = self._tracks["number"][chosen]
        self._forget()
        self._begin(boxes[unmatched & (scores >= self._parameters.new_score)])
        return numbers

    def _predict(self) -> None:
        tracks = self._tracks
        noise = np.array([self._parameters.process_noise, 0.0, self._parameters.process_noise])
        tracks["box"] += tracks["velocity"]
        tracks["covariance"] = predict_covariance(tracks["covariance"], 1.0, noise)
        tracks["frames_in_a_row"][tracks["frames_unseen"] > 0] = 0
        tracks["frames_unseen"] += 1

    def _correct(self, chosen: NDArray[np.intp], seen: Floats) -> None:
        tracks = self._tracks
        of_position, of_velocity, covariance = gains(tracks["covariance"][chosen], self._parameters.measurement_noise)
        surprise = seen - tracks["box"][chosen]
        tracks["box"][chosen] += of_position[:, None] * surprise
        tracks["velocity"][chosen] += of_velocity[:, None] * surprise
        tracks["covariance"][chosen] = covariance
        tracks["frames_unseen"][chosen] = 0
        tracks["frames_in_a_row"][chosen] += 1
        enough = tracks["frames_in_a_row"][chosen] >= self._parameters.confirm_frames
        new = chosen[enough & (tracks["number"][chosen] == UNTRACKED)]
        if len(new):
            tracks["number"][new] = list(islice(self._numbers, len(new)))

    def _forget(self) -> None:
        tracks = self._tracks
        confirmed = (tracks["number"] != UNTRACKED) | (tracks["frames_in_a_row"] >= self._parameters.confirm_frames)
        fresh = tracks["frames_unseen"] <= self._parameters.buffer_frames
        kept = fresh & (confirmed | (tracks["frames_unseen"] == 0))
        if not kept.all():
            self._tracks = tracks[kept]

    def _begin(self, boxes: Floats) -> None:
        if not len(boxes):
            return
        born = np.zeros(len(boxes), _TRACK)
        born["number"] = UNTRACKED
        born["box"] = boxes
        born["covariance"] = (1.0, 0.0, 1.0)
        born["frames_in_a_row"] = 1
        self._tracks = np.concatenate([self._tracks, born])
