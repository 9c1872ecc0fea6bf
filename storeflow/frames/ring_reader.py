"""The reading end of a ring of frames in shared memory; `ring_writer.py` says how the two share it."""

import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storeflow.contract.messages import StreamEnded
from storeflow.errors import ContractError, TransportError
from storeflow.frames import i420, shared_memory, wire
from storeflow.frames.frame import Frame
from storeflow.frames.seqpacket import Link

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Held:
    connection: int
    generation: int
    slot: int


class FrameReader:
    """One reader of one camera's frames: it connects by itself, and again whenever the writer comes back.

    Args:
        socket_path: the writer's; it need not be there yet.
    """

    def __init__(self, socket_path: Path) -> None:
        self._link = Link(Path(socket_path))
        self._ring: wire.Ring | None = None
        self._memory: NDArray[np.uint8] = np.empty(0, np.uint8)
        self._held: _Held | None = None
        self._end: StreamEnded | None = None
        """Came behind the frame that `receive_newest` returned."""
        self._lossless = False

    @property
    def lossless(self) -> bool:
        """Whether the writer waits for its readers; it says so when they connect, false until then."""
        return self._lossless

    def receive(self, timeout: float) -> Frame | StreamEnded | None:
        """The next frame, or the end of the stream, waiting up to `timeout` seconds.

        The frame's pixels are a read-only view of the ring, good until `release` or the next call. None when
        nothing came in that time, whether the writer is silent or away.
        """
        self.release()
        if self.has_end:
            return self._take_end()
        return self._receive(timeout)

    def receive_newest(self) -> Frame | StreamEnded | None:
        """The newest frame that waits; those before it go back unseen. Doesn't wait.

        The end of a stream is passed over by nothing, and a writer that is lossless gives its frames one by one.
        """
        self.release()
        if self.has_end:
            return self._take_end()
        newest = self._receive(0)
        while isinstance(newest, Frame) and not self._lossless:
            held = self._held
            later = self._receive(0)
            if not isinstance(later, Frame):
                self._held, self._end = held, later
                break
            self._give_back(held)
            newest = later
        return newest

    @property
    def has_end(self) -> bool:
        """Whether the end of the stream waits to be received: `fileno` does not show that."""
        return self._end is not None

    def connect(self) -> bool:
        """Reach for the writer, unless that was tried a moment ago; whether it is there."""
        return self._link.connect()

    def release(self) -> None:
        """Give the slot of the frame that was received last back to the writer, if that is still to be done."""
        self._give_back(self._held)
        self._held = None

    def fileno(self) -> int | None:
        """To wait on with `select`: readable when `receive` has something to do; none while the writer is away."""
        return self._link.fileno()

    def close(self) -> None:
        """Close the connection; the writer gets all slots back."""
        self._held = None
        self._link.disconnect()
        self._memory = np.empty(0, np.uint8)

    def _give_back(self, held: _Held | None) -> None:
        # Another connection may be to another writer, whose slots have the same numbers.
        if held is not None and held.connection == self._link.connections:
            self._link.send(wire.pack_release(held.generation, held.slot))

    def _take_end(self) -> StreamEnded | None:
        end, self._end = self._end, None
        return end

    def _receive(self, timeout: float) -> Frame | StreamEnded | None:
        deadline = time.monotonic() + timeout
        while (received := self._link.receive(max(deadline - time.monotonic(), 0.0))) is not None:
            try:
                item = self._take(*received)
            except (ContractError, TransportError) as error:
                LOG.warning("closed the connection to the writer of a frame ring: %s", error)
                self._link.disconnect()
                continue
            if item is not None:
                return item
        return None

    def _take(self, datagram: bytes, descriptors: list[int]) -> Frame | StreamEnded | None:
        try:
            said = wire.unpack(datagram)
            if isinstance(said, wire.Ring):
                if not descriptors:
                    raise TransportError("a frame ring came without its memory: are too many files open here?")
                self._memory = shared_memory.view(descriptors.pop(), said.stride * said.slots)
                self._ring = said
                return None
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        match said:
            case wire.Hello():
                self._lossless, self._ring = said.lossless, None
                return None
            case StreamEnded():
                return said
            case _:
                return self._frame(said)

    def _frame(self, facts: wire.FrameFacts) -> Frame:
        ring = self._ring
        needed = i420.byte_count(facts.width, facts.height)
        if ring is None or ring.generation != facts.generation or facts.slot >= ring.slots or needed > ring.stride:
            raise TransportError(f"a frame of {needed} bytes in slot {facts.slot} is not in the ring {ring}")
        self._held = _Held(self._link.connections, facts.generation, facts.slot)
        return facts.with_pixels(self._memory[facts.slot * ring.stride :][: ring.stride])
