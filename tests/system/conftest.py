"""A whole store for tests: the deployment template's modules as processes, the sample store in front of the camera."""

import fcntl
import json
import os
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import pytest

from local_azure.edge_hub.client import HubClient, Upstreamed
from local_azure.edge_hub.endpoints import Endpoints, endpoints_file
from local_azure.supervisor.supervisor import Supervisor, run_module
from storeflow.cli.count import pipeline
from storeflow.cli.count.clip import Clip
from storeflow.cli.count.pipeline import local_context
from storeflow.contract.twins import read_section
from storeflow.errors import TransportError
from storeflow.host.module import ModuleContext
from storeflow.host.outbox import FILE_NAME
from storeflow.sample_store.render import SampleStore, render

SECONDS = 25
"""Long enough for 15 of the sample store's people: entries, exits, a pair, a U-turn, visits and a queue."""
REPETITIONS = 4 + round(float(os.environ.get("STOREFLOW_KILL_MINUTES", "0")) * 60 / SECONDS)
"""Of the clip in the kill -9 run, whose camera shall never come to its end."""
QUIET_SECONDS = 1.5
SENDERS = ("video_capture", "zone_analytics")
EventName = tuple[str, str]
"""`source` and `id`."""


@dataclass(frozen=True)
class Waiting:
    """What an outbox held at one moment, read beside its module."""

    rows: int
    """On their way to another process; those for a file of the module's own are not counted."""
    events: frozenset[EventName]


class Store:
    """A store that runs inside `with`, and what a test asks of it."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self.folder = supervisor.root / "srv" / "storeflow"

    def __enter__(self) -> Self:
        self.supervisor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.supervisor.stop()

    @property
    def hub(self) -> HubClient:
        """The service side."""
        return self.supervisor.hub

    @property
    def iothub(self) -> str:
        """Host name of the IoT Hub that the stand-in stands for."""
        return Endpoints.read(endpoints_file(self.supervisor.root / "edge_hub")).iothub

    def events(self) -> list[dict[str, Any]]:
        """Every whole line of the file sink, as it stands now."""
        file = self.folder / "upstream_router" / "events.ndjson"
        return [json.loads(line) for line in file.read_bytes().split(b"\n")[:-1]] if file.exists() else []

    def upstream(self) -> list[Upstreamed]:
        """Everything that left for the cloud."""
        messages: list[Upstreamed] = []
        while page := self.hub.upstream(messages[-1].sequence if messages else 0):
            messages += page
        return messages

    def waiting(self, module_id: str) -> Waiting:
        """What a module's outbox holds now, whether the module lives or not."""
        bodies = self._ask(module_id, "SELECT body FROM outbox WHERE destination NOT LIKE 'sink:%'")
        events = (json.loads(body) for (body,) in bodies)
        return Waiting(len(bodies), frozenset((event["source"], event["id"]) for event in events))

    def rows_left(self) -> dict[str, int]:
        """Rows of every kind in every outbox that is not empty."""
        counts = {name: self._ask(name, "SELECT COUNT(*) FROM outbox") for name in (*SENDERS, "upstream_router")}
        return {name: rows[0][0] for name, rows in counts.items() if rows and rows[0][0]}

    def committed(self) -> Counter[str]:
        """How many events the modules ever committed to their outboxes, by `source`."""
        return Counter({source: last for name in SENDERS for source, last in self._ask(name, "SELECT * FROM numbers")})

    def numbered_twice(self) -> set[str]:
        """Sources whose events two outboxes number."""
        sources = [source for name in SENDERS for (source,) in self._ask(name, "SELECT source FROM numbers")]
        return {source for source in sources if sources.count(source) > 1}

    def status(self, module_id: str, section: str) -> dict[str, Any]:
        """What a module last reported of a section: `ac`, `av`, `ad`."""
        reported: dict[str, Any] = self.hub.reported(module_id).get(section, {})
        return reported

    def edit(self, module_id: str, desired: dict[str, Any], *, replace: bool = False) -> dict[str, Any]:
        """Patch or replace a module's twin; what the module answers about the first section in it."""
        change = self.hub.replace_twin if replace else self.hub.patch_twin
        version = change(module_id, desired)["properties"]["desired"]["$version"]
        section = next(iter(desired))
        self.wait_for(lambda: self.status(module_id, section).get("av") == version, f"an answer to {section} {version}")
        return self.status(module_id, section)

    def metrics(self, module_id: str) -> dict[str, float]:
        """The module's counters; none while it is away."""
        try:
            answer = self.hub.invoke_method(module_id, "metrics", {}, response_timeout=5)
        except TransportError:
            return {}
        return dict(answer.payload)

    def connected(self, *module_ids: str) -> bool:
        """Whether the hub is there and these modules are connected to it."""
        try:
            modules = self.hub.stats()["modules"]
        except TransportError:
            return False
        return all(modules.get(module_id, {}).get("connected") for module_id in module_ids)

    def falls_quiet(self, seconds: float) -> bool:
        """Whether within `seconds` all outboxes are empty, and stay so while nothing new is committed."""
        give_up = time.monotonic() + seconds
        quiet_since, before = time.monotonic(), self.committed()
        while time.monotonic() - quiet_since < QUIET_SECONDS:
            if time.monotonic() > give_up:
                return False
            time.sleep(0.1)
            now = self.committed()
            if now != before or self.rows_left():
                quiet_since, before = time.monotonic(), now
        return True

    def wait_for(self, condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
        """Wait until `condition` holds, else fail with the logs."""
        give_up = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < give_up, f"not within {seconds:.0f} s: {what}\n{self.logs()}"
            time.sleep(0.05)

    def logs(self) -> str:
        """The end of every process's log."""
        logs = sorted((self.supervisor.root / "logs").glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-2000:]}" for log in logs)

    def _ask(self, module_id: str, query: str) -> list[Any]:
        path = self.folder / module_id / FILE_NAME
        if not path.exists():
            return []
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as database:
            try:
                return database.execute(query).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):  # it is just being made
                    return []
                raise


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> SampleStore:
    """The sample store, rendered once for all tests here, by whichever worker of pytest-xdist comes first."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "sample"
    folder.mkdir(exist_ok=True)
    rendered = folder / "rendered.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not rendered.exists():
            rendered.write_text(json.dumps(asdict(render(folder, seconds=SECONDS)), default=str))
    store = json.loads(rendered.read_text())
    return SampleStore(Path(store["video"]), Path(store["truth"]), Path(store["layout"]), store["frames"])


@pytest.fixture(scope="session")
def long_clip(sample: SampleStore) -> Path:
    """The sample store's clip several times over: longer than any process of a kill -9 run lives."""
    path = sample.video.with_name("long.webm")
    with av.open(str(path), "w", format="webm") as longer:
        stream = None
        for repetition in range(REPETITIONS):
            with av.open(str(sample.video)) as clip:
                stream = stream or longer.add_stream_from_template(clip.streams.video[0])
                for packet in clip.demux(clip.streams.video[0]):
                    if packet.pts is not None and packet.dts is not None and packet.time_base is not None:
                        shift = round(repetition * SECONDS / packet.time_base)
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = stream
                        longer.mux(packet)
    return path


