"""Durations in bins that are the same everywhere and always, so that they add up over hours, zones and stores. Pure."""

from itertools import pairwise

BOUNDS = (5, 10, 20, 40, 80, 160, 320, 640, 1280)
"""In seconds; each bin is from the bound before to its own, which it leaves out, and the last has no end."""


def bins(name: str) -> list[str]:
    """The names of the columns: `dwell_under_5`, `dwell_5_to_10` … `dwell_from_1280`."""
    between = [f"{name}_{low}_to_{high}" for low, high in pairwise(BOUNDS)]
    return [f"{name}_under_{BOUNDS[0]}", *between, f"{name}_from_{BOUNDS[-1]}"]


def counts(name: str, seconds: str, where: str) -> str:
    """The columns in SQL.

    Args:
        name: what they are called after.
        seconds: the column with the duration.
        where: which rows count.
    """
    lows, highs = (None, *BOUNDS), (*BOUNDS, None)
    columns = []
    for column, low, high in zip(bins(name), lows, highs, strict=True):
        limits = [where] + [f"{seconds} >= {low}"] * (low is not None) + [f"{seconds} < {high}"] * (high is not None)
        columns.append(f"COUNT(*) FILTER (WHERE {' AND '.join(limits)}) AS {column}")
    return ",\n".join(columns)
