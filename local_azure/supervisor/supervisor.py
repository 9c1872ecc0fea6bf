"""Runs the modules of a deployment template as processes, the way edgeAgent runs containers.

Source: Azure/iotedge, edge-agent/src/Microsoft.Azure.Devices.Edge.Agent.Core/planners/
HealthRestartPlanner.cs (start in `startupOrder`, restart by policy, forget restarts in good
health). Three departures: the hub is awaited before modules start, because their twins are
written through it; modules stop before the hub, so that they can hand over their last messages;
and there is no image, so a module is `python -m modules.<folder>`. When asked, an Event Hubs namespace
runs beside the hub, which routes to it what the store sends upstream, and so do other services of a cloud.
"""

import hashlib
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local_azure.edge_hub.client import HubClient
from local_azure.edge_hub.endpoints import Endpoints, endpoints_file, gateway_of
from local_azure.edge_hub.process import hub_command
from local_azure.event_hubs.connection_string import PORT as AMQP_PORT
from local_azure.event_hubs.connection_string import ConnectionString
from local_azure.event_hubs.endpoints import connection_string_file
from local_azure.event_hubs.process import namespace_command
from local_azure.supervisor.environment import host_folder, module_environment
from local_azure.supervisor.process_thread import ProcessThread, Service
from local_azure.supervisor.restart_policy import ModuleStatus, RestartPolicy
from local_azure.supervisor.template import ModuleSpec, Template, parse_template
from storeflow.errors import ConfigError, TransportError
from storeflow.iot_hub.twin_documents import merge

LOG = logging.getLogger(__name__)

EDGE_HUB = "edgeHub"
EVENT_HUBS = "eventHubs"
START_SECONDS = 30.0

_REPOSITORY = Path(__file__).resolve().parents[2]
_POLL_SECONDS = 0.05


def run_module(folder: str) -> list[str]:
    """Return the command that runs a module of this repository."""
    return [sys.executable, "-m", f"modules.{folder}"]


