"""A hub, and modules on the unmodified azure-iot-device SDK that write down what they receive."""

import contextlib
import gc
import json
import os
import queue
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from azure.iot.device import IoTHubModuleClient, Message, MethodResponse
from azure.iot.device.exceptions import NoConnectionError

from local_azure.edge_hub.client import HubClient
from local_azure.edge_hub.environment import is_edge_variable
from local_azure.edge_hub.process import EdgeHubProcess
from local_azure.edge_hub.service_access import connection_string_file
from storeflow.iot_hub.client import IotHubClient
from storeflow.iot_hub.shared_access import ServiceConnection

EDGE_VARIABLE = "STOREFLOW_EDGE_HUB"
SERVICE_VARIABLE = "STOREFLOW_IOT_HUB"
"""Not the variable that `storeflow twin` reads: no test may touch a hub because somebody works on it in this shell."""

PAHO_LEAVES_OPEN = (
    # At every reconnect it opens a pair of sockets to wake itself up, and never closes the one before.
    "ignore:unclosed <socket.socket fd=.*127.0.0.1:ResourceWarning",
    # A TLS connection that could not be made, as while a hub restarts.
    "ignore:unclosed <ssl.SSLSocket fd=.*127.0.0.1:ResourceWarning",
)
"""What paho 1.6, which azure-iot-device 2.14 needs, leaves to the garbage collector in mid test."""

_message: Any = Message  # untyped in the SDK


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let those two warnings pass in this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for warning in PAHO_LEAVES_OPEN:
                item.add_marker(pytest.mark.filterwarnings(warning))


def shut_down(modules: "list[Module]") -> None:
    """End the clients, and collect here what the SDK leaves open.

    azure-iot-device 2.14 leaves its connections to the workload API and those that the hub cut
    to the garbage collector; collected anywhere else, their ResourceWarning would fail a test
    that has nothing to do with them.
    """
    for module in modules:
        module.close()
    modules.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


class Module:
    """A module on the real SDK. Handlers are set in `listen`, before or after `connect`."""

    def __init__(self, environment: Mapping[str, str], options: dict[str, Any]) -> None:
        with _only(environment):
            self.client = IoTHubModuleClient.create_from_edge_environment(connection_retry_interval=1, **options)
        self.messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.patches: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.mute = False
        self.closed = False

    def listen(self) -> "Module":
        """Set the handlers; the SDK subscribes, connecting first where it is not connected."""
        self.client.on_message_received = self.messages.put
        self.client.on_twin_desired_properties_patch_received = self.patches.put
        self.client.on_method_request_received = self._answer
        return self

    def send(self, body: Any, output: str, *, properties: Mapping[str, str] | None = None, **system: str) -> None:
        """Send and wait for the acknowledgement; what is no text or bytes goes as JSON, typed for routes to read it."""
        if not isinstance(body, str | bytes):
            body = json.dumps(body)
            system = {"content_type": "application/json", "content_encoding": "utf-8", **system}
        message = _message(body)
        for name, value in system.items():
            setattr(message, name, value)
        message.custom_properties.update(properties or {})
        self.client.send_message_to_output(message, output)

    def received(self, count: int, seconds: float = 10) -> list[Any]:
        """Return the next `count` messages, or as many as come in time."""
        give_up = time.monotonic() + seconds
        found: list[Any] = []
        with contextlib.suppress(queue.Empty):
            while len(found) < count:
                found.append(self.messages.get(timeout=max(0.0, give_up - time.monotonic())))
        return found

    def close(self) -> None:
        """End the client, once: the SDK refuses a second shutdown, and any shutdown in mid reconnect."""
        while not self.closed:
            with contextlib.suppress(NoConnectionError):
                self.client.shutdown()
                self.closed = True

    def _answer(self, request: Any) -> None:
        if not self.mute:
            payload = {"method": request.name, "payload": request.payload}
            response = MethodResponse.create_from_method_request(request, 200, payload)
            self.client.send_method_response(response)


@contextlib.contextmanager
def _only(environment: Mapping[str, str]) -> Iterator[None]:
    """Give the SDK one module's variables while it creates a client, and take them back."""
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@dataclass
class Device:
    """What a test needs of an edge device: its service side, and environments for its modules."""

    hub: HubClient
    environments: Callable[[str], Mapping[str, str]]


@pytest.fixture(autouse=True)
def _no_edge_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if is_edge_variable(name):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def module_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeHubProcess]:
    """One hub process for all tests of a file."""
    with EdgeHubProcess(tmp_path_factory.mktemp("hub")) as hub:
        yield hub


@pytest.fixture
def hub(module_hub: EdgeHubProcess) -> Iterator[EdgeHubProcess]:
    """The file's hub in good health, without routes."""
    module_hub.client.set_routes({})
    yield module_hub
    module_hub.client.faults(**dict.fromkeys(module_hub.client.faults()))


