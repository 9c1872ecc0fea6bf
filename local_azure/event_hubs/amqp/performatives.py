"""What frames say: the performatives of part 2, section 2.7, and of SASL, part 5, section 5.3.3.

Every field is written, null or not: pyamqp of azure-eventhub 5.15 indexes fields that a peer may leave out at the end
(mended in Azure/azure-sdk-for-python, pull request 47660). When read, what is left out is null.
"""

import struct
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from local_azure.event_hubs.amqp.decoding import decode
from local_azure.event_hubs.amqp.encoding import encode
from local_azure.event_hubs.amqp.types import (
    AmqpValueError,
    Described,
    Symbol,
    UByte,
    UInt,
    ULong,
    UShort,
)

SENDER = False
RECEIVER = True
"""Roles: of the peer that says it (2.8.1)."""

BATCH_FORMAT = 0x80013700
"""`message-format` of a transfer whose message holds messages (Microsoft's `AmqpBatchedMessageFormat`)."""


def _as(kind: type, default: Any = None) -> Any:
    """Return a field whose value is written as a type of AMQP's."""
    return field(default=default, metadata={"wire": kind})


class Performative:
    """A described list; subclasses name its fields in the specification's order."""

    CODE: ClassVar[int]

    def encode(self) -> bytes:
        """Return the bytes that go into a frame."""
        values = []
        for item in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            value, wire = getattr(self, item.name), item.metadata.get("wire")
            values.append(value if value is None or wire is None else wire(value))
        return b"\x00\x53" + bytes((self.CODE,)) + encode(values)


@dataclass
class Open(Performative):
    """Opens a connection (2.7.1); `idle_time_out` in milliseconds."""

    CODE = 0x10
    container_id: str = ""
    hostname: str | None = None
    max_frame_size: int | None = _as(UInt)
    channel_max: int | None = _as(UShort)
    idle_time_out: int | None = _as(UInt)
    outgoing_locales: Any = None
    incoming_locales: Any = None
    offered_capabilities: Any = None
    desired_capabilities: Any = None
    properties: Any = None


@dataclass
class Begin(Performative):
    """Begins a session (2.7.2)."""

    CODE = 0x11
    remote_channel: int | None = _as(UShort)
    next_outgoing_id: int = _as(UInt, 0)
    incoming_window: int = _as(UInt, 0)
    outgoing_window: int = _as(UInt, 0)
    handle_max: int | None = _as(UInt)
    offered_capabilities: Any = None
    desired_capabilities: Any = None
    properties: Any = None


@dataclass
class Attach(Performative):
    """Attaches a link (2.7.3); `source` and `target` are described lists (part 3, section 3.5)."""

    CODE = 0x12
    name: str = ""
    handle: int = _as(UInt, 0)
    role: bool = SENDER
    snd_settle_mode: int | None = _as(UByte)
    rcv_settle_mode: int | None = _as(UByte)
    source: Any = None
    target: Any = None
    unsettled: Any = None
    incomplete_unsettled: bool | None = None
    initial_delivery_count: int | None = _as(UInt)
    max_message_size: int | None = _as(ULong)
    offered_capabilities: Any = None
    desired_capabilities: Any = None
    properties: Any = None


@dataclass
class Flow(Performative):
    """Updates windows of a session and, with a handle, credit of a link (2.7.4)."""

    CODE = 0x13
    next_incoming_id: int | None = _as(UInt)
    incoming_window: int = _as(UInt, 0)
    next_outgoing_id: int = _as(UInt, 0)
    outgoing_window: int = _as(UInt, 0)
    handle: int | None = _as(UInt)
    delivery_count: int | None = _as(UInt)
    link_credit: int | None = _as(UInt)
    available: int | None = _as(UInt)
    drain: bool | None = None
    echo: bool | None = None
    properties: Any = None


