"""How much of the time one camera was looked at, by quarter of an hour: no visitors, or nobody looking?

Two frames that follow each other within `coverage_gap_seconds` saw the time between them. A longer hole was seen by
nobody, whether the camera, the network or the engine was at fault. Frames that the engine was too slow for leave
numbers out: they are counted as missed, while the time between two frames that are near enough counts as seen.

A hole goes on over the end of a stream: the next frame of the camera, whenever that is, ends it.

Nothing is claimed that was not seen: where a restart forgets the frames of a moment, or the clock is set back within a
quarter of an hour, no second is counted twice, and those in doubt are not counted.
"""

from dataclasses import dataclass

from modules.zone_analytics.decisions import WindowCovered
from modules.zone_analytics.parameters import DecisionParameters

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
    """The frames of one camera, over all its streams. However long they are, one window is remembered."""

    camera_id: str
    window: Window | None = None
    """The one that the newest frame lies in; none when the stream has ended."""
    at: float | None = None
    """`captured_at` of the newest frame."""
    sequence: int = 0
    """The number of the newest frame: where the same stream goes on after an end, so do its numbers."""
    counted_until: float = 0.0
    """The latest moment that was ever counted as seen."""
    missed: int = 0
    """Frames left out since this process began."""

    def observe(self, at: float, sequence: int, parameters: DecisionParameters) -> list[WindowCovered]:
        """Take in one analysed frame: the window that is over with it.

        As in `CameraView`, a frame from a little before the newest one is left out, and one from longer ago says that
        the clock was set back.
        """
        decisions: list[WindowCovered] = []
        window, earlier = self.window, self.at
        if window is not None and earlier is not None and 0 <= earlier - at <= parameters.forget_seconds:
            self.sequence = max(self.sequence, sequence)
            return []
        goes_on = earlier is not None and at > earlier
        missed = max(0, sequence - self.sequence - 1) if goes_on else 0
        if window is not None:
            self._let_pass(window, earlier, at, parameters)
        if window is None or not window.start <= at < window.end:
            decisions = self.end()
            window = self.window = Window(at // WINDOW_SECONDS * WINDOW_SECONDS)
            self._let_pass(window, earlier, at, parameters)
        window.frames_analysed += 1
        window.frames_missed += missed
        self.missed += missed
        self.at, self.sequence = at, sequence
        return decisions

    def end(self) -> list[WindowCovered]:
        """The open window: no more frames come for now."""
        window, self.window = self.window, None
        if window is None or self.at is None:
            return []
        figures = window.observed_seconds, window.frames_analysed, window.frames_missed, window.longest_gap_seconds
        return [WindowCovered(self.at, window.start, window.end, *figures)]

    def _let_pass(self, window: Window, earlier: float | None, at: float, parameters: DecisionParameters) -> None:
        """Take note of the time between two frames, as far as it lies in the window."""
        if earlier is None or at <= earlier:
            return
        start, end = max(earlier, window.start), min(at, window.end)
        window.longest_gap_seconds = max(window.longest_gap_seconds, end - start)
        if at - earlier > parameters.coverage_gap_seconds:
            return
        if window.start <= self.counted_until < window.end:  # the clock was set back: not twice
            start = max(start, self.counted_until)
        if end > start:
            window.observed_seconds += end - start
            self.counted_until = max(self.counted_until, end)
