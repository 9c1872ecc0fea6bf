"""A functions host in a process of its own, for tests and small programs."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from storeflow.errors import TransportError

START_SECONDS = 30.0
STOP_SECONDS = 30.0

_POLL_SECONDS = 0.02


def functions_host_command(app: Path, state: Path, port: int = 0, *options: str) -> list[str]:
    """Return the command that runs an app; on port 0 it takes any that is free."""
    command = [sys.executable, "-m", "local_azure.functions_host", "--app", str(app), "--state", str(state)]
    return [*command, "--port", str(port), *options]


class FunctionsHostProcess:
    """Starts, kills and restarts an app on the same port.

    Use as a context manager; inside, `url` is where its HTTP functions are.

    Args:
        app: folder of the app.
        state: folder for its key, its address and its log.
        settings: as in `local.settings.json`; they win over the environment.
    """

    def __init__(self, app: Path, state: Path, settings: Mapping[str, str], *options: str) -> None:
        self.app = app
        self.state = state
        self.settings = dict(settings)
        self._options = options
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

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
        self.state.mkdir(parents=True, exist_ok=True)
        self._endpoints.unlink(missing_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours, built above
                functions_host_command(self.app, self.state, self._port, *self._options),
                env=os.environ | self.settings,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
            )
        give_up = time.monotonic() + START_SECONDS
        while not self._endpoints.exists():
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.kill()
                raise TransportError(
                    f"the functions host did not start; {self.log} ends: {self.log.read_text()[-2000:]}"
                )
            time.sleep(_POLL_SECONDS)
        self._port = int(self.url.rpartition(":")[2])

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
