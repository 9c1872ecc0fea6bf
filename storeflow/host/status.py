"""What a running host knows of itself: its metrics, whether it lives, and whether it can work.

Everything is read on threads of those who ask; only `beat` and `on_connection` are the host's.
"""

import shutil
import time
from contextlib import suppress
from typing import Any

from storeflow.errors import StorageError
from storeflow.host import health
from storeflow.host.delivery import Delivery
from storeflow.host.module import ModuleContext
from storeflow.host.module_thread import ModuleThread
from storeflow.host.outbox import FILE_NAME, Outbox
from storeflow.observability.exposition import Exposition


class HostStatus:
    """The state of one host.

    Args:
        context: who and where the module is.
        module_thread: drives the module.
        outbox: its memory.
        delivery: empties that.
        stall_seconds: after so long without a sign of life the module is given up.
    """

    def __init__(
        self,
        context: ModuleContext,
        module_thread: ModuleThread,
        outbox: Outbox,
        delivery: Delivery,
        *,
        stall_seconds: float,
    ) -> None:
        self.context = context
        self._module_thread, self._outbox, self._delivery = module_thread, outbox, delivery
        self._stall_seconds = stall_seconds
        self._started_at = self._loop_beat = time.monotonic()
        self.connected = False
        """Whether edgeHub is there."""
        self._connected_at: float | None = None
        """When it last was."""
        self._exposition = Exposition(context.module_id, self.metrics)

    def beat(self) -> None:
        """The event loop came round; called there, once a second."""
        self._loop_beat = time.monotonic()

    def on_connection(self, connected: bool) -> None:
        """The connection to edgeHub came, or went."""
        if connected or self.connected:
            self._connected_at = time.monotonic()
        self.connected = connected

    def uptime_seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started_at

    def metrics(self) -> dict[str, float]:
        """All counters and gauges as of now: the module's by its own names, the host's with `host_` before them."""
        configuration = self._module_thread.configuration
        own: dict[str, float] = {**self._module_thread.counts, **self._outbox.counts, **self._delivery.counts}
        own |= {
            "rows_waiting": self._outbox.rows_waiting,
            "rows_untaken": self._rows_untaken(),
            "outbox_bytes": self._outbox_bytes(),
            "oldest_row_age_seconds": self._oldest_row_age(),
            "uptime_seconds": self.uptime_seconds(),
            "connected": float(self.connected),
            "twin_version": configuration.twin_version or 0,
            "sections_refused": len(configuration.refused),
            "module_beat_age_seconds": time.monotonic() - self._module_thread.beat,
        }
        return {**self._module_thread.metrics, **{f"host_{name}": number for name, number in own.items()}}

    def exposition(self) -> bytes:
        """The same for Prometheus."""
        return self._exposition.text()

    def not_alive(self) -> list[str]:
        """Why the process should be started again; empty while it lives."""
        now, ended = time.monotonic(), self._module_thread.ended
        # Only the kind of error: its text may have a setting in it, and belongs in the log.
        reason = (type(ended.exception()).__name__ if ended.exception() else "it was stopped") if ended.done() else None
        beats = health.Beats(now - self._loop_beat, now - self._module_thread.beat, reason)
        return health.not_alive(beats, self._stall_seconds)

    def not_ready(self) -> list[str]:
        """Why the module can't do its work; empty when it can."""
        now = time.monotonic()
        away = None if self._connected_at is None else 0.0 if self.connected else now - self._connected_at
        return [*self.not_alive(), *health.not_ready(self._module_thread.configuration, away)]

    def outbox_rows(self) -> dict[str, Any]:
        """How many rows wait for whom, or why that can't be read."""
        try:
            return self._outbox.rows_by_destination()
        except StorageError as error:
            return {"error": str(error)}

    def disk_free_bytes(self) -> int:
        """Of the disk that the outbox is on."""
        return shutil.disk_usage(self.context.state_folder).free

    def _outbox_bytes(self) -> int:
        size = 0
        for suffix in ("", "-wal"):
            with suppress(OSError):
                size += (self.context.state_folder / f"{FILE_NAME}{suffix}").stat().st_size
        return size

    def _rows_untaken(self) -> int:
        """0 where the disk does not say."""
        try:
            return self._outbox.rows_untaken()
        except StorageError:
            return 0

    def _oldest_row_age(self) -> float:
        """0 where no row waits, or the disk does not say."""
        try:
            kept_at = self._outbox.oldest_kept_at()
        except StorageError:
            return 0.0
        return 0.0 if kept_at is None else max(0.0, time.time() - kept_at)
