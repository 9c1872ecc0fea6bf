"""`storeflow migrate spatial-analysis`: a configuration of Azure Spatial Analysis as one of storeflow."""

import argparse
import re
import sys
from pathlib import Path

from storeflow.cli.help_text import Commands, ExitCode, add_actions, describe
from storeflow.cli.json_file import json_text, read_json
from storeflow.cli.migrate.spatial_analysis_config import find_graphs
from storeflow.cli.migrate.spatial_analysis_layout import migrate
from storeflow.cli.twin.lint import lint
from storeflow.errors import ConfigError


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("migrate", help="take over another product's configuration")
    example = "migrate spatial-analysis deployment.json --to storeflow.json"
    describe(parser, "Take over another product's configuration.", [example])
    actions = add_actions(parser, "FROM")
    action = actions.add_parser("spatial-analysis", help="Azure AI Vision Spatial Analysis")
    describe(
        action,
        "Make the sections `cameras` and `layout` of a configuration of Azure Spatial Analysis. All that can't be "
        "carried over, or has to be known, is a line on standard error. A password in a VIDEO_URL goes nowhere.",
        [example],
        {
            ExitCode.FINE: "all that storeflow can do was carried over",
            ExitCode.NOT_IN_ORDER: "some of it was not; the lines on standard error say what",
        },
    )
    action.add_argument(
        "config", type=Path, metavar="CONFIG.json", help="a SPACEANALYTICS_CONFIG, a graph or a deployment manifest"
    )
    action.add_argument("--camera-id", metavar="ID", help="what to call a camera that has no VIDEO_SOURCE_ID")
    action.add_argument(
        "--frame", type=_frame, metavar="WIDTHxHEIGHT", help="size of the picture, for thresholds in pixels"
    )
    action.add_argument("--to", type=Path, metavar="FILE", help="write it there (default: standard output)")
    action.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    """Migrate one file."""
    document = read_json(options.config)
    try:
        graphs = find_graphs(document)
    except ConfigError as error:
        _print_lines(options.config, error.problems)
        return ExitCode.NOT_IN_ORDER
    width = options.frame[0] if options.frame else None
    result = migrate(graphs, options.camera_id, width)
    problems = list(result.problems)
    if not (result.lines or result.zones):
        problems.append("nothing is left of it: no line and no zone could be carried over")
    else:
        migrated = result.document()
        problems += lint(migrated).problems
        _write(json_text(migrated), options.to)
    _print_lines("note", result.notes)
    _print_lines(options.config, problems)
    return ExitCode.NOT_IN_ORDER if problems else ExitCode.FINE


def _write(text: str, path: Path | None) -> None:
    if path is None:
        sys.stdout.write(text)
    else:
        path.write_text(text, encoding="utf-8")


def _print_lines(about: object, lines: list[str]) -> None:
    for line in lines:
        print(f"{about}: {line}", file=sys.stderr)


def _frame(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size like 1920x1080")
    return int(found[1]), int(found[2])