@dataclass
class Transfer(Performative):
    """Brings a message or, with `more`, a part of one; the payload follows it in the frame (2.7.5)."""

    CODE = 0x14
    handle: int = _as(UInt, 0)
    delivery_id: int | None = _as(UInt)
    delivery_tag: bytes | None = None
    message_format: int | None = _as(UInt)
    settled: bool | None = None
    more: bool | None = None
    rcv_settle_mode: int | None = _as(UByte)
    state: Any = None
    resume: bool | None = None
    aborted: bool | None = None
    batchable: bool | None = None


@dataclass
class Disposition(Performative):
    """Says what became of deliveries (2.7.6)."""

    CODE = 0x15
    role: bool = SENDER
    first: int = _as(UInt, 0)
    last: int | None = _as(UInt)
    settled: bool | None = None
    state: Any = None
    batchable: bool | None = None


@dataclass
class Detach(Performative):
    """Detaches a link (2.7.7)."""

    CODE = 0x16
    handle: int = _as(UInt, 0)
    closed: bool | None = None
    error: Any = None


@dataclass
class End(Performative):
    """Ends a session (2.7.8)."""

    CODE = 0x17
    error: Any = None


@dataclass
class Close(Performative):
    """Closes a connection (2.7.9)."""

    CODE = 0x18
    error: Any = None


@dataclass
class SaslMechanisms(Performative):
    """Offers ways to say who one is (5.3.3.1)."""

    CODE = 0x40
    mechanisms: Any = None


@dataclass
class SaslInit(Performative):
    """Chooses one (5.3.3.2)."""

    CODE = 0x41
    mechanism: Symbol | None = None
    initial_response: bytes | None = None
    hostname: str | None = None


@dataclass
class SaslOutcome(Performative):
    """Says how that went; 0 is well (5.3.3.6)."""

    CODE = 0x44
    code: int = _as(UByte, 0)
    additional_data: bytes | None = None


_ALL = (Open, Begin, Attach, Flow, Transfer, Disposition, Detach, End, Close, SaslMechanisms, SaslInit, SaslOutcome)
_BY_CODE: dict[int, type[Performative]] = {kind.CODE: kind for kind in _ALL}

ACCEPTED = Described(ULong(0x24), [])
_REJECTED = ULong(0x25)


def rejected(error: Described) -> Described:
    """Return the outcome "rejected" (part 3, section 3.4.3)."""
    return Described(_REJECTED, [error])


def rejection(state: Any) -> Any:
    """Return the error of an outcome that is "rejected"; None for any other."""
    if isinstance(state, Described) and state.descriptor == _REJECTED:
        return next(iter(state.value), None)
    return None


def read_performative(body: bytes) -> tuple[Performative, int]:
    """Read the performative of a frame.

    Returns:
        It, and where the payload begins.

    Raises:
        AmqpValueError: it is none that is known.
    """
    described, end = decode(body)
    if not isinstance(described, Described) or not isinstance(described.value, list):
        raise AmqpValueError("a frame that holds no performative")
    kind = _BY_CODE.get(described.descriptor) if isinstance(described.descriptor, int) else None
    if kind is None:
        raise AmqpValueError(f"no performative has the descriptor {described.descriptor!r}")
    names = [item.name for item in fields(kind)]  # type: ignore[arg-type]  # every subclass is a dataclass
    given = {name: value for name, value in zip(names, described.value, strict=False) if value is not None}
    return kind(**given), end


_TRANSFER = struct.Struct(">6BBIBI2BI3B5s")


def encode_transfer(handle: int, delivery_id: int, *, more: bool) -> bytes:
    """Return what a `Transfer` of message format 0, not settled, encodes to; its tag is the delivery id, four bytes.

    A hub that delivers writes one for each event: this is what makes it fast.
    """
    described_list = (0x00, 0x53, Transfer.CODE, 0xC0, _TRANSFER.size - 5, 11)
    identity = (0x70, handle, 0x70, delivery_id, 0xA0, 4, delivery_id)
    return _TRANSFER.pack(*described_list, *identity, 0x43, 0x42, 0x41 if more else 0x42, b"\x40" * 5)
