"""One supervised process: start it, watch for its end, end it; its output goes to a bounded file."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

MAX_LOG_BYTES = 4 * 1024 * 1024

_LAUNCHER = Path(__file__).with_name("launcher.py")


class Child:
    """A running process in a process group of its own.

    It must be started by a thread that lives as long as it shall: Linux counts the end of the
    thread that made a child as the end of its parent.

    Attributes:
        ended: a descriptor that becomes readable when the process ends.
    """

    def __init__(self, command: list[str], environment: Mapping[str, str], folder: Path, log: Path) -> None:
        launched = [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), *command]
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - the caller's own command, no shell
                launched,
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,
            )
        self.pid = self._process.pid
        self.ended = os.pidfd_open(self.pid)

    def exit_code(self) -> int | None:
        """Return how it ended, minus the signal's number for a signal; None while it runs."""
        return self._process.poll()

    def send(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self._process.poll() is None:
            self._process.send_signal(number)

    def wait(self, seconds: float) -> bool:
        """Wait for its end; False when it does not come in time."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def release(self) -> None:
        """End whatever is left of its process group and close the descriptor."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self.ended)


def bound_log(log: Path, limit: int = MAX_LOG_BYTES) -> None:
    """Keep a log that processes append to under a limit: all of it moves to `<log>.1`, in place of the one before.

    The file is copied and emptied in place, because its writers hold it open; what they write
    between the two steps is lost.
    """
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > limit:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            os.truncate(log, 0)
