"""Each switch does what it is named for, and each limit what the service does, with the real SDK on the other side."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from azure.eventhub import EventHubProducerClient
from azure.eventhub.exceptions import AuthenticationError, EventDataSendError, EventHubError

from local_azure.event_hubs.amqp.errors import AmqpError
from local_azure.event_hubs.amqp.messages import Message
from local_azure.event_hubs.amqp.performatives import RECEIVER, SENDER, Flow, SaslOutcome
from local_azure.event_hubs.connection_string import ConnectionString
from local_azure.event_hubs.peer import WINDOW, Peer
from local_azure.event_hubs.process import EventHubsProcess
from local_azure.event_hubs.sender import EventSender
from storeflow.errors import TransportError

EventsOf = Callable[..., list[Any]]
Eventually = Callable[..., None]
Stored = Callable[[str, int, int], list[tuple[int, bytes]]]


def test_a_lost_acknowledgement_makes_duplicates_with_new_sequence_numbers(
    hub: Any, namespace: EventHubsProcess, events_of: EventsOf
) -> None:
    namespace.client.faults(ack_lost=1, hub="telemetry")
    with hub.new_producer(retry_backoff_factor=0.05) as producer:
        entries = hub.exchange(events_of("a", "b"), producer=producer, partition_key="k", expected=4)
    assert [event.body_as_str() for _, event, _ in entries] == ["a", "b", "a", "b"]
    assert len({event.sequence_number for _, event, _ in entries}) == 4


def test_connections_that_are_cut_come_back_and_nothing_is_lost(
    hub: Any, namespace: EventHubsProcess, events_of: EventsOf
) -> None:
    assert namespace.client.drop() >= 1
    entries = hub.exchange(events_of("a", "b"))
    assert [event.body_as_str() for _, event, _ in entries] == ["a", "b"]


def test_a_namespace_that_refuses_connections_can_be_waited_for(
    hub: Any, namespace: EventHubsProcess, events_of: EventsOf
) -> None:
    namespace.client.faults(refuse=True)
    with hub.new_producer(hasty=True) as hasty, pytest.raises(EventHubError):
        hasty.send_batch(events_of("x"))
    healing = threading.Timer(0.2, namespace.client.heal)
    healing.start()
    with hub.new_producer(retry_backoff_factor=0.1, retry_total=8) as patient:
        patient.send_batch(events_of("x"))
    healing.join()


def test_beyond_its_throughput_units_a_namespace_is_busy_for_a_while(
    hub: Any, namespace: EventHubsProcess, events_of: EventsOf
) -> None:
    def send_too_much() -> None:
        for _ in range(20):
            hub.producer.send_batch(events_of(*"x" * 400))

    hub.producer.send_batch(events_of("opens the link"))
    namespace.client.throughput(1)
    with pytest.raises(EventDataSendError, match=r"com\.microsoft:server-busy") as refused:
        send_too_much()
    assert "Error code : 50002. Please wait 4 seconds and try again." in str(refused.value)
    time.sleep(1.2)  # what went over one second's thousand is owed to the next
    hub.producer.send_batch(events_of("again"))
    assert namespace.client.stats()["counts"]["throttled"] >= 1


def test_the_sdk_tries_a_throttled_batch_once_more_at_once_and_leaves_the_waiting_to_its_user(
    hub: Any, namespace: EventHubsProcess, events_of: EventsOf
) -> None:
    hub.producer.send_batch(events_of("opens the link"))
    namespace.client.faults(throttle=1)
    started = time.monotonic()
    hub.producer.send_batch(events_of("x"))
    namespace.client.faults(throttle=2)
    with pytest.raises(EventDataSendError, match="50002"):
        hub.producer.send_batch(events_of("x"))
    assert time.monotonic() - started < 4


def test_an_event_hub_that_is_disabled_for_sending_can_still_be_read(
    open_hub: Any, namespace: EventHubsProcess, events_of: EventsOf, stored: Stored
) -> None:
    other = open_hub("other")
    other.producer.send_batch(events_of("before"))
    namespace.client.faults(read_only=True, hub="other")
    with pytest.raises(EventHubError, match="entity-disabled"):
        other.producer.send_batch(events_of("x"))
    assert stored("other", 0, 1) == [(0, b"before")]


def test_delays_hold_acknowledgements_and_deliveries_up(
    hub: Any, namespace: EventHubsProcess, events_of: EventsOf
) -> None:
    hub.producer.send_batch(events_of("opens the link"))
    namespace.client.faults(ack_delay=0.3)
    started = time.monotonic()
    hub.producer.send_batch(events_of("x"))
    assert time.monotonic() - started >= 0.3
    namespace.client.faults(ack_delay=None, delivery_delay=0.4)
    started = time.monotonic()
    assert len(hub.exchange(events_of("late"))) == 1
    assert time.monotonic() - started >= 0.4


def test_a_token_that_has_ended_is_refused(hub: Any, namespace: EventHubsProcess, events_of: EventsOf) -> None:
    """The SDK tells its user no reason where the answer has an error condition, as the service's has."""

    async def ask() -> None:
        peer = Peer(ConnectionString.parse(namespace.connection_string("telemetry")))
        try:
            await peer.open()
            await peer.put_token("telemetry")
        finally:
            await peer.close()

    namespace.client.faults(clock_ahead=3700.0)
    with pytest.raises(AmqpError, match=r"ExpiredToken: The token is expired\. Expiration time: '[-0-9]+ [:0-9]+Z'"):
        asyncio.run(ask())
    with hub.new_producer(hasty=True) as producer, pytest.raises(AuthenticationError, match="Status code: None"):
        producer.send_batch(events_of("x"))


