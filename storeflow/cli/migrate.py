"""`storeflow migrate spatial-analysis`: a configuration of Azure Spatial Analysis as one of storeflow.

It prints the sections `cameras` and `layout`, and on standard error one line for all that could not be carried over or
has to be known. A password in a VIDEO_URL goes nowhere.
"""

import argparse
import json
import re
import sys
from pathlib import Path

from storeflow.cli.spatial_analysis_config import find_graphs
from storeflow.cli.spatial_analysis_layout import migrate
from storeflow.cli.twin_file import read_json
from storeflow.cli.twin_lint import lint
from storeflow.errors import ConfigError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("migrate", help="take over another product's configuration", description=__doc__)
    actions = parser.add_subparsers(required=True, metavar="FROM")
    action = actions.add_parser("spatial-analysis", help="Azure AI Vision Spatial Analysis", description=__doc__)
    action.add_argument(
        "config", type=Path, metavar="CONFIG.json", help="a SPACEANALYTICS_CONFIG, a graph or a deployment manifest"
    )
    action.add_argument("--camera", metavar="ID", help="what to call a camera that has no VIDEO_SOURCE_ID")
    action.add_argument(
        "--frame", type=_frame, metavar="WIDTHxHEIGHT", help="size of the picture, for thresholds in pixels"
    )
    action.add_argument("--out", type=Path, metavar="FILE", help="write the result here instead of printing it")
    action.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    """Migrate one file; 0 when all of it that storeflow can do was carried over, 1 when some of it was wrong."""
    try:
        graphs = find_graphs(read_json(options.config))
    except ConfigError as error:
        _tell(options.config, error.problems)
        return 1
    width = options.frame[0] if options.frame else None
    result = migrate(graphs, options.camera, width)
    problems = list(result.problems)
    if not (result.lines or result.zones):
        problems.append("nothing is left of it: no line and no zone could be carried over")
    else:
        document = result.document()
        problems += lint(document).problems
        _write(_text(document), options.out)
    _tell("note", result.notes)
    _tell(options.config, problems)
    return 1 if problems else 0


def _text(document: object) -> str:
    """JSON with each point on one line."""
    number = r"(-?\d[\d.eE+-]*)"
    indented = json.dumps(document, indent=2, ensure_ascii=False)
    return re.sub(rf"\[\s+{number},\s+{number}\s+\]", r"[\1, \2]", indented) + "\n"


def _write(text: str, path: Path | None) -> None:
    if path is None:
        sys.stdout.write(text)
    else:
        path.write_text(text, encoding="utf-8")


def _tell(about: object, lines: list[str]) -> None:
    for line in lines:
        print(f"{about}: {line}", file=sys.stderr)


def _frame(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size like 1920x1080")
    return int(found[1]), int(found[2])
