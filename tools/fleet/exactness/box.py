"""A store's box: its edgeHub, the real router, and what stands for all other modules, a process each."""

import json
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from local_azure.edge_hub.environment import is_edge_variable
from local_azure.edge_hub.process import EdgeHubProcess
from local_azure.event_hubs.authentication import sign
from local_azure.event_hubs.connection_string import ConnectionString
from local_azure.service_process import ServiceProcess
from storeflow.errors import TransportError
from storeflow.host.outbox import FILE_NAME
from tools.fleet.exactness.feeder import FED, PAST_THE_ROUTER, Fed
from tools.fleet.plan import Plan

ROUTER, FEEDER = "upstream_router", "fleet"
IOT_HUBS, DIRECT = "telemetry", "direct"
"""The event hub that IoT Hub routes to, and the one that boxes send to themselves."""
_CREDENTIALS_REF = "event-hub"
_TOKEN_SECONDS = 86_400
_FROM_ROUTER, _FROM_FEEDER = f"FROM /messages/modules/{ROUTER}/outputs", f"FROM /messages/modules/{FEEDER}/outputs"
_ROUTES = {
    "events": f'{_FROM_FEEDER}/events INTO BrokeredEndpoint("/modules/{ROUTER}/inputs/events")',
    "receipts": f'{_FROM_ROUTER}/receipts INTO BrokeredEndpoint("/modules/{FEEDER}/inputs/receipts")',
    "upstream": f"{_FROM_ROUTER}/upstream INTO $upstream",
    "alerts": f"{_FROM_ROUTER}/alerts INTO $upstream",
    "copies": f"{_FROM_FEEDER}/{PAST_THE_ROUTER} INTO $upstream",
}


class ModuleProcess(ServiceProcess):
    """A module of a box.

    Args:
        name: of the module.
        state: its folder.
        command: what runs it.
        environment: all of its variables.
    """

    def __init__(self, name: str, state: Path, command: Sequence[str], environment: Mapping[str, str]) -> None:
        super().__init__(name, state)
        self._command, self._environment = command, environment

    def start(self) -> None:
        """Start it; it connects by itself."""
        self._launch(self._command, self.state / "module.log", lambda: True, self._environment)


class Box:
    """The box of one store.

    The first box sends straight to an event hub. Of the others, which send by way of IoT Hub, the last sends each event
    in a message of its own, as the deployment template has it, and the rest hundreds in one.

    Args:
        plan: of the fleet.
        number: of the store, from 0.
        folder: for all that it keeps.
        namespace: the file with the connection string of the Event Hubs namespace.
        pace: how many events it makes a second, at most.
    """

    def __init__(self, plan: Plan, number: int, folder: Path, namespace: Path, *, pace: float) -> None:
        self.store = plan.store(number)
        options = ("--iothub", plan.hub, "--event-hubs", str(namespace), "--event-hub", IOT_HUBS)
        self.hub = EdgeHubProcess(folder / "edge_hub", device_id=self.store.store_id, options=options)
        self.out = folder / "out"
        self._plan, self._number, self._folder, self._pace = plan, number, folder, pace
        self._namespace = ConnectionString.parse(namespace.read_text())
        self._router: ModuleProcess | None = None
        self._feeder: ModuleProcess | None = None

    @property
    def router(self) -> ModuleProcess:
        """The router's process."""
        return _started(self._router)

    @property
    def feeder(self) -> ModuleProcess:
        """The feeder's process."""
        return _started(self._feeder)

    def start(self) -> None:
        """Start the hub, give the router its twin, start both modules."""
        self.hub.start()
        self.hub.client.set_routes(_ROUTES)
        router, self.out = self._folder / ROUTER, self._folder / "out"
        self.out.mkdir(parents=True, exist_ok=True)
        inherited = {name: value for name, value in os.environ.items() if not is_edge_variable(name)}
        environment = {
            **inherited,
            "PYTHONUNBUFFERED": "1",
            "STOREFLOW_HTTP_ADDRESS": "127.0.0.1:0",
            "STOREFLOW_STATE": str(router),
            "STOREFLOW_SECRET_" + _CREDENTIALS_REF: self._secret(),
            **self.hub.environment(ROUTER),
        }
        self.hub.client.replace_twin(ROUTER, {"telemetry": self._telemetry()})
        self._router = ModuleProcess(ROUTER, router, [sys.executable, "-m", f"modules.{ROUTER}"], environment)
        plan = json.dumps(asdict(self._plan), default=str)
        command = [sys.executable, "-m", "tools.fleet.exactness.feeder", plan, str(self._number), str(self._pace)]
        self._feeder = ModuleProcess(
            FEEDER,
            self._folder / FEEDER,
            [*command, str(router), str(self.out)],
            inherited | self.hub.environment(FEEDER),
        )
        self._router.start()
        self._feeder.start()

    def stop(self) -> None:
        """Stop everything."""
        for process in (self._feeder, self._router, self.hub):
            if process is not None:
                process.stop()

    def send_held_back(self) -> None:
        """Have the feeder send what it has held back."""
        self.feeder.signal(signal.SIGUSR1)

    def fed(self) -> Fed:
        """How far the feeder is."""
        file = self.out / FED
        return Fed(**json.loads(file.read_text())) if file.exists() else Fed()

    def rows_waiting(self) -> int:
        """How many rows the router's outbox holds, whether it lives or not."""
        path = self._folder / ROUTER / FILE_NAME
        if not path.exists():
            return 0
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as database:
            try:
                return int(database.execute("SELECT COUNT(*) FROM outbox").fetchone()[0])
            except sqlite3.OperationalError:  # it is just being made
                return 0

    def is_connected(self) -> bool:
        """Whether the router is connected to its hub."""
        return bool(self.hub.client.stats()["modules"].get(ROUTER, {}).get("connected"))

    def unrouted(self) -> int:
        """How many messages IoT Hub has taken which the event hub has not acknowledged.

        Raises:
            TransportError: the hub does not answer.
        """
        return sum(endpoint["waiting"] for endpoint in self.hub.client.stats()["routing"].values())

    def _telemetry(self) -> dict[str, Any]:
        """The router's twin section."""
        if self._number == self._plan.stores - 1:
            return {}
        many: dict[str, Any] = {
            "alerts": ["storeflow.camera.state"],
            "batch": {"max_events": 200, "max_seconds": 1},
        }
        if self._number:
            return {"sinks": {"cloud": {"kind": "upstream", **many}}}
        namespace = f"{self._namespace.host}:{self._namespace.port}"
        address = {"namespace": namespace, "event_hub": DIRECT, "credentials_ref": _CREDENTIALS_REF}
        return {"sinks": {"cloud": {"kind": "event_hub", **address, **many}}}

    def _secret(self) -> str:
        """A connection string with a token for this box's publisher, and no key."""
        space = self._namespace
        resource = f"sb://{space.host}:{space.port}/{DIRECT}/publishers/{self.store.store_id}"
        signature = sign(resource, space.policy, space.key, int(time.time()) + _TOKEN_SECONDS)
        return f"Endpoint=sb://{space.host}:{space.port};SharedAccessSignature={signature};UseDevelopmentEmulator=true"


def _started(process: ModuleProcess | None) -> ModuleProcess:
    if process is None:
        raise TransportError("the box was not started: call start() first")
    return process
