"""What a run found, for people, and for the page that tells of it."""

import json
import os
import platform
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tools.fleet.comparison import table, told
from tools.fleet.exactness.run import Outcome, Settings


def show(outcome: Outcome, console: Console) -> None:
    """Print the kills, the figures beside the truth, how long each stage took, and the verdict."""
    if outcome.kills:
        console.print(_kills(outcome))
    console.print(table(outcome.comparisons))
    console.print(_stages(outcome))
    for name, number in outcome.counts.items():
        console.print(f"{name:>15} {number:>12,}", highlight=False)
    for line in (*outcome.faults, *told(outcome.comparisons)):
        console.print(f"[red]{line}[/red]", highlight=False, soft_wrap=True)
    rows = sum(one.rows for one in outcome.comparisons)
    is_true = not any(one.differences for one in outcome.comparisons)
    verdict = f"gold is the truth in all figures of {rows:,} rows" if is_true else "[red]GOLD IS NOT THE TRUTH[/red]"
    if outcome.faults:
        verdict += f"; [red]FAULTS: {len(outcome.faults)}[/red]"
    console.print(f"{verdict}; {len(outcome.kills)} kills with work in flight", highlight=False)


def keep(outcome: Outcome, settings: Settings, file: Path) -> None:
    """Write a run as JSON: what was asked for, and what came of it."""
    kept = {
        "asked": asdict(settings.plan) | {"kills": settings.kills},
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "exact": outcome.is_exact,
        "faults": outcome.faults,
        "kills": dict(sorted(Counter(one.victim for one in outcome.kills).items())),
        "counts": outcome.counts,
        "facts": {
            one.fact: {"rows": one.rows, "figures": len(one.totals), "rows_that_differ": len(one.differences)}
            for one in outcome.comparisons
        },
        "seconds": sum(outcome.seconds.values()),
        "cpu_seconds": outcome.cpu,
    }
    file.write_text(json.dumps(kept, indent=1, default=str) + "\n", encoding="utf-8")


def as_markdown(kept: dict[str, Any]) -> str:
    """Return the table of docs/exactness.md, of what `keep` wrote."""
    asked, counts = kept["asked"], kept["counts"]
    rows = (
        ("stores, cameras of each, days", f"{asked['stores']}, {asked['cameras']}, {asked['days']}"),
        ("events", f"{counts['events']:,}"),
        ("copies by way of the router, and past it", f"{counts['again']:,} and {counts['past']:,}"),
        ("events that came hours or days late", f"{counts['late']:,}"),
        *((f"kill -9 of {victim}, with work in flight", str(number)) for victim, number in kept["kills"].items()),
        ("lines of bronze that say what another says", f"{counts['repeated']:,}"),
        ("rows of silver", f"{counts['rows of silver']:,}"),
        *(
            (f"rows of `{fact}`, {of['figures']} figures each", f"{of['rows']:,}, {of['rows_that_differ']:,} differ")
            for fact, of in kept["facts"].items()
        ),
        ("faults", str(len(kept["faults"]))),
        ("time", f"{kept['seconds'] / 60:.0f} minutes on {kept['cores']} cores"),
    )
    return "\n".join(("| what | |", "|---|---|", *(f"| {what} | {number} |" for what, number in rows)))


def _kills(outcome: Outcome) -> Table:
    result = Table(box=None, pad_edge=False)
    for heading in ("kill -9 at", "of", "in flight", ""):
        result.add_column(heading, justify="right" if heading in ("kill -9 at", "in flight") else "left")
    for one in outcome.kills:
        result.add_row(f"{one.at:.1f} s", one.victim, f"{one.in_flight:,}", one.what)
    return result


def _stages(outcome: Outcome) -> Table:
    events = outcome.counts.get("events", 0)
    result = Table(box=None, pad_edge=False)
    for heading in ("all events", "after s", "a second"):
        result.add_column(heading, justify="left" if heading == "all events" else "right")
    passed = 0.0
    for name, seconds in outcome.seconds.items():
        passed += seconds
        result.add_row(name, f"{passed:.1f}", f"{events / passed:,.0f}" if passed else "")
    for name, seconds in outcome.cpu.items():
        result.add_row(f"processor time of {name}", f"{seconds:.1f}", f"{events / seconds:,.0f}" if seconds else "")
    return result