@pytest.fixture
def open_module(hub: EdgeHubProcess) -> Iterator[Callable[..., Module]]:
    """Make modules of the hub: `open_module("a", variant="simulator", sastoken_ttl=600)`."""
    opened: list[Module] = []

    def open_one(
        name: str, variant: str = "simulator", environment: Mapping[str, str] | None = None, **options: Any
    ) -> Module:
        opened.append(Module(environment or hub.environment(name, variant), options))
        return opened[-1]

    yield open_one
    shut_down(opened)


@pytest.fixture(params=["workload", "simulator"])
def device(request: pytest.FixtureRequest) -> Device:
    """The device that conformance tests run against: the stand-in, or a real one.

    A real one is described by a JSON file that `STOREFLOW_EDGE_HUB` names:

        {"device_id": "test-device",
         "modules": {"sender": {"EdgeHubConnectionString": "…", "EdgeModuleCACertificateFile": "…"},
                     "receiver": {…}}}

    and its hub by the service connection string in `STOREFLOW_IOT_HUB`, which needs the rights of the
    `service` policy. The module variables are what iotedgehubdev prints, for two module identities of an
    edge device whose port 8883 this machine reaches under the `GatewayHostName` given. The tests patch the
    twins of `receiver` and `$edgeHub` (one route is added): use a device that nobody relies on.
    """
    described = os.environ.get(EDGE_VARIABLE)
    if described is None:
        stand_in: EdgeHubProcess = request.getfixturevalue("hub")
        return Device(stand_in.client, lambda name: stand_in.environment(name, request.param))
    if request.param == "workload":
        pytest.skip("a module's workload socket cannot be reached from outside a real device")
    real = json.loads(Path(described).read_text())
    client = HubClient.of(ServiceConnection.parse(os.environ[SERVICE_VARIABLE]), real["device_id"])
    return Device(client, real["modules"].__getitem__)


@dataclass
class Service:
    """A service side whose device is the tests' own.

    Attributes:
        patience: seconds that a change of deployments may take to reach a twin.
    """

    client: IotHubClient
    connection: ServiceConnection
    patience: float


@pytest.fixture(scope="module")
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """The service API that conformance tests run against: the stand-in's, or a real hub's.

    A real one is named by a service connection string of the policy `iothubowner` in `STOREFLOW_IOT_HUB`. An edge
    device with one module `analytics` is made there and deleted in the end; deployments are for it alone.
    """
    text = os.environ.get(SERVICE_VARIABLE)
    if text is None:
        stand_in: EdgeHubProcess = request.getfixturevalue("module_hub")
        connection = ServiceConnection.parse(connection_string_file(stand_in.state).read_text())
        stand_in.client.register("analytics")
        yield Service(IotHubClient.of(connection, stand_in.device_id), connection, patience=10)
        return
    connection = ServiceConnection.parse(text)
    device_id = f"storeflow-conformance-{uuid.uuid4().hex[:12]}"
    client = IotHubClient.of(connection, device_id)
    client.call("PUT", f"/devices/{device_id}", {"deviceId": device_id, "capabilities": {"iotEdge": True}})
    try:
        module = {"deviceId": device_id, "moduleId": "analytics"}
        client.call("PUT", f"/devices/{device_id}/modules/analytics", module)
        yield Service(client, connection, patience=900)
    finally:
        client.call("DELETE", f"/devices/{device_id}", etag="*")


@pytest.fixture
def device_module(device: Device) -> Iterator[Callable[[str], Module]]:
    """Make the device's modules `sender` and `receiver`."""
    opened: list[Module] = []

    def open_one(name: str) -> Module:
        opened.append(Module(device.environments(name), {}))
        return opened[-1]

    yield open_one
    shut_down(opened)


@pytest.fixture(scope="session")
def tag_device() -> Callable[[IotHubClient, dict[str, Any]], dict[str, Any]]:
    """`tag_device(client, tags)` merges tags into the device's twin, null removes one; returns the twin."""

    def tag(client: IotHubClient, tags: dict[str, Any]) -> dict[str, Any]:
        twin: dict[str, Any] = client.call("PATCH", f"/twins/{client.device_id}", {"tags": tags})
        return twin

    return tag


@pytest.fixture(scope="session")
def apply_content() -> Callable[[IotHubClient, dict[str, Any]], None]:
    """`apply_content(client, modules_content)` deploys to the one device."""

    def apply(client: IotHubClient, modules_content: dict[str, Any]) -> None:
        path = f"/devices/{client.device_id}/applyConfigurationContent"
        client.call("POST", path, {"modulesContent": modules_content})

    return apply


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Wait for a condition: `eventually(lambda: …, "what is awaited")`."""

    def wait(condition: Callable[[], object], what: str, seconds: float = 10) -> None:
        give_up = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < give_up, f"not within {seconds} s: {what}"
            time.sleep(0.05)

    return wait
