"""What a module must not forget: events on their way, its checkpoint, its configuration, in one SQLite file.

An event stays here until its next owner has it on disk (docs/adr/0002-custody-of-an-event.md). New events and the
checkpoint of the module that made them are one transaction, so that state and events agree after any crash.

    outbox   events on their way, one row per destination, oldest first
    seen     source + id of every event ever kept here, bounded: what comes again is not kept again
    numbers  the last `sequence` of each source
    state    the module's checkpoint, the sinks' states, the last good twin sections
    quarantine  messages that the module failed on time and again, bounded, for anyone who looks into its fault
"""

import json
import logging
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from storeflow.contract.cloudevents import CloudEvent, named
from storeflow.contract.events import EVENT_MODELS, StoreEvent
from storeflow.host.database import Database
from storeflow.host.module import Output, RawEvent
from storeflow.transport.port import MAX_BODY_BYTES

LOG = logging.getLogger(__name__)

FILE_NAME = "outbox.db"
"""In the module's state folder."""
SEEN_SECONDS = 30 * 86_400.0
MAX_QUARANTINED = 100
"""Messages in `quarantine`: 20 MB."""
_MAX_EVICTED = 1000
"""Keys that one commit forgets, so that none takes long."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, destination TEXT NOT NULL, key BLOB NOT NULL, importance INTEGER NOT NULL,
    properties TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS outbox_by_destination ON outbox (destination, id);
CREATE INDEX IF NOT EXISTS outbox_by_type ON outbox (destination, json_extract(properties, '$.eventType'));
CREATE TABLE IF NOT EXISTS seen (n INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, kept_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS numbers (source TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quarantine (
    n INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE, set_aside_at REAL NOT NULL, reason TEXT NOT NULL,
    body BLOB NOT NULL);
"""


class Row(NamedTuple):
    """An event on its way to one destination."""

    id: int
    key: bytes
    """Names the event for good: `event_key` of its source and id."""
    properties: dict[str, str]
    body: bytes


def event_key(source: str, event_id: str) -> bytes:
    """16 bytes that stand for `source` + `id`, which no other event shares."""
    return blake2b(f"{source}\x1f{event_id}".encode(), digest_size=16).digest()


