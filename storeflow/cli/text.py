"""Text of the command line: what was typed, read strictly, and what is printed, worded."""

import argparse
import math
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

MAX_FPS = 60.0
"""As many frames a second as a camera may have."""
ANNOTATE_HELP = "write annotated.mp4, too; privacy: everybody whom the camera saw can be seen in it"


def number(*, above: float = -math.inf, least: float = -math.inf, most: float = math.inf) -> Callable[[str], float]:
    """An argument's type: a number above `above`, at least `least` and at most `most`."""
    bounds = ((above, "above"), (least, "at least"), (most, "at most"))
    expected = " and ".join(f"{word} {bound:g}" for bound, word in bounds if math.isfinite(bound))

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (above < value and least <= value <= most and math.isfinite(value)):
            raise argparse.ArgumentTypeError(f"{text!r} is not a number {expected}")
        return value

    return read


def instant_of(text: str) -> datetime:
    """An argument's type: an instant in ISO 8601, with its distance from UTC; returned as UTC."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        value = datetime.min  # noqa: DTZ901 - refused below, as what has no offset
    if value.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time with its offset, such as 2026-11-20T09:00:00+01:00")
    return value.astimezone(UTC)


def called() -> str:
    """How this command line was called: what to type for another of its commands."""
    return "python -m storeflow" if Path(sys.argv[0]).name == "__main__.py" else sys.argv[0]


def counted(number: int, noun: str) -> str:
    """`1 event`, `2 events`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def shown(path: Path) -> str:
    """A path as one would type it here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def short_name(track_id: str) -> str:
    """The end of an event's `track_id`, after the hyphen: what a film has room for. Alone it names nobody."""
    return track_id.rpartition("-")[2]
