"""What a run found, for people."""

from rich.console import Console
from rich.table import Table

from tools.fleet.comparison import table, told
from tools.fleet.exactness.run import Outcome


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