class Outbox:
    """The durable store of one module; its methods may be called from any thread.

    Args:
        path: the database file; one that is no database is moved aside (`database.py`).
        max_rows: beyond it rows are dropped, those first that nobody takes, then the oldest of the least important
            events. A drop is logged and counted, and leaves a hole in its source's sequence that every reader can see.
        max_seen: how many keys `seen` holds at most; ten senders with full outboxes by default. The newest
            `max_rows` are held whatever the clock says, older ones for `SEEN_SECONDS`.

    Raises:
        StorageError: the folder or the disk refused.
    """

    def __init__(self, path: Path, *, max_rows: int = 100_000, max_seen: int = 1_000_000) -> None:
        self._max_rows, self._max_seen = max_rows, max_seen
        self.counts = dict.fromkeys(("kept", "repeated", "oversized", "dropped"), 0)
        self._untaken: frozenset[str] = frozenset()
        self._database = Database(path, _SCHEMA)
        with self._database.reading() as connection:
            self._destinations = {name for (name,) in connection.execute("SELECT DISTINCT destination FROM outbox")}
            (self.rows_waiting,) = connection.execute("SELECT COUNT(*) FROM outbox").fetchone()

    def commit(self, outputs: Sequence[Output], checkpoint: bytes | None, now: float) -> int:
        """Keep new events and the module's checkpoint in one transaction; return how many events were new.

        A new event without a `sequence` is given the next one of its source, in twelve digits. An event whose
        source and id were kept before is ignored and takes no number, nor does one of over `MAX_BODY_BYTES`.

        Args:
            outputs: what the module returned; one event may go to several destinations.
            checkpoint: the module's state after all of `outputs`; None leaves the last one.
            now: seconds since the epoch.

        Raises:
            StorageError: nothing of it was kept; try again.
            CorruptDatabaseError: trying again is no use in this process.
        """
        by_event: dict[bytes, dict[str, CloudEvent | RawEvent]] = {}
        for name, event in outputs:
            by_event.setdefault(event_key(event.source, event.id), {})[name] = event
        counts = dict.fromkeys(self.counts, 0)
        with self._database.lock:
            with self._database.transaction() as connection:
                for key, destinations in by_event.items():
                    counts[self._keep(connection, key, destinations, now)] += 1
                if checkpoint is not None:
                    _put(connection, "checkpoint", checkpoint)
                (rows,) = connection.execute("SELECT COUNT(*) FROM outbox").fetchone()
                if rows > self._max_rows:
                    counts["dropped"] = self._drop(connection, rows)
                self._forget_seen(connection, now)
                self._destinations.update(output.name for output in outputs)
            self.rows_waiting = rows - counts["dropped"]
        for name, number in counts.items():
            self.counts[name] += number
        return counts["kept"]

    def waiting(self, destination: str, limit: int, max_bytes: int = sys.maxsize) -> list[Row]:
        """The oldest rows for one destination, oldest first: up to `limit`, and until their bodies have `max_bytes`."""
        return self._rows("WHERE destination = ? ORDER BY id LIMIT ?", destination, limit, max_bytes)

    def newest(self, destination: str, limit: int, max_bytes: int = sys.maxsize) -> list[Row]:
        """The newest rows for one destination, newest first: up to `limit`, and until their bodies have `max_bytes`."""
        return self._rows("WHERE destination = ? ORDER BY id DESC LIMIT ?", destination, limit, max_bytes)

    def holds(self, destination: str, count: int) -> bool:
        """Whether at least `count` rows wait for one destination."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT 1 FROM outbox WHERE destination = ? LIMIT 1 OFFSET ?", (destination, count - 1)
            ).fetchone()
        return found is not None

    def expire(self, destination: str, pattern: str, kept_before: float) -> int:
        """Delete the rows for one destination that were kept before a moment, of event types that match a pattern.

        Args:
            destination: whose rows.
            pattern: an event type, or its beginning and `.*`.
            kept_before: seconds since the epoch.
        """
        first = pattern.removesuffix("*")
        last = pattern if first == pattern else f"{first}{chr(sys.maxunicode)}"
        with self._database.lock:
            with self._database.transaction() as connection:
                deleted = connection.execute(
                    "DELETE FROM outbox WHERE id IN (SELECT outbox.id FROM outbox JOIN seen USING (key) WHERE "
                    "destination = ? AND kept_at < ? AND json_extract(properties, '$.eventType') BETWEEN ? AND ?)",
                    (destination, kept_before, first, last),
                ).rowcount
            self.rows_waiting -= deleted
        return deleted

    def delete(self, row_ids: Sequence[int], sink_state: tuple[str, bytes] | None = None) -> None:
        """Delete rows that their next owner has on disk.

        Args:
            row_ids: ids of rows; unknown ones are ignored.
            sink_state: destination and the state that its sink returned for these rows, kept in the same transaction.
        """
        with self._database.lock:
            with self._database.transaction() as connection:
                deleted = connection.executemany("DELETE FROM outbox WHERE id = ?", [(row_id,) for row_id in row_ids])
                if sink_state is not None:
                    _put(connection, sink_state[0], sink_state[1])
            self.rows_waiting -= max(0, deleted.rowcount)

    def rows_by_destination(self) -> dict[str, int]:
        """How many rows wait for each destination that any wait for."""
        with self._database.reading() as connection:
            return dict(connection.execute("SELECT destination, COUNT(*) FROM outbox GROUP BY destination").fetchall())

    def oldest_kept_at(self) -> float | None:
        """When the oldest row was kept, in seconds since the epoch; none where no row waits or its key is forgotten."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT kept_at FROM seen WHERE key = (SELECT key FROM outbox ORDER BY id LIMIT 1)"
            ).fetchone()
        return None if row is None else float(row[0])

    def destinations(self) -> set[str]:
        """Every destination that rows wait for, or waited for since the start."""
        with self._database.lock:
            return set(self._destinations)

    def mark(self, destination: str, *, taken: bool) -> None:
        """Say whether anybody takes the rows for a destination; before the first word they count as taken."""
        self._untaken = self._untaken - {destination} if taken else self._untaken | {destination}

    def rows_untaken(self) -> int:
        """How many rows wait for destinations whose rows nobody takes."""
        untaken = self._untaken
        return sum(rows for name, rows in self.rows_by_destination().items() if name in untaken) if untaken else 0

    def checkpoint(self) -> bytes | None:
        """The module's last committed state."""
        return self._get("checkpoint")

    def sink_state(self, destination: str) -> bytes | None:
        """The state that the sink last returned for rows which were then deleted."""
        return self._get(destination)

    def section(self, name: str) -> tuple[Any, int] | None:
        """The last good document of a twin section, and the twin's `$version` that brought it."""
        value = self._get(f"section:{name}")
        if value is None:
            return None
        document, version = json.loads(value)
        return document, version

    def save_section(self, name: str, document: Any, version: int) -> None:
        """Keep the last good document of a twin section, for a start while the twin is bad or the hub away."""
        with self._database.transaction() as connection:
            _put(connection, f"section:{name}", json.dumps([document, version]).encode())

    def quarantine(self, key: bytes, body: bytes, reason: str, now: float) -> None:
        """Set aside a message that the module fails on; of more than `MAX_QUARANTINED`, the oldest go.

        Args:
            key: `event_key` of the event in it.
            body: the message as it came.
            reason: what went wrong, for people.
            now: seconds since the epoch.
        """
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO quarantine (key, set_aside_at, reason, body) VALUES (?, ?, ?, ?)",
                (key, now, reason, body),
            )
            connection.execute(
                "DELETE FROM quarantine WHERE n NOT IN (SELECT n FROM quarantine ORDER BY n DESC LIMIT ?)",
                (MAX_QUARANTINED,),
            )

    def close(self) -> None:
        """Close the file; what was committed is there."""
        self._database.close()

    def _keep(
        self, connection: sqlite3.Connection, key: bytes, destinations: dict[str, CloudEvent | RawEvent], now: float
    ) -> str:
        """Keep one event for each of its destinations; return under which name to count it."""
        if _was_seen(connection, key):
            return "repeated"
        event = next(iter(destinations.values()))
        numbered = event
        if isinstance(event, CloudEvent) and event.sequence is None:
            numbered = _numbered(connection, event)
        body = numbered.to_json()
        if len(body) > MAX_BODY_BYTES:
            LOG.error("%s, is refused: %d bytes, %d at most", named(event.source, event.id), len(body), MAX_BODY_BYTES)
            return "oversized"
        if numbered is not event:
            _count_up(connection, event.source)
        properties = json.dumps(_properties(event))
        importance = EVENT_MODELS.get(event.type, StoreEvent).importance
        connection.executemany(
            "INSERT INTO outbox (destination, key, importance, properties, body) VALUES (?, ?, ?, ?, ?)",
            [(destination, key, importance, properties, body) for destination in destinations],
        )
        connection.execute("INSERT OR IGNORE INTO seen (key, kept_at) VALUES (?, ?)", (key, now))
        return "kept"

    def _drop(self, connection: sqlite3.Connection, rows: int) -> int:
        """Drop a hundredth of the limit at once, so that a full outbox is not sorted for every event."""
        excess = rows - self._max_rows + self._max_rows // 100
        dropped = connection.execute(
            "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY "
            "destination NOT IN (SELECT value FROM json_each(?)), importance, id LIMIT ?)",
            (json.dumps(sorted(self._untaken)), excess),
        ).rowcount
        LOG.error(
            "the outbox is full: %d rows wait, %d at most; %d were dropped, those first that no sink takes, then the "
            "oldest of the least important; find out why nothing leaves",
            rows,
            self._max_rows,
            dropped,
        )
        return dropped

    def _forget_seen(self, connection: sqlite3.Connection, now: float) -> None:
        (newest,) = connection.execute("SELECT MAX(n) FROM seen").fetchone()
        if newest is None:
            return
        connection.execute(
            "DELETE FROM seen WHERE n IN (SELECT n FROM seen WHERE n <= ? ORDER BY n LIMIT ?)",
            (newest - self._max_seen, _MAX_EVICTED),
        )
        connection.execute(
            "DELETE FROM seen WHERE n IN (SELECT n FROM seen WHERE n <= ? ORDER BY n LIMIT ?) AND kept_at < ?",
            (newest - self._max_rows, _MAX_EVICTED, now - SEEN_SECONDS),
        )

    def _rows(self, selection: str, destination: str, limit: int, max_bytes: int) -> list[Row]:
        query = f"SELECT id, key, properties, body FROM outbox {selection}"  # noqa: S608 - of this file's own words
        found: list[Row] = []
        size = 0
        with self._database.reading() as connection, closing(connection.execute(query, (destination, limit))) as rows:
            for row_id, key, properties, body in rows:
                found.append(Row(row_id, key, json.loads(properties), body))
                if (size := size + len(body)) >= max_bytes:
                    break
        return found

    def _get(self, name: str) -> bytes | None:
        with self._database.reading() as connection:
            row = connection.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])


