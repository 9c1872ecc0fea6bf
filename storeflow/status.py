"""What a running host can say of itself: numbers, health, and the answers to direct methods.

Everything here is asked for on threads of others, and only reads.
"""

import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from storeflow import configuration, health, methods
from storeflow.delivery import Delivery
from storeflow.errors import StorageError
from storeflow.exposition import Exposition
from storeflow.module import Answer, Method, ModuleContext
from storeflow.outbox import FILE_NAME, Outbox
from storeflow.support_bundle import bundle, thread_stacks, versions
from storeflow.worker import Worker


class Status:
    """A host's knowledge of itself.

    Args:
        context: who and where the module is.
        worker: drives the module.
        outbox: its memory.
        delivery: empties that.
        stall_seconds: after so long without a sign of life the module is given up.
        recent_lines: gives the last lines of the log.
    """

    def __init__(
        self,
        context: ModuleContext,
        worker: Worker,
        outbox: Outbox,
        delivery: Delivery,
        *,
        stall_seconds: float,
        recent_lines: Callable[[], Sequence[str]],
    ) -> None:
        self._context, self._worker, self._outbox, self._delivery = context, worker, outbox, delivery
        self._stall_seconds, self._recent_lines = stall_seconds, recent_lines
        self._started_at = self._loop_beat = time.monotonic()
        self._connected = False
        self._connected_at: float | None = None
        """When it last was."""
        self._exposition = Exposition(context.module_id, self.numbers)
        self._methods = methods.Methods(context.module_id, self._all_methods)

    def beat(self) -> None:
        """The event loop came round; called there, once a second."""
        self._loop_beat = time.monotonic()

    @property
    def connected(self) -> bool:
        """Whether edgeHub is there."""
        return self._connected

    @connected.setter
    def connected(self, connected: bool) -> None:
        if connected or self._connected:
            self._connected_at = time.monotonic()
        self._connected = connected

    def call(self, name: str, payload: Any) -> "Future[Answer]":
        """Begin a direct method."""
        return self._methods.call(name, payload)

    def numbers(self) -> dict[str, float]:
        """All counters and gauges as of now: the module's by its own names, the host's with `host_` before them."""
        own: dict[str, float] = {**self._worker.counts, **self._outbox.counts, **self._delivery.counts}
        own |= {
            "rows_waiting": self._outbox.rows_waiting,
            "outbox_bytes": self._outbox_bytes(),
            "oldest_row_age_seconds": self._oldest_row_age(),
            "uptime_seconds": time.monotonic() - self._started_at,
            "connected": float(self._connected),
            "twin_version": self._worker.configuration.twin_version or 0,
            "sections_refused": len(self._worker.configuration.refused),
            "worker_beat_age_seconds": time.monotonic() - self._worker.beat,
        }
        return {**self._worker.metrics, **{f"host_{name}": number for name, number in own.items()}}

    def exposition(self) -> bytes:
        """The same for Prometheus."""
        return self._exposition.text()

    def not_alive(self) -> list[str]:
        """Why the process should be started anew; empty while it lives."""
        now, ended = time.monotonic(), self._worker.ended
        # Only the kind of error: its text may have a setting in it, and belongs in the log.
        reason = (type(ended.exception()).__name__ if ended.exception() else "it was stopped") if ended.done() else None
        return health.not_alive(
            health.Beats(now - self._loop_beat, now - self._worker.beat, reason), self._stall_seconds
        )

    def not_ready(self) -> list[str]:
        """Why the module can't do its work; empty when it can."""
        now = time.monotonic()
        away = None if self._connected_at is None else 0.0 if self._connected else now - self._connected_at
        return [*self.not_alive(), *health.not_ready(self._worker.configuration, away)]

    def _all_methods(self) -> dict[str, Method]:
        return {
            methods.PING: self._ping,
            "metrics": lambda _: (200, self.numbers()),
            "getConfig": lambda _: (200, methods.config_answer(self._worker.configuration)),
            "validateConfig": self._validate_config,
            "supportBundle": lambda _: (200, self._support_bundle()),
            **self._worker.methods(),
        }

    def _ping(self, _: Any) -> Answer:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        uptime = round(time.monotonic() - self._started_at, 1)
        return 200, {"moduleId": self._context.module_id, "time": now, "uptime_seconds": uptime}

    def _validate_config(self, payload: Any) -> Answer:
        # A whole document of desired properties has what the service adds: $version and $metadata.
        desired = {key: value for key, value in methods.object_in(payload).items() if not key.startswith("$")}
        return 200, {"problems": configuration.problems(desired, self._worker.configuration.sections)}

    def _support_bundle(self) -> dict[str, Any]:
        state = self._worker.configuration
        facts: Mapping[str, Any] = {
            "moduleId": self._context.module_id,
            "device_id": self._context.device_id,
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "versions": versions(),
            "not_alive": self.not_alive(),
            "not_ready": self.not_ready(),
            "twin_version": state.twin_version,
            "sections": {name: state.statuses.get(name) for name in state.sections},
            "refused": state.refused,
            "sections_in_force": {name: in_force.version for name, in_force in state.in_force.items()},
            "metrics": self.numbers(),
            "outbox_rows": self._outbox_rows(),
            "disk_free_bytes": shutil.disk_usage(self._context.state_folder).free,
            "thread_count": threading.active_count(),
        }
        return bundle(facts, thread_stacks(), self._recent_lines())

    def _outbox_rows(self) -> dict[str, Any]:
        try:
            return self._outbox.rows_by_destination()
        except StorageError as error:  # just what support is to see
            return {"error": str(error)}

    def _outbox_bytes(self) -> int:
        size = 0
        for suffix in ("", "-wal"):
            with suppress(OSError):
                size += (self._context.state_folder / f"{FILE_NAME}{suffix}").stat().st_size
        return size

    def _oldest_row_age(self) -> float:
        """0 where no row waits, or the disk does not tell."""
        try:
            kept_at = self._outbox.oldest_kept_at()
        except StorageError:
            return 0.0
        return 0.0 if kept_at is None else max(0.0, time.time() - kept_at)
