"""A functions host in a process of its own, for tests and small programs."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from local_azure.service_process import ServiceProcess


def functions_host_command(app: Path, state: Path, port: int = 0, *options: str) -> list[str]:
    """Return the command that runs an app; on port 0 it takes any that is free."""
    command = [sys.executable, "-m", "local_azure.functions_host", "--app", str(app), "--state", str(state)]
    return [*command, "--port", str(port), *options]


class FunctionsHostProcess(ServiceProcess):
    """Starts, kills and restarts an app on the same port.

    Use as a context manager; inside, `url` is where its HTTP functions are.

    Args:
        app: folder of the app.
        state: folder for its key, its address and its log.
        settings: as in `local.settings.json`; they win over the environment.
    """

    def __init__(self, app: Path, state: Path, settings: Mapping[str, str], *options: str) -> None:
        self.app = app
        super().__init__("the functions host", state)
        self.settings = dict(settings)
        self._options = options
        self._port = 0

    @property
    def log(self) -> Path:
        """Everything that all starts logged."""
        return self.state / "host.log"

    @property
    def url(self) -> str:
        """Where it serves HTTP."""
        return str(json.loads(self._endpoints.read_text())["url"])

    @property
    def key(self) -> str:
        """What functions with a key ask for, with `--authorised`."""
        return (self.state / "host.key").read_text().strip()

    @property
    def _endpoints(self) -> Path:
        return self.state / "endpoints.json"

    def start(self) -> None:
        """Start the process and wait until it listens; again on the same port after a kill.

        Raises:
            TransportError: it ended instead, or takes too long.
        """
        self._endpoints.unlink(missing_ok=True)
        command = functions_host_command(self.app, self.state, self._port, *self._options)
        self._launch(command, self.log, self._endpoints.exists, os.environ | self.settings)
        self._port = int(self.url.rpartition(":")[2])
