"""What becomes of an event on its way through, without a network."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_azure.event_hubs.amqp import messages
from local_azure.event_hubs.amqp.errors import AmqpError
from local_azure.event_hubs.amqp.messages import Message, encode_section, sections
from local_azure.event_hubs.amqp.performatives import BATCH_FORMAT
from local_azure.event_hubs.amqp.types import AmqpValueError, Symbol, Timestamp
from local_azure.event_hubs.iot_hub import device_to_cloud
from local_azure.event_hubs.publications import (
    Place,
    read_publication,
    stored_event,
    with_delivery_annotations,
)

PLACE = Place(7, 4096, 1_700_000_000_000)
TEXT = st.text(max_size=20)


def stored(payload: bytes, message_format: int = 0) -> Message:
    publication = read_publication(payload, message_format)
    return Message.read(stored_event(publication.events[0], PLACE, publication.key))


@given(
    st.binary(max_size=400),
    st.dictionaries(TEXT, st.one_of(TEXT, st.booleans(), st.floats(allow_nan=False)), max_size=5),
    st.dictionaries(TEXT.filter(lambda name: name.isascii()), TEXT, max_size=200),
)
def test_an_event_keeps_what_its_producer_wrote(
    body: bytes, properties: dict[str, Any], annotations: dict[str, str]
) -> None:
    sent = Message(body, {"content_type": Symbol("application/json")}, properties, annotations)
    received = stored(sent.encode())
    assert (received.body, received.properties) == (sent.body, sent.properties)
    assert received.application_properties == properties
    own = {"x-opt-sequence-number": 7, "x-opt-offset": "4096", "x-opt-enqueued-time": 1_700_000_000_000}
    assert received.annotations == annotations | own


def test_the_hubs_annotations_are_not_the_producers_to_write() -> None:
    forged = {"x-opt-sequence-number": 1, "x-opt-offset": "1", "x-opt-enqueued-time": Timestamp(1), "mine": "kept"}
    publication = read_publication(Message(b"x", annotations=forged).encode(), 0)
    payload = stored_event(publication.events[0], PLACE)
    assert payload.count(b"x-opt-") == 3, "each is there once"
    assert Message.read(payload).annotations == {
        "mine": "kept",
        "x-opt-sequence-number": 7,
        "x-opt-offset": "4096",
        "x-opt-enqueued-time": 1_700_000_000_000,
    }


def test_a_batch_is_its_events_and_one_key() -> None:
    head = encode_section(messages.MESSAGE_ANNOTATIONS, {Symbol("x-opt-partition-key"): "store-1"})
    events = [Message(b"%d" % index, annotations={"n": str(index)}).encode() for index in range(3)]
    batch = head + b"".join(encode_section(messages.DATA, event) for event in events)
    publication = read_publication(batch, BATCH_FORMAT)
    assert publication.key == "store-1"
    assert publication.size == len(batch)
    found = [Message.read(stored_event(event, PLACE, publication.key)) for event in publication.events]
    assert [message.body for message in found] == [b"0", b"1", b"2"]
    assert [message.annotations["x-opt-partition-key"] for message in found] == ["store-1"] * 3


def test_the_header_stays_first_and_delivery_annotations_follow_it() -> None:
    header = encode_section(messages.HEADER, [True])
    dropped = encode_section(messages.DELIVERY_ANNOTATIONS, {Symbol("hop"): 1})
    publication = read_publication(header + dropped + Message(b"x").encode(), 0)
    payload = stored_event(publication.events[0], PLACE)
    assert [section.code for section in sections(payload)] == [0x70, 0x72, 0x75]
    annotated = with_delivery_annotations(payload, {Symbol("last"): "1"})
    assert [section.code for section in sections(annotated)] == [0x70, 0x71, 0x72, 0x75]
    assert [s.code for s in sections(with_delivery_annotations(payload[len(header) :], {}))] == [0x71, 0x72, 0x75]


@pytest.mark.parametrize(
    ("payload", "message_format"),
    [
        (b"", 0),
        (b"", BATCH_FORMAT),
        (b"nonsense", 0),
        (encode_section(messages.VALUE, "no batch"), BATCH_FORMAT),
        (encode_section(messages.DATA, "no bytes"), BATCH_FORMAT),
        (encode_section(messages.DATA, b"no event"), BATCH_FORMAT),
        (encode_section(0x79, []), 0),
    ],
)
def test_what_is_no_publication_is_an_error(payload: bytes, message_format: int) -> None:
    with pytest.raises(AmqpValueError):
        read_publication(payload, message_format)


def test_a_publisher_is_the_partition_key() -> None:
    publication = read_publication(Message(b"x").encode(), 0).of_publisher("store-1")
    assert publication.key == "store-1"
    received = Message.read(stored_event(publication.events[0], PLACE, "store-1", "store-1"))
    assert received.annotations["x-opt-publisher"] == received.annotations["x-opt-partition-key"] == "store-1"
    with pytest.raises(AmqpError, match="not-allowed"):
        publication.of_publisher("store-2")


def test_iot_hub_says_who_sent_a_message() -> None:
    system = {
        "connectionDeviceId": "store-1",
        "connectionModuleId": "upstream_router",
        "messageId": "id-1",
        "contentType": "application/json",
        "contentEncoding": "utf-8",
        "creationTime": "2026-11-20T10:00:00Z",
        "outputName": "out",
    }
    message = Message.read(device_to_cloud(b"{}", {"eventType": "x"}, system, 1.5, generation_id="637").encode())
    assert message.annotations == {
        "iothub-connection-device-id": "store-1",
        "iothub-connection-module-id": "upstream_router",
        "iothub-connection-auth-method": (
            '{"scope":"module","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}'
        ),
        "iothub-connection-auth-generation-id": "637",
        "iothub-enqueuedtime": 1500,
        "iothub-message-source": "Telemetry",
    }
    assert message.properties == {
        "message_id": "id-1",
        "content_type": "application/json",
        "content_encoding": "utf-8",
    }
    assert message.application_properties == {
        "eventType": "x",
        "iothub-creation-time-utc": "2026-11-20T10:00:00Z",
    }


def test_a_device_without_modules_sends_as_itself() -> None:
    annotations = device_to_cloud(b"", {}, {"connectionDeviceId": "d"}, 0).annotations
    assert "iothub-connection-module-id" not in annotations
    assert '"scope":"device"' in annotations["iothub-connection-auth-method"]
