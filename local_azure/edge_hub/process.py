"""A hub in a process of its own, for tests and small programs; a store's hub is the supervisor's."""

import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from local_azure.edge_hub.authentication import load_master_key
from local_azure.edge_hub.client import HubClient
from local_azure.edge_hub.endpoints import Endpoints, endpoints_file
from local_azure.edge_hub.environment import simulator_environment, workload_environment
from local_azure.edge_hub.service_access import connection_string_file
from storeflow.errors import TransportError
from storeflow.iot_hub.shared_access import ServiceConnection

START_SECONDS = 20.0
STOP_SECONDS = 10.0

_POLL_SECONDS = 0.02


def hub_command(state: Path, device_id: str, *options: str) -> list[str]:
    """Return the command that runs a hub."""
    return [sys.executable, "-m", "local_azure.edge_hub", "--state", str(state), "--device", device_id, *options]


class EdgeHubProcess:
    """Starts, kills and restarts a hub on one state folder and one address.

    Use as a context manager; inside, `client` speaks to its service side and `environment` is
    what a module needs.
    """

    def __init__(self, state: Path, *, device_id: str = "store-1", options: tuple[str, ...] = ()) -> None:
        self.state = state
        self.device_id = device_id
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

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
        self.state.mkdir(parents=True, exist_ok=True)
        endpoints_file(self.state).unlink(missing_ok=True)
        command = hub_command(self.state, self.device_id, *self._options)
        log = self.state / "hub.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours, built above
                command, stdout=output, stderr=output, stdin=subprocess.DEVNULL
            )
        give_up = time.monotonic() + START_SECONDS
        while not endpoints_file(self.state).exists():
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.kill()
                raise TransportError(f"the hub did not start; {log} ends: {log.read_text()[-2000:]}")
            time.sleep(_POLL_SECONDS)

    def exit_code(self) -> int | None:
        """Return how the process ended by itself; None while it runs."""
        return None if self._process is None else self._process.poll()

    def kill(self) -> None:
        """End the process at once, as a crash would (`kill -9`)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Ask the process to end, and wait for it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def signal(self, number: int) -> None:
        """Send the process a signal, such as SIGSTOP to freeze it."""
        if self._process is not None:
            os.kill(self._process.pid, number)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
