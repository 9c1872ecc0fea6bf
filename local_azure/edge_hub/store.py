"""What the hub keeps on disk: sessions, twins, queues of modules, what went upstream and how far it was routed.

edgeHub keeps the same in RocksDB (Azure/iotedge, classes `SessionStateStoragePersistenceProvider` of
Edge.Hub.Mqtt, `MessageStore` and `TwinManager` of Edge.Hub.Core). Here it is SQLite in WAL mode,
`synchronous=NORMAL`: what is committed survives the hub's death, though not certainly the machine's.

A queue lives in its table only, so a module that is away costs disk and no memory.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from local_azure.edge_hub.twins import Twin
from storeflow.errors import StorageError
from storeflow.iot_hub.message import Message

_LOCK_SECONDS = 1.0
"""How long to wait for another program that holds the database; the hub stands still meanwhile."""

UPSTREAM = "$upstream"

_VERSION = 2
"""Of the tables below; a file with others is refused."""

_SCHEMA = """
create table if not exists sessions(client_id text primary key, filters text not null);
create table if not exists twins(module_id text primary key, twin text not null);
create table if not exists deployments(id text primary key, deployment text not null);
create table if not exists queue(id integer primary key autoincrement, module_id text not null, priority integer
  not null, topic text not null, body blob not null, expires_at real);
create index if not exists queue_order on queue(module_id, priority, id);
create table if not exists outbound(id integer primary key autoincrement, priority integer not null, expires_at real,
  source text not null, body blob not null, properties text not null, system text not null);
create index if not exists outbound_order on outbound(priority, id);
create table if not exists upstream(id integer primary key autoincrement, enqueued_at real not null, source text
  not null, body blob not null, properties text not null, system text not null);
