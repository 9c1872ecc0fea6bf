"""A stand-in in a process of its own, for tests and small programs; a store's are the supervisor's."""

import os
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from storeflow.errors import TransportError

START_SECONDS = 20.0
STOP_SECONDS = 10.0

_POLL_SECONDS = 0.02


class ServiceProcess(ABC):
    """Starts, kills and restarts one service on one state folder. Use as a context manager.

    Args:
        name: what it is called where it does not start.
        state: folder of what it keeps; made where it is not there.
    """

    def __init__(self, name: str, state: Path) -> None:
        self.state = state
        self._name = name
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def start(self) -> None:
        """Start the process and wait until it listens; again on the same address after a kill.

        Raises:
            TransportError: it ended instead, or takes too long.
        """

    def _launch(
        self,
        command: Sequence[str],
        log: Path,
        listens: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours, built by the caller
                command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=environment
            )
        give_up = time.monotonic() + START_SECONDS
        while not listens():
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.kill()
                raise TransportError(f"{self._name} did not start: {self._reason(log)}")
            time.sleep(_POLL_SECONDS)

    def _reason(self, log: Path) -> str:
        return f"{log} ends: {log.read_text()[-2000:]}"

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
