"""Which quarters of an hour of a source are final: from the numbers that are here, and what heartbeats vouch for. Pure.

A source numbers its events from 1 on, and from 1 again where its device lost its disk. Numbers of two such series are
no numbers of one: an old 2 does not stand for a new 2 that is missing.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import accumulate, pairwise

from cloud_functions.lake.gold.windows import WINDOW

WINDOWS = timedelta(days=1) // WINDOW
ALWAYS = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, order=True)
class Heartbeat:
    """What one heartbeat says.

    Attributes:
        number: its own `sequence`.
        captured_at: when it was made: what is numbered lower was captured by then.
        complete_until: nothing captured before is numbered higher; not later than `captured_at`, and earlier as long as
            somebody is looked at of whom something is still to be said.
        complete_from: nothing captured before is vouched for.
    """

    number: int
    captured_at: datetime
    complete_until: datetime
    complete_from: datetime = ALWAYS

    def vouches_for(self, begin: datetime) -> bool:
        """Whether it speaks of all of the quarter of an hour from `begin` on."""
        return self.complete_from <= begin and begin + WINDOW <= self.complete_until


class Numbers:
    """Which numbers are here.

    Args:
        here: the first and last of each unbroken row of numbers, in any order; some may be there twice.
    """

    def __init__(self, here: Iterable[tuple[int, int]]) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in sorted(here):
            if self._lasts and first <= self._lasts[-1] + 1:
                self._lasts[-1] = max(self._lasts[-1], last)
            else:
                self._firsts.append(first)
                self._lasts.append(last)

    @property
    def last(self) -> int:
        """The greatest; 0 where there is none."""
        return self._lasts[-1] if self._lasts else 0

    def missing(self, first: int, last: int) -> int:
        """How many numbers from `first` to `last` are not here."""
        here = 0
        for place in range(bisect_left(self._lasts, first), bisect_right(self._firsts, last)):
            here += min(self._lasts[place], last) - max(self._firsts[place], first) + 1
        return max(0, last - first + 1 - here)


@dataclass(frozen=True)
class Series:
    """The events of a source that were numbered one after the other, as far as one looks.

    Attributes:
        numbers: those that are here.
        heartbeats: by number.
        since: when its first event that is here was captured.
        broken: beginnings of quarters of an hour, each with the greatest number of an event in it that a heartbeat
            with a lower number had said would not come: the device's clock was set back, or a sum corrected.
        twice: first and last of rows of numbers that two events have each, so that none of them tells anything.
    """

    numbers: Numbers
    heartbeats: Sequence[Heartbeat]
    since: datetime
    broken: Sequence[tuple[datetime, int]] = field(default=())
    twice: Sequence[tuple[int, int]] = field(default=())

    def closes(self, begin: datetime) -> bool:
        """Whether a heartbeat vouches for the quarter of an hour from `begin` on, and all up to it is here."""
        end = begin + WINDOW
        least = max((number for at, number in self.broken if at < end), default=0)
        reaching = self.heartbeats[bisect_left(self._reached, end) :]
        vouching = (one.number for one in reaching if one.number >= least and one.vouches_for(begin))
        closing = next(vouching, None)
        return closing is not None and self.is_whole(begin, closing)

    def is_whole(self, begin: datetime, last: int) -> bool:
        """Whether everything from `begin` on is here up to a number.

        What is missing below the first heartbeat that was made by `begin` is older; if none was, the series is looked
        at from number 1 on.
        """
        older = self._oldest is not None and self._oldest <= begin
        first = next(one.number for one in self.heartbeats if one.captured_at <= begin) if older else 1
        first = first if first <= last else 1
        in_doubt = any(low <= last and first <= high for low, high in self.twice)
        return not in_doubt and not self.numbers.missing(first, last)

    @cached_property
    def _reached(self) -> list[datetime]:
        """Until when each heartbeat, and all before it, vouch."""
        return list(accumulate((one.complete_until for one in self.heartbeats), max))

    @cached_property
    def _oldest(self) -> datetime | None:
        return min((one.captured_at for one in self.heartbeats), default=None)

    @property
    def in_doubt(self) -> bool:
        """Whether these may be numbers of two series, which can't be told apart as the later one's 1 is missing."""
        made = [one.captured_at for one in self.heartbeats]
        return bool(self.twice) or any(later < earlier for earlier, later in pairwise(made))


def final_windows(day: date, series: Sequence[Series]) -> int:
    """Of a UTC day of one source, which quarters of an hour are final: bit n stands for the nth.

    A series vouches from its own beginning on, if there is one before it among these. What that had not vouched for by
    then may have been lost with the device's disk, and nobody can tell: that time is never final.

    Args:
        day: the day.
        series: in the order they were begun.
    """
    midnight = datetime.combine(day, time(), UTC)
    final = 0
    for window in range(WINDOWS if series else 0):
        begin = midnight + window * WINDOW
        in_force = series[sum(one.since <= begin for one in series[1:])]
        if in_force.closes(begin):
            final |= 1 << window
    return final
