"""How much of the time one camera was looked at, by quarter of an hour: no visitors, or nobody looking?

Two frames that follow each other within `coverage_gap_seconds` saw the time between them. A longer hole was seen by
nobody, whether the camera, the network or the engine was at fault. Frames that the engine was too slow for leave
numbers out: they are counted as missed, while the time between two frames that are near enough counts as seen.

Nothing is claimed that was not seen: where a restart forgets the frames of a moment, or the clock is set back within a
quarter of an hour, no second is counted twice, and those in doubt are not counted.
"""

from dataclasses import dataclass

from modules.zone_analytics.decisions import WindowCovered
from storeflow.contract.parameters import DecisionParameters

WINDOW_SECONDS = 900.0
"""Windows begin at :00, :15, :30 and :45 UTC."""


@dataclass(slots=True)
class Window:
    """What is known of one quarter of an hour so far."""

    start: float
    observed_seconds: float = 0.0
    frames_analysed: int = 0
    frames_missed: int = 0
    longest_gap_seconds: float = 0.0

    @property
    def end(self) -> float:
        """When the next one begins."""
        return self.start + WINDOW_SECONDS


@dataclass(slots=True)
class Coverage:
    """The frames of one camera, until its stream ends. Whatever the stream's length, one window is remembered."""

    camera_id: str
    window: Window | None = None
    """The one that the newest frame lies in."""
    at: float = 0.0
    """`captured_at` of the newest frame."""
    sequence: int = 0
    counted_until: float = 0.0
    """The latest moment that was ever counted as seen."""
    missed: int = 0
    """Frames left out since the stream began."""

    def observe(self, at: float, sequence: int, parameters: DecisionParameters) -> list[WindowCovered]:
        """Take in one analysed frame; tell of the window that is over with it.

        As in `CameraView`, a frame from a little before the newest one is left out, and one from longer ago says that
        the clock was set back.
        """
        told: list[WindowCovered] = []
        window, earlier = self.window, self.at
        goes_on = window is not None and at > earlier
        seen = goes_on and at - earlier <= parameters.coverage_gap_seconds
        missed = max(0, sequence - self.sequence - 1) if goes_on else 0
        self.sequence = sequence
        if window is not None and 0 <= earlier - at <= parameters.forget_seconds:
            return []
        if window is not None and goes_on:
            self._let_pass(window, earlier, at, seen=seen)
        if window is None or not window.start <= at < window.end:
            told = self.end()
            window = self.window = Window(at // WINDOW_SECONDS * WINDOW_SECONDS)
            if goes_on:
                self._let_pass(window, earlier, at, seen=seen)
        window.frames_analysed += 1
        window.frames_missed += missed
        self.missed += missed
        self.at = at
        return told

    def end(self) -> list[WindowCovered]:
        """Tell of the open window and forget it: no more frames come."""
        window, self.window = self.window, None
        if window is None:
            return []
        figures = window.observed_seconds, window.frames_analysed, window.frames_missed, window.longest_gap_seconds
        return [WindowCovered(self.at, window.start, window.end, *figures)]

    def _let_pass(self, window: Window, start: float, end: float, *, seen: bool) -> None:
        """Take note of the time between two frames, as far as it lies in the window."""
        start, end = max(start, window.start), min(end, window.end)
        window.longest_gap_seconds = max(window.longest_gap_seconds, end - start)
        if not seen:
            return
        if window.start <= self.counted_until < window.end:  # the clock was set back: not twice
            start = max(start, self.counted_until)
        if end > start:
            window.observed_seconds += end - start
            self.counted_until = max(self.counted_until, end)