create table if not exists routed(endpoint text primary key, sequence integer not null);
"""


@dataclass(frozen=True)
class StoredMessage:
    """A message on its way to one input of one module.

    Attributes:
        expires_at: seconds since the epoch; None for never.
    """

    module_id: str
    priority: int
    topic: str
    body: bytes
    expires_at: float | None


@dataclass(frozen=True)
class QueuedMessage:
    """A stored message with its place in the queue."""

    row_id: int
    topic: str
    body: bytes
    expires_at: float | None


@dataclass(frozen=True)
class Outbound:
    """A message on its way to IoT Hub.

    Attributes:
        expires_at: seconds since the epoch; None for never.
    """

    message: Message
    priority: int
    expires_at: float | None


@dataclass(frozen=True)
class UpstreamMessage:
    """A message that left the store, as IoT Hub took it in at `enqueued_at`."""

    sequence: int
    enqueued_at: float
    source: str
    body: bytes
    properties: dict[str, str]
    system: dict[str, str]


class Store:
    """The database file of one hub.

    Raises:
        StorageError: from every method, when SQLite refuses.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._db = sqlite3.connect(path, timeout=_LOCK_SECONDS, isolation_level=None)
            self._db.execute("pragma journal_mode=wal")
            self._db.execute("pragma synchronous=normal")
            self._check_version(path)
            self._db.executescript(_SCHEMA)
            self._db.execute(f"pragma user_version={_VERSION}")
        except sqlite3.Error as error:
            raise StorageError(f"{path}: {error}") from error

    def _check_version(self, path: Path) -> None:
        ((version,),) = self._db.execute("pragma user_version").fetchall()
        tables = self._db.execute("select name from sqlite_master limit 1").fetchall()
        if tables and version != _VERSION:
            self._db.close()
            raise StorageError(f"{path} was kept by another version of this hub: remove it to begin again")

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self._db.close()

    def commit(
        self,
        *,
        deliveries: Sequence[StoredMessage] = (),
        delivered: Iterable[int] = (),
        upstream: Sequence[Message] = (),
        outbound: Sequence[Outbound] = (),
        now: float,
    ) -> None:
        """Add and strike off many messages in one transaction.

        Args:
            deliveries: for modules.
            delivered: row ids of deliveries that are done with.
            upstream: what IoT Hub takes in at once.
            outbound: what waits for IoT Hub.
            now: seconds since the epoch.
        """
        try:
            with self._db:
                self._db.execute("begin immediate")
                self._db.executemany(
                    "insert into queue(module_id, priority, topic, body, expires_at) values(?,?,?,?,?)",
                    [(d.module_id, d.priority, d.topic, d.body, d.expires_at) for d in deliveries],
                )
                self._db.executemany("delete from queue where id=?", [(row_id,) for row_id in delivered])
                self._db.executemany(
                    "insert into upstream(enqueued_at, source, body, properties, system) values(?,?,?,?,?)",
                    [(now, *_columns(message)) for message in upstream],
                )
                self._db.executemany(
                    "insert into outbound(priority, expires_at, source, body, properties, system) values(?,?,?,?,?,?)",
                    [(item.priority, item.expires_at, *_columns(item.message)) for item in outbound],
                )
        except sqlite3.Error as error:
            raise StorageError(f"the hub's messages could not be stored: {error}") from error

    def head(self, module_id: str, count: int) -> list[QueuedMessage]:
        """Return the first `count` deliveries of a module: by priority, then by age."""
        rows = self._query(
            "select id, topic, body, expires_at from queue where module_id=? order by priority, id limit ?",
            (module_id, count),
        )
        return [QueuedMessage(*row) for row in rows]

    def forward(self, now: float, limit: int) -> int:
        """Let IoT Hub take in what waited for it: by priority, then by age.

        Returns:
            How many, at most `limit`.
        """
        try:
            with self._db:
                self._db.execute("begin immediate")
                taken = self._db.execute(
                    "insert into upstream(enqueued_at, source, body, properties, system)"
                    " select ?, source, body, properties, system from outbound order by priority, id limit ?",
                    (now, limit),
                ).rowcount
                self._db.execute(
                    "delete from outbound where id in (select id from outbound order by priority, id limit ?)", (limit,)
                )
        except sqlite3.Error as error:
            raise StorageError(f"the hub's messages could not be stored: {error}") from error
        return taken

    def expire(self, now: float, upstream_seconds: float) -> int:
        """Delete what is overdue, and upstream messages older than IoT Hub would keep them.

        Returns:
            How many messages were overdue, for modules and for IoT Hub.
        """
        expired = self._query("delete from queue where expires_at < ? returning id", (now,))
        expired += self._query("delete from outbound where expires_at < ? returning id", (now,))
        self._query("delete from upstream where enqueued_at < ?", (now - upstream_seconds,))
        return len(expired)

    def queue_lengths(self) -> dict[str, int]:
        """Return how many messages wait for each module and, if any do, for `$upstream`."""
        lengths = dict(self._query("select module_id, count(*) from queue group by module_id", ()))
        ((outbound,),) = self._query("select count(*) from outbound", ())
        return {**lengths, UPSTREAM: outbound} if outbound else lengths

    def upstream_after(self, sequence: int, limit: int) -> list[UpstreamMessage]:
        """Return messages that left the store, oldest first, later than `sequence`."""
        rows = self._query("select * from upstream where id > ? order by id limit ?", (sequence, limit))
        return [
            UpstreamMessage(row_id, at, source, body, json.loads(properties), json.loads(system))
            for row_id, at, source, body, properties, system in rows
        ]

    def routed(self, endpoint: str) -> int:
        """Return the sequence number up to which an endpoint was served; a new one begins with the oldest message."""
        self._query(
            "insert or ignore into routed select ?, coalesce((select min(id) - 1 from upstream),"
            " (select seq from sqlite_sequence where name='upstream'), 0)",
            (endpoint,),
        )
        ((sequence,),) = self._query("select sequence from routed where endpoint=?", (endpoint,))
        return int(sequence)

    def put_routed(self, endpoint: str, sequence: int) -> None:
        """Keep up to which sequence number an endpoint was served."""
        self._query("update routed set sequence=? where endpoint=?", (sequence, endpoint))

    def upstream_length(self, after: int) -> int:
        """Return how many messages left the store later than `after`."""
        ((count,),) = self._query("select count(*) from upstream where id > ?", (after,))
        return int(count)

    def sessions(self) -> dict[str, dict[str, int]]:
        """Return each client's subscriptions: filter to granted QoS."""
        return {client_id: json.loads(filters) for client_id, filters in self._query("select * from sessions", ())}

    def put_session(self, client_id: str, filters: dict[str, int]) -> None:
        """Keep a client's subscriptions."""
        self._query("insert or replace into sessions values(?,?)", (client_id, json.dumps(filters)))

    def twins(self) -> dict[str, Twin]:
        """Return every twin that was kept."""
        return {module_id: Twin(**json.loads(twin)) for module_id, twin in self._query("select * from twins", ())}

    def put_twin(self, module_id: str, twin: Twin) -> None:
        """Keep a twin."""
        self._query("insert or replace into twins values(?,?)", (module_id, json.dumps(asdict(twin))))

    def deployments(self) -> dict[str, Any]:
        """Return every deployment, decoded, by id."""
        return {name: json.loads(text) for name, text in self._query("select * from deployments", ())}

    def put_deployment(self, name: str, deployment: Mapping[str, Any]) -> None:
        """Keep a deployment."""
        self._query("insert or replace into deployments values(?,?)", (name, json.dumps(deployment)))

    def delete_deployment(self, name: str) -> None:
        """Forget a deployment."""
        self._query("delete from deployments where id=?", (name,))

    def _query(self, sql: str, parameters: tuple[Any, ...]) -> list[Any]:
        try:
            return self._db.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise StorageError(f"the hub's database refused: {error}") from error


def _columns(message: Message) -> tuple[str, bytes, str, str]:
    return message.source, message.body, json.dumps(dict(message.properties)), json.dumps(dict(message.system))
