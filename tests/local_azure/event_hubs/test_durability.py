"""Nothing that a namespace acknowledged is lost when it is killed, and nothing is acknowledged that isn't on disk."""

import asyncio
import contextlib
import itertools
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from azure.eventhub import EventData, EventHubProducerClient

from local_azure.event_hubs.amqp.messages import Message
from local_azure.event_hubs.connection_string import ConnectionString
from local_azure.event_hubs.process import EventHubsProcess
from local_azure.event_hubs.sender import EventSender
from local_azure.event_hubs.store import Store
from storeflow.errors import TransportError


def stored_bodies(state: Path) -> list[str]:
    """Return what is on disk, in order, with the namespace not running."""
    store = Store(state / "events.db")
    bodies = [Message.read(payload).body.decode() for _, payload in store.read(1, 0, 1_000_000)]
    store.close()
    return bodies


def test_what_was_acknowledged_outlives_kills_in_mid_stream(
    own_namespace: EventHubsProcess, eventually: Callable[..., None]
) -> None:
    acknowledged: list[str] = []
    in_flight: list[str] = []
    enough = threading.Event()

    def send() -> None:
        text = own_namespace.connection_string("telemetry")
        with EventHubProducerClient.from_connection_string(text, retry_backoff_factor=0.1, retry_total=8) as producer:
            for number in itertools.count():
                if enough.is_set():
                    return
                names = [f"{number}-{index}" for index in range(10)]
                batch = producer.create_batch(partition_id="0")
                for name in names:
                    batch.add(EventData(name))
                in_flight[:] = names
                producer.send_batch(batch)
                in_flight.clear()
                acknowledged.extend(names)

    sending = threading.Thread(target=send)
    sending.start()
    cut_off = 0
    for _ in range(2):
        before = len(acknowledged)
        eventually(lambda before=before: len(acknowledged) >= before + 100, "it sends", 20)
        # Held up for a moment, so that the kill finds a batch on its way.
        own_namespace.client.faults(ack_delay=0.3)
        eventually(lambda: in_flight, "a batch is on its way")
        time.sleep(0.05)
        cut_off += bool(in_flight)
        own_namespace.kill()
        own_namespace.start()
    before = len(acknowledged)
    eventually(lambda: len(acknowledged) >= before + 100, "it sends again", 20)
    enough.set()
    sending.join()
    own_namespace.kill()
    found = stored_bodies(own_namespace.state)
    assert cut_off == 2
    assert set(acknowledged) <= set(found)
    assert set(found) - set(acknowledged) <= set(in_flight)
    assert list(dict.fromkeys(found)) == acknowledged, "in order, those that came twice apart"
    assert len(found) > len(set(found)), "what was stored and not acknowledged came a second time"


def test_nothing_is_acknowledged_that_the_disk_refused(
    own_namespace: EventHubsProcess, eventually: Callable[..., None]
) -> None:
    text = own_namespace.connection_string("telemetry")
    outcome: list[str] = []

    def send() -> None:
        with EventHubProducerClient.from_connection_string(text, retry_backoff_factor=0.2, retry_total=8) as producer:
            producer.send_event(EventData("opens the link"))
            ready.set()
            locked.wait()
            producer.send_event(EventData("precious"))
            outcome.append("acknowledged")

    ready, locked = threading.Event(), threading.Event()
    sending = threading.Thread(target=send)
    sending.start()
    assert ready.wait(10)
    # Another program holds the database for longer than the namespace waits.
    with contextlib.closing(sqlite3.connect(own_namespace.state / "events.db", isolation_level=None)) as other:
        other.execute("begin immediate")
        locked.set()
        eventually(lambda: own_namespace.exit_code() == 1, "the namespace ends")
        assert outcome == []
    own_namespace.start()
    sending.join(20)
    assert outcome == ["acknowledged"]
    own_namespace.kill()
    assert stored_bodies(own_namespace.state) == ["opens the link", "precious"]


def test_a_stop_acknowledges_what_it_took_in_and_says_goodbye(own_namespace: EventHubsProcess) -> None:
    to = ConnectionString.parse(own_namespace.connection_string("telemetry"))

    async def send() -> int:
        acknowledged = 0
        async with EventSender(to) as sender:
            with contextlib.suppress(TransportError):
                for number in itertools.count():
                    await sender.send([Message(b"%d" % number)])
                    acknowledged += 1
                    if number == 50:
                        stopping.start()
        return acknowledged

    stopping = threading.Thread(target=own_namespace.stop)
    acknowledged = asyncio.run(send())
    stopping.join()
    assert own_namespace.exit_code() == 0
    assert acknowledged > 50
    found = stored_bodies(own_namespace.state)
    assert found[:acknowledged] == [str(number) for number in range(acknowledged)]
    assert len(found) <= acknowledged + 1


def test_numbers_go_on_after_a_restart_even_when_all_events_are_gone(own_namespace: EventHubsProcess) -> None:
    to = ConnectionString.parse(own_namespace.connection_string("telemetry"))

    def send(*bodies: bytes) -> None:
        async def run() -> None:
            async with EventSender(to) as sender:
                await sender.send([Message(body) for body in bodies])

        asyncio.run(run())

    send(b"a", b"b")
    own_namespace.kill()
    store = Store(own_namespace.state / "events.db")
    store.delete_before(1, 2)
    store.close()
    own_namespace.start()
    assert own_namespace.client.stats()["hubs"]["telemetry"]["0"] == {"first": 2, "next": 2}
    send(b"c")
    assert own_namespace.client.stats()["hubs"]["telemetry"]["0"] == {"first": 2, "next": 3}


def test_another_number_of_partitions_is_refused(tmp_path: Path, own_namespace: EventHubsProcess) -> None:
    own_namespace.stop()
    with pytest.raises(TransportError, match="PartitionCount can't be changed"):
        EventHubsProcess(tmp_path / "own", "--hub", "telemetry:2").start()


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "events.db")) as other:
        other.execute("create table something(else_ text)")
    with pytest.raises(Exception, match="another version"):
        Store(tmp_path / "events.db")
