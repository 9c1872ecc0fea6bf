import contextlib
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from local_azure.edge_hub.store import UPSTREAM, Outbound, Store, StoredMessage
from local_azure.edge_hub.twins import Twin
from storeflow.errors import StorageError
from storeflow.iot_hub.message import Message

MESSAGE = Message("/messages/modules/a", b"x", {"k": "v"}, {"messageId": "1"})


def delivery(topic: str, module: str = "b", priority: int = 9, expires_at: float | None = None) -> StoredMessage:
    return StoredMessage(module, priority, topic, topic.encode(), expires_at)


def test_a_queue_is_emptied_by_priority_then_age(tmp_path: Path) -> None:
    store = Store(tmp_path / "hub.db")
    store.commit(deliveries=[delivery("old"), delivery("other", module="c"), delivery("new")], now=0)
    store.commit(deliveries=[delivery("urgent", priority=0)], now=0)
    head = store.head("b", 5)
    assert [item.topic for item in head] == ["urgent", "old", "new"]
    assert store.queue_lengths() == {"b": 3, "c": 1}
    store.commit(delivered=[head[0].row_id, head[1].row_id], now=0)
    assert [item.topic for item in store.head("b", 1)] == ["new"]
    store.close()


def test_what_is_overdue_goes_and_what_left_long_ago_is_forgotten(tmp_path: Path) -> None:
    store = Store(tmp_path / "hub.db")
    store.commit(deliveries=[delivery("short", expires_at=10), delivery("for ever")], now=0)
    store.commit(upstream=[MESSAGE], now=0)
    store.commit(upstream=[MESSAGE], now=100)
    assert store.expire(now=10, upstream_seconds=1000) == 0
    assert store.expire(now=101, upstream_seconds=50) == 1
    assert [item.topic for item in store.head("b", 5)] == ["for ever"]
    (left,) = store.upstream_after(0, 10)
    assert (left.sequence, left.enqueued_at, left.properties, left.body) == (2, 100, {"k": "v"}, b"x")
    assert store.upstream_after(2, 10) == []
    store.close()


def test_a_new_store_on_the_same_file_knows_everything(tmp_path: Path) -> None:
    store = Store(tmp_path / "hub.db")
    twin = Twin({"a": 1}, {"b": 2}, 5, 6, {"region": "north"}, 3, {"$lastUpdated": "then"})
    store.put_session("d/b", {"x/#": 1})
    store.put_twin("b", twin)
    for name in ("layer", "gone"):
        store.put_deployment(name, {"priority": 1})
    store.delete_deployment("gone")
    store.commit(deliveries=[delivery("kept")], outbound=[Outbound(MESSAGE, 5, None)], now=0)
    store.close()
    again = Store(tmp_path / "hub.db")
    assert again.sessions() == {"d/b": {"x/#": 1}}
    assert again.twins() == {"b": twin}
    assert again.deployments() == {"layer": {"priority": 1}}
    assert [item.topic for item in again.head("b", 5)] == ["kept"]
    assert again.queue_lengths() == {"b": 1, UPSTREAM: 1}
    again.close()


def test_what_waits_for_the_cloud_leaves_in_batches_by_priority_then_age(tmp_path: Path) -> None:
    store = Store(tmp_path / "hub.db")
    outbound = [
        Outbound(replace(MESSAGE, body=body), priority, expires_at)
        for body, priority, expires_at in (
            (b"low", 9, None),
            (b"overdue", 0, 10),
            (b"high", 0, 200),
            (b"high too", 0, None),
        )
    ]
    store.commit(outbound=outbound, now=0)
    assert store.expire(now=11, upstream_seconds=1000) == 1
    assert [store.forward(now=50, limit=2), store.forward(now=60, limit=2), store.forward(now=70, limit=2)] == [2, 1, 0]
    left = store.upstream_after(0, 10)
    assert [(message.body, message.enqueued_at) for message in left] == [(b"high", 50), (b"high too", 50), (b"low", 60)]
    assert (left[0].source, left[0].properties, left[0].system) == (MESSAGE.source, {"k": "v"}, {"messageId": "1"})
    assert store.queue_lengths() == {}
    store.close()


def test_a_file_of_another_version_is_left_alone(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "hub.db")) as older:
        older.execute("create table twins(module_id text, desired text)")
    with pytest.raises(StorageError, match="kept by another version of this hub: remove it"):
        Store(tmp_path / "hub.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "hub.db")) as older:
        assert older.execute("select name from sqlite_master").fetchall() == [("twins",)]


def test_a_disk_that_refuses_is_a_storage_error_and_nothing_is_half_done(tmp_path: Path) -> None:
    (tmp_path / "no.db").write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(StorageError, match="not a database"):
        Store(tmp_path / "no.db")
    store = Store(tmp_path / "hub.db")
    # Another program holds the database: SQLite gives up after its time limit.
    store._db.execute("pragma busy_timeout=10")
    other = sqlite3.connect(tmp_path / "hub.db", isolation_level=None)
    other.execute("begin exclusive")
    with pytest.raises(StorageError, match="locked"):
        store.commit(deliveries=[delivery("x")], now=0)
    other.execute("rollback")
    other.close()
    store.commit(deliveries=[delivery("y")], now=0)
    assert [item.topic for item in store.head("b", 5)] == ["y"]
    store.close()
