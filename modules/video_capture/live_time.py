"""When a picture of a live camera was taken, by this device's clock, however wrong the clocks are.

A camera's stamps tell well how far apart two pictures were taken, and badly what time it was. Arrivals tell what time
it is, and are late by whatever the network did. So the first are counted from the second.
"""

from modules.video_capture.source import ClockState
from storeflow.errors import SourceError

JUMP_SECONDS = 1.0
"""A device's clock that differs by more from what it should say has been set, not adjusted."""
WAITED_FOR_SECONDS = 60.0
"""A clock that was set back by no more than this is waited for; one that was set back further is followed at once."""
LONGEST_LAG_SECONDS = 5.0
"""A picture that claims to have been under way for longer has a wrong stamp: no read waits so long."""
SHORTEST_STEP_SECONDS = 0.001
"""Between two pictures; times are reported to the millisecond."""
_DRIFT = 0.001
"""Seconds a second by which one clock is led after another: ten times what quartz clocks differ by, and too little to
be seen in a duration."""
_WAITING = 0.1
"""The same while a clock that was set back is waited for: a minute takes ten, in which durations are a tenth short."""


class ClockSetBackError(SourceError):
    """The device's clock was set back so far that times have to go back with it: the stream ends here."""


class LiveTime:
    """`captured_at` of one camera's pictures: each later than the one before in its stream, over all its connections.

    A picture's distance from the one before it is that of their stamps, as long as these grow and no picture arrives
    before it was taken, or much later; else the picture was taken when it arrived. The picture that was least under
    way decides how stamps lie to arrivals.

    When the device's clock is set forward, times follow at once. When it is set back they don't go back: they pass
    more slowly until it has caught up, and `clock` says how far they are ahead. Where that would take too long they
    begin again, and so has the stream to: nobody's visit may end before it began.
    """

    def __init__(self) -> None:
        self.clock = ClockState()
        self._steady: float | None = None
        self._offset = 0.0
        """Our time is the steady clock's and this."""
        self._stamp: float | None = None
        self._shift = 0.0
        """A picture was taken at its stamp and this."""
        self._last: float | None = None

    def new_connection(self) -> None:
        """Stamps begin again."""
        self._stamp = None

    def captured_at(self, stamp: float | None, wall: float, steady: float) -> float:
        """When the next picture was taken, in seconds since the epoch.

        Args:
            stamp: what the camera says, in seconds from any moment; none if it says nothing.
            wall: seconds since the epoch by this device's clock, as the picture arrives.
            steady: the same moment by a clock that nobody sets.

        Raises:
            ClockSetBackError: by over a minute; the next picture is the first of another stream.
        """
        passed = 0.0 if self._steady is None else steady - self._steady
        arrival = self._arrival(wall, steady, passed)
        taken = arrival
        if stamp is not None:
            lag = arrival - stamp - self._shift
            if self._stamp is not None and stamp > self._stamp and 0 <= lag <= LONGEST_LAG_SECONDS:
                taken = stamp + self._shift
                self._shift += min(lag, _DRIFT * passed)
            else:
                self._shift = arrival - stamp
        self._stamp = stamp
        if self._last is not None:
            taken = max(taken, self._last + SHORTEST_STEP_SECONDS)
        self._last = taken
        return taken

    def _arrival(self, wall: float, steady: float, passed: float) -> float:
        """Our time now: the device's clock, without its steps back."""
        if self._steady is None:
            self._offset = wall - steady
        self._steady = steady
        ahead = steady + self._offset - wall
        jumps = self.clock.jumps + (abs(ahead - self.clock.ahead_seconds) > JUMP_SECONDS)
        if not -JUMP_SECONDS <= ahead <= WAITED_FOR_SECONDS:
            self._offset, self._stamp, self.clock = wall - steady, None, ClockState(jumps)
            if ahead > 0:
                self._last = None
                raise ClockSetBackError(f"this device's clock was set back, by {ahead:.0f} s")
            return wall
        at_most = passed * (_WAITING if ahead > JUMP_SECONDS else _DRIFT)
        nearer = max(-at_most, min(ahead, at_most))
        self._offset -= nearer
        self._shift -= nearer
        self.clock = ClockState(jumps, ahead - nearer)
        return steady + self._offset
