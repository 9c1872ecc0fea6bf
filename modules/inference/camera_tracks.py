"""Who is who in front of one camera: a tracker per task, track ids that are never given twice, one class per track."""

from collections import Counter
from collections.abc import Mapping
from itertools import count
from typing import Literal

import numpy as np

from modules.inference.detector import Detected
from modules.inference.track.bytetrack import ByteTrack
from modules.inference.track.follower import Follower
from modules.inference.track.parameters import DEFAULT
from modules.inference.track.tracker import Tracker
from storeflow.contract.geometry import BoundingBox
from storeflow.contract.instant import milliseconds
from storeflow.contract.messages import Track
from storeflow.frames.frame import Frame

Profile = Literal["default", "bytetrack"]
_FOLLOWERS: dict[Profile, type[Tracker] | type[ByteTrack]] = {"default": Tracker, "bytetrack": ByteTrack}


class CameraTracks:
    """The tracks of one camera, from its first frame until its stream ends or its clock is set back.

    Args:
        captured_at: of the camera's first frame. Its milliseconds, in hex, begin every track id, so that a tracker
            which starts later gives other ids.
    """

    def __init__(self, captured_at: float) -> None:
        self._epoch = f"{milliseconds(captured_at):x}"
        self._first_at = captured_at
        self._numbers = count()
        """Shared by all tasks: a person and a car never have the same id."""
        self._tasks: dict[str, TaskTracks] = {}

    def __len__(self) -> int:
        """How many tracks are remembered, seen or lost."""
        return sum(map(len, self._tasks.values()))

    def is_over_at(self, captured_at: float) -> bool:
        """Whether a camera that says it is `captured_at` has begun again, though nobody said that its stream ended.

        A clip that is played again, because its reader was killed or its masks were edited, is at its first frame
        again, or long before the latest one. A clock that is put right by less than tracks are remembered is neither.
        """
        latest_at = max((task.latest_at for task in self._tasks.values()), default=self._first_at)
        return captured_at <= self._first_at or captured_at < latest_at - DEFAULT.lost_seconds

    def task(self, task: str, profile: Profile = "default") -> "TaskTracks":
        """What is followed for one task, by the tracker of that profile; another than before begins with nobody."""
        if task not in self._tasks or self._tasks[task].profile != profile:
            self._tasks[task] = TaskTracks(profile, _FOLLOWERS[profile](self._numbers), self._epoch)
        return self._tasks[task]


class TaskTracks:
    """One task's tracker, and how often it has called each of its tracks what.

    Args:
        profile: which tracker it is.
        follower: the tracker.
        epoch: what every track id begins with.
    """

    def __init__(self, profile: Profile, follower: Follower, epoch: str) -> None:
        self.profile = profile
        self.latest_at = float("-inf")
        """`captured_at` of the newest frame that was followed."""
        self._follower, self._epoch = follower, epoch
        self._votes: dict[int, Counter[str]] = {}

    def __len__(self) -> int:
        """How many tracks are remembered, seen or lost."""
        return len(self._follower.remembered)

    def floor(self, threshold: float) -> float:
        """The lowest confidence that the tracker has a use for."""
        return self._follower.floor(threshold)

    def follow(self, frame: Frame, detected: Detected, threshold: float) -> list[Track]:
        """The tracks that the detections in `frame` belong to.

        Args:
            frame: in which they were seen.
            detected: all of them down to `floor`.
            threshold: the detector's.
        """
        self.latest_at = max(self.latest_at, frame.captured_at)
        # Fractions of the width and of the height are not the same length; pixels are.
        size = np.array([frame.full_width, frame.full_height] * 2)
        followed = self._follower.update(detected.boxes * size, detected.scores, frame.captured_at, threshold)
        remembered = self._follower.remembered
        self._votes = {number: votes for number, votes in self._votes.items() if number in remembered}
        return [
            Track(
                track_id=f"{self._epoch}-{number}",
                box=BoundingBox(*detected.boxes[detection].tolist()),
                confidence=float(detected.scores[detection]),
                confirmed=confirmed,
                object_class=self._vote(number, detected.labels[detection]),
            )
            for detection, number, confirmed in followed
        ]

    def _vote(self, number: int, label: str) -> str:
        """A van that looks like a car for two frames is still a van: a track is what it was called most."""
        votes = self._votes.setdefault(number, Counter())
        votes[label] += 1
        return votes.most_common(1)[0][0]


def track_metrics(cameras: Mapping[str, CameraTracks]) -> dict[str, float]:
    """Cameras and tracks in memory, in the words of storeflow/observability/metrics.py."""
    return {"cameras": len(cameras), "tracks_remembered": sum(map(len, cameras.values()))}
