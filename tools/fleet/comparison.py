"""A lake's gold beside the truth: every row of every fact, every figure, to the unit. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

from tools.fleet.truth import FIGURES, KEYS

_SHOWN = 5
"""Rows that differ, of each fact."""
Rows = Iterable[Mapping[str, Any]]


@dataclass
class Comparison:
    """One fact.

    Attributes:
        rows: how many there should be.
        totals: each figure's sum in truth and in gold.
        differences: what differs, in words.
    """

    fact: str
    rows: int = 0
    totals: dict[str, tuple[float, float]] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)


def compare(fact: str, truth: Rows, gold: Rows) -> Comparison:
    """Compare all rows of a fact, those with nothing but zeros among them.

    Args:
        fact: its name.
        truth: of `Truth.rows`.
        gold: of the Delta table, with columns that truth does not speak of.
    """
    true, found = _figures(fact, truth), _figures(fact, gold)
    told = Comparison(fact, len(true))
    names = FIGURES[fact]
    for number, name in enumerate(names):
        totals = tuple(sum(row[number] for row in rows.values()) for rows in (true, found))
        told.totals[name] = (_shown(name, totals[0]), _shown(name, totals[1]))
    for key in sorted(true.keys() | found.keys(), key=str):
        of_truth, of_gold = true.get(key), found.get(key)
        if of_truth != of_gold:
            told.differences.append(f"{fact} {' '.join(key)}: {_difference(names, of_truth, of_gold)}")
    return told


def table(comparisons: Iterable[Comparison]) -> Table:
    """Return the sums of all figures, truth beside gold."""
    result = Table(box=None, pad_edge=False)
    for heading in ("fact", "rows", "figure", "truth", "gold", ""):
        result.add_column(heading, justify="right" if heading in ("rows", "truth", "gold") else "left")
    for one in comparisons:
        for number, (name, (true, found)) in enumerate(one.totals.items()):
            begin = (one.fact, f"{one.rows:,}") if not number else ("", "")
            result.add_row(*begin, name, f"{true:,}", f"{found:,}", "" if true == found else "[red]DIFFERS[/red]")
    return result


def told(comparisons: Iterable[Comparison]) -> list[str]:
    """Return the first few rows of each fact that differ, and how many do."""
    lines: list[str] = []
    for one in comparisons:
        lines += one.differences[:_SHOWN]
        if (more := len(one.differences) - _SHOWN) > 0:
            lines.append(f"{one.fact}: and {more:,} rows more")
    return lines


def _figures(fact: str, rows: Rows) -> dict[tuple[str, ...], tuple[int, ...]]:
    """The figures by key; seconds as whole milliseconds, so that the order of a sum does not matter."""
    found: dict[tuple[str, ...], Counter[str]] = {}
    for row in rows:
        key = tuple(str(row[name]) for name in KEYS[fact])
        counted = found.setdefault(key, Counter())
        for name in FIGURES[fact]:
            counted[name] += round(row[name] * 1000) if name.endswith("_seconds") else row[name]
    return {key: tuple(counted[name] for name in FIGURES[fact]) for key, counted in found.items()}


def _difference(names: tuple[str, ...], should_be: tuple[int, ...] | None, is_there: tuple[int, ...] | None) -> str:
    if should_be is None or is_there is None:
        there = should_be or is_there or ()
        figures = (f"{name} {_shown(name, number)}" for name, number in zip(names, there, strict=True) if number)
        return f"a row {'too many' if should_be is None else 'that is missing'}: {', '.join(figures) or 'zeros'}"
    wrong = zip(names, is_there, should_be, strict=True)
    return ", ".join(
        f"{name} {_shown(name, one)}, not {_shown(name, other)}" for name, one, other in wrong if one != other
    )


def _shown(name: str, number: int) -> float:
    return number / 1000 if name.endswith("_seconds") else number
