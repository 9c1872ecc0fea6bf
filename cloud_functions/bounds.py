"""Whether every number and time in what somebody sent fits a column, and the sums that it goes into. Pure.

JSON has numbers of any size and the contract dates of any year; the columns of Delta have whole numbers of 64 bits, and
one event of the year 9999 is the right end of every chart. A sum of two numbers that just fit is no number any more.
"""

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Between these lies every time that an event may name. A device whose clock was never set says 1970, and a broken one
any year; the contract takes either, so that a module goes on counting meanwhile."""
_LEAST, _MOST = -(2**63), 2**63 - 1

_A_CENTURY = 100 * 366 * 86_400.0
_A_BILLION = 10**9
PLAUSIBLE: dict[str, float] = {
    **dict.fromkeys(
        (
            "observed_seconds",
            "longest_gap_seconds",
            "dwell_seconds",
            "wait_seconds",
            "longest_wait_seconds",
            "unseen_seconds",
            "seconds_between",
        ),
        _A_CENTURY,
    ),
    **dict.fromkeys(("frames_analysed", "frames_missed", "crossings", "clamped", "drift_bound"), _A_BILLION),
    **dict.fromkeys(("occupancy", "length", "being_served"), _A_BILLION),
    **{f"{way}_{figure}": _A_BILLION for way in ("in", "out") for figure in ("raw", "net", "shopper", "units")},
}
"""The most that a field may say which somebody adds up: far above what a shop can, and so low that billions of them
are a number of 64 bits."""


def _whole(value: int) -> str | None:
    return None if _LEAST <= value <= _MOST else "is larger than any whole number of 64 bits"


def _number(value: float) -> str | None:
    return None if math.isfinite(value) else "is larger than any number of 64 bits"


def _moment(value: datetime) -> str | None:
    fits = EARLIEST <= value < LATEST
    return None if fits else f"{value.date()} is not between {EARLIEST.date()} and {LATEST.date()}"


def _implausible(name: Any, value: Any) -> str | None:
    most = PLAUSIBLE.get(name)
    return None if most is None or value <= most else f"{value:,} is more than can be: {most:,.0f} at most"


_FACTS: dict[type, Callable[[Any], str | None]] = {int: _whole, float: _number, datetime: _moment}
_ALWAYS_FIT = (str, bool, type(None))


def fault(inside: Any, path: str) -> str | None:
    """`path.to.it: fact` of the first that does not fit in an object, list or model; none if everything does."""
    entries: Iterable[tuple[Any, Any]]
    if isinstance(inside, dict):
        entries = inside.items()
    elif isinstance(inside, list | tuple):
        entries = enumerate(inside)
    elif isinstance(inside, BaseModel):
        entries = vars(inside).items()
    else:
        return None
    for name, value in entries:
        kind = type(value)
        if kind in _ALWAYS_FIT:
            continue
        if (check := _FACTS.get(kind)) is None:
            if found := fault(value, f"{path}.{name}"):
                return found
        elif fact := check(value) or _implausible(name, value):
            return f"{path}.{name}: {fact}"
    return None
