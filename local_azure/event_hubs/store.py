"""What a namespace keeps on disk: its event hubs and the events of their partitions.

SQLite rather than segment files of ours: one transaction takes in whatever came in at once, over all partitions, whole
or not at all; a position is found by key; what is old goes by one delete. None of that is code here, nor is what a
kill in the middle of a write leaves behind. In WAL mode with `synchronous=NORMAL` what is committed survives the death
of the process (`kill -9`); that of the machine only with FULL, which waits for the disk at each commit.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storeflow.errors import StorageError

_LOCK_SECONDS = 1.0
"""How long to wait for another program that holds the database; the namespace stands still meanwhile."""

_VERSION = 1
"""Of the tables below; a file with others is refused."""

_PARTITION_BITS = 40
"""An event's row is `partition << 40 | sequence number`: one table in which each partition lies together, in order."""

_SCHEMA = """
create table if not exists hubs(name text primary key, partitions integer not null, created_at integer not null);
create table if not exists partitions(number integer primary key, hub text not null, id text not null,
  next_sequence integer not null, next_offset integer not null, last_offset integer not null,
  last_enqueued_at integer not null, unique(hub, id));
create table if not exists events(row integer primary key, position integer not null, enqueued_at integer not null,
  payload blob not null);
"""


@dataclass
class PartitionState:
    """What is known of a partition besides its events.

    Attributes:
        number: of the partition among all of the namespace.
        next_sequence: that the next event will get.
        next_offset: that the next event will get.
        last_offset: of the newest event ever; -1 before the first.
        last_enqueued_at: of the newest event ever, milliseconds since the epoch; 0 before the first.
    """

    number: int
    hub: str
    id: str
    next_sequence: int = 0
    next_offset: int = 0
    last_offset: int = -1
    last_enqueued_at: int = 0


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event in its partition; the payload is the message that consumers get."""

    sequence_number: int
    offset: int
    enqueued_at: int
    payload: bytes


class Store:
    """The database of one namespace.

    Args:
        path: its file; None keeps everything in memory, until the process ends.
        full: wait for the disk at each commit.

    Raises:
        StorageError: from every method, when SQLite refuses.
    """

    def __init__(self, path: Path | None, *, full: bool = False) -> None:
        with _named(f"{path or 'memory'}"):
            self._db = sqlite3.connect(path or ":memory:", timeout=_LOCK_SECONDS, isolation_level=None)
            self._db.execute("pragma journal_mode=wal")
            self._db.execute(f"pragma synchronous={'full' if full else 'normal'}")
            self._check_version(path)
            self._db.executescript(_SCHEMA)
            self._db.execute(f"pragma user_version={_VERSION}")

    def _check_version(self, path: Path | None) -> None:
        ((version,),) = self._db.execute("pragma user_version").fetchall()
        tables = self._db.execute("select name from sqlite_master limit 1").fetchall()
        if tables and version != _VERSION:
            self._db.close()
            raise StorageError(f"{path} was kept by another version of this namespace: remove it to begin anew")

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self._db.close()

    def open_hub(self, name: str, partitions: int, now_ms: int) -> tuple[int, list[PartitionState]]:
        """Make an event hub, unless it is there.

        Returns:
            When it was made, in milliseconds since the epoch, and its partitions.

        Raises:
            StorageError: it is there with another number of partitions, which the service can't change either.
        """
        found = self._query("select partitions, created_at from hubs where name=?", (name,))
        if found and found[0][0] != partitions:
            raise StorageError(
                f"{name} has {found[0][0]} partitions on disk and {partitions} in the configuration: PartitionCount "
                "can't be changed for an event hub; name another one, or remove the state folder"
            )
        if not found:
            with self._transaction():
                self._db.execute("insert into hubs values(?,?,?)", (name, partitions, now_ms))
                self._db.executemany(
                    "insert into partitions(hub, id, next_sequence, next_offset, last_offset, last_enqueued_at)"
                    " values(?,?,0,0,-1,0)",
                    [(name, str(index)) for index in range(partitions)],
                )
        rows = self._query("select * from partitions where hub=? order by cast(id as integer)", (name,))
        return (found[0][1] if found else now_ms), [PartitionState(*row) for row in rows]

    def commit(self, appended: Iterable[tuple[PartitionState, Iterable[StoredEvent]]]) -> None:
        """Add events to partitions, and keep what the partitions have become, in one transaction."""
        with self._transaction():
            for state, events in appended:
                first = state.number << _PARTITION_BITS
                self._db.executemany(
                    "insert into events values(?,?,?,?)",
                    [(first | e.sequence_number, e.offset, e.enqueued_at, e.payload) for e in events],
                )
                self._db.execute(
                    "update partitions set next_sequence=?, next_offset=?, last_offset=?, last_enqueued_at=?"
                    " where number=?",
                    (
                        *(state.next_sequence, state.next_offset, state.last_offset, state.last_enqueued_at),
                        state.number,
                    ),
                )

    def read(self, partition: int, sequence_number: int, limit: int) -> list[tuple[int, bytes]]:
        """Return sequence numbers and payloads from a sequence number on, at most `limit`."""
        first, row = partition << _PARTITION_BITS, (partition << _PARTITION_BITS) | sequence_number
        rows = self._query(
            "select row, payload from events where row >= ? and row < ? order by row limit ?",
            (row, first + (1 << _PARTITION_BITS), limit),
        )
        return [(row - first, payload) for row, payload in rows]

    def first_sequence(self, partition: int) -> int | None:
        """Return the sequence number of the oldest event that a partition still has."""
        first = partition << _PARTITION_BITS
        bounds = (first, first + (1 << _PARTITION_BITS))
        ((row,),) = self._query("select min(row) from events where row >= ? and row < ?", bounds)
        return None if row is None else int(row) - first

    def place(self, partition: int, sequence_number: int) -> tuple[int, int]:
        """Return the offset and the enqueued time of an event that is there."""
        row = (partition << _PARTITION_BITS) | sequence_number
        ((offset, enqueued_at),) = self._query("select position, enqueued_at from events where row=?", (row,))
        return offset, enqueued_at

    def delete_before(self, partition: int, sequence_number: int) -> None:
        """Forget the events of a partition that are older than one."""
        first = partition << _PARTITION_BITS
        self._query("delete from events where row >= ? and row < ?", (first, first | sequence_number))

    def _query(self, sql: str, parameters: tuple[Any, ...]) -> list[Any]:
        with _named("the namespace's database"):
            return self._db.execute(sql, parameters).fetchall()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with _named("the events could not be stored"), self._db:
            self._db.execute("begin immediate")
            yield


@contextlib.contextmanager
def _named(what: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError(f"{what}: {error}") from error
