"""Which frames to look at, so that a camera is analysed at most so many times a second."""

from math import floor

_EARLY, _EARLY_SECONDS = 0.29, 0.029
"""A frame may come this part of a period too early, and at most this many seconds, and still count as the one that was
due: cameras are not punctual, and clips round their time stamps. Not a simple fraction, so that the usual ratios of
two frame rates don't fall on the edge."""


class Sampler:
    """Picks the first frame of every period of a grid that starts at the first frame, so that nothing drifts.

    The choice depends on `captured_at` alone: on no clock, and on no frame's number.

    Args:
        frames_per_second: this many are picked at most, on average.
    """

    def __init__(self, frames_per_second: float) -> None:
        self._frames_per_second = frames_per_second
        self._early = min(_EARLY / frames_per_second, _EARLY_SECONDS)
        self._first: float | None = None
        self._last_period = -1

    def picks(self, captured_at: float) -> bool:
        """Whether to look at the frame of that time; called for every frame, in order of time."""
        if self._first is None:
            self._first = captured_at
        period = floor((captured_at - self._first + self._early) * self._frames_per_second)
        if period == self._last_period:
            return False
        self._last_period = period
        return True
