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
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from rich.console import Console

from local_azure.edge_hub.service_access import connection_string_file
from local_azure.supervisor.supervisor import Supervisor
from storeflow.cli.live import Board, LiveView
from storeflow.cli.play import play, progress
from storeflow.cli.summary import Summary, summarise
from storeflow.cli.verdict import decisions_differ, differences, verdict
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState
from storeflow.contract.twins import Layout, read_section
from storeflow.errors import StoreflowError, TransportError
from tools.sample_store.render import SampleStore, render
from tools.sample_store.store import FPS

REPOSITORY = Path(__file__).resolve().parents[2]
TEMPLATE = REPOSITORY / "deployment.template.json"
MODEL = REPOSITORY / "models" / "person" / "storeflow_nano"
RENDERER = REPOSITORY / "tools" / "sample_store"
SECONDS = 60
CAMERA_ID = "entrance"
MEDIA = Path("srv/storeflow/media")
"""Where the template's video_capture finds clips, under the supervisor's root."""
EVENTS = Path("srv/storeflow/upstream_router/events.ndjson")
PATIENCE_SECONDS = 60.0
"""Without any news for so long the run has failed."""
POLL_SECONDS = 0.25


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("demo", help="play the sample store (make run)", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("run"), help="folder for all that is written (default: run)")
    parser.add_argument("--speed", type=float, default=1.0, help="times faster than life (default: 1)")
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    """Run it; 0 when every line and visit count is what was rendered, else 1."""
    console = Console()
    out: Path = options.out.resolve()
    store = sample_store(out / "sample")
    template = json.loads(TEMPLATE.read_text())["modulesContent"]
    layout: Layout = read_section("layout", template["zone_analytics"]["properties.desired"]["layout"])
    camera_setting = template["video_capture"]["properties.desired"]["cameras"][CAMERA_ID]
    truth = json.loads(store.truth.read_text())

    console.print(f"Playing the sample store, {truth['frames']} frames, at {options.speed:g}x: Ctrl-C stops.")
    secret = _shown(connection_string_file(out / "store" / "edge_hub"))
    console.print(f"From another terminal: {sys.argv[0]} twin get --connection-string-file {secret}", soft_wrap=True)
    board = Board(layout, truth)
    events, frames = run_processes(out / "store", store, camera_setting, board, speed=options.speed, console=console)
    (out / "events.ndjson").write_bytes((out / "store" / EVENTS).read_bytes())
    summary = _summary(events, layout, frames)
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")

    played = play(
        store.video,
        MODEL,
        layout,
        out / "pictures",
        fast=True,
        annotate=True,
        fps=camera_setting["fps"],
        starts_at=datetime.fromisoformat(camera_setting["playback"]["starts_at"]),
        camera_id=CAMERA_ID,
    )
    for name in ("annotated.mp4", "heatmap.png"):
        (out / "pictures" / name).replace(out / name)
    shutil.rmtree(out / "pictures")

    console.print(verdict(summary, truth))
    wrong = differences(summary, truth, events, started_at(events))
    decided = [event for event in events if not isinstance(event.data, CameraState)]
    told = decisions_differ(decided, played.events) if not wrong else []
    for line in (*wrong, *told):
        console.print(line, style="red", highlight=False)
    if wrong:
        console.print(
            f"The decisions are in {_shown(out / 'events.ndjson')}; watch them in {_shown(out / 'annotated.mp4')}."
        )
        return 1
    console.print("Every count equals what was rendered." if not told else "The counts are right all the same.")
    console.print(
        f"Look at {_shown(out / 'annotated.mp4')} and {_shown(out / 'heatmap.png')}; "
        f"the {len(events)} events are in {_shown(out / 'events.ndjson')}."
    )
    return 1 if told else 0


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


def run_processes(
    root: Path, store: SampleStore, camera_setting: dict[str, Any], board: Board, *, speed: float, console: Console
) -> tuple[list[CloudEvent], int]:
    """Play the store to the processes of the deployment template; all events at the file sink, and frames analysed.

    Raises:
        TransportError: nothing came for a long time; the logs say why.
    """
    shutil.rmtree(root, ignore_errors=True)  # an outbox that knows this film would count none of it again
    (root / MEDIA).mkdir(parents=True)
    shutil.copy(store.video, root / MEDIA / store.video.name)
    camera = {**camera_setting, "url": f"file:{store.video.name}"}
    camera["playback"] = {**camera["playback"], "speed": speed}
    supervisor = Supervisor(TEMPLATE, root, desired_overrides={"video_capture": {"cameras": {CAMERA_ID: camera}}})
    with supervisor, LiveView(board, console) as view:
        file, last_news = EventTail(root / EVENTS), time.monotonic()
        while True:
            news = file.read()
            board.tally.take(news)
            board.modules = supervisor.status()
            view.refresh()
            metrics = _metrics(supervisor)
            board.frames = int(metrics.get("frames", 0))
            if news:
                last_news = time.monotonic()
            if finished(file.events, metrics):
                return file.events + file.read(), board.frames
            if time.monotonic() - last_news > PATIENCE_SECONDS / min(speed, 1.0):
                raise TransportError(f"no event for {PATIENCE_SECONDS:.0f} s; look into {_shown(root / 'logs')}")
            time.sleep(POLL_SECONDS)


class EventTail:
    """Reads the events file as it grows."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset = path, 0
        self.events: list[CloudEvent] = []

    def read(self) -> list[CloudEvent]:
        """The events that are new; a line that is still being written is left for later."""
        if not self._path.is_file():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            lines = file.read().split(b"\n")[:-1]
        self._offset += sum(len(line) + 1 for line in lines)
        news = [CloudEvent.from_json(line) for line in lines]
        self.events += news
        return news


def _metrics(supervisor: Supervisor) -> dict[str, float]:
    """What zone_analytics says of itself; nothing while it starts."""
    try:
        answer = supervisor.hub.invoke_method("zone_analytics", "metrics", {}, response_timeout=5)
    except StoreflowError:
        return {}
    return dict(answer.payload) if answer.status == HTTPStatus.OK else {}


def finished(events: Sequence[CloudEvent], metrics: dict[str, float]) -> bool:
    """Whether the clip has ended, and everything decided about it has reached the file."""
    ended = any(isinstance(event.data, CameraState) and event.data.state == "ended" for event in events)
    decided = sum(not isinstance(event.data, CameraState) for event in events)
    return ended and metrics.get("streams_ended", 0) >= 1 and metrics["events"] == decided


def started_at(events: Sequence[CloudEvent]) -> float:
    """`captured_at` of the camera's first frame."""
    return next(event.time.timestamp() for event in events if isinstance(event.data, CameraState))


def _summary(events: Sequence[CloudEvent], layout: Layout, frames: int) -> Summary:
    decided = [event.data for event in events if hasattr(event.data, "model_version")]
    return summarise(
        events,
        layout,
        starts_at=started_at(events),
        frames=frames,
        model=getattr(decided[0], "model_version", "") if decided else "",
        config_version=getattr(decided[0], "config_version", 0) if decided else 0,
    )


def _shown(path: Path) -> str:
    """A path as one would type it here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
