"""A namespace in a process of its own, for tests and small programs."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from local_azure.event_hubs.client import NamespaceClient
from local_azure.event_hubs.connection_string import ConnectionString
from local_azure.event_hubs.endpoints import Endpoints, connection_string_file, endpoints_file
from storeflow.errors import TransportError

START_SECONDS = 20.0
STOP_SECONDS = 10.0

_POLL_SECONDS = 0.01


def namespace_command(state: Path, port: int = 0, *options: str) -> list[str]:
    """Return the command that runs a namespace; on port 0 it takes any that is free."""
    return [sys.executable, "-m", "local_azure.event_hubs", "--state", str(state), "--port", str(port), *options]


class EventHubsProcess:
    """Starts, kills and restarts a namespace on one state folder and one port.

    Use as a context manager; inside, `connection_string` is what an SDK needs, and `client` throws switches.
    """

    def __init__(self, state: Path, *options: str) -> None:
        self.state = state
        self._options = options
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

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
        self.state.mkdir(parents=True, exist_ok=True)
        endpoints_file(self.state).unlink(missing_ok=True)
        log = self.state / "namespace.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours, built above
                namespace_command(self.state, self._port, *self._options),
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
            )
        give_up = time.monotonic() + START_SECONDS
        while not endpoints_file(self.state).exists():
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.kill()
                raise TransportError(f"the namespace did not start; {log} ends: {log.read_text()[-2000:]}")
            time.sleep(_POLL_SECONDS)
        self._port = self.endpoints.port

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
