"""`python -m tools.fleet generate | exactness`: many stores that nobody filmed.

generate    write their events, the truth of them and their register into a folder
exactness   send them through real routers, event hubs and the function app, kill -9 all of these on the way, and hold
            gold against the truth; ends with 1 where they differ
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from tools.fleet.exactness.mutated import MUTATIONS, run_mutated
from tools.fleet.exactness.report import keep, show
from tools.fleet.exactness.run import Settings, run
from tools.fleet.generate import generate
from tools.fleet.plan import Plan


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    options = _parser().parse_args(arguments)
    plan = Plan(options.stores, options.cameras, options.days, options.events, options.seed)
    return _generate(plan, options.out) if options.command == "generate" else _exactness(plan, options)


def _generate(plan: Plan, out: Path) -> int:
    console, began = Console(), time.perf_counter()
    events = generate(plan, out, Console(stderr=True))
    seconds = time.perf_counter() - began
    console.print(f"{events:,} events in {out}, {events / seconds:,.0f} a second", highlight=False)
    return 0


def _exactness(plan: Plan, options: argparse.Namespace) -> int:
    settings = Settings(
        plan,
        options.kills,
        refine_seconds=options.refine_seconds,
        patience=options.patience,
        feed_seconds=options.feed_seconds,
    )
    if options.mutate:
        named = {name: value for name, value in vars(options).items() if name not in ("command", "mutate", "keep")}
        return run_mutated(
            options.mutate, ["exactness", *(f"--{name.replace('_', '-')}={value}" for name, value in named.items())]
        )
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        outcome = run(settings, Path(folder), Console(stderr=True))
        show(outcome, Console())
        if options.keep:
            keep(outcome, settings, options.keep)
    return 0 if outcome.is_exact else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.fleet", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    generating = commands.add_parser("generate", help="write events, truth and register into a folder")
    _plan_options(generating, stores=100, days=2)
    generating.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    exact = commands.add_parser("exactness", help="send them through everything, and hold gold against the truth")
    _plan_options(exact, stores=8, days=6)
    exact.add_argument("--kills", type=int, default=40, help="kill -9 in all (default: 40)")
    exact.add_argument("--refine-seconds", type=int, default=15, help="between two runs of its timer (default: 15)")
    exact.add_argument("--feed-seconds", type=float, default=0, help="feed for so long at least (default: 24 a kill)")
    exact.add_argument("--patience", type=float, default=180, help="seconds without progress (default: 180)")
    exact.add_argument("--keep", type=Path, metavar="FILE", help="write what came of it as JSON, too")
    exact.add_argument("--mutate", choices=sorted(MUTATIONS), help="take a safeguard out: it must end with 1")
    return parser


def _plan_options(parser: argparse.ArgumentParser, *, stores: int, days: int) -> None:
    for name, default, what in (
        ("stores", stores, "how many stores"),
        ("cameras", 4, "cameras of each"),
        ("days", days, "days of each"),
        ("events", 1_000_000, "events of all, about"),
        ("seed", 1, "of chance: the same seed is the same fleet"),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{what} (default: {default})")


if __name__ == "__main__":
    sys.exit(main())
