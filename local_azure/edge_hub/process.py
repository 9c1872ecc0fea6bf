"""A hub in a process of its own, for tests and small programs; a store's hub is the supervisor's."""

import sys
from pathlib import Path

from local_azure.edge_hub.authentication import load_master_key
from local_azure.edge_hub.client import HubClient
from local_azure.edge_hub.endpoints import Endpoints, endpoints_file
from local_azure.edge_hub.environment import simulator_environment, workload_environment
from local_azure.edge_hub.service_access import connection_string_file
from local_azure.service_process import ServiceProcess
from storeflow.iot_hub.shared_access import ServiceConnection


def hub_command(state: Path, device_id: str, *options: str) -> list[str]:
    """Return the command that runs a hub."""
    return [sys.executable, "-m", "local_azure.edge_hub", "--state", str(state), "--device", device_id, *options]


class EdgeHubProcess(ServiceProcess):
    """Starts, kills and restarts a hub on one state folder and one address.

    Use as a context manager; inside, `client` speaks to its service side and `environment` is
    what a module needs.
    """

    def __init__(self, state: Path, *, device_id: str = "store-1", options: tuple[str, ...] = ()) -> None:
        super().__init__("the hub", state)
        self.device_id = device_id
        self._options = options

    @property
    def endpoints(self) -> Endpoints:
        """Where the running hub listens."""
        return Endpoints.read(endpoints_file(self.state))

    @property
    def client(self) -> HubClient:
        """A client of its service side."""
        return HubClient(self.endpoints.rest, self.device_id)

    def environment(self, module_id: str, variant: str = "workload") -> dict[str, str]:
        """Return the environment of a module, `workload` (edgeAgent's) or `simulator`.

        The module is made on the hub, if that runs; one that is away makes it when it connects.
        """
        if self._process is not None and self._process.poll() is None:
            connection = ServiceConnection.parse(connection_string_file(self.state).read_text())
            HubClient.of(connection, self.device_id).register(module_id)
        if variant == "simulator":
            key = load_master_key(self.state / "master.key")
            return simulator_environment(self.endpoints, module_id, key)
        return workload_environment(self.endpoints, module_id)

    def start(self) -> None:
        """Start the process and wait until it listens; again on the same address after a kill.

        Raises:
            TransportError: it ended instead, or takes too long.
        """
        endpoints_file(self.state).unlink(missing_ok=True)
        command = hub_command(self.state, self.device_id, *self._options)
        self._launch(command, self.state / "hub.log", endpoints_file(self.state).exists)
