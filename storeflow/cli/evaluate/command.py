"""`storeflow evaluate`: count in a clip whose truth is known, and say where and why the count differs."""

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from storeflow.cli.count.clip import Clip, existing_clip
from storeflow.cli.count.play import play
from storeflow.cli.evaluate.comparison import evaluation
from storeflow.cli.evaluate.report import page
from storeflow.cli.evaluate.truth import read_truth
from storeflow.cli.help_text import Commands, ExitCode, describe
from storeflow.cli.out_folder import OVERWRITE_HELP, make_folder_of_results, naming
from storeflow.cli.text import ANNOTATE_HELP, MAX_FPS, number


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("evaluate", help="compare with the truth of a clip")
    describe(
        parser,
        "Count in a clip whose truth is known, and say where and why the count differs.",
        ["evaluate --video clip.mp4 --truth clip.json --model models/person/rtmdet_nano --out out"],
        {ExitCode.FINE: "the clip was counted to its end, however well"},
    )
    parser.add_argument("--video", type=Path, required=True, metavar="FILE", help="the clip")
    parser.add_argument("--model", type=Path, required=True, metavar="FOLDER", help="models/<task>/<name>")
    parser.add_argument(
        "--truth", type=Path, required=True, metavar="FILE", help="of the evaluation data's truth folder"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="for evaluation.json and evaluation.html"
    )
    parser.add_argument("--overwrite", action="store_true", help=OVERWRITE_HELP)
    parser.add_argument("--annotate", action="store_true", help=ANNOTATE_HELP)
    parser.add_argument(
        "--fps",
        type=number(above=0, most=MAX_FPS),
        default=MAX_FPS,
        help="frames a second to analyse at most (default: all)",
    )
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    """Run it."""
    truth = read_truth(options.truth, options.video)
    existing_clip(options.video)
    make_folder_of_results(options.out, overwrite=options.overwrite)
    clip = Clip(options.video, options.fps)
    played = play(clip, options.model, truth.layout, options.out, fast=True, annotate=options.annotate)
    result = evaluation(played, truth)
    with naming(options.out / "evaluation.json") as file:
        file.write_text(json.dumps(result, indent=1) + "\n")
    with naming(options.out / "evaluation.html") as file:
        file.write_text(page(options.video.name, result, played, truth))
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
    return ExitCode.FINE
