"""A namespace in a process of its own, for tests and small programs."""

import sys
from dataclasses import replace
from pathlib import Path

from local_azure.event_hubs.client import NamespaceClient
from local_azure.event_hubs.connection_string import ConnectionString
from local_azure.event_hubs.endpoints import Endpoints, connection_string_file, endpoints_file
from local_azure.service_process import ServiceProcess


def namespace_command(state: Path, port: int = 0, *options: str) -> list[str]:
    """Return the command that runs a namespace; on port 0 it takes any that is free."""
    return [sys.executable, "-m", "local_azure.event_hubs", "--state", str(state), "--port", str(port), *options]


class EventHubsProcess(ServiceProcess):
    """Starts, kills and restarts a namespace on one state folder and one port.

    Use as a context manager; inside, `connection_string` is what an SDK needs, and `client` throws switches.
    """

    def __init__(self, state: Path, *options: str) -> None:
        super().__init__("the namespace", state)
        self._options = options
        self._port = 0

    @property
    def endpoints(self) -> Endpoints:
        """Where the running namespace listens."""
        return Endpoints.read(endpoints_file(self.state))

    @property
    def client(self) -> NamespaceClient:
        """A client of its switches."""
        return NamespaceClient(self.endpoints.host, self.endpoints.control_port)

    def connection_string(self, hub: str = "") -> str:
        """Return the connection string of the namespace, or of one event hub."""
        parsed = ConnectionString.parse(connection_string_file(self.state).read_text())
        return str(replace(parsed, hub=hub))

    def start(self) -> None:
        """Start the process and wait until it listens; again on the same port after a kill.

        Raises:
            TransportError: it ended instead, or takes too long.
        """
        endpoints_file(self.state).unlink(missing_ok=True)
        command = namespace_command(self.state, self._port, *self._options)
        self._launch(command, self.state / "namespace.log", endpoints_file(self.state).exists)
        self._port = self.endpoints.port
