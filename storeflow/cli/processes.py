"""The sample store played to every module, each a process of its own, and what they tell while it plays."""

import shutil
import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from rich.console import Console

from local_azure.supervisor.supervisor import Supervisor
from storeflow.cli.live import Board, LiveView
from storeflow.cli.words import shown
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState
from storeflow.errors import StoreflowError, TransportError
from storeflow.iot_hub import IotHubClient

REPOSITORY = Path(__file__).resolve().parents[2]
TEMPLATE = REPOSITORY / "deployment.template.json"
CAMERA_ID = "entrance"
POLL_SECONDS = 0.25

_MEDIA = Path("srv/storeflow/media")
"""Where the template's video_capture finds clips, under the supervisor's root."""
_EVENTS = Path("srv/storeflow/upstream_router/events.ndjson")
_PATIENCE_SECONDS = 60.0
"""Without any news for so long the run has failed."""
_DECIDERS = ("video_capture", "inference", "zone_analytics")
"""Modules whose twins change what is counted."""


def store_of(root: Path, video: Path, camera_setting: dict[str, Any], *, speed: float) -> Supervisor:
    """The store of the deployment template under `root`, not yet started; its one camera shows the clip."""
    shutil.rmtree(root, ignore_errors=True)  # an outbox that knows this film would count none of it again
    (root / _MEDIA).mkdir(parents=True)
    shutil.copy(video, root / _MEDIA / video.name)
    camera = {**camera_setting, "url": f"file:{video.name}"}
    camera["playback"] = {**camera["playback"], "speed": speed}
    return Supervisor(TEMPLATE, root, desired_overrides={"video_capture": {"cameras": {CAMERA_ID: camera}}})


def follow(supervisor: Supervisor, board: Board, console: Console, *, speed: float) -> tuple[list[CloudEvent], int]:
    """Wait until the clip was played; all events at the file sink, and how many frames were analysed.

    Raises:
        TransportError: nothing came for a long time; the logs say why.
    """
    patience = _PATIENCE_SECONDS / min(speed, 1.0)
    with LiveView(board, console) as view:
        file, last_news = EventTail(events_file(supervisor.root)), time.monotonic()
        while True:
            news = file.read()
            board.tally.take(news)
            board.modules = supervisor.status()
            metrics = _metrics(supervisor)
            board.frames = int(metrics.get("frames", board.frames))
            view.refresh()
            if news:
                last_news = time.monotonic()
            if finished(file.events, metrics):
                return file.events + file.read(), board.frames
            if time.monotonic() - last_news > patience:
                raise TransportError(f"no event for {patience:.0f} s; look into {shown(supervisor.root / 'logs')}")
            time.sleep(POLL_SECONDS)


def events_file(root: Path) -> Path:
    """Where upstream_router's file sink writes."""
    return root / _EVENTS


def versions(hub: IotHubClient) -> dict[str, int]:
    """How often the desired properties of each module that decides were written."""
    twins = ((module_id, hub.twin(module_id)) for module_id in _DECIDERS)
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


def finished(events: Sequence[CloudEvent], metrics: dict[str, float]) -> bool:
    """Whether the clip has ended, and everything decided about it has reached the file."""
    ended = any(isinstance(event.data, CameraState) and event.data.state == "ended" for event in events)
    decided = sum(not isinstance(event.data, CameraState) for event in events)
    return ended and metrics.get("streams_ended", 0) >= 1 and metrics["events"] == decided


def _metrics(supervisor: Supervisor) -> dict[str, float]:
    """What zone_analytics says of itself; nothing while it starts, or the hub is away."""
    try:
        answer = supervisor.hub.invoke_method("zone_analytics", "metrics", {}, response_timeout=5)
    except StoreflowError:
        return {}
    return dict(answer.payload) if answer.status == HTTPStatus.OK else {}
