"""`storeflow run`: count in one clip, or in front of one live camera."""

import argparse
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from modules.zone_analytics.parameters import DECISIONS
from storeflow.cli.count.clip import CAMERA_ID, CLIP_STARTS_AT, Clip, existing_clip
from storeflow.cli.count.misfits import misfits
from storeflow.cli.count.pipeline import configured_model
from storeflow.cli.count.play import Played, play
from storeflow.cli.count.tables import tables
from storeflow.cli.count.watch import watch
from storeflow.cli.help_text import Commands, ExitCode, describe
from storeflow.cli.json_file import read_json
from storeflow.cli.layout_parts import layout_of_camera
from storeflow.cli.out_folder import OVERWRITE_HELP, make_folder_of_results
from storeflow.cli.text import ANNOTATE_HELP, MAX_FPS, counted, instant_of, number
from storeflow.contract import camera_url
from storeflow.contract.twins import Camera, Layout, read_section
from storeflow.errors import ConfigError


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("run", help="count in one clip or live")
    whole = "--model models/person/rtmdet_nano --layout shop.json --out out"
    describe(
        parser,
        "Count in one clip, or in front of one live camera, in one process.",
        [f"run --video shop.mp4 {whole} --fast", f"run --camera rtsp://camera/1 {whole}"],
        {
            ExitCode.FINE: "the clip was counted to its end, or the camera until it was stopped",
            ExitCode.NO_ANSWER: "not one frame came from the camera",
            ExitCode.STOPPED: "stopped with Ctrl-C: a clip; a camera's counting ends with 0",
        },
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--video", type=Path, metavar="FILE", help="the clip")
    what.add_argument("--camera", metavar="URL", help="a live camera, rtsp://host/path; ends with Ctrl-C")
    parser.add_argument("--credentials-ref", metavar="NAME", help="the camera's user:password: $STOREFLOW_SECRETS/NAME")
    parser.add_argument("--seconds", type=number(above=0), help="watch the camera for so long")
    parser.add_argument("--model", type=Path, required=True, metavar="FOLDER", help="models/<task>/<name>")
    parser.add_argument("--layout", type=Path, required=True, metavar="FILE", help="JSON of a twin's section `layout`")
    parser.add_argument("--camera-id", metavar="ID", help="which of the layout's cameras it is, if it has several")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="for events.ndjson, summary.json, heatmap.png"
    )
    parser.add_argument("--overwrite", action="store_true", help=OVERWRITE_HELP)
    parser.add_argument("--fast", action="store_true", help="as fast as this machine can, without passing by a frame")
    parser.add_argument("--annotate", action="store_true", help=ANNOTATE_HELP)
    parser.add_argument(
        "--starts-at",
        type=instant_of,
        metavar="ISO8601",
        help="when the clip's first frame was taken, such as 2026-11-20T09:00:00+01:00 "
        "(default: 1970-01-01T00:00:00Z, so that events give seconds from the first frame)",
    )
    parser.add_argument(
        "--fps",
        type=number(above=0, most=MAX_FPS),
        help="frames a second to analyse at most (default: all of a clip, 10 of a camera)",
    )
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    """Run it."""
    _refuse_what_does_not_fit(options)
    layout = layout_of_camera(read_layout(options.layout), options.camera_id)
    configured_model(options.model)
    for misfit in misfits(layout, options.model):
        print(f"warning: {misfit}", file=sys.stderr)
    if options.camera is not None:
        camera = _camera(options)
        make_folder_of_results(options.out, overwrite=options.overwrite)
        played = watch(camera, options.model, layout, options.out, seconds=options.seconds)
        if not played.frames:
            print("storeflow: not one frame came from the camera", file=sys.stderr)
            return ExitCode.NO_ANSWER
    else:
        existing_clip(options.video)
        make_folder_of_results(options.out, overwrite=options.overwrite)
        clip = Clip(options.video, options.fps or MAX_FPS, options.starts_at or CLIP_STARTS_AT)
        played = play(clip, options.model, layout, options.out, fast=options.fast, annotate=options.annotate)
    _print(played, options.out)
    return ExitCode.FINE


def _print(played: Played, out: Path) -> None:
    console = Console(soft_wrap=True)
    summary = played.summary()
    for table in tables(summary):
        console.print(table, "")
    if "coverage" in summary:
        console.print(f"Only {summary['coverage']:.1%} of the time was looked at: frames are more than a second apart.")
    console.print(
        f"{counted(played.frames, 'frame')}, {counted(len(played.events), 'event')} in {out}. "
        f"{counted(len(played.people_seen), 'track_id')} in all, which is no number of people: "
        f"who was out of view for {DECISIONS.forget_seconds:g} s has another one."
    )


def _refuse_what_does_not_fit(options: argparse.Namespace) -> None:
    for_clips, for_cameras = ("fast", "annotate", "starts_at"), ("credentials_ref", "seconds")
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
        fact = "leave user and password out of the URL: write user:password into the file $STOREFLOW_SECRETS/NAME"
        raise ConfigError([f"--camera: {fact} and give --credentials-ref NAME"])
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
    document: Any = read_json(path, "--layout")
    section = document["layout"] if isinstance(document, dict) and "layout" in document else document
    layout: Layout = read_section("layout", section)
    return layout
