"""What a module must not forget: events on their way, its checkpoint, its configuration, in one SQLite file.

An event stays here until its next owner has it on disk (docs/adr/0002-custody-of-an-event.md). New events and the
checkpoint of the module that made them are one transaction, so that state and events agree after any crash.

    outbox   events on their way, one row per destination, oldest first
    seen     source + id of every event ever kept here, bounded: what comes again is not kept again
    numbers  the last `sequence` of each source
    state    the module's checkpoint, the sinks' states, the last good twin sections
    quarantine  messages that the module failed on time and again, bounded, for whoever looks into its fault
"""

import json
import logging
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from storeflow.contract.cloudevents import CloudEvent, named
from storeflow.errors import StorageError
from storeflow.module import Output, RawEvent
from storeflow.transport.port import MAX_BODY_BYTES

LOG = logging.getLogger(__name__)

FILE_NAME = "outbox.db"
"""In the module's state folder."""
SEEN_SECONDS = 30 * 86_400.0
QUARANTINED = 100
"""Messages kept in `quarantine` at most: 20 MB."""
_EVICTED_AT_ONCE = 1000
_IMPORTANCE = {
    "storeflow.zone.occupancy": 0,
    "storeflow.zone.dwelling": 0,
    "storeflow.queue.length": 0,
    "storeflow.area.occupancy": 0,
    "storeflow.spatial_analysis": 0,  # it says once more what another event says
    "storeflow.zone.entered": 1,
    "storeflow.queue.arrived": 1,
}
_MOST_IMPORTANT = 2
"""Of everything else: crossings, finished visits and camera states are what the figures are made of."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, destination TEXT NOT NULL, key BLOB NOT NULL, importance INTEGER NOT NULL,
    properties TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS outbox_by_destination ON outbox (destination, id);
CREATE TABLE IF NOT EXISTS seen (n INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, kept_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS numbers (source TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quarantine (
    n INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE, set_aside_at REAL NOT NULL, reason TEXT NOT NULL,
    body BLOB NOT NULL);
"""


class CorruptOutboxError(StorageError):
    """The file is no longer a database. The next start moves it aside and begins a new one."""


class Row(NamedTuple):
    """An event on its way to one destination."""

    id: int
    key: bytes
    """Names the event for good: `event_key` of its source and id."""
    properties: dict[str, str]
    body: bytes


def event_key(source: str, event_id: str) -> bytes:
    """16 bytes that stand for `source` + `id`, by which an event is told from every other."""
    return blake2b(f"{source}\x1f{event_id}".encode(), digest_size=16).digest()


