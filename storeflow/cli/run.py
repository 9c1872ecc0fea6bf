"""`storeflow run`: count in one clip, or in front of one live camera."""

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from storeflow.cli.pipeline import CAMERA_ID, MOST_FPS
from storeflow.cli.play import play
from storeflow.cli.summary import Summary
from storeflow.cli.watch import watch
from storeflow.contract.twins import Camera, Layout, read_section
from storeflow.errors import ConfigError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("run", help="count in one clip or live", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--video", type=Path, help="the clip")
    what.add_argument("--camera", metavar="URL", help="a live camera, rtsp://host/path; ends with Ctrl-C")
    parser.add_argument("--credentials-ref", metavar="NAME", help="the camera's user:password: $STOREFLOW_SECRETS/NAME")
    parser.add_argument("--seconds", type=float, help="watch the camera for so long")
    parser.add_argument("--model", type=Path, required=True, help="a folder models/<task>/<name>")
    parser.add_argument("--layout", type=Path, required=True, help="lines and zones, as JSON in fractions of the frame")
    parser.add_argument("--out", type=Path, required=True, help="folder for events.ndjson, summary.json, heatmap.png")
    parser.add_argument("--fast", action="store_true", help="as fast as this machine can, without passing by a frame")
    parser.add_argument("--annotate", action="store_true", help="write annotated.mp4, too: frames with people in them")
    parser.add_argument(
        "--fps", type=float, help="frames a second to analyse at most (default: all of a clip, 10 of a camera)"
    )
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    """Run it; 0 when the clip was counted to its end, or the camera until it was enough."""
    _refuse_what_does_not_fit(options)
    layout = read_layout(options.layout)
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
            fps=options.fps or MOST_FPS,
        )
    console = Console()
    summary = played.summary()
    console.print(table(summary))
    if "coverage" in summary:
        console.print(f"Only {summary['coverage']:.1%} of the time was looked at: frames are more than a second apart.")
    followed = f"{len(played.people_seen)} people followed: whoever is lost for long counts again"
    console.print(f"{played.frames} frames, {followed}. {len(played.events)} events in {options.out}")
    return 0


def _refuse_what_does_not_fit(options: argparse.Namespace) -> None:
    for_clips, for_cameras = ("fast", "annotate"), ("credentials_ref", "seconds")
    names, what = (for_cameras, "--camera") if options.camera is None else (for_clips, "--video")
    given = [name for name in names if getattr(options, name) not in (None, False)]
    if given:
        raise ConfigError([f"--{name.replace('_', '-')}: is only for {what}" for name in given])


def _camera(options: argparse.Namespace) -> Camera:
    settings = {"url": options.camera, "credentials_ref": options.credentials_ref, "fps": options.fps}
    given = {name: value for name, value in settings.items() if value is not None}
    camera: Camera = read_section("cameras", {CAMERA_ID: given})[CAMERA_ID]
    if not camera.url.startswith("rtsp"):
        raise ConfigError(["--camera: wants rtsp://host/path; for a clip there is --video"])
    return camera


def read_layout(path: Path) -> Layout:
    """The layout in a file.

    Raises:
        ConfigError: it can't be read, is no JSON, or a field is wrong, with the field's path.
    """
    try:
        document: Any = json.loads(path.read_text())
    except OSError as error:
        raise ConfigError([f"--layout {path}: {error.strerror}"]) from error
    except ValueError as error:
        raise ConfigError([f"--layout {path}: not JSON: {error}"]) from error
    layout: Layout = read_section("layout", document)
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
