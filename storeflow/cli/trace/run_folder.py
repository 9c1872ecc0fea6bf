"""What `make run` left on disk: the sink's file, the modules' outboxes, the hub's messages. None is changed."""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from storeflow.cli.database_file import ask
from storeflow.cli.demo.processes import events_file
from storeflow.contract.cloudevents import CloudEvent
from storeflow.errors import ConfigError
from storeflow.host.outbox import FILE_NAME, event_key

ROUTER = "upstream_router"
_GZIP = b"\x1f\x8b"
"""What its files begin with, and no JSON does."""


class InFile(NamedTuple):
    """An event in the sink's file."""

    event: CloudEvent
    body: bytes
    """As it stands there."""
    line: int
    """The first is 1."""
    offset: int
    """Bytes before it."""


@dataclass(frozen=True)
class InOutbox:
    """What one module's outbox says of an event."""

    module_id: str
    kept_at: float | None
    """When the module had it on disk, in seconds since the epoch; none if it never had, or has forgotten."""
    waits_for: tuple[str, ...]
    """Destinations that don't have it yet."""
    set_aside: str | None
    """Why the module failed on it, if it did."""


class AtHub(NamedTuple):
    """A message of the hub with an event in it."""

    number: int
    at: float | None
    """When IoT Hub took it in, in seconds since the epoch; none while it waits for that."""
    output: str
    message_id: str
    """As its sender called it."""
    events: int
    """In the message, with this one."""


class RunFolder:
    """The folder that `make run` writes to; it may be running still.

    Raises:
        ConfigError: there is no such run.
        StorageError: from every method, when a file of it can't be read.
    """

    def __init__(self, folder: Path) -> None:
        self.store = folder / "store"
        self.file = events_file(self.store)
        if not self.store.is_dir():
            raise ConfigError([f"--run {folder}: there is no run in it; `make run` makes one in the folder run"])

    @cached_property
    def lines(self) -> list[InFile]:
        """Every whole line of the sink's file."""
        found: list[InFile] = []
        offset = 0
        whole = self.file.read_bytes().split(b"\n")[:-1] if self.file.is_file() else []
        for number, line in enumerate(whole, 1):
            found.append(InFile(CloudEvent.from_json(line), line, number, offset))
            offset += len(line) + 1
        return found

    def find(self, event_id: str) -> CloudEvent | None:
        """The event of that id, wherever it has got to; none where nobody has it."""
        in_file = (one.event for one in self.lines if one.event.id == event_id)
        return next(in_file, None) or next(self._elsewhere(event_id), None)

    def outboxes(self, event: CloudEvent) -> list[InOutbox]:
        """What every outbox says of it, those of the senders first."""
        key = event_key(event.source, event.id)
        found = []
        for path in sorted(self._outboxes, key=lambda path: path.parent.name == ROUTER):
            kept = ask(path, "SELECT kept_at FROM seen WHERE key = ?", key)
            waits_for = ask(path, "SELECT destination FROM outbox WHERE key = ? ORDER BY destination", key)
            failed = ask(path, "SELECT reason FROM quarantine WHERE key = ?", key)
            found.append(
                InOutbox(
                    path.parent.name,
                    kept[0][0] if kept else None,
                    tuple(destination for (destination,) in waits_for),
                    failed[0][0] if failed else None,
                )
            )
        return found

    def at_hub(self, event: CloudEvent) -> list[AtHub]:
        """The hub's messages with it, those that IoT Hub has first; one that was sent again is there twice."""
        taken_in = "SELECT id, enqueued_at, source, system, body FROM upstream"
        waiting = "SELECT id, NULL, source, system, body FROM outbound"
        found = []
        for number, at, source, system, body in (*ask(self._hub, taken_in), *ask(self._hub, waiting)):
            events = _events(body)
            if any(one.get("id") == event.id for one in events):
                found.append(AtHub(number, at, source, json.loads(system)["messageId"], len(events)))
        return found

    @property
    def _outboxes(self) -> list[Path]:
        return list(self.file.parents[1].glob(f"*/{FILE_NAME}"))

    @property
    def _hub(self) -> Path:
        return self.store / "edge_hub" / "hub.db"

    def _elsewhere(self, event_id: str) -> Iterator[CloudEvent]:
        """Copies of an event that is not in the file, or not yet."""
        bodies = ask(self._hub, "SELECT body FROM upstream")
        for path in self._outboxes:
            bodies += ask(path, "SELECT body FROM outbox WHERE instr(body, ?)", event_id.encode())
        events = (one for (body,) in bodies for one in _events(body))
        yield from (CloudEvent.from_json(json.dumps(one).encode()) for one in events if one.get("id") == event_id)


def _events(body: bytes) -> list[dict[str, Any]]:
    """The objects in a message of any module: one, or an array of them, packed or not; none where it is no JSON."""
    try:
        document = json.loads(gzip.decompress(body) if body.startswith(_GZIP) else body)
    except (OSError, EOFError, zlib.error, ValueError):
        return []
    return [one for one in (document if isinstance(document, list) else [document]) if isinstance(one, dict)]
