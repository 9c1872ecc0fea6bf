"""`storeflow evaluate`: count in a clip whose truth is known, and say where and why the count differs."""

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from storeflow.cli.arguments import ANNOTATE_HELP, MOST_FPS, positive
from storeflow.cli.comparison import evaluation
from storeflow.cli.play import play
from storeflow.cli.report import page
from storeflow.cli.truth import read_truth


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("evaluate", help="compare with the truth of a clip", description=__doc__)
    parser.add_argument("--video", type=Path, required=True, help="the clip")
    parser.add_argument("--model", type=Path, required=True, help="a folder models/<task>/<name>")
    parser.add_argument("--truth", type=Path, required=True, help="a file of the evaluation data's truth folder")
    parser.add_argument("--out", type=Path, required=True, help="folder for evaluation.json and evaluation.html")
    parser.add_argument("--annotate", action="store_true", help=ANNOTATE_HELP)
    parser.add_argument(
        "--fps", type=positive(MOST_FPS), default=MOST_FPS, help="frames a second to analyse at most (default: all)"
    )
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    """Run it; 0 when the clip was counted to its end, however well."""
    truth = read_truth(options.truth, options.video)
    played = play(
        options.video, options.model, truth.layout, options.out, fast=True, annotate=options.annotate, fps=options.fps
    )
    result = evaluation(played, truth)
    (options.out / "evaluation.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.out / "evaluation.html").write_text(page(options.video.name, result, played, truth))
    table = Table(box=None, pad_edge=False)
    for heading in (options.video.name, "true in/out", "counted in/out", "missed", "extra"):
        table.add_column(heading, justify="left" if heading == options.video.name else "right")
    for line_id, line in result["lines"].items():
        true = f"{line['truth_in']}/{line['truth_out']}" if "truth_in" in line else "not known"
        table.add_row(
            line_id, true, f"{line['in']}/{line['out']}", str(line.get("missed", "")), str(line.get("extra", ""))
        )
    console = Console(soft_wrap=True)
    console.print(table)
    for zone_id, zone in result["zones"].items():
        console.print(
            f"{zone_id}: {zone['visits']} visits of {zone['truth_visits']}, "
            f"{zone['dwell_seconds']:.1f} s of {zone['truth_dwell_seconds']:.1f} s"
        )
    console.print(f"The decision behind every difference: {options.out / 'evaluation.html'}")
    return 0