def test_a_token_that_ends_takes_its_links_with_it(namespace: EventHubsProcess) -> None:
    async def ask() -> None:
        peer = Peer(ConnectionString.parse(namespace.connection_string("other")))
        try:
            await peer.open()
            await peer.put_token("other")
            await peer.attach(0, SENDER, "other")
            await peer.expect(Flow)
            namespace.client.faults(clock_ahead=3700.0, hub="other")
            await peer.receive()
        finally:
            await peer.close()

    with pytest.raises(AmqpError, match=r"amqp:link:detach-forced.*force detached\. Code: RenewToken\..*'Send' claim"):
        asyncio.run(ask())


def test_a_policy_gives_the_rights_it_names_and_no_others(
    namespace: EventHubsProcess, open_hub: Any, events_of: EventsOf
) -> None:
    guarded = open_hub("guarded")
    with EventHubProducerClient(**guarded.with_key("sender", "key of senders")) as producer:
        producer.send_batch(events_of("x"))
    place = "guarded/ConsumerGroups/$Default/Partitions/0"

    async def attach(policy: str, role: bool, address: str) -> None:
        root = ConnectionString.parse(namespace.connection_string("guarded"))
        peer = Peer(replace(root, policy=policy, key=f"key of {policy}s"))
        try:
            await peer.open()
            await peer.put_token("guarded")
            await peer.attach(0, role, address)
            peer.write(Flow(0, WINDOW, 0, WINDOW, 0, 0, 1, echo=True))
            await peer.expect(Flow)
        finally:
            await peer.close()

    asyncio.run(attach("sender", SENDER, "guarded"))
    asyncio.run(attach("listener", RECEIVER, place))
    with pytest.raises(AmqpError, match="'Send' claim"):
        asyncio.run(attach("listener", SENDER, "guarded"))
    with pytest.raises(AmqpError, match="'Listen' claim"):
        asyncio.run(attach("sender", RECEIVER, place))


def test_a_publishers_token_sends_as_that_publisher_only(
    namespace: EventHubsProcess, hub: Any, events_of: EventsOf
) -> None:
    text = namespace.connection_string("telemetry/publishers/store-1")
    producer: Any = EventHubProducerClient.from_connection_string(text, retry_total=0)
    with producer:
        ((_, event, _),) = hub.exchange(events_of("x"), producer=producer)
    assert event.partition_key == b"store-1"
    assert event.system_properties[b"x-opt-publisher"] == b"store-1"

    async def send_as_another() -> None:
        async with EventSender(ConnectionString.parse(text)) as sender:
            await sender.send([Message(b"x")], partition_key="store-2")

    with pytest.raises(TransportError, match="not-allowed"):
        asyncio.run(send_as_another())


