"""`summary.json` as tables for a terminal: one each for lines, zones, queues and areas, where there are any."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

from storeflow.cli.count.summary import Stay, Summary, shoppers

_FIGURES = {"raw": "", "net": "net_", "shopper": "shopper_", "units": "units_"}
"""Of a line, as docs/events.md names them: how the keys of each begin."""


def tables(summary: Summary) -> Iterator[Table]:
    """Tables of what the layout has."""
    if summary["lines"]:
        yield _table("line", _FIGURES, (row for item in summary["lines"].items() for row in _line(*item)))
    if summary["zones"]:
        of_zones = ("visits", "whole", "mean dwell", "most at once")
        yield _table("zone", of_zones, (_zone(*item) for item in summary["zones"].items()))
    if queues := summary.get("queues"):
        of_queues = ("waits", "served", "abandoned", "lost", "mean wait", "max length")
        yield _table("queue", of_queues, (_queue(*item) for item in queues.items()))
    if areas := summary.get("areas"):
        rows = ((name, str(area["occupancy"]), str(area["drift_bound"])) for name, area in areas.items())
        yield _table("area", ("inside at the end", "give or take"), rows)


def mean(stays: Sequence[Stay], field: str) -> str:
    """The mean of those that were seen from begin to end; of the others, if there is none, as what it is: a bound."""
    whole = [stay[field] for stay in stays if "censored" not in stay]
    figures = whole or [stay[field] for stay in stays]
    if not figures:
        return ""
    return f"{'' if whole else 'at least '}{sum(figures) / len(figures):.1f} s"


def _table(what: str, headings: Sequence[str] | dict[str, str], rows: Iterator[Sequence[str]]) -> Table:
    result = Table(box=None, pad_edge=False)
    result.add_column(what)
    for heading in headings:
        result.add_column(heading, justify="right")
    for row in rows:
        result.add_row(*row)
    return result


def _line(name: str, line: dict[str, int]) -> Iterator[Sequence[str]]:
    for direction in ("in", "out"):
        yield f"{name}: {direction}", *(str(line[f"{figure}{direction}"]) for figure in _FIGURES.values())


def _zone(name: str, zone: dict[str, Any]) -> Sequence[str]:
    visits = shoppers(zone["visits"])
    whole = sum("censored" not in visit for visit in visits)
    return name, str(len(visits)), str(whole), mean(visits, "dwell_seconds"), str(zone["most_at_once"])


def _queue(name: str, queue: dict[str, Any]) -> Sequence[str]:
    waits: list[Stay] = [wait for wait in queue["waits"] if wait["outcome"] != "staff"]
    ended = [str(sum(wait["outcome"] == outcome for wait in waits)) for outcome in ("served", "abandoned", "lost")]
    served = [wait for wait in waits if wait["outcome"] == "served"]
    return name, str(len(waits)), *ended, mean(served, "wait_seconds"), str(queue["max_length"])