def _was_seen(connection: sqlite3.Connection, key: bytes) -> bool:
    return connection.execute("SELECT 1 FROM seen WHERE key = ?", (key,)).fetchone() is not None


def _properties(event: CloudEvent | RawEvent) -> dict[str, str]:
    """The message properties by which IoT Hub routes, and the trace; what a raw event does not say is left out."""
    properties = {
        "eventType": event.type,
        "schemaVersion": event.schema_version,
        "storeId": event.store_id,
        "traceparent": event.traceparent,
    }
    return {name: value for name, value in properties.items() if value is not None}


def _numbered(connection: sqlite3.Connection, event: CloudEvent) -> CloudEvent:
    row = connection.execute("SELECT last FROM numbers WHERE source = ?", (event.source,)).fetchone()
    return event.model_copy(update={"sequence": f"{(row[0] if row else 0) + 1:012d}"})


def _count_up(connection: sqlite3.Connection, source: str) -> None:
    connection.execute(
        "INSERT INTO numbers (source, last) VALUES (?, 1) ON CONFLICT (source) DO UPDATE SET last = last + 1", (source,)
    )


def _put(connection: sqlite3.Connection, name: str, value: bytes) -> None:
    """Keep a value; one that is there already costs no write (flash wears out)."""
    connection.execute(
        "INSERT INTO state (name, value) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value IS NOT excluded.value",
        (name, value),
    )
