"""The sample store played to every module, each a process of its own, and what they report while it plays."""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from http import HTTPStatus
from pathlib import Path
from typing import Any

from rich.console import Console

from local_azure.supervisor.supervisor import Supervisor
from storeflow.cli.count.live import LiveView
from storeflow.cli.demo.at_rest import DECIDER, waits_for
from storeflow.cli.demo.board import StoreBoard
from storeflow.cli.out_folder import make_folder
from storeflow.cli.text import shown
from storeflow.contract.cloudevents import CloudEvent
from storeflow.errors import ConfigError, StoreflowError, TransportError
from storeflow.iot_hub.client import IotHubClient

REPOSITORY = Path(__file__).resolve().parents[3]
TEMPLATE = REPOSITORY / "deployment.template.json"
CAMERA_ID = "entrance"
POLL_SECONDS = 0.25

_MODULES = Path("srv/storeflow")
"""Where the template's modules keep what is theirs, under the supervisor's root."""
_MEDIA = _MODULES / "media"
_EVENTS = _MODULES / "upstream_router" / "events.ndjson"
_PATIENCE_SECONDS = 60.0
"""Without any news for so long the run has failed."""
_TWINS_THAT_DECIDE = ("video_capture", "inference", DECIDER)
"""Modules whose twins change what is counted."""


@contextmanager
def only_run_in(folder: Path) -> Iterator[None]:
    """Hold a folder for one run; the kernel lets go of it when the process ends, however it does.

    Raises:
        ConfigError: another run holds it, or a file is in its place.
    """
    make_folder(folder)
    with (folder / "in_use_by").open("a+") as file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            owner = f"process {file.read().strip() or '?'}"
            raise ConfigError(
                [f"--out {shown(folder)}: is in use by {owner}; end that (Ctrl-C there), or give another folder"]
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def store_of(
    root: Path, video: Path, camera_setting: dict[str, Any], *, speed: float, event_hubs: Sequence[str] = ()
) -> Supervisor:
    """The store of the deployment template under `root`, not yet started; its one camera shows the clip.

    Args:
        root: folder for all that it writes; what is there goes.
        video: the clip.
        camera_setting: the camera's, in the template.
        speed: times faster than life.
        event_hubs: where IoT Hub routes to, as `Supervisor` has it.
    """
    with suppress(FileNotFoundError):
        shutil.rmtree(root)  # an outbox that knows this film would count none of it again
    (root / _MEDIA).mkdir(parents=True)
    shutil.copy(video, root / _MEDIA / video.name)
    camera = {**camera_setting, "url": f"file:{video.name}"}
    camera["playback"] = {**camera["playback"], "speed": speed}
    overrides = {"video_capture": {"cameras": {CAMERA_ID: camera}}}
    return Supervisor(TEMPLATE, root, desired_overrides=overrides, event_hubs=event_hubs)


def follow(supervisor: Supervisor, board: StoreBoard, console: Console, *, speed: float) -> list[CloudEvent]:
    """Wait until the clip was played and all that was decided about it is in the events file; those events.

    Any process may be killed meanwhile: it is started again and goes on from what it has on disk.

    Raises:
        TransportError: nothing came for a long time; the logs say why.
    """
    patience = _PATIENCE_SECONDS / min(speed, 1.0)
    with LiveView(board, console) as view:
        file, last_news = EventTail(events_file(supervisor.root)), time.monotonic()
        while True:
            news = file.read()
            board.tally.take(news)
            board.take_status(supervisor.status())
            open_yet = waits_for(supervisor.root / _MODULES, CAMERA_ID, file.events)
            if "frames" in (metrics := _metrics(supervisor)):
                board.take_frames(int(metrics["frames"]))
            view.refresh()
            if news:
                last_news = time.monotonic()
            if open_yet is None:
                return EventTail(events_file(supervisor.root)).read()
            if time.monotonic() - last_news > patience:
                raise TransportError(
                    f"no event for {patience:.0f} s, still waiting: {open_yet}; look into "
                    f"{shown(supervisor.root / 'logs')}"
                )
            time.sleep(POLL_SECONDS)


def events_file(root: Path) -> Path:
    """Where upstream_router's file sink writes."""
    return root / _EVENTS


def versions(hub: IotHubClient) -> dict[str, int]:
    """How often the desired properties of each module that decides were written."""
    twins = ((module_id, hub.twin(module_id)) for module_id in _TWINS_THAT_DECIDE)
    return {module_id: int(twin["properties"]["desired"]["$version"]) for module_id, twin in twins}


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
    """What zone_analytics says of itself; nothing while it starts, or the hub is away."""
    try:
        answer = supervisor.hub.invoke_method(DECIDER, "metrics", {}, response_timeout=5)
    except StoreflowError:
        return {}
    return dict(answer.payload) if answer.status == HTTPStatus.OK else {}
