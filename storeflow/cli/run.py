"""`storeflow run`: count in one clip, or in front of one live camera."""

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from storeflow.cli.arguments import ANNOTATE_HELP, MOST_FPS, positive
from storeflow.cli.one_camera import part_of
from storeflow.cli.pipeline import CAMERA_ID
from storeflow.cli.play import play
from storeflow.cli.summary import Summary
from storeflow.cli.twin_file import read_json
from storeflow.cli.watch import watch
from storeflow.cli.words import counted
from storeflow.contract import camera_url
from storeflow.contract.twins import Camera, Layout, read_section
from storeflow.errors import ConfigError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("run", help="count in one clip or live", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--video", type=Path, help="the clip")
    what.add_argument("--camera", metavar="URL", help="a live camera, rtsp://host/path; ends with Ctrl-C")
    parser.add_argument("--credentials-ref", metavar="NAME", help="the camera's user:password: $STOREFLOW_SECRETS/NAME")
    parser.add_argument("--seconds", type=positive(), help="watch the camera for so long")
    parser.add_argument("--model", type=Path, required=True, help="a folder models/<task>/<name>")
    parser.add_argument("--layout", type=Path, required=True, help="JSON of a twin's section `layout`")
    parser.add_argument("--camera-id", metavar="ID", help="which of the layout's cameras it is, if it has several")
    parser.add_argument("--out", type=Path, required=True, help="folder for events.ndjson, summary.json, heatmap.png")
    parser.add_argument("--fast", action="store_true", help="as fast as this machine can, without passing by a frame")
    parser.add_argument("--annotate", action="store_true", help=ANNOTATE_HELP)
    parser.add_argument(
        "--fps",
        type=positive(MOST_FPS),
        help="frames a second to analyse at most (default: all of a clip, 10 of a camera)",
    )
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    """Run it; 0 when the clip was counted to its end, or the camera until it was enough."""
    _refuse_what_does_not_fit(options)
    layout = part_of(read_layout(options.layout), options.camera_id)
    if options.camera is not None:
        played = watch(_camera(options), options.model, layout, options.out, seconds=options.seconds)
    else:
        played = play(
            options.video,
            options.model,
            layout,
            options.out,
            fast=options.fast,
            annotate=options.annotate,
            fps=MOST_FPS if options.fps is None else options.fps,
        )
    console = Console(soft_wrap=True)
    summary = played.summary()
    console.print(table(summary))
    if "coverage" in summary:
        console.print(f"Only {summary['coverage']:.1%} of the time was looked at: frames are more than a second apart.")
    followed = f"{len(played.people_seen)} people followed: whoever is lost for long counts again"
    console.print(f"{played.frames} frames, {followed}. {counted(len(played.events), 'event')} in {options.out}")
    return 0


def _refuse_what_does_not_fit(options: argparse.Namespace) -> None:
    for_clips, for_cameras = ("fast", "annotate"), ("credentials_ref", "seconds")
    names, what = (for_cameras, "--camera") if options.camera is None else (for_clips, "--video")
    given = [name for name in names if getattr(options, name) not in (None, False)]
    if given:
        raise ConfigError([f"--{name.replace('_', '-')}: is only for {what}" for name in given])


def _camera(options: argparse.Namespace) -> Camera:
    """The camera's settings, checked in the words of the command line: nobody here has a twin before them."""
    url: str = options.camera
    if url.partition(":")[0] not in camera_url.LIVE:
        raise ConfigError(["--camera: wants rtsp://host/path or rtsps://host/path; for a clip there is --video"])
    host = url.partition("//")[2].partition("/")[0]
    if "@" in host:
        told = "leave user and password out of the URL: write user:password into the file $STOREFLOW_SECRETS/NAME"
        raise ConfigError([f"--camera: {told} and give --credentials-ref NAME"])
    settings = {"url": url, "credentials_ref": options.credentials_ref, "fps": options.fps}
    given = {name: value for name, value in settings.items() if value is not None}
    try:
        camera: Camera = read_section("cameras", {CAMERA_ID: given})[CAMERA_ID]
    except ConfigError as error:
        raise ConfigError([_as_option(problem) for problem in error.problems]) from error
    return camera


def _as_option(problem: str) -> str:
    name, _, fact = problem.removeprefix(f"cameras.{CAMERA_ID}.").partition(": ")
    option = "--camera" if name == "url" else f"--{name.replace('_', '-')}"
    return f"{option}: {fact.replace('credentials_ref', '--credentials-ref')}"


def read_layout(path: Path) -> Layout:
    """The layout in a file: a twin's section, by itself or under its name as `storeflow twin get --desired` prints it.

    Raises:
        ConfigError: it can't be read, is no JSON, or a field is wrong, with the field's path.
    """
    try:
        document: Any = read_json(path)
    except ConfigError as error:
        problems = [f"--layout {path}: {problem.removeprefix('(file): ')}" for problem in error.problems]
        raise ConfigError(problems) from error
    section = document["layout"] if isinstance(document, dict) and "layout" in document else document
    layout: Layout = read_section("layout", section)
    return layout


def table(summary: Summary) -> Table:
    """Counts and visits as a table."""
    result = Table(box=None, pad_edge=False)
    for heading in ("", "in", "out", "net in", "net out", "visits", "mean dwell", "most at once"):
        result.add_column(heading, justify="left" if not heading else "right")
    for line_id, line in summary["lines"].items():
        result.add_row(line_id, *(str(line[name]) for name in ("in", "out", "net_in", "net_out")))
    for zone_id, zone in summary["zones"].items():
        dwells = [visit["dwell_seconds"] for visit in zone["visits"]]
        mean = f"{sum(dwells) / len(dwells):.1f} s" if dwells else ""
        result.add_row(zone_id, "", "", "", "", str(len(dwells)), mean, str(zone["max_occupancy"]))
    return result
