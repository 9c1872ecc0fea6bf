"""`storeflow demo` (`make run`): the sample store through every module, as processes, on this machine alone.

A rendered shop is played to the real modules, each a process of its own, with the Azure IoT SDK between them and a
stand-in for IoT Edge underneath; what they send goes on through stand-ins for IoT Hub, Event Hubs and Azure Functions
into Delta tables. What the modules count, and what the tables say, is held against what was rendered.
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
from storeflow import sample_store
from storeflow.cli.count.clip import Clip
from storeflow.cli.count.play import Played, play, progress
from storeflow.cli.count.summary import Summary, started_at, summarise
from storeflow.cli.count.watch import until_interrupted
from storeflow.cli.demo.board import StoreBoard
from storeflow.cli.demo.cloud import READERS, Cloud, event_hub
from storeflow.cli.demo.lake import Comparison, apart, compare, edge_figures, true_figures
from storeflow.cli.demo.processes import (
    CAMERA_ID,
    POLL_SECONDS,
    REPOSITORY,
    TEMPLATE,
    events_file,
    follow,
    only_run_in,
    store_of,
    versions,
)
from storeflow.cli.demo.verdict import decisions_differ, differences, verdict
from storeflow.cli.help_text import Commands, ExitCode, describe
from storeflow.cli.out_folder import ANNOTATED, EVENTS, HEAT_MAP, LAKE, LAKE_FOLDER, SUMMARY, naming
from storeflow.cli.text import called, counted, number, shown
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.twins import Layout, read_section
from storeflow.errors import StoreflowError
from storeflow.sample_store.render import SampleStore, render
from storeflow.sample_store.store import FPS

MODEL = REPOSITORY / "models" / "person" / "storeflow_nano"
RENDERER = Path(sample_store.__file__).parent
SECONDS = 60
MAX_SPEED = 100.0
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


@dataclass(frozen=True)
class Meanwhile:
    """What was done to the store while the clip played."""

    edited: Sequence[str] = ()
    """Modules whose twins were written: what is true for their settings nobody knows."""
    started_again: Sequence[str] = ()
    """Processes that ended: what was to be seen before they were back, nobody may have seen."""


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("demo", help="play the sample store (make run)")
    describe(
        parser,
        "Play a rendered shop to the real modules, each a process of its own, with the Azure IoT SDK between them and "
        "a stand-in for IoT Edge underneath; what they send goes on through stand-ins for IoT Hub, Event Hubs and "
        "Azure Functions into Delta tables. What the modules count, and what the tables say, is held against what was "
        "rendered.",
        ["demo --speed 4", "demo --stay"],
        {
            ExitCode.FINE: "every count is what was rendered, at the edge and in the lake; or a twin was edited, so "
            "that nobody knows",
            ExitCode.NOT_IN_ORDER: "a count is not what was rendered, or the lake has not what the edge has",
            ExitCode.NO_ANSWER: "nothing came from the modules for a minute; the logs say why",
        },
    )
    parser.add_argument(
        "--out", type=Path, default=Path("run"), metavar="FOLDER", help="for all that is written (default: run)"
    )
    parser.add_argument(
        "--speed",
        type=number(above=0, most=MAX_SPEED),
        default=1.0,
        help="times faster than life, at most 100 (default: 1)",
    )
    parser.add_argument("--stay", action="store_true", help="keep the store running after the verdict, until Ctrl-C")
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    """Run it."""
    if not TEMPLATE.is_file():
        raise StoreflowError(f"demo needs a checkout of storeflow: {TEMPLATE.name} and models/ are in no package")
    console = Console()
    out: Path = options.out.resolve()
    with only_run_in(out), ExitStack() as running:
        sample = Sample.of(rendered_store(out / "sample", console))
        _say_hello(out, sample, options, console)
        cloud = Cloud(out / "cloud")
        store = store_of(
            out / "store", sample.store.video, sample.camera, speed=options.speed, event_hubs=(event_hub(),)
        )
        supervisor = running.enter_context(store)
        cloud.land_for(supervisor)
        up = ", ".join(f"{name} after {seconds:.1f} s" for name, seconds in supervisor.ready_after.items())
        console.print(f"Up: {up}", soft_wrap=True, highlight=False)
        before, board = versions(supervisor.hub), StoreBoard(sample.layout, sample.truth)
        events = follow(supervisor, board, console, speed=options.speed)
        edited = [module_id for module_id, version in versions(supervisor.hub).items() if version != before[module_id]]
        summary = summary_of(events, sample.layout, board.frames)
        console.print("Waiting for the lake to have what the edge has", soft_wrap=True)
        edge = edge_figures(summary)
        in_gold, in_silver = cloud.figures(events, edge)
        cloud.copy_to(out / LAKE_FOLDER)
        lake = compare(edge, in_gold, None if edited else true_figures(sample.truth), events, in_silver)
        if not options.stay:
            running.close()
        with naming(out / EVENTS) as file:
            file.write_bytes(events_file(out / "store").read_bytes())
        for name, document in ((SUMMARY, summary), (LAKE, lake)):
            with naming(out / name) as file:
                file.write_text(json.dumps(document, indent=1) + "\n")
        console.print("Playing it once more in one process, for the pictures", soft_wrap=True)
        played = play_in_one_process(out, sample)
        told = Meanwhile(edited, sorted(board.started_again))
        status = conclude(summary, sample.truth, events, played.events, lake=lake, meanwhile=told, console=console)
        console.print(
            f"Look at {shown(out / ANNOTATED)} and {shown(out / HEAT_MAP)}; "
            f"{counted(len(events), 'event')} are in {shown(out / EVENTS)}, "
            f"the lake's tables in {shown(out / LAKE_FOLDER)}; "
            f"{shown(out / LAKE)} has edge, lake and truth side by side.",
            soft_wrap=True,
        )
        if options.stay:
            _stay(cloud, sample, console)
    return status


def rendered_store(folder: Path, console: Console) -> SampleStore:
    """The rendered store: from an earlier run of the same renderer, or rendered now."""
    renderer = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(RENDERER.glob("*.py")))).hexdigest()
    made_by = folder / "made_by"
    if made_by.is_file() and made_by.read_text() == renderer:
        truth = json.loads((folder / "truth.json").read_text())
        return SampleStore(
            folder / "sample_store.webm", folder / "truth.json", folder / "layout.json", frames=truth["frames"]
        )
    console.print("Rendering the sample store, once", soft_wrap=True)
    with progress("rendering", SECONDS * FPS) as advance:
        store = render(folder, lambda _done, _total: advance(1), seconds=SECONDS)
    made_by.write_text(renderer)
    return store


def play_in_one_process(out: Path, sample: Sample) -> Played:
    """Play the clip again, to the same modules in this process, for annotated.mp4 and heatmap.png."""
    clip = Clip(
        sample.store.video,
        sample.camera["fps"],
        datetime.fromisoformat(sample.camera["playback"]["starts_at"]),
        CAMERA_ID,
    )
    played = play(clip, MODEL, sample.layout, out / "pictures", fast=True, annotate=True)
    for name in (ANNOTATED, HEAT_MAP):
        (out / "pictures" / name).replace(out / name)
    shutil.rmtree(out / "pictures")
    return played


def conclude(
    summary: Summary,
    truth: dict[str, Any],
    events: Sequence[CloudEvent],
    one_process: Sequence[CloudEvent],
    *,
    lake: Comparison,
    meanwhile: Meanwhile,
    console: Console,
) -> int:
    """Print how what was counted compares with what was rendered; the command's status.

    Args:
        summary: what the processes counted.
        truth: what was rendered.
        events: of the processes.
        one_process: events of the same modules in one process; they are compared where no process was started again.
        lake: what the tables in the cloud say.
        meanwhile: what was done to the store.
        console: to print it on.
    """
    not_landed = apart(lake)
    if meanwhile.edited:
        edited = ", ".join(meanwhile.edited)
        console.print(f"{edited}: edited while it played: no verdict.", soft_wrap=True, highlight=False)
        _print_in_red(not_landed, console)
        return ExitCode.NOT_IN_ORDER if not_landed else ExitCode.FINE
    console.print(verdict(summary, truth, lake["lake"]))
    wrong = differences(summary, truth, events, started_at(events))
    differ = decisions_differ(events, one_process) if not (wrong or meanwhile.started_again) else []
    _print_in_red((*wrong, *differ, *not_landed), console)
    if meanwhile.started_again:
        again = ", ".join(meanwhile.started_again)
        console.print(f"{again}: ended while it played, and started again.", soft_wrap=True, highlight=False)
    if not wrong:
        console.print("The counts are right all the same." if differ else "Every count equals what was rendered.")
    if lake["equal"]:
        console.print(f"The lake has all {lake['events']['lake']} events once, and the same counts.", highlight=False)
    return ExitCode.NOT_IN_ORDER if wrong or differ or not_landed else ExitCode.FINE


def _print_in_red(lines: Sequence[str], console: Console) -> None:
    for line in lines:
        console.print(line, style="red", highlight=False, soft_wrap=True)


def summary_of(events: Sequence[CloudEvent], layout: Layout, frames: int) -> Summary:
    """`summary.json` of what the processes decided."""
    decided = [event.data for event in events if hasattr(event.data, "model_version")]
    return summarise(
        events,
        layout,
        starts_at=started_at(events),
        frames=frames,
        model_version=getattr(decided[0], "model_version", "") if decided else "",
        config_version=getattr(decided[0], "config_version", 0) if decided else 0,
    )


def _say_hello(out: Path, sample: Sample, options: argparse.Namespace, console: Console) -> None:
    lasts = sample.truth["frames"] / FPS / options.speed
    after = "the store stays until then" if options.stay else "--stay (make run STAY=1) keeps the store until then"
    console.print(
        f"Playing the sample store, {sample.truth['frames']} frames, at {options.speed:g}x, {lasts:.0f} s. "
        f"Ctrl-C stops; {after}.",
        soft_wrap=True,
    )
    secret = shown(connection_string_file(out / "store" / "edge_hub"))
    console.print(f"From another terminal: {called()} twin get --connection-string-file {secret}", soft_wrap=True)


def _stay(cloud: Cloud, sample: Sample, console: Console) -> None:
    console.print("The store stays, as twins and methods reach it: Ctrl-C ends it.")
    day = datetime.fromisoformat(sample.camera["playback"]["starts_at"]).date()
    console.print(
        f"Live from the event hub: env $(cat {shown(cloud.consumer_file)}) {shown(Path(sys.executable))} -m "
        f"examples.event_hub_consumer --group {READERS} --day {day} --state {shown(cloud.root / 'counts.db')}",
        soft_wrap=True,
        highlight=False,
    )
    with until_interrupted() as interrupted:
        while not interrupted():
            time.sleep(POLL_SECONDS)
