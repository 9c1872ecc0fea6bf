"""A module process for test_kill_nine.py: `killed_module.py sender|router [--without delete|seen|cut]`.

The sender tells `TOLD` events as fast as a busy store does. The router is the real one on a slow disk: between what
a sink wrote and the transaction that lets go of it there is time to be killed. `--without` takes out one of the
three things that make "exactly once" true, so that the test can show that it would notice.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from modules.upstream_router.module import UpstreamRouter
from modules.upstream_router.sinks.ndjson import NdjsonFile
from storeflow import host
from storeflow.contract.cloudevents import CloudEvent, event_id
from storeflow.contract.events import CameraState, instant
from storeflow.module import ModuleContext, Output, Sink
from storeflow.outbox import Outbox

AT_ONCE = 4
PAUSE_SECONDS = 0.02
SLOW_DISK_SECONDS = 0.2
TOLD_AGAIN = 5
"""After a restart the last few events are told again, as a module that starts from a checkpoint does."""


class Sender:
    """Tells one event after another; its checkpoint is how many it told."""

    sections: ClassVar[tuple[str, ...]] = ()
    total: ClassVar[int] = 0

    def __init__(self, context: ModuleContext, checkpoint: bytes | None) -> None:
        self._source = context.source("door")
        self._next = max(1, int(checkpoint or b"0") + 1 - TOLD_AGAIN)

    def configure(self, section: str, value: Any, version: int) -> None:
        """It has no sections."""

    def work(self, timeout: float) -> Sequence[Output]:
        """Tell the next few."""
        if self._next > self.total:
            time.sleep(timeout)
            return ()
        time.sleep(PAUSE_SECONDS)
        numbers = range(self._next, min(self._next + AT_ONCE, self.total + 1))
        self._next = numbers.stop
        return [Output("events", self._event(number)) for number in numbers]

    def on_message(self, input_name: str, body: bytes) -> Sequence[Output]:
        """Nothing is sent to it but receipts, and those are the host's."""
        raise AssertionError(f"{input_name}: {body!r}")

    def checkpoint(self) -> bytes:
        """How many were told."""
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


class OutboxWithoutDelete(Outbox):
    """It keeps what was delivered."""

    def delete(self, row_ids: Sequence[int], sink_state: tuple[str, bytes] | None = None) -> None:
        """Keep the sink's state and every row."""
        super().delete(row_ids[:0], sink_state)


class OutboxWithoutSeen(Outbox):
    """It does not know what it kept before."""

    def _was_seen(self, database: Any, key: bytes) -> bool:  # noqa: ARG002 - the signature that it replaces
        return False


class Router(UpstreamRouter):
    """The real router with slow files."""

    file_type: ClassVar[type[NdjsonFile]] = SlowFile

    @property
    def sinks(self) -> Mapping[str, Sink]:
        """The same file for as long as the configuration is the same."""
        return {name: self._slow(name) for name in super().sinks}

    def _slow(self, name: str) -> Sink:
        made: dict[str, Sink] = self.__dict__.setdefault("_made", {})
        return made.setdefault(name, self.file_type(self._folder / "events.ndjson"))


def main() -> int:
    """Become the module that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("sender", "router"))
    parser.add_argument("--without", choices=("delete", "seen", "cut"))
    parser.add_argument("--total", type=int, default=0)
    arguments = parser.parse_args()
    outboxes: dict[str | None, type[Outbox]] = {"delete": OutboxWithoutDelete, "seen": OutboxWithoutSeen}
    vars(host)["Outbox"] = outboxes.get(arguments.without, Outbox)  # this process is the experiment
    Router.file_type = FileWithoutCut if arguments.without == "cut" else SlowFile
    Sender.total = arguments.total
    return host.run_module(Sender if arguments.role == "sender" else Router)


if __name__ == "__main__":
    raise SystemExit(main())
