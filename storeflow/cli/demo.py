"""`storeflow demo` (`make run`): the sample store through every module, as processes, on this machine alone.

A rendered shop is played to the real modules, each a process of its own, with the Azure IoT SDK between them and a
stand-in for IoT Edge underneath. What they count is held against what was rendered.
"""

import argparse
import hashlib
import json
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from rich.console import Console

from local_azure.edge_hub.service_access import connection_string_file
from storeflow.cli.arguments import positive
from storeflow.cli.live import Board
from storeflow.cli.play import Played, play, progress
from storeflow.cli.processes import (
    CAMERA_ID,
    POLL_SECONDS,
    REPOSITORY,
    TEMPLATE,
    events_file,
    follow,
    store_of,
    versions,
)
from storeflow.cli.summary import Summary, summarise
from storeflow.cli.verdict import decisions_differ, differences, verdict
from storeflow.cli.watch import until_interrupted
from storeflow.cli.words import counted, shown
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState
from storeflow.contract.twins import Layout, read_section
from tools.sample_store.render import SampleStore, render
from tools.sample_store.store import FPS

MODEL = REPOSITORY / "models" / "person" / "storeflow_nano"
RENDERER = REPOSITORY / "tools" / "sample_store"
SECONDS = 60
MOST_SPEED = 100.0
"""As the section `cameras` has it."""


@dataclass(frozen=True)
class Sample:
    """What is played, and what is known of it."""

    store: SampleStore
    truth: dict[str, Any]
    layout: Layout
    camera: dict[str, Any]
    """Its settings in the template."""

    @classmethod
    def of(cls, store: SampleStore) -> Self:
        """Of the rendered store, with the deployment template's settings."""
        template = json.loads(TEMPLATE.read_text())["modulesContent"]
        return cls(
            store,
            json.loads(store.truth.read_text()),
            read_section("layout", template["zone_analytics"]["properties.desired"]["layout"]),
            template["video_capture"]["properties.desired"]["cameras"][CAMERA_ID],
        )


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("demo", help="play the sample store (make run)", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("run"), help="folder for all that is written (default: run)")
    parser.add_argument(
        "--speed", type=positive(MOST_SPEED), default=1.0, help="times faster than life, at most 100 (default: 1)"
    )
    parser.add_argument("--stay", action="store_true", help="keep the store running after the verdict, until Ctrl-C")
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    """Run it; 0 when every line and visit count is what was rendered, or twins were edited meanwhile; else 1."""
    console = Console()
    out: Path = options.out.resolve()
    sample = Sample.of(sample_store(out / "sample"))
    _say_hello(out, sample, options, console)
    with ExitStack() as running:
        store = store_of(out / "store", sample.store.video, sample.camera, speed=options.speed)
        supervisor = running.enter_context(store)
        before = versions(supervisor.hub)
        events, frames = follow(supervisor, Board(sample.layout, sample.truth), console, speed=options.speed)
        edited = [module_id for module_id, version in versions(supervisor.hub).items() if version != before[module_id]]
        if not options.stay:
            running.close()
        (out / "events.ndjson").write_bytes(events_file(out / "store").read_bytes())
        summary = summary_of(events, sample.layout, frames)
        (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
        played = play_in_one_process(out, sample)
        status = conclude(summary, sample.truth, events, played.events, edited=edited, console=console)
        console.print(
            f"Look at {shown(out / 'annotated.mp4')} and {shown(out / 'heatmap.png')}; "
            f"all that was told ({counted(len(events), 'event')}) is in {shown(out / 'events.ndjson')}.",
            soft_wrap=True,
        )
        if options.stay:
            _stay(console)
    return status


def sample_store(folder: Path) -> SampleStore:
    """The rendered store: from an earlier run of the same renderer, or rendered now."""
    renderer = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(RENDERER.glob("*.py")))).hexdigest()
    made_by = folder / "made_by"
    if made_by.is_file() and made_by.read_text() == renderer:
        truth = json.loads((folder / "truth.json").read_text())
        return SampleStore(
            folder / "sample_store.webm", folder / "truth.json", folder / "layout.json", frames=truth["frames"]
        )
    with progress("rendering the sample store, once", SECONDS * FPS) as advance:
        store = render(folder, lambda _done, _total: advance(1), seconds=SECONDS)
    made_by.write_text(renderer)
    return store


def play_in_one_process(out: Path, sample: Sample) -> Played:
    """Play the clip again, to the same modules in this process, for annotated.mp4 and heatmap.png."""
    played = play(
        sample.store.video,
        MODEL,
        sample.layout,
        out / "pictures",
        fast=True,
        annotate=True,
        fps=sample.camera["fps"],
        starts_at=datetime.fromisoformat(sample.camera["playback"]["starts_at"]),
        camera_id=CAMERA_ID,
    )
    for name in ("annotated.mp4", "heatmap.png"):
        (out / "pictures" / name).replace(out / name)
    shutil.rmtree(out / "pictures")
    return played


def conclude(
    summary: Summary,
    truth: dict[str, Any],
    events: Sequence[CloudEvent],
    one_process: Sequence[CloudEvent],
    *,
    edited: Sequence[str],
    console: Console,
) -> int:
    """Tell how what was counted compares with what was rendered; the command's status.

    Args:
        summary: what the processes counted.
        truth: what was rendered.
        events: of the processes.
        one_process: events of the same modules in one process.
        edited: modules whose twins were written while it played: what is true for their settings nobody knows.
        console: to tell it on.
    """
    if edited:
        console.print(f"{', '.join(edited)}: edited while it played: no verdict.", soft_wrap=True, highlight=False)
        return 0
    console.print(verdict(summary, truth))
    wrong = differences(summary, truth, events, started_at(events))
    decided = [event for event in events if not isinstance(event.data, CameraState)]
    apart = decisions_differ(decided, one_process) if not wrong else []
    for line in (*wrong, *apart):
        console.print(line, style="red", highlight=False, soft_wrap=True)
    if not wrong:
        console.print("The counts are right all the same." if apart else "Every count equals what was rendered.")
    return 1 if wrong or apart else 0


def summary_of(events: Sequence[CloudEvent], layout: Layout, frames: int) -> Summary:
    """`summary.json` of what the processes decided."""
    decided = [event.data for event in events if hasattr(event.data, "model_version")]
    return summarise(
        events,
        layout,
        starts_at=started_at(events),
        frames=frames,
        model=getattr(decided[0], "model_version", "") if decided else "",
        config_version=getattr(decided[0], "config_version", 0) if decided else 0,
    )


def started_at(events: Sequence[CloudEvent]) -> float:
    """`captured_at` of the camera's first frame."""
    return next(event.time.timestamp() for event in events if isinstance(event.data, CameraState))


def _say_hello(out: Path, sample: Sample, options: argparse.Namespace, console: Console) -> None:
    lasts = sample.truth["frames"] / FPS / options.speed
    after = "the store stays until then" if options.stay else "--stay (make run STAY=1) keeps the store until then"
    console.print(
        f"Playing the sample store, {sample.truth['frames']} frames, at {options.speed:g}x, {lasts:.0f} s. "
        f"Ctrl-C stops; {after}.",
        soft_wrap=True,
    )
    secret = shown(connection_string_file(out / "store" / "edge_hub"))
    console.print(f"From another terminal: {sys.argv[0]} twin get --connection-string-file {secret}", soft_wrap=True)


def _stay(console: Console) -> None:
    console.print("The store stays, as twins and methods reach it: Ctrl-C ends it.")
    with until_interrupted() as interrupted:
        while not interrupted():
            time.sleep(POLL_SECONDS)
