"""`python -m tools.soak memory`: a shop's day through tracker, analytics and outbox in one process; does it grow?

Boxes are drawn by chance, five frames a second of each camera while somebody is in view and one or two when nobody is;
every frame goes through the real tracker, message, analytics, checkpoint and outbox. Exits with 1 when resident memory
at the last hour is over 1.02 times that of hour 2, or fewer tracks were followed than asked for.
"""

import argparse
import sys

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tools.soak.chain import CAMERAS, COMMIT_SECONDS
from tools.soak.memory import BASE_HOUR, LARGEST_GROWTH, Hour, growth, play
from tools.soak.shop import FRAMES_PER_SECOND


def main(arguments: list[str] | None = None) -> int:
    """Run, print the table and the verdict; return the exit status."""
    options = _parser().parse_args(arguments)
    ticks = options.hours * 3600 * FRAMES_PER_SECOND
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("the shop's day", total=ticks)
        hours = list(
            play(options.hours, options.tracks, each_tick=lambda tick: progress.update(task, completed=tick + 1))
        )
    console = Console()
    console.print(table(hours))
    console.print(
        f"{len(CAMERAS)} cameras, {FRAMES_PER_SECOND} frames a second of each while somebody is in view, "
        f"{hours[-1].frames:,} in all; kept and delivered every {COMMIT_SECONDS:.0f} s of the shop's time"
    )
    ratio = growth(hours)
    grew = ratio > LARGEST_GROWTH
    few = options.hours >= 24 and hours[-1].tracks < options.tracks  # noqa: PLR2004 - hours of a day
    console.print(
        f"resident memory of hour {hours[-1].hour} / hour {BASE_HOUR}: {ratio:.4f} (at most {LARGEST_GROWTH})"
        + (": IT GROWS" if grew else "")
    )
    if few:
        console.print(f"only {hours[-1].tracks} tracks were followed: ask for more")
    return int(grew or few)


def table(hours: list[Hour]) -> Table:
    """Every hour's figures."""
    result = Table(box=None, pad_edge=False)
    columns = ("hour", "RSS MiB", "objects held", "frames", "tracks", "events", *hours[0].held)
    for heading in columns:
        result.add_column(heading, justify="right")
    for one in hours:
        figures = (one.objects, one.frames, one.tracks, one.events, *one.held.values())
        result.add_row(str(one.hour), f"{one.resident_bytes / 2**20:.1f}", *(f"{figure:,}" for figure in figures))
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.soak")
    commands = parser.add_subparsers(dest="command", required=True)
    memory = commands.add_parser("memory", help="resident memory over a shop's day")
    memory.add_argument("--hours", type=int, default=24, help="how much of the day (default: 24)")
    memory.add_argument("--tracks", type=int, default=20_000, help="tracks on a whole day (default: 20000)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
