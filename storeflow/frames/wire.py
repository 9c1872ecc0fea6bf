"""The datagrams between the writer of a frame ring and its readers.

writer -> reader    hello   at once on connecting: how this writer treats a slow reader
                    ring    with the descriptor of the shared memory: where frames lie from now on
                    frame   the facts of one frame, and the slot that its pixels lie in
                    end     no more frames for now, and why
reader -> writer    the slot it is done with

The first byte is the kind. Layouts are binary and fixed: a frame's facts pack in about a fifth of the time that
they take as JSON.
"""

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from struct import error as StructError  # noqa: N812 - the one exception of struct has a lower-case name

import numpy as np
from numpy.typing import NDArray

from storeflow.contract.geometry import BoundingBox
from storeflow.contract.messages import StreamEnded, decode, encode
from storeflow.errors import TransportError
from storeflow.frames import i420
from storeflow.frames.frame import Frame

_HELLO = Struct("<B?")
_RING = Struct("<BIQI")
_FRAME = Struct("<BIIqdII4dII")
_RELEASE = Struct("<II")
RELEASE_BYTES = _RELEASE.size


class Kind(IntEnum):
    """First byte of what a writer sends."""

    HELLO = 1
    RING = 2
    FRAME = 3
    END = 4


@dataclass(frozen=True, slots=True)
class Hello:
    """What a writer is like."""

    lossless: bool
    """It waits for its readers, so that none misses a frame."""


@dataclass(frozen=True, slots=True)
class Ring:
    """One piece of shared memory, cut into slots of one size."""

    generation: int
    """Counts the pieces that this writer has used, so that a slot is never mistaken for one of another piece."""
    stride: int
    """Bytes from one slot to the next."""
    slots: int


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """A frame without its pixels, and where these are."""

    generation: int
    slot: int
    sequence: int
    captured_at: float
    full_width: int
    full_height: int
    region: BoundingBox
    width: int
    height: int
    camera_id: str

    def with_pixels(self, slot: NDArray[np.uint8]) -> Frame:
        """The whole frame; `slot` is the flat memory of its slot."""
        pixels = slot[: i420.byte_count(self.width, self.height)].reshape(i420.shape(self.width, self.height))
        return Frame(
            self.camera_id, self.sequence, self.captured_at, self.full_width, self.full_height, self.region, pixels
        )


def pack_hello(hello: Hello) -> bytes:
    """How the writer introduces itself."""
    return _HELLO.pack(Kind.HELLO, hello.lossless)


def pack_ring(ring: Ring) -> bytes:
    """What goes with the memory's descriptor."""
    return _RING.pack(Kind.RING, ring.generation, ring.stride, ring.slots)


def pack_frame(frame: Frame, generation: int, slot: int) -> bytes:
    """The facts of a frame whose pixels lie in that slot of that generation's memory."""
    facts = (frame.sequence, frame.captured_at, frame.full_width, frame.full_height, *frame.region)
    packed = _FRAME.pack(Kind.FRAME, generation, slot, *facts, frame.width, frame.height)
    return packed + frame.camera_id.encode()


def pack_end(end: StreamEnded) -> bytes:
    """The end of the stream, in the contract's own words."""
    return bytes([Kind.END]) + encode(end)


def unpack(datagram: bytes) -> Hello | Ring | FrameFacts | StreamEnded:
    """What the writer said.

    Raises:
        TransportError: no writer of ours says this.
        ContractError: the end of the stream is not as the contract has it.
    """
    try:
        match datagram[0]:
            case Kind.HELLO:
                return Hello(*_HELLO.unpack(datagram)[1:])
            case Kind.RING:
                return Ring(*_RING.unpack(datagram)[1:])
            case Kind.FRAME:
                _, generation, slot, sequence, captured_at, *sizes = _FRAME.unpack_from(datagram)
                full_width, full_height, left, top, right, bottom, width, height = sizes
                region = BoundingBox(left, top, right, bottom)
                camera_id = datagram[_FRAME.size :].decode()
                return FrameFacts(
                    generation, slot, sequence, captured_at, full_width, full_height, region, width, height, camera_id
                )
            case Kind.END if isinstance(end := decode(datagram[1:]), StreamEnded):
                return end
    except (StructError, UnicodeDecodeError) as error:
        raise TransportError(f"frame ring: {len(datagram)} bytes that say no {Kind(datagram[0]).name}") from error
    raise TransportError(f"frame ring: {len(datagram)} bytes of unknown kind {datagram[0]}")


def pack_release(generation: int, slot: int) -> bytes:
    """What a reader sends back when it is done with a slot."""
    return _RELEASE.pack(generation, slot)


def unpack_release(datagram: bytes) -> tuple[int, int]:
    """Generation and slot that a reader is done with.

    Raises:
        TransportError: no reader of ours says this.
    """
    if len(datagram) != RELEASE_BYTES:
        raise TransportError(f"frame ring: a release of {len(datagram)} bytes; {RELEASE_BYTES} are expected")
    generation, slot = _RELEASE.unpack(datagram)
    return generation, slot
