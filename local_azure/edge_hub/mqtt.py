"""MQTT 3.1.1 packets as a server reads and writes them: bytes in, values out, no I/O.

Covers what edgeHub's protocol head covers (Azure/iotedge, edge-hub/core/src/
Microsoft.Azure.Devices.Edge.Hub.Mqtt, built on DotNetty's codec): QoS 0 and 1. A packet
larger than 256 KiB ends the connection (`MaxInboundMessageSize` in `mqttSettings` of appsettings_hub.json).
Section numbers refer to the OASIS MQTT 3.1.1 standard.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from storeflow.errors import TransportError

MAX_PACKET_BYTES = 256 * 1024

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = 8, 9, 10, 11
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14

ACCEPTED, BAD_PROTOCOL, UNAVAILABLE, NOT_AUTHORISED = 0, 1, 3, 5
SUBSCRIPTION_REFUSED = 0x80

_LENGTH_BYTES = 4
"""The longest encoding of a remaining length (2.2.3)."""


class PacketError(TransportError):
    """The peer sent bytes that are no MQTT 3.1.1 packet this server takes."""


@dataclass(frozen=True)
class Packet:
    """One packet, not yet interpreted: its type (4 bits), flags (4 bits) and body."""

    kind: int
    flags: int
    body: bytes


@dataclass(frozen=True)
class Connect:
    """A client's first packet (3.1). `protocol` is `MQTT` and `level` 4 for version 3.1.1."""

    protocol: str
    level: int
    client_id: str
    clean_session: bool
    keep_alive: int
    user_name: str | None
    password: str | None


@dataclass(frozen=True)
class Publish:
    """A message (3.3); `packet_id` is 0 at QoS 0."""

    topic: str
    payload: bytes
    qos: int
    packet_id: int
    duplicate: bool = False


@dataclass
class PacketBuffer:
    """Cuts a byte stream into packets."""

    _bytes: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Yield the packets that are complete with `data`.

        Raises:
            PacketError: a length that is malformed or larger than `MAX_PACKET_BYTES`.
        """
        self._bytes += data
        while (header := self._fixed_header()) is not None:
            start, length = header
            if len(self._bytes) < start + length:
                return
            first = self._bytes[0]
            body = bytes(self._bytes[start : start + length])
            del self._bytes[: start + length]
            yield Packet(first >> 4, first & 0x0F, body)

    def _fixed_header(self) -> tuple[int, int] | None:
        """Return (bytes of the fixed header, remaining length), or None while incomplete (2.2)."""
        length = 0
        for index, byte in enumerate(self._bytes[1 : 1 + _LENGTH_BYTES]):
            length |= (byte & 0x7F) << (7 * index)
            if not byte & 0x80:
                if length > MAX_PACKET_BYTES:
                    raise PacketError(f"packet of {length} bytes, edgeHub takes {MAX_PACKET_BYTES}")
                return index + 2, length
        if len(self._bytes) > _LENGTH_BYTES:
            raise PacketError("remaining length of more than four bytes")
        return None


class _Reader:
    """Reads the fields of a packet body one after another."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._offset = 0

    @property
    def exhausted(self) -> bool:
        return self._offset >= len(self._body)

    def take(self, count: int) -> bytes:
        end = self._offset + count
        if end > len(self._body):
            raise PacketError(f"packet ends {end - len(self._body)} bytes early")
        taken = self._body[self._offset : end]
        self._offset = end
        return taken

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def text(self) -> str:
        try:
            return self.take(self.number()).decode()
        except UnicodeDecodeError as error:
            raise PacketError(f"a string is not UTF-8: {error}") from error

    def rest(self) -> bytes:
        return self.take(len(self._body) - self._offset)


def read_connect(packet: Packet) -> Connect:
    """Interpret a CONNECT. A will message is read over, never kept: edgeHub ignores it too."""
    reader = _Reader(packet.body)
    protocol, level, flags = reader.text(), reader.byte(), reader.byte()
    keep_alive, client_id = reader.number(), reader.text()
    if flags & 0x04:
        reader.text()
        reader.take(reader.number())
    user_name = reader.text() if flags & 0x80 else None
    password = reader.text() if flags & 0x40 else None
    return Connect(protocol, level, client_id, bool(flags & 0x02), keep_alive, user_name, password)


def read_publish(packet: Packet) -> Publish:
    """Interpret a PUBLISH; QoS 2 is refused, as IoT Hub and edgeHub refuse it."""
    qos = (packet.flags >> 1) & 3
    if qos > 1:
        raise PacketError(f"QoS {qos}; edgeHub takes 0 and 1")
    reader = _Reader(packet.body)
    topic = reader.text()
    packet_id = reader.number() if qos else 0
    return Publish(topic, reader.rest(), qos, packet_id, bool(packet.flags & 0x08))


def read_subscribe(packet: Packet) -> tuple[int, list[tuple[str, int]]]:
    """Return a SUBSCRIBE's packet id and its (filter, requested QoS) pairs."""
    reader = _Reader(packet.body)
    packet_id = reader.number()
    filters = []
    while not reader.exhausted:
        filters.append((reader.text(), reader.byte()))
    return packet_id, filters


def read_unsubscribe(packet: Packet) -> tuple[int, list[str]]:
    """Return an UNSUBSCRIBE's packet id and its filters."""
    reader = _Reader(packet.body)
    packet_id = reader.number()
    filters = []
    while not reader.exhausted:
        filters.append(reader.text())
    return packet_id, filters


def read_puback(packet: Packet) -> int:
    """Return the packet id that a PUBACK acknowledges."""
    return _Reader(packet.body).number()


def connack(code: int, *, session_present: bool = False) -> bytes:
    """Answer a CONNECT (3.2); a session is present only where the code is `ACCEPTED`."""
    return bytes([CONNACK << 4, 2, int(session_present and code == ACCEPTED), code])


def publish(message: Publish) -> bytes:
    """Write a PUBLISH."""
    topic = message.topic.encode()
    packet_id = struct.pack("!H", message.packet_id) if message.qos else b""
    first = PUBLISH << 4 | int(message.duplicate) << 3 | message.qos << 1
    length = 2 + len(topic) + len(packet_id) + len(message.payload)
    head = bytes([first]) + _remaining_length(length) + struct.pack("!H", len(topic))
    return head + topic + packet_id + message.payload


def puback(packet_id: int) -> bytes:
    """Acknowledge a QoS 1 PUBLISH."""
    return struct.pack("!BBH", PUBACK << 4, 2, packet_id)


def suback(packet_id: int, codes: list[int]) -> bytes:
    """Answer a SUBSCRIBE with the granted QoS, or `SUBSCRIPTION_REFUSED`, of each filter."""
    head = bytes([SUBACK << 4]) + _remaining_length(2 + len(codes))
    return head + struct.pack("!H", packet_id) + bytes(codes)


def unsuback(packet_id: int) -> bytes:
    """Answer an UNSUBSCRIBE."""
    return struct.pack("!BBH", UNSUBACK << 4, 2, packet_id)


def pingresp() -> bytes:
    """Answer a PINGREQ."""
    return bytes([PINGRESP << 4, 0])


def _remaining_length(length: int) -> bytes:
    """Encode a length of up to four bytes, seven bits each, low bits first (2.2.3)."""
    encoded = bytearray()
    while True:
        length, low = length >> 7, length & 0x7F
        encoded.append(low | (0x80 if length else 0))
        if not length:
            return bytes(encoded)
