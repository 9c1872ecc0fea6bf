"""What both trackers look like from outside, so that a run can be repeated with the other."""

from typing import NamedTuple, Protocol

from modules.inference.track.motion import Floats


class Followed(NamedTuple):
    """One observation of one track."""

    detection: int
    """Index of the detection that was given."""
    number: int
    """The track's, from the tracker's counter; never given twice."""
    confirmed: bool
    """Whether the tracker has seen enough of the object to believe in it."""


class Follower(Protocol):
    """Follows the objects of one camera and task."""

    @property
    def remembered(self) -> frozenset[int]:
        """Numbers of the tracks that may still be seen again."""

    def floor(self, threshold: float) -> float:
        """The lowest confidence that the tracker has a use for, given the detector's threshold."""

    def update(self, boxes: Floats, scores: Floats, captured_at: float, threshold: float) -> list[Followed]:
        """Take in one frame's detections.

        Args:
            boxes: shape (n, 4), left, top, right, bottom, in pixels (or any unit that is the same on both axes).
            scores: shape (n,).
            captured_at: of the frame, in seconds.
            threshold: the detector's.

        Returns:
            The detections that belong to a track, in the order of `boxes`.
        """