def test_events_go_when_they_are_too_old_and_readers_begin_at_the_oldest_left(
    open_hub: Any, namespace: EventHubsProcess, events_of: EventsOf, eventually: Eventually, stored: Stored
) -> None:
    brief = open_hub("brief")
    brief.producer.send_batch(events_of(*"abc"))
    numbers = {"first": 3, "next": 3}
    eventually(lambda: namespace.client.stats()["hubs"]["brief"]["0"] == numbers, "the first three are gone")
    properties = brief.producer.get_partition_properties("0")
    assert properties["is_empty"]
    assert properties["last_enqueued_sequence_number"] == 2
    brief.producer.send_batch(events_of("d"))
    assert stored("brief", 0, 1) == [(3, b"d")]


def test_events_go_when_there_is_no_room_for_them(
    open_hub: Any, events_of: EventsOf, eventually: Eventually, namespace: EventHubsProcess
) -> None:
    small = open_hub("small")
    small.producer.send_batch(events_of(*(["x" * 1000] * 100)))

    def left() -> dict[str, int]:
        numbers: dict[str, int] = namespace.client.stats()["hubs"]["small"]["0"]
        return numbers

    eventually(lambda: left()["first"] > 0, "the oldest are gone")
    assert left()["next"] == 100
    # Each takes its thousand bytes, and a little more for what the hub writes beside it.
    assert 14 <= left()["next"] - left()["first"] <= 20


def test_basic_takes_a_quarter_of_a_megabyte_and_memory_leaves_no_file(tmp_path: Path, stand_in: Any) -> None:
    del stand_in  # passes this test over where there is none
    config = tmp_path / "Config.json"
    namespace = {"Name": "b", "Sku": "Basic", "Entities": [{"Name": "telemetry", "PartitionCount": 1}]}
    config.write_text(json.dumps({"UserConfig": {"NamespaceConfig": [namespace]}}))

    async def ask(to: ConnectionString) -> None:
        async with EventSender(to) as sender:
            await sender.send([Message(b"x" * 250_000)])
            with pytest.raises(TransportError, match=r"exceeds the limit \(262144 bytes\)"):
                await sender.send([Message(b"x" * 270_000)])

    with EventHubsProcess(tmp_path / "basic", "--config", str(config), "--memory") as basic:
        asyncio.run(ask(ConnectionString.parse(basic.connection_string("telemetry"))))
        assert basic.client.stats()["hubs"]["telemetry"]["0"]["next"] == 1
    assert not (tmp_path / "basic" / "events.db").exists()


def test_what_speaks_no_amqp_is_shown_the_door(namespace: EventHubsProcess) -> None:
    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection(namespace.endpoints.host, namespace.endpoints.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        await writer.wait_closed()
        return answer

    assert b"amqp:connection:framing-error" in asyncio.run(ask())


def test_a_frame_that_has_no_place_ends_its_connection_and_no_other(namespace: EventHubsProcess, hub: Any) -> None:
    async def ask() -> None:
        peer = Peer(hub.parsed)
        try:
            await peer.open()
            peer.write(SaslOutcome())
            await peer.receive()
        finally:
            await peer.close()

    connections = namespace.client.stats()["counts"]["connections"]
    with pytest.raises(AmqpError, match="amqp:not-allowed: SaslOutcome has no place"):
        asyncio.run(ask())
    assert namespace.client.stats()["counts"]["connections"] == connections + 1


def test_a_switch_that_is_none_is_refused(namespace: EventHubsProcess) -> None:
    with pytest.raises(TransportError, match=r"400 .*quake: no such fault"):
        namespace.client.faults(quake=True)
    with pytest.raises(TransportError, match=r"400 .*units: expected a number"):
        namespace.client.throughput(-1)
