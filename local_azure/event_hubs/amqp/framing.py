"""Frames (part 2, section 2.3) and protocol headers (sections 2.2 and 5.3.1), cut out of a stream of bytes.

0-3 size, 4 data offset in words, 5 type, 6-7 channel, then the extended header and the body
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from local_azure.event_hubs.amqp import errors
from local_azure.event_hubs.amqp.errors import AmqpError

AMQP_FRAME = 0
SASL_FRAME = 1

AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"

MAX_FRAME_BYTES = 65536
"""What Event Hubs asks for and takes."""

EMPTY_FRAME = b"\x00\x00\x00\x08\x02\x00\x00\x00"
"""Says nothing but that the peer lives (2.4.5)."""

_HEADER = struct.Struct(">IBBH")
_WORD = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; the body is empty in a sign of life."""

    kind: int
    channel: int
    body: bytes


@dataclass(frozen=True, slots=True)
class ProtocolHeader:
    """The eight bytes with which a peer says what it is about to speak."""

    raw: bytes


def encode_frame(body: bytes, channel: int = 0, kind: int = AMQP_FRAME) -> bytes:
    """Put a frame around a body."""
    return _HEADER.pack(_HEADER.size + len(body), 2, kind, channel) + body


class FrameBuffer:
    """Collects what a socket yields and gives whole frames."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame | ProtocolHeader]:
        """Add bytes; yield each frame or protocol header that they complete.

        Raises:
            AmqpError: `amqp:connection:framing-error`; the stream can't be read on.
        """
        self._data += data
        position = 0
        try:
            while len(self._data) - position >= _HEADER.size:
                if self._data.startswith(b"AMQP", position):
                    size = len(AMQP_HEADER)
                    yield ProtocolHeader(bytes(self._data[position : position + size]))
                else:
                    size, offset, kind, channel = _HEADER.unpack_from(self._data, position)
                    start = _WORD * offset
                    if not _HEADER.size <= start <= size <= MAX_FRAME_BYTES:
                        raise AmqpError(
                            errors.FRAMING_ERROR, f"a frame of {size} bytes, its body at {start}: no frame of AMQP"
                        )
                    if len(self._data) - position < size:
                        break
                    body = bytes(self._data[position + start : position + size])
                    yield Frame(kind, channel, body)
                position += size
        finally:
            del self._data[:position]
