"""The thread that starts processes, hears of their ends and starts them again.

Everything that touches a process happens on this one thread: Linux kills a child when the thread
that made it ends (see `launcher.py`), and one thread needs no locks around its decisions.
"""

import contextlib
import logging
import os
import queue
import select
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local_azure.supervisor.child import Child, bound_log
from local_azure.supervisor.restart_policy import (
    ModuleStatus,
    RestartPolicy,
    RuntimeStatus,
    cool_off_seconds,
    forgets_restarts,
    status_after_exit,
)
from storeflow.errors import TransportError

LOG = logging.getLogger(__name__)

LOG_CHECK_SECONDS = 2.0


@dataclass(frozen=True)
class Service:
    """How to run one process; command and environment are asked for at every start."""

    command: Callable[[], list[str]]
    environment: Callable[[], Mapping[str, str]]
    folder: Path
    log: Path
    policy: RestartPolicy


@dataclass
class _Unit:
    """A service with its present process and its history; times are monotonic seconds."""

    service: Service
    child: Child | None = None
    status: RuntimeStatus = RuntimeStatus.STOPPED
    restart_count: int = 0
    last_exit_code: int | None = None
    ended_at: float = 0.0
    started: threading.Event = field(default_factory=threading.Event)


class ProcessThread:
    """Keeps services running by their restart policies.

    Args:
        scale: multiplies edgeAgent's pauses.
        stop_seconds: time that a process has between SIGTERM and SIGKILL.
    """

    def __init__(self, scale: float, stop_seconds: float) -> None:
        self._scale = scale
        self._stop_seconds = stop_seconds
        self._units: dict[str, _Unit] = {}
        self._requests: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake = -1
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread.start()

    def add(self, name: str, service: Service) -> None:
        """Start a service and wait until its process exists."""
        unit = _Unit(service)
        failure: list[OSError] = []

        def begin() -> None:
            self._units[name] = unit
            try:
                self._launch(unit)
            except OSError as error:
                failure.append(error)
            unit.started.set()

        self._ask(begin)
        while not unit.started.wait(LOG_CHECK_SECONDS):
            if not self._thread.is_alive():
                raise TransportError(f"{name} was not started: the supervisor's thread ended; see its traceback")
        if failure:
            raise failure[0]

    def status(self) -> dict[str, ModuleStatus]:
        """Return the state of every service."""
        return {name: _status(unit) for name, unit in list(self._units.items())}

    def stop(self, last: Sequence[str]) -> None:
        """Stop everything, the services named `last` after the others and one by one, and end the thread."""
        if not self._thread.is_alive():
            return

        def finish() -> None:
            self._stopping = True
            self._end([unit for name, unit in self._units.items() if name not in last])
            for name in last:
                self._end([self._units[name]] if name in self._units else [])

        self._ask(finish)
        self._thread.join()

    def _ask(self, request: Callable[[], None]) -> None:
        self._requests.put(request)
        os.eventfd_write(self._wake, 1)

    def _run(self) -> None:
        while not self._stopping:
            self._wait()
            with contextlib.suppress(queue.Empty):
                while True:
                    self._requests.get_nowait()()
            now = time.monotonic()
            for name, unit in self._units.items():
                self._tend(name, unit, now)
        os.close(self._wake)

    def _wait(self) -> None:
        """Sleep until a request, the end of a process, the end of a pause, or the next log check."""
        running = {unit.child.ended: unit for unit in self._units.values() if unit.child is not None}
        now = time.monotonic()
        pauses = [self._restart_at(unit) - now for unit in self._units.values() if unit.status is RuntimeStatus.BACKOFF]
        seconds = max(0.0, min([LOG_CHECK_SECONDS, *pauses]))
        poller = select.poll()
        for descriptor in (self._wake, *running):
            poller.register(descriptor, select.POLLIN)
        if any(descriptor == self._wake for descriptor, _ in poller.poll(seconds * 1000)):
            os.eventfd_read(self._wake)

    def _tend(self, name: str, unit: _Unit, now: float) -> None:
        bound_log(unit.service.log)
        if unit.child is not None:
            exit_code = unit.child.exit_code()
            if exit_code is not None:
                self._ended(name, unit, exit_code, now)
            elif unit.restart_count and forgets_restarts(now - unit.ended_at, self._scale):
                unit.restart_count = 0
        elif unit.status is RuntimeStatus.BACKOFF and now >= self._restart_at(unit):
            unit.restart_count += 1
            try:
                self._launch(unit)
            except OSError:
                LOG.exception("%s could not be started again", name)
                unit.ended_at = now

    def _launch(self, unit: _Unit) -> None:
        service = unit.service
        unit.child = Child(service.command(), service.environment(), service.folder, service.log)
        unit.status = RuntimeStatus.RUNNING

    def _ended(self, name: str, unit: _Unit, exit_code: int, now: float) -> None:
        if unit.child is not None:
            unit.child.release()
        unit.child, unit.last_exit_code, unit.ended_at = None, exit_code, now
        unit.status = status_after_exit(unit.service.policy, exit_code, unit.restart_count)
        how = f"was killed (signal {-exit_code})" if exit_code < 0 else f"ended with {exit_code}"
        what_now = "it is started again" if unit.status is RuntimeStatus.BACKOFF else "it is not started again"
        LOG.warning("%s %s; %s", name, how, what_now)

    def _restart_at(self, unit: _Unit) -> float:
        return unit.ended_at + cool_off_seconds(unit.restart_count, self._scale)

    def _end(self, units: list[_Unit]) -> None:
        """SIGTERM to all at once, then SIGKILL to those that are left when the time is up."""
        children = [(unit, unit.child) for unit in units if unit.child is not None]
        for _, child in children:
            child.send(signal.SIGTERM)
        give_up = time.monotonic() + self._stop_seconds
        for unit, child in children:
            if not child.wait(max(0.0, give_up - time.monotonic())):
                child.send(signal.SIGKILL)
            child.release()
            unit.last_exit_code, unit.child = child.exit_code(), None
        for unit in units:
            unit.status = RuntimeStatus.STOPPED


def _status(unit: _Unit) -> ModuleStatus:
    child = unit.child
    return ModuleStatus(
        unit.status,
        unit.restart_count,
        unit.last_exit_code,
        child.pid if child is not None else None,
    )