class Supervisor:
    """A store's edge runtime under one folder.

    Args:
        template: the deployment template.
        root: where state, logs and the modules' host folders lie; a second run goes on with them.
        device_id: the device that the store's computer is.
        backoff_scale: multiplies edgeAgent's pauses, for tests.
        desired_overrides: merged over the template's desired properties, by module.
        environment: more variables for every module; also fill the template's placeholders.
        event_hubs: run a namespace of these, each as `python -m local_azure.event_hubs --hub` takes it. The first is
            IoT Hub's built-in endpoint: whatever goes upstream is routed there. None of them: no namespace.
        command_for: the command that runs a module, from its folder's name.
        stop_seconds: how long a module may take to end before it is killed; Docker gives 10.

    Raises:
        ConfigError: the template cannot be used.
    """

    def __init__(
        self,
        template: Path,
        root: Path,
        *,
        device_id: str = "store-1",
        backoff_scale: float = 1.0,
        desired_overrides: Mapping[str, Mapping[str, Any]] | None = None,
        environment: Mapping[str, str] | None = None,
        event_hubs: Sequence[str] = (),
        command_for: Callable[[str], list[str]] = run_module,
        stop_seconds: float = 10.0,
    ) -> None:
        self.root = root.resolve()
        self.device_id = device_id
        self._extra = dict(environment or {})
        self._overrides = {name: dict(desired) for name, desired in (desired_overrides or {}).items()}
        variables = {**os.environ, **self._extra}
        self._template: Template = parse_template(template.read_text(), variables)
        if unknown := self._overrides.keys() - {module.module_id for module in self._template.modules}:
            raise ConfigError([f"desired_overrides.{name}: the template has no such module" for name in unknown])
        self._event_hubs = tuple(event_hubs)
        self._command_for = command_for
        self._state = self.root / "edge_hub"
        self._event_hubs_state = self.root / "event_hubs"
        self._logs = self.root / "logs"
        self._processes = ProcessThread(backoff_scale, stop_seconds)
        self._rest: str | None = None
        self._beside: list[str] = []
        self.ready_after: dict[str, float] = {}
        """Seconds from the start of each service that is waited for until it listened."""

    @property
    def hub(self) -> HubClient:
        """The service side of the hub, which keeps its address when it is started again.

        Raises:
            TransportError: no hub was started yet.
        """
        if self._rest is None:
            raise TransportError("the edge hub was not started: call start() first")
        return HubClient(self._rest, self.device_id)

    @property
    def iothub(self) -> str:
        """The host name of IoT Hub, with which the `source` of the store's events begins."""
        return self._endpoints().iothub

    def event_hub(self, name: str) -> str:
        """Return the connection string of an event hub, which stays the same when the namespace is started again."""
        text = connection_string_file(self._event_hubs_state).read_text()
        return str(replace(ConnectionString.parse(text), hub=name))

    def start(self) -> None:
        """Start the namespace, if any, and the hub, write the twins, start the modules in their order.

        Raises:
            TransportError: the hub or the namespace does not come up; everything is stopped again.
            ConfigError: the hub cannot read the template's routes, or refuses a twin; likewise.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        self._processes.start()
        try:
            if self._event_hubs:
                self._start(EVENT_HUBS, self._namespace_command(), self._event_hubs_state)
            self._start(EDGE_HUB, self._hub_command(), self._state)
            self._rest = self._endpoints().rest
            self._deploy_twins()
            for module in self._template.modules:
                if module.running:
                    self._processes.add(module.module_id, self._module_service(module))
        except BaseException:
            self.stop()
            raise

    def run_beside(self, name: str, service: Service, listens: Callable[[], bool]) -> None:
        """Start one more service, once the store runs, and wait for it to listen.

        It is started again by its restart policy, and stopped after the hub and the namespace: the last one first.

        Raises:
            TransportError: it does not come up.
        """
        self._beside.append(name)
        self._start_and_await(name, service, listens)

    def status(self) -> dict[str, ModuleStatus]:
        """Return the state of the hub (`edgeHub`), of the namespace (`eventHubs`), of each module and service."""
        return self._processes.status()

    def pid(self, module_id: str) -> int:
        """Return a module's process id.

        Raises:
            TransportError: it is not running.
        """
        status = self.status().get(module_id)
        if status is None or status.pid is None:
            raise TransportError(f"{module_id} is not running; status() says why")
        return status.pid

    def kill(self, module_id: str, number: int = signal.SIGKILL) -> None:
        """Send the process of a module or service, or of `edgeHub`, a signal; its restart policy does the rest."""
        os.kill(self.pid(module_id), number)

    def stop(self) -> None:
        """Stop the modules, the hub, the namespace, the rest: SIGTERM, and SIGKILL for what does not end in time."""
        self._processes.stop(last=(EDGE_HUB, EVENT_HUBS, *reversed(self._beside)))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _endpoints(self) -> Endpoints:
        return Endpoints.read(endpoints_file(self._state))

    def _hub_command(self) -> list[str]:
        options: list[str] = []
        if self._event_hubs:
            built_in = self._event_hubs[0].partition(":")[0]
            options += ["--event-hubs", str(connection_string_file(self._event_hubs_state)), "--event-hub", built_in]
        return hub_command(self._state, self.device_id, *options)

    def _namespace_command(self) -> list[str]:
        # An address of its own, as the hub has one: its port is the same at every start.
        options = ["--host", gateway_of(self._event_hubs_state)]
        for event_hub in self._event_hubs:
            options += ["--hub", event_hub]
        return namespace_command(self._event_hubs_state, AMQP_PORT, *options)

    def _start(self, name: str, command: list[str], state: Path) -> None:
        """Start what modules need, and wait for it to listen."""
        endpoints_file(state).unlink(missing_ok=True)
        environment = {**os.environ, "PYTHONPATH": str(_REPOSITORY), "PYTHONUNBUFFERED": "1"}
        service = Service(
            command=lambda: command,
            environment=lambda: environment,
            folder=self.root,
            log=self._logs / f"{name}.log",
            policy=RestartPolicy.ALWAYS,
        )
        self._start_and_await(name, service, endpoints_file(state).exists)

    def _module_service(self, module: ModuleSpec) -> Service:
        for bind in module.binds:
            host_folder(bind, self.root).mkdir(parents=True, exist_ok=True)
        # Read once: a hub that is started again keeps its addresses.
        environment = module_environment(
            module,
            self._endpoints(),
            self.root,
            inherited=os.environ,
            extra=self._extra,
            python_path=_REPOSITORY,
        )
        return Service(
            command=lambda: self._command_for(module.folder),
            environment=lambda: environment,
            folder=self.root,
            log=self._logs / f"{module.module_id}.log",
            policy=module.restart_policy,
        )

    def _start_and_await(self, name: str, service: Service, listens: Callable[[], bool]) -> None:
        began, pause = time.monotonic(), threading.Event()
        self._processes.add(name, service)
        for _ in range(int(START_SECONDS / _POLL_SECONDS)):
            if listens():
                self.ready_after[name] = time.monotonic() - began
                return
            if self.status()[name].last_exit_code is not None:
                break
            pause.wait(_POLL_SECONDS)
        raise TransportError(f"{name} did not start; {service.log} ends: {service.log.read_text()[-2000:]}")

    def _deploy_twins(self) -> None:
        """Write each module's desired properties, if they changed since this root last saw them.

        As `az iot edge set-modules` does, once: what operators change in a twin afterwards stays until the template
        itself changes. An automatic deployment would write over it again.
        """
        record = self._state / "deployed.json"
        deployed = json.loads(record.read_text()) if record.exists() else {}
        hub_digest = _digest(self._template.edge_hub)
        if deployed.get("$edgeHub") != hub_digest:
            store_and_forward = self._template.edge_hub.get("storeAndForwardConfiguration", {})
            self.hub.set_routes(self._template.edge_hub.get("routes", {}), store_and_forward.get("timeToLiveSecs"))
            deployed["$edgeHub"] = hub_digest
        for module in self._template.modules:
            self.hub.register(module.module_id)
            if module.desired is None and module.module_id not in self._overrides:
                continue
            desired = merge(module.desired or {}, self._overrides.get(module.module_id, {}))
            digest = _digest(desired)
            if deployed.get(module.module_id) != digest:
                self.hub.replace_twin(module.module_id, desired)
                deployed[module.module_id] = digest
        partial = record.with_suffix(".partial")
        partial.write_text(json.dumps(deployed, indent=2))
        partial.replace(record)


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
