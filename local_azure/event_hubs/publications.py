"""What a producer sends and what a consumer gets: events in, stored events out. Pure.

A publication is one transfer: an event, or with message format 0x80013700 a message whose data sections are events.
Of an event the hub keeps everything the producer wrote but its delivery annotations, and adds its own message
annotations; a producer's values under those names don't count, the partition key aside.

Source: amqpnetlite/articles/azure_eventhubs.html ("Message properties"); Azure/azure-sdk-for-net,
sdk/eventhub/Azure.Messaging.EventHubs/src/Amqp/AmqpMessageConverter.cs and AmqpProperty.cs.
"""

import struct
from dataclasses import dataclass, replace
from typing import Any

from local_azure.event_hubs.amqp import errors, messages
from local_azure.event_hubs.amqp.decoding import decode, map_entries
from local_azure.event_hubs.amqp.encoding import encode, encode_map
from local_azure.event_hubs.amqp.errors import AmqpError
from local_azure.event_hubs.amqp.messages import encode_section, sections
from local_azure.event_hubs.amqp.performatives import BATCH_FORMAT
from local_azure.event_hubs.amqp.types import AmqpValueError, Long, Symbol, Timestamp

PARTITION_KEY = "x-opt-partition-key"
PUBLISHER = "x-opt-publisher"
_SEQUENCE_NUMBER = encode(Symbol("x-opt-sequence-number"))
_OFFSET = encode(Symbol("x-opt-offset"))
_ENQUEUED_TIME = encode(Symbol("x-opt-enqueued-time"))

_HUBS_OWN = (PARTITION_KEY, "x-opt-sequence-number", "x-opt-offset", "x-opt-enqueued-time", PUBLISHER)
_HINT = b"x-opt-"


@dataclass(frozen=True, slots=True)
class Event:
    """An event, ready to be stored once its place is known.

    Attributes:
        header: the section "header", encoded; empty without one.
        annotations: encoded entries of the message annotations, the hub's own excepted.
        annotation_count: keys plus values in `annotations`.
        rest: properties, application properties, body and footer, encoded.
    """

    header: bytes
    annotations: bytes
    annotation_count: int
    rest: bytes


@dataclass(frozen=True, slots=True)
class Publication:
    """Events that go into one partition, in one transaction.

    Attributes:
        key: the partition key; None for whichever partition is next.
        size: in bytes, as it came.
    """

    events: tuple[Event, ...]
    key: str | None
    size: int

    def of_publisher(self, name: str) -> "Publication":
        """Return it with the publisher's name as its key.

        Raises:
            AmqpError: `amqp:not-allowed`; it has another key.
        """
        if self.key not in (None, name):
            raise AmqpError(errors.NOT_ALLOWED, f"The partition key '{self.key}' is not the publisher's name '{name}'.")
        return replace(self, key=name)


def read_publication(payload: bytes, message_format: int) -> Publication:
    """Read a transfer's message.

    Raises:
        AmqpValueError: it is no message, or holds none.
    """
    key: str | None = None
    bodies = [payload]
    if message_format == BATCH_FORMAT:
        bodies = []
        for section in sections(payload):
            if section.code == messages.MESSAGE_ANNOTATIONS:
                key = _key(decode(payload, section.value)[0])
            elif section.code == messages.DATA:
                bodies.append(_bytes(payload, section.value))
    events = []
    for body in bodies:
        event, own_key = _read_event(body)
        events.append(event)
        key = key if key is not None else own_key
    if not events:
        raise AmqpValueError("a batch without events")
    return Publication(tuple(events), key, len(payload))


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event lies in its partition.

    Attributes:
        offset: in bytes, of all that was ever sent there.
        enqueued_at: milliseconds since the epoch.
    """

    sequence_number: int
    offset: int
    enqueued_at: int


def stored_event(event: Event, place: Place, key: str | None = None, publisher: str = "") -> bytes:
    """Return the message that consumers will get.

    Args:
        event: as it was read.
        place: in its partition.
        key: the partition key, if there is one.
        publisher: its name, if it came through a publisher's address.
    """
    own = [
        _SEQUENCE_NUMBER + encode(Long(place.sequence_number)),
        _OFFSET + encode(str(place.offset)),
        _ENQUEUED_TIME + encode(Timestamp(place.enqueued_at)),
    ]
    if key is not None:
        own.append(encode(Symbol(PARTITION_KEY)) + encode(key))
    if publisher:
        own.append(encode(Symbol(PUBLISHER)) + encode(publisher))
    annotations = encode_map(event.annotations + b"".join(own), event.annotation_count + 2 * len(own))
    return event.header + struct.pack("BBB", 0x00, 0x53, messages.MESSAGE_ANNOTATIONS) + annotations + event.rest


def with_delivery_annotations(payload: bytes, annotations: dict[Symbol, Any]) -> bytes:
    """Put delivery annotations into a stored event: behind the header, where the specification wants them."""
    first = next(sections(payload))
    place = first.end if first.code == messages.HEADER else 0
    return payload[:place] + encode_section(messages.DELIVERY_ANNOTATIONS, annotations) + payload[place:]


def _read_event(body: bytes) -> tuple[Event, str | None]:
    header, entries, count, rest, key = b"", b"", 0, [], None
    for section in sections(body):
        if section.code == messages.HEADER:
            header = body[section.start : section.end]
        elif section.code == messages.MESSAGE_ANNOTATIONS:
            entries, count = map_entries(body, section.value)
            if _HINT in entries:
                given = decode(body, section.value)[0]
                key = _key(given)
                kept = {name: value for name, value in given.items() if name not in _HUBS_OWN}
                entries, count = map_entries(encode(kept), 0)
        elif section.code != messages.DELIVERY_ANNOTATIONS:
            rest.append(body[section.start : section.end])
    if not rest:
        raise AmqpValueError("an event without a body")
    return Event(header, entries, count, b"".join(rest)), key


def _key(annotations: Any) -> str | None:
    key = annotations.get(PARTITION_KEY) if isinstance(annotations, dict) else None
    return key.decode() if isinstance(key, bytes) else key


def _bytes(payload: bytes, position: int) -> bytes:
    value = decode(payload, position)[0]
    if not isinstance(value, bytes):
        raise AmqpValueError("a data section that holds no bytes")
    return value
