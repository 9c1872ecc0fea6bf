"""Messages: sections one after another (part 3, section 3.2)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from local_azure.event_hubs.amqp.decoding import Buffer, decode, skip
from local_azure.event_hubs.amqp.encoding import encode
from local_azure.event_hubs.amqp.types import AmqpValueError, Symbol

HEADER = 0x70
DELIVERY_ANNOTATIONS = 0x71
MESSAGE_ANNOTATIONS = 0x72
PROPERTIES = 0x73
APPLICATION_PROPERTIES = 0x74
DATA = 0x75
SEQUENCE = 0x76
VALUE = 0x77
FOOTER = 0x78

PROPERTY_NAMES = (
    "message_id",
    "user_id",
    "to",
    "subject",
    "reply_to",
    "correlation_id",
    "content_type",
    "content_encoding",
    "absolute_expiry_time",
    "creation_time",
    "group_id",
    "group_sequence",
    "reply_to_group_id",
)
"""Of the section "properties", in the specification's order (3.2.4)."""

_DESCRIBED = 0x00
_SMALL_ULONG = 0x53


class Section(NamedTuple):
    """Where a section lies: its first byte, its value, and the byte after it."""

    code: int
    start: int
    value: int
    end: int


def sections(buffer: Buffer) -> Iterator[Section]:
    """Walk over the sections of a message.

    Raises:
        AmqpValueError: they are none.
    """
    position = 0
    while position < len(buffer):
        if buffer[position] != _DESCRIBED:
            raise AmqpValueError(f"byte {position} of the message begins no section")
        if len(buffer) > position + 2 and buffer[position + 1] == _SMALL_ULONG:
            code, value = buffer[position + 2], position + 3
        else:
            code, value = decode(buffer, position + 1)
        if not HEADER <= code <= FOOTER:
            raise AmqpValueError(f"no section of a message has the descriptor {code:#x}")
        end = skip(buffer, value)
        yield Section(code, position, value, end)
        position = end


def encode_section(code: int, value: Any) -> bytes:
    """Encode one section."""
    return bytes((_DESCRIBED, _SMALL_ULONG, code)) + encode(value)


@dataclass
class Message:
    """A message as a whole, for where there are few.

    Attributes:
        body: bytes make a data section; anything else, None too, a value section.
        properties: by the names in `PROPERTY_NAMES`.
        application_properties: by name.
        annotations: message annotations, which intermediaries read and write.
    """

    body: Any = None
    properties: dict[str, Any] = field(default_factory=dict)
    application_properties: dict[str, Any] = field(default_factory=dict)
    annotations: dict[str, Any] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Return its bytes."""
        parts = []
        if self.annotations:
            annotations = {Symbol(name): value for name, value in self.annotations.items()}
            parts.append(encode_section(MESSAGE_ANNOTATIONS, annotations))
        if self.properties:
            parts.append(encode_section(PROPERTIES, [self.properties.get(name) for name in PROPERTY_NAMES]))
        if self.application_properties:
            parts.append(encode_section(APPLICATION_PROPERTIES, self.application_properties))
        parts.append(encode_section(DATA if isinstance(self.body, bytes) else VALUE, self.body))
        return b"".join(parts)

    @classmethod
    def read(cls, buffer: Buffer) -> "Message":
        """Read what `encode` wrote, or another peer; several data sections are joined.

        Raises:
            AmqpValueError: it is none.
        """
        message = cls()
        for section in sections(buffer):
            value = decode(buffer, section.value)[0]
            if section.code == DATA:
                message.body = (message.body or b"") + value
            elif section.code in (VALUE, SEQUENCE):
                message.body = value
            elif section.code == PROPERTIES:
                pairs = zip(PROPERTY_NAMES, value, strict=False)
                message.properties = {name: given for name, given in pairs if given is not None}
            elif section.code == APPLICATION_PROPERTIES:
                message.application_properties = value
            elif section.code == MESSAGE_ANNOTATIONS:
                message.annotations = value
        return message