class Outbox:
    """The durable store of one module; its methods may be called from any thread.

    Args:
        path: the database file; created with its folder where there is none. A file that is no database is moved
            aside to `<name>.corrupt-<n>`, and logged.
        max_rows: beyond it rows are dropped, the oldest of the least important events first. A drop is logged and
            counted, and leaves a hole in its source's sequence that every reader can see.
        max_seen: how many keys `seen` holds at most; ten senders with full outboxes by default. The newest
            `max_rows` are held whatever the clock says, older ones for `SEEN_SECONDS`.

    Raises:
        StorageError: the folder or the disk refused.
    """

    def __init__(self, path: Path, *, max_rows: int = 100_000, max_seen: int = 1_000_000) -> None:
        self._path, self._max_rows, self._max_seen = path, max_rows, max_seen
        self._lock = threading.RLock()
        self.counts = dict.fromkeys(("kept", "repeated", "oversized", "dropped"), 0)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._database = _open(path)
            except CorruptOutboxError as error:
                _move_aside(path, error)
                self._database = _open(path)
        except OSError as error:
            raise StorageError(f"outbox {path}: {error}; make its folder writable") from error
        with self._reading() as database:
            self._destinations = {name for (name,) in database.execute("SELECT DISTINCT destination FROM outbox")}
            (self.rows_waiting,) = database.execute("SELECT COUNT(*) FROM outbox").fetchone()

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
            CorruptOutboxError: trying again is no use in this process.
        """
        by_event: dict[bytes, dict[str, CloudEvent | RawEvent]] = {}
        for name, event in outputs:
            by_event.setdefault(event_key(event.source, event.id), {})[name] = event
        counts = dict.fromkeys(self.counts, 0)
        with self._lock:
            with self._transaction() as database:
                for key, destinations in by_event.items():
                    counts[self._keep(database, key, destinations, now)] += 1
                if checkpoint is not None:
                    _put(database, "checkpoint", checkpoint)
                (rows,) = database.execute("SELECT COUNT(*) FROM outbox").fetchone()
                if rows > self._max_rows:
                    counts["dropped"] = self._drop(database, rows)
                self._forget_seen(database, now)
                self._destinations.update(output.name for output in outputs)
            self.rows_waiting = rows - counts["dropped"]
        for name, number in counts.items():
            self.counts[name] += number
        return counts["kept"]

    def waiting(self, destination: str, limit: int) -> list[Row]:
        """The oldest rows for one destination, up to `limit`."""
        with self._reading() as database:
            rows = database.execute(
                "SELECT id, key, properties, body FROM outbox WHERE destination = ? ORDER BY id LIMIT ?",
                (destination, limit),
            ).fetchall()
        return [Row(row_id, key, json.loads(properties), body) for row_id, key, properties, body in rows]

    def delete(self, row_ids: Sequence[int], sink_state: tuple[str, bytes] | None = None) -> None:
        """Let go of rows that their next owner has on disk.

        Args:
            row_ids: ids of rows; unknown ones are ignored.
            sink_state: destination and the state that its sink returned for these rows, kept in the same transaction.
        """
        with self._lock:
            with self._transaction() as database:
                deleted = database.executemany("DELETE FROM outbox WHERE id = ?", [(row_id,) for row_id in row_ids])
                if sink_state is not None:
                    _put(database, sink_state[0], sink_state[1])
            self.rows_waiting -= max(0, deleted.rowcount)

    def rows_by_destination(self) -> dict[str, int]:
        """How many rows wait for each destination that any wait for."""
        with self._reading() as database:
            return dict(database.execute("SELECT destination, COUNT(*) FROM outbox GROUP BY destination").fetchall())

    def oldest_kept_at(self) -> float | None:
        """When the oldest row was kept, in seconds since the epoch; none where no row waits or its key is forgotten."""
        with self._reading() as database:
            row = database.execute(
                "SELECT kept_at FROM seen WHERE key = (SELECT key FROM outbox ORDER BY id LIMIT 1)"
            ).fetchone()
        return None if row is None else float(row[0])

    def destinations(self) -> set[str]:
        """Every destination that rows wait for, or waited for since the start."""
        with self._lock:
            return set(self._destinations)

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

    def keep_section(self, name: str, document: Any, version: int) -> None:
        """Keep the last good document of a twin section, for a start while the twin is bad or the hub away."""
        with self._transaction() as database:
            _put(database, f"section:{name}", json.dumps([document, version]).encode())

    def quarantine(self, key: bytes, body: bytes, reason: str, now: float) -> None:
        """Set aside a message that the module fails on; of more than `QUARANTINED`, the oldest go.

        Args:
            key: `event_key` of the event in it.
            body: the message as it came.
            reason: what went wrong, for people.
            now: seconds since the epoch.
        """
        with self._transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO quarantine (key, set_aside_at, reason, body) VALUES (?, ?, ?, ?)",
                (key, now, reason, body),
            )
            database.execute(
                "DELETE FROM quarantine WHERE n NOT IN (SELECT n FROM quarantine ORDER BY n DESC LIMIT ?)",
                (QUARANTINED,),
            )

    def close(self) -> None:
        """Close the file; what was committed is there."""
        with self._lock:
            self._database.close()

    def _keep(
        self, database: sqlite3.Connection, key: bytes, destinations: dict[str, CloudEvent | RawEvent], now: float
    ) -> str:
        """Keep one event for each of its destinations; return under which name to count it."""
        if self._was_seen(database, key):
            return "repeated"
        event = next(iter(destinations.values()))
        numbered = event
        if isinstance(event, CloudEvent) and event.sequence is None:
            numbered = _numbered(database, event)
        body = numbered.to_json()
        if len(body) > MAX_BODY_BYTES:
            LOG.error("%s, is refused: %d bytes, %d at most", named(event.source, event.id), len(body), MAX_BODY_BYTES)
            return "oversized"
        if numbered is not event:
            _count_up(database, event.source)
        properties = json.dumps(_properties(event))
        importance = _IMPORTANCE.get(event.type, _MOST_IMPORTANT)
        database.executemany(
            "INSERT INTO outbox (destination, key, importance, properties, body) VALUES (?, ?, ?, ?, ?)",
            [(destination, key, importance, properties, body) for destination in destinations],
        )
        database.execute("INSERT OR IGNORE INTO seen (key, kept_at) VALUES (?, ?)", (key, now))
        return "kept"

    def _was_seen(self, database: sqlite3.Connection, key: bytes) -> bool:
        return database.execute("SELECT 1 FROM seen WHERE key = ?", (key,)).fetchone() is not None

    def _drop(self, database: sqlite3.Connection, rows: int) -> int:
        """Drop a hundredth of the limit at once, so that a full outbox is not sorted for every event."""
        excess = rows - self._max_rows + self._max_rows // 100
        dropped = database.execute(
            "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY importance, id LIMIT ?)", (excess,)
        ).rowcount
        LOG.error(
            "the outbox is full: %d rows wait, %d at most; %d were dropped, the oldest of the least important first; "
            "find out why nothing leaves",
            rows,
            self._max_rows,
            dropped,
        )
        return dropped

    def _forget_seen(self, database: sqlite3.Connection, now: float) -> None:
        (newest,) = database.execute("SELECT MAX(n) FROM seen").fetchone()
        if newest is None:
            return
        database.execute(
            "DELETE FROM seen WHERE n IN (SELECT n FROM seen WHERE n <= ? ORDER BY n LIMIT ?)",
            (newest - self._max_seen, _EVICTED_AT_ONCE),
        )
        database.execute(
            "DELETE FROM seen WHERE n IN (SELECT n FROM seen WHERE n <= ? ORDER BY n LIMIT ?) AND kept_at < ?",
            (newest - self._max_rows, _EVICTED_AT_ONCE, now - SEEN_SECONDS),
        )

    def _get(self, name: str) -> bytes | None:
        with self._reading() as database:
            row = database.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _storage_errors(self._path):
            yield self._database

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise


def _open(path: Path) -> sqlite3.Connection:
    with _storage_errors(path):
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            # FULL: a commit is on the disk, not only with the kernel, when it returns (power cuts are normal in shops).
            database.execute("PRAGMA synchronous = FULL")
            # Half a megabyte of pages in memory, not SQLite's two, which fill up over a day: the kernel has the file.
            database.execute("PRAGMA cache_size = -500")
            _check(database, path)
            database.executescript(_SCHEMA)
        except BaseException:
            database.close()
            raise
    return database


def _check(database: sqlite3.Connection, path: Path) -> None:
    (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise CorruptOutboxError(f"outbox {path}: {verdict}")


def _move_aside(path: Path, error: CorruptOutboxError) -> None:
    """Keep a file that is no database for whoever wants to look into it, and say what is lost."""
    names = (path.with_name(f"{path.name}.corrupt-{number}") for number in count(1))
    aside = next(name for name in names if not name.exists())
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    LOG.error(
        "%s; it lies in %s now, and a new one is begun: events that had not left, the checkpoint and the sequence "
        "numbers are lost; check the disk",
        error,
        aside.name,
    )


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    """Tell what can be tried again (disk full, input/output error) from a file that is no longer a database."""
    try:
        yield
    except (sqlite3.OperationalError, sqlite3.ProgrammingError) as error:
        raise StorageError(f"outbox {path}: {error}; free space on its disk, or mend it") from error
    except sqlite3.DatabaseError as error:
        raise CorruptOutboxError(f"outbox {path}: {error}") from error


def _properties(event: CloudEvent | RawEvent) -> dict[str, str]:
    """The message properties by which IoT Hub routes, and the trace; what a raw event does not say is left out."""
    if isinstance(event, RawEvent):
        schema_version, store_id = event.schema_version, event.store_id
    else:
        schema_version = event.dataschema.removesuffix(f":{event.type}").rpartition(":")[2]
        store_id = event.data.store_id
    properties = {
        "eventType": event.type,
        "schemaVersion": schema_version,
        "storeId": store_id,
        "traceparent": event.traceparent,
    }
    return {name: value for name, value in properties.items() if value is not None}


def _numbered(database: sqlite3.Connection, event: CloudEvent) -> CloudEvent:
    row = database.execute("SELECT last FROM numbers WHERE source = ?", (event.source,)).fetchone()
    return event.model_copy(update={"sequence": f"{(row[0] if row else 0) + 1:012d}"})


def _count_up(database: sqlite3.Connection, source: str) -> None:
    database.execute(
        "INSERT INTO numbers (source, last) VALUES (?, 1) ON CONFLICT (source) DO UPDATE SET last = last + 1", (source,)
    )


def _put(database: sqlite3.Connection, name: str, value: bytes) -> None:
    """Keep a value; one that is there already costs no write (flash wears out)."""
    database.execute(
        "INSERT INTO state (name, value) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value IS NOT excluded.value",
        (name, value),
    )
