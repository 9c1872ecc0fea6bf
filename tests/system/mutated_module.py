"""A module of the store without one of its safeguards, for test_kill_nine.py: `mutated_module.py FOLDER SAFEGUARD`.

The safeguards: `keep` an event before answering for it, `delete` what the next owner has, keep no event again that was
`seen`, `cut` off what a sink wrote and never committed; or `nothing`. The disk is slow, so that a kill often comes
between what a sink wrote and the commit.
"""

import sys
import time
from collections.abc import Sequence
from typing import Any

from modules.upstream_router import module as upstream_router
from modules.upstream_router.sinks.ndjson import NdjsonFile
from modules.zone_analytics import module as zone_analytics
from storeflow import host
from storeflow.module import Output
from storeflow.outbox import Outbox
from storeflow.worker import ModuleFactory

SLOW_DISK_SECONDS = 0.3


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


class OutboxWithoutSeen(Outbox):
    """It does not know what it kept before."""

    def _was_seen(self, database: Any, key: bytes) -> bool:  # noqa: ARG002 - the signature that it replaces
        return False


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

    def _end_of_truth(self, state: bytes | None, size: int) -> int:  # noqa: ARG002 - the signature that it replaces
        return size


def main(folder: str, without: str) -> int:
    """Become the module, this process being the experiment."""
    modules: dict[str, ModuleFactory] = {
        "upstream_router": upstream_router.UpstreamRouter,
        "zone_analytics": zone_analytics.ZoneAnalytics,
    }
    outboxes: dict[str, type[Outbox]] = {
        "keep": OutboxWithoutKeep,
        "delete": OutboxWithoutDelete,
        "seen": OutboxWithoutSeen,
    }
    vars(host)["Outbox"] = outboxes.get(without, Outbox)
    vars(upstream_router)["NdjsonFile"] = FileWithoutCut if without == "cut" else SlowFile
    return host.run_module(modules[folder])


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
