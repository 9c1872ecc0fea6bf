"""A partition and its store, without a network."""

import asyncio
from pathlib import Path

import pytest

from local_azure.event_hubs.amqp.errors import AmqpError
from local_azure.event_hubs.amqp.messages import Message
from local_azure.event_hubs.config import HubConfig, NamespaceConfig
from local_azure.event_hubs.partition import Partition
from local_azure.event_hubs.positions import LATEST, Measure, Position
from local_azure.event_hubs.publications import Publication, read_publication
from local_azure.event_hubs.server import Server
from local_azure.event_hubs.store import Store


def publication(body: bytes = b"x") -> Publication:
    return read_publication(Message(body).encode(), 0)


def partition_of(store: Store) -> Partition:
    _, (state,) = store.open_hub("telemetry", 1, 0)
    return Partition(store, state)


def append(store: Store, partition: Partition, *times: int) -> None:
    for now_ms in times:
        partition.append(publication(), now_ms)
    store.commit([partition.pending])
    partition.committed_now()


def at(measure: Measure, value: int, *, inclusive: bool = False) -> Position:
    return Position(measure, value, inclusive)


@pytest.fixture
def store() -> Store:
    return Store(None)


@pytest.fixture
def partition(store: Store) -> Partition:
    """Events 0 to 4, enqueued at 10, 20, 20, 30 and 30."""
    partition = partition_of(store)
    append(store, partition, 10, 20, 20, 30, 30)
    return partition


def test_what_is_not_committed_cannot_be_read(store: Store, partition: Partition) -> None:
    partition.append(publication(b"later"), 40)
    assert [number for number, _ in partition.read(0, 100, 100)] == [0, 1, 2, 3, 4]
    store.commit([partition.pending])
    partition.committed_now()
    assert [number for number, _ in partition.read(0, 100, 100)] == [0, 1, 2, 3, 4, 5]
    assert [number for number, _ in partition.read(1, 4, 2)] == [1, 2]
    assert [number for number, _ in partition.read(3, 4, 2)] == [3]


def test_enqueued_times_never_go_back(store: Store, partition: Partition) -> None:
    append(store, partition, 5)
    assert partition.last_enqueued_at == 30
    assert store.place(1, 5)[1] == 30


def test_a_position_is_the_first_event_after_it_or_at_it(store: Store, partition: Partition) -> None:
    offset = store.place(1, 2)[0]
    assert partition.find(LATEST) == 5
    assert partition.find(at(Measure.OFFSET, -1)) == 0
    assert partition.find(at(Measure.SEQUENCE_NUMBER, 2)) == 3
    assert partition.find(at(Measure.SEQUENCE_NUMBER, 2, inclusive=True)) == 2
    assert partition.find(at(Measure.OFFSET, offset)) == 3
    assert partition.find(at(Measure.OFFSET, offset, inclusive=True)) == 2
    assert partition.find(at(Measure.ENQUEUED_TIME, 20)) == 3
    assert partition.find(at(Measure.ENQUEUED_TIME, 20, inclusive=True)) == 1
    assert partition.find(at(Measure.ENQUEUED_TIME, 99)) == 5


def test_the_last_event_can_be_named_and_nothing_later(store: Store, partition: Partition) -> None:
    last = store.place(1, 4)[0]
    assert partition.find(at(Measure.SEQUENCE_NUMBER, 4)) == partition.find(at(Measure.OFFSET, last)) == 5
    for later in (at(Measure.SEQUENCE_NUMBER, 5, inclusive=True), at(Measure.OFFSET, last + 1, inclusive=True)):
        with pytest.raises(AmqpError, match=r"com\.microsoft:argument-error"):
            partition.find(later)


def test_a_position_that_has_expired_is_the_oldest_event_left(store: Store, partition: Partition) -> None:
    partition.expire(before_ms=30, most_bytes=0)
    assert partition.first_sequence == 3
    assert partition.find(at(Measure.SEQUENCE_NUMBER, 0, inclusive=True)) == 3
    assert partition.find(at(Measure.OFFSET, 0)) == 3
    assert partition.find(at(Measure.ENQUEUED_TIME, 0)) == 3
    assert partition.find(at(Measure.OFFSET, -1)) == 3
    assert [number for number, _ in partition.read(0, 100, 100)] == [3, 4]
    assert [number for number, _ in partition.read(0, 4, 100)] == [3]
    assert partition_of(store).first_sequence == 3


def test_bytes_beyond_the_most_go_oldest_first(store: Store, partition: Partition) -> None:
    size = store.place(1, 1)[0]
    partition.expire(before_ms=0, most_bytes=3 * size + size // 2)
    assert partition.first_sequence == 2


def test_partitions_of_one_store_keep_apart(tmp_path: Path) -> None:
    store = Store(tmp_path / "events.db")
    _, states = store.open_hub("telemetry", 2, 7)
    left, right = (Partition(store, state) for state in states)
    append(store, left, 10, 10)
    append(store, right, 10)
    assert ([n for n, _ in left.read(0, 9, 9)], [n for n, _ in right.read(0, 9, 9)]) == ([0, 1], [0])
    left.expire(before_ms=99, most_bytes=0)
    assert ([n for n, _ in left.read(0, 9, 9)], [n for n, _ in right.read(0, 9, 9)]) == ([], [0])
    store.close()
    created_at, states = Store(tmp_path / "events.db").open_hub("telemetry", 2, 8)
    assert created_at == 7
    assert [(state.next_sequence, state.last_enqueued_at) for state in states] == [(2, 10), (1, 10)]


def test_a_server_that_closes_keeps_what_it_had_just_taken_in(tmp_path: Path) -> None:
    path = tmp_path / "events.db"

    async def run() -> list[str]:
        stored: list[str] = []
        server = Server(NamespaceConfig(entities=(HubConfig(name="telemetry", partition_count=1),)), path)
        hub = server.namespace.hub("telemetry")
        server.namespace.publish(hub, publication(b"last"), lambda: stored.append("acknowledged"))
        assert stored == []
        await server.close()
        return stored

    assert asyncio.run(run()) == ["acknowledged"]
    ((_, payload),) = Store(path).read(1, 0, 10)
    assert Message.read(payload).body == b"last"
