"""A module's process without one of its safeguards: `mutated_module.py FOLDER|sender SAFEGUARD [TOTAL]`.

The safeguards: `keep` an event before answering for it, `delete` what the next owner has, keep no event again that was
`seen`, `cut` off what a sink wrote and never committed; or `nothing`. The disk is slow, so that a kill often comes
between what a sink wrote and the commit. For tests/host/test_kill_nine.py and tests/system/test_kill_nine.py, which
show with it that they would notice. `sender` is no module of a store: it emits TOTAL events as fast as a busy one does.
"""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from modules.upstream_router import module as upstream_router
from modules.upstream_router.sinks.ndjson import NdjsonFile
from modules.zone_analytics import module as zone_analytics
from storeflow.contract.cloudevents import CloudEvent, event_id
from storeflow.contract.events import CameraState, instant
from storeflow.host import outbox, process
from storeflow.host.module import ModuleContext, ModuleFactory, Output
from storeflow.host.outbox import Outbox

SLOW_DISK_SECONDS = 0.3
BATCH = 4
PAUSE_SECONDS = 0.02
SENT_AGAIN = 5
"""After a restart the last few events are emitted again, as a module that starts from a checkpoint does."""


class Sender:
    """Emits one event after another; its checkpoint is how many."""

    sections: ClassVar[tuple[str, ...]] = ()
    total: ClassVar[int] = 0

    def __init__(self, context: ModuleContext, checkpoint: bytes | None) -> None:
        self._source = context.source("door")
        self._next = max(1, int(checkpoint or b"0") + 1 - SENT_AGAIN)

    def configure(self, section: str, value: Any, version: int) -> None:
        """It has no sections."""

    def work(self, timeout: float) -> Sequence[Output]:
        """Emit the next few."""
        if self._next > self.total:
            time.sleep(timeout)
            return ()
        time.sleep(PAUSE_SECONDS)
        numbers = range(self._next, min(self._next + BATCH, self.total + 1))
        self._next = numbers.stop
        return [Output("events", self._event(number)) for number in numbers]

    def checkpoint(self) -> bytes:
        """How many were emitted."""
        return str(self._next - 1).encode()

    def metrics(self) -> Mapping[str, float]:
        """None."""
        return {}

    def close(self) -> None:
        """Nothing is open."""

    def _event(self, number: int) -> CloudEvent:
        data = CameraState(
            store_id="store-1", camera_id="door", captured_at=instant(number), state="streaming", detail=str(number)
        )
        return CloudEvent.of(data, source=self._source, id=event_id(self._source, "told", number), subject="door")


class OutboxWithoutKeep(Outbox):
    """It loses an event of every batch, and nobody hears of it."""

    def commit(self, outputs: Sequence[Output], checkpoint: bytes | None, now: float) -> int:
        """Keep all but the first event."""
        return super().commit([output for output in outputs if output.event is not outputs[0].event], checkpoint, now)


class OutboxWithoutDelete(Outbox):
    """It keeps what was delivered."""

    def delete(self, row_ids: Sequence[int], sink_state: tuple[str, bytes] | None = None) -> None:
        """Keep the sink's state and every row."""
        super().delete(row_ids[:0], sink_state)


class SlowFile(NdjsonFile):
    """A file on a disk that takes its time."""

    def write(self, bodies: Sequence[bytes], state: bytes | None) -> bytes:
        """Write, and be long about it."""
        new_state = super().write(bodies, state)
        time.sleep(SLOW_DISK_SECONDS)
        return new_state


class FileWithoutCut(SlowFile):
    """It goes on where the file ends, whoever wrote that."""

    def _cut(self, file: int, offset: int) -> None:
        pass

    def _end_of_truth(self, state: bytes | None, found: os.stat_result) -> int:  # noqa: ARG002 - as what it replaces
        return found.st_size


def main(name: str, without: str, total: str = "0") -> int:
    """Become the module, this process being the experiment."""
    modules: dict[str, ModuleFactory] = {
        "upstream_router": upstream_router.UpstreamRouter,
        "zone_analytics": zone_analytics.ZoneAnalytics,
        "sender": Sender,
    }
    outboxes: dict[str, type[Outbox]] = {
        "keep": OutboxWithoutKeep,
        "delete": OutboxWithoutDelete,
    }
    Sender.total = int(total)
    vars(process)["Outbox"] = outboxes.get(without, Outbox)
    if without == "seen":
        vars(outbox)["_was_seen"] = lambda *_: False
    vars(upstream_router)["NdjsonFile"] = FileWithoutCut if without == "cut" else SlowFile
    return process.run_module(modules[name])


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
