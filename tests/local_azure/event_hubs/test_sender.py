"""Events with annotations of their own, and how a reader with the SDK sees them."""

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from local_azure.event_hubs.amqp.messages import Message
from local_azure.event_hubs.connection_string import ConnectionString
from local_azure.event_hubs.iot_hub import device_to_cloud
from local_azure.event_hubs.process import EventHubsProcess
from local_azure.event_hubs.sender import EventSender
from storeflow.errors import ConfigError, TransportError


def send(to: ConnectionString, events: list[Message], key: str | None = None) -> None:
    async def run() -> None:
        async with EventSender(to) as sender:
            await sender.send(events, key)

    asyncio.run(run())


def test_a_reader_sees_iot_hubs_annotations_as_microsoft_prints_them(hub: Any, with_peer: Callable[..., Any]) -> None:
    del with_peer  # it passes this test over where the other side speaks TLS
    case = str(uuid.uuid4())
    system = {
        "connectionDeviceId": "store-1",
        "connectionModuleId": "upstream_router",
        "messageId": "id-1",
        "contentType": "application/json",
        "contentEncoding": "utf-8",
    }
    now = time.time()
    send(hub.parsed, [device_to_cloud(b'{"n": 1}', {"case": case, "eventType": "x"}, system, now)], "store-1")
    ((_, event, _),) = hub.tap.of_case(case, 1, 15)
    assert json.loads(event.body_as_str()) == {"n": 1}
    assert event.properties == {b"case": case.encode(), b"eventType": b"x"}
    expected = {
        b"message-id": b"id-1",
        b"content-type": b"application/json",
        b"content-encoding": b"utf-8",
        b"iothub-connection-device-id": b"store-1",
        b"iothub-connection-module-id": b"upstream_router",
        b"iothub-connection-auth-method": b'{"scope":"module","type":"sas","issuer":"iothub",'
        b'"acceptingIpFilterRule":null}',
        b"iothub-enqueuedtime": round(now * 1000),
        b"iothub-message-source": b"Telemetry",
        b"x-opt-partition-key": b"store-1",
    }
    seen = event.system_properties
    assert {name: seen[name] for name in expected} == expected
    assert seen.keys() - expected.keys() == {b"x-opt-sequence-number", b"x-opt-offset", b"x-opt-enqueued-time"}


def test_more_than_one_publication_holds_is_sent_in_several(hub: Any, with_peer: Callable[..., Any]) -> None:
    del with_peer
    case = str(uuid.uuid4())
    events = [Message(b"x" * 300_000, application_properties={"case": case, "n": str(n)}) for n in range(8)]
    partition = replace(hub.parsed, hub=f"{hub.parsed.hub}/Partitions/1")
    send(partition, events)
    entries = hub.tap.of_case(case, 8, 20)
    assert [event.properties[b"n"] for _, event, _ in entries] == [b"%d" % n for n in range(8)]
    assert {at for at, _, _ in entries} == {"1"}


def test_a_sender_comes_back_after_whatever_failed(hub: Any, namespace: EventHubsProcess) -> None:
    case = str(uuid.uuid4())
    event = Message(b"x", application_properties={"case": case})

    async def run() -> None:
        async with EventSender(hub.parsed) as sender:
            await sender.send([event])
            namespace.client.faults(ack_lost=1)
            with pytest.raises(TransportError, match="event hub telemetry of"):
                await sender.send([event])
            namespace.client.faults(throttle=1)
            with pytest.raises(TransportError, match="server-busy"):
                await sender.send([event])
            await sender.send([event])
            await asyncio.gather(*(sender.send([event]) for _ in range(5)))

    asyncio.run(run())
    assert len(hub.tap.of_case(case, 8, 15)) == 8


def test_a_sender_with_a_wrong_key_is_told_so(hub: Any, with_peer: Callable[..., Any]) -> None:
    del with_peer
    with pytest.raises(TransportError, match="amqp:unauthorized-access"):
        send(replace(hub.parsed, key="wrong"), [Message(b"x")])


@pytest.mark.parametrize(("change", "fact"), [({"hub": ""}, "EntityPath"), ({"development": False}, "TLS")])
def test_a_sender_needs_an_event_hub_and_no_tls(change: dict[str, Any], fact: str) -> None:
    to = replace(ConnectionString("127.0.0.1", 5672, "p", "k", "telemetry"), **change)
    with pytest.raises(ConfigError, match=fact):
        send(to, [Message(b"x")])
