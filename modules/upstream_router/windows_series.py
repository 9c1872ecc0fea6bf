"""Up to where the events of one camera are all here: its numbers, and what its heartbeats vouch for. Pure."""

from dataclasses import dataclass, field
from typing import NamedTuple

from modules.upstream_router.windows import KEEP_SECONDS

MOST_RUNS = 100
"""That are remembered. Where there are more, the last but one is forgotten: a wider hole, which is given up in time."""


class Told(NamedTuple):
    """What a heartbeat says, in seconds since the epoch."""

    until: float
    """Until then all is told."""
    at: float
    """When it was made. What has a lower number was made before it, so it was captured by then, too."""


class GivenUp(NamedTuple):
    """Numbers that nobody waits for any more."""

    numbers: int
    by: float
    """They were captured by then."""


class Run(NamedTuple):
    """Numbers that are here without a hole between them, beyond one."""

    first: int
    last: int
    heard: float | None
    """Until when the earliest heartbeat among them says that all is told."""
    heard_at: float | None
    """When the earliest was made."""
    told_until: float | None
    """Until when the latest says so."""


@dataclass(slots=True)
class Series:
    """The numbers of one source."""

    first: int | None = None
    """What was before is not this router's to vouch for."""
    last: int | None = None
    """Up to here all are here, or given up; none before the first."""
    told_until: float | None = None
    runs: list[Run] = field(default_factory=list)
    """In order."""

    def has_had(self, number: int) -> bool:
        """Whether a number was here before, or is given up."""
        return self.first is not None and self.last is not None and self.first <= number <= self.last

    def begin_again(self) -> None:
        """From now on the numbers are those of a sender that counts from 1 again; what was told holds."""
        self.first, self.last, self.runs = 1, 0, []

    def take(self, number: int, told: Told | None = None) -> GivenUp | None:
        """Take in the number of an event, and if it is a heartbeat, what that says.

        A hole is given up when heartbeats behind it speak of more than 24 h: what is in it would be too late now.

        Returns:
            What was given up, if anything.
        """
        if self.last is None:
            self.first, self.last = number, number - 1
        if number <= self.last:
            return None  # a heartbeat that was here is believed already; of another one nobody knows what is missing
        until, at = told or (None, None)
        self._put(Run(number, number, until, at, until))
        newest = max((run.told_until for run in self.runs if run.told_until is not None), default=0.0)
        given_up = None
        while any(run.heard is not None and run.heard < newest - KEEP_SECONDS for run in self.runs):
            by = min(run.heard_at for run in self.runs if run.heard_at is not None)
            if hole := self._move_on():
                given_up = GivenUp(hole, by) if given_up is None else GivenUp(given_up.numbers + hole, by)
        while self.runs and self.runs[0].first == self.last + 1:
            self._move_on()
        return given_up

    def _move_on(self) -> int:
        """Go on with the first run; the width of the hole before it."""
        run = self.runs.pop(0)
        hole = run.first - 1 - (self.last or 0)
        self.last = run.last
        self._tell(run.told_until)
        return hole

    def _put(self, run: Run) -> None:
        """Add a number to the runs beside it, or as one of its own."""
        beside = [one for one in self.runs if one.first - 1 <= run.first <= one.last + 1]
        if not beside and len(self.runs) >= MOST_RUNS:
            del self.runs[-1]
        others = [one for one in self.runs if one not in beside]
        beside.append(run)
        joined = Run(
            min(one.first for one in beside),
            max(one.last for one in beside),
            min((one.heard for one in beside if one.heard is not None), default=None),
            min((one.heard_at for one in beside if one.heard_at is not None), default=None),
            max((one.told_until for one in beside if one.told_until is not None), default=None),
        )
        self.runs = sorted([*others, joined])

    def _tell(self, until: float | None) -> None:
        if until is not None:
            self.told_until = until if self.told_until is None else max(until, self.told_until)
