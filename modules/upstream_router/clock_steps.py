"""What the clock showed a while ago, although somebody may have set it since. Pure: both times are arguments.

A device without a clock of its own starts years back, keeps events under those dates, and is set right by NTP minutes
later. By the clock they are years old then. So an age is asked of a clock that nobody sets, too.
"""

from math import inf
from typing import NamedTuple

_STEP_SECONDS = 5.0
"""Two clocks drift apart by less than this between two looks; a clock that is set seldom moves by less."""
_MAX_SPANS = 1000


class _Span(NamedTuple):
    """A time in which nobody set the clock, in seconds of the one that nobody sets."""

    begin: float
    """Not before it: the last look before."""
    end: float
    """Not after it: the first look after."""
    ahead: float
    """By how much the clock was ahead of the other."""


class ClockSteps:
    """What two clocks showed since the start. It is believed of the time before that nobody set any."""

    def __init__(self) -> None:
        self._spans: list[_Span] = []
        self._looked_at = -inf

    def look(self, now: float, ran: float) -> None:
        """Take note of both clocks; the oftener, the sooner a clock that was set is noticed.

        Args:
            now: seconds since the epoch, of the clock that can be set.
            ran: seconds of one that nobody sets, such as `time.monotonic`.
        """
        ahead = now - ran
        if not self._spans or abs(ahead - self._spans[-1].ahead) > _STEP_SECONDS:
            if self._spans:
                self._spans[-1] = self._spans[-1]._replace(end=ran)
            self._spans = [*self._spans[1 - _MAX_SPANS :], _Span(self._looked_at, inf, ahead)]
        self._looked_at = ran

    def shown(self, seconds: float, ran: float) -> float:
        """What the clock showed so long ago at the latest: what bears an earlier time is older than that.

        Of a clock that was set back it is the least that it has shown since: nothing is taken for older than it is.

        Args:
            seconds: how long ago.
            ran: of the clock that nobody sets, as of the last look.
        """
        since = ran - seconds
        return min(max(span.begin, since) + span.ahead for span in self._spans if span.end >= since)