@pytest.fixture(scope="session")
def new_store(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Store]:
    """Make a store on a clip that all its cameras play; what is given is merged over the template's twins.

    `with new_store(clip, cameras={"entrance": {"fps": 5}}, layout={"zones": {"queue": None}}) as store:`
    """

    def make(
        clip: Path,
        *,
        cameras: Mapping[str, Any],
        layout: Mapping[str, Any] | None = None,
        telemetry: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        event_hubs: Sequence[str] = (),
        command_for: Callable[[str], list[str]] = run_module,
    ) -> Store:
        root = tmp_path_factory.mktemp("store")  # not tmp_path: a socket's path has at most 107 bytes
        media = root / "srv" / "storeflow" / "media"
        media.mkdir(parents=True)
        shutil.copy(clip, media / clip.name)
        overrides: dict[str, Any] = {
            "video_capture": {
                "cameras": {name: {"url": f"file:{clip.name}", **camera} for name, camera in cameras.items()}
            },
            "zone_analytics": {"layout": dict(layout or {})},
            "upstream_router": {"telemetry": dict(telemetry or {})},
        }
        template = repository / "deployment.template.json"
        supervisor = Supervisor(
            template,
            root,
            backoff_scale=0.01,
            desired_overrides=overrides,
            environment=environment,
            event_hubs=event_hubs,
            command_for=command_for,
        )
        return Store(supervisor)

    return make


@pytest.fixture(scope="session")
def in_one_process(repository: Path) -> Callable[..., list[dict[str, Any]]]:
    """Play a clip to the same modules in one process, as a camera of a store: what was decided, as JSON objects.

    `in_one_process(store, clip, "entrance", layout, layout_version)`; `layout` is a twin's section.
    """

    def play(
        store: Store, clip: Path, camera_id: str, layout: Mapping[str, Any], layout_version: int
    ) -> list[dict[str, Any]]:
        camera = read_section("cameras", store.hub.desired("video_capture")["cameras"])[camera_id]
        model = store.hub.desired("inference")["models"]["person"]["name"]

        def context(folder: Path, media_folder: Path) -> ModuleContext:
            device_id = store.supervisor.device_id
            return replace(
                local_context(folder, media_folder), hub=store.iothub, device_id=device_id, store_id=device_id
            )

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pipeline, "local_context", context)
            patch.setattr(pipeline, "LAYOUT_VERSION", layout_version)
            folder, lines_and_zones = repository / "models" / "person" / model, read_section("layout", layout)
            one_process = pipeline.Pipeline(
                Clip(clip, camera.fps, camera.playback.starts_at, camera_id), folder, lines_and_zones
            )
            with one_process:
                return [json.loads(event.to_json()) for step in one_process for event in step.events]

    return play
