import sqlite3
from pathlib import Path

import pytest

from local_azure.edge_hub.messages import Message
from local_azure.edge_hub.store import Delivery, Store
from local_azure.edge_hub.twins import Twin
from storeflow.errors import StorageError


def delivery(topic: str, module: str = "b", priority: int = 9, expires_at: float | None = None) -> Delivery:
    return Delivery(module, priority, topic, topic.encode(), expires_at)


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
    message = Message("/messages/modules/a", b"x", {"k": "v"}, {"messageId": "1"})
    store.commit(deliveries=[delivery("short", expires_at=10), delivery("for ever")], now=0)
    store.commit(upstream=[message], now=0)
    store.commit(upstream=[message], now=100)
    assert store.expire(now=10, upstream_seconds=1000) == 0
    assert store.expire(now=101, upstream_seconds=50) == 1
    assert [item.topic for item in store.head("b", 5)] == ["for ever"]
    (left,) = store.upstream_after(0, 10)
    assert (left.sequence, left.enqueued_at, left.properties, left.body) == (2, 100, {"k": "v"}, b"x")
    assert store.upstream_after(2, 10) == []
    store.close()


def test_a_new_store_on_the_same_file_knows_everything(tmp_path: Path) -> None:
    store = Store(tmp_path / "hub.db")
    twin = Twin({"a": 1}, {"b": 2}, 5, 6)
    store.put_session("d/b", {"x/#": 1})
    store.put_twin("b", twin)
    store.commit(deliveries=[delivery("kept")], now=0)
    store.close()
    again = Store(tmp_path / "hub.db")
    assert again.sessions() == {"d/b": {"x/#": 1}}
    assert again.twins() == {"b": twin}
    assert [item.topic for item in again.head("b", 5)] == ["kept"]
    again.close()


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
