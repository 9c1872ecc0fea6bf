"""Frames from one process to others without copying them: a ring of slots in shared memory.

The writer fills a free slot and sends each reader a datagram with the frame's facts; the reader looks at the pixels
where they lie and sends the slot's number back. All bookkeeping is the writer's own: there are no locks in the shared
memory, so whoever is killed leaves nothing locked, and nothing behind.

A reader has at most `max_held` frames at a time, read or unread. While it has that many, new ones pass it by, and as
soon as it gives one back it is offered the newest: what it sees is never older than the time that it takes over
`max_held` frames. A writer that is `lossless` waits instead: for a first reader, and until all have room.
"""

import logging
import os
import socket
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storeflow.contract.messages import StreamEnded
from storeflow.errors import ContractError, TransportError
from storeflow.frames import i420, shared_memory, wire
from storeflow.frames.frame import Frame
from storeflow.frames.seqpacket import Link, Listener, receive_waiting, wait_ready

_WAIT_SECONDS = 0.1
"""No wait of a writer is longer, so that it notices soon that another thread has closed it."""
_PAGE = 4096

LOG = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Reader:
    socket: socket.socket
    held: set[int] = field(default_factory=set)
    """Slots of the present generation that it has not given back."""
    last_sent: int = 0
    """Number of the last frame that it was sent."""


@dataclass(frozen=True, slots=True)
class _Held:
    connection: int
    generation: int
    slot: int


@dataclass(frozen=True, slots=True)
class _Published:
    number: int
    """Counts what this writer has published, from 1."""
    slot: int
    datagram: bytes


class FrameWriter:
    """The end of the ring that one camera's capture holds. One thread writes; any other may `close` it.

    Args:
        socket_path: where readers connect; made with mode 0660, replacing what lies there.
        slot_bytes: of one picture, or 0 if that is not yet known. A picture of another size moves everybody on to
            new memory by itself.
        slots: pictures that the memory holds. `(slots - 2) // max_held` readers are let in; more have to wait
            until one leaves.
        max_held: frames that one reader can have at a time.
        lossless: wait for readers instead of passing them by.

    Raises:
        TransportError: there is no making the socket or the memory.
    """

    def __init__(
        self, socket_path: Path, slot_bytes: int = 0, *, slots: int = 8, max_held: int = 2, lossless: bool = False
    ) -> None:
        # Beside what readers hold, one slot is being filled and one keeps the newest frame for those who lag.
        self._max_readers = (slots - 2) // max_held
        if self._max_readers < 1:
            raise ValueError(f"slots: {slots} are too few for one reader that holds {max_held}")
        self._slots, self._max_held, self._lossless = slots, max_held, lossless
        self._lock = threading.Lock()
        self._closed = False
        self._readers: list[_Reader] = []
        self._ring = wire.Ring(generation=0, stride=0, slots=slots)
        self._descriptor = -1
        self._memory: NDArray[np.uint8] = np.empty(0, np.uint8)
        self._filling: tuple[int, NDArray[np.uint8]] | None = None
        self._newest: _Published | None = None
        self._published = 0
        self._end: bytes | None = None
        if slot_bytes:
            self._make_ring(slot_bytes)
        self._listener = Listener(Path(socket_path))

    @property
    def readers(self) -> int:
        """How many are connected, as of the last call."""
        return len(self._readers)

    def acquire(self, width: int, height: int) -> NDArray[np.uint8] | None:
        """A picture to fill, of shape (height * 3 / 2, width); `publish` it next. Width and height are even.

        A lossless writer waits here until it has a reader and all of them have room. None once it is closed.
        """
        while True:
            with self._lock:
                if self._closed:
                    return None
                self._attend()
                if not self._lossless or self._everybody_has_room():
                    return self._fill_next(width, height)
            self._wait(_WAIT_SECONDS)

    def publish(self, frame: Frame) -> int:
        """Send a frame whose `i420` is the array that `acquire` gave; the number of readers that got it at once.

        Raises:
            ValueError: the frame's pixels are somewhere else.
        """
        with self._lock:
            if self._closed:
                return 0
            if self._filling is None or frame.i420 is not self._filling[1]:
                raise ValueError("publish: the frame's i420 is not the array that acquire() gave last")
            slot, _ = self._filling
            self._filling = None
            self._published += 1
            self._newest = _Published(self._published, slot, wire.pack_frame(frame, self._ring.generation, slot))
            self._end = None
            return sum([self._offer_newest(reader) for reader in tuple(self._readers)])

    def write(self, frame: Frame) -> int:
        """Copy a frame into the ring and send it; the number of readers that got it at once."""
        picture = self.acquire(frame.width, frame.height)
        if picture is None:
            return 0
        np.copyto(picture, frame.i420)
        return self.publish(replace(frame, i420=picture))

    def serve(self, seconds: float) -> None:
        """Spend a wait on the readers: let new ones in, take slots back, hand the newest frame to who has room."""
        deadline = time.monotonic() + seconds
        while True:
            with self._lock:
                if self._closed:
                    return
                self._attend()
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self._wait(min(left, _WAIT_SECONDS))

    def end(self, end: StreamEnded) -> None:
        """Tell all readers, and those who come later, that no more frames come; the next `publish` takes it back."""
        with self._lock:
            self._newest = None
            self._end = wire.pack_end(end)
            for reader in tuple(self._readers):
                self._send(reader, self._end)

    def close(self, end: StreamEnded | None = None) -> None:
        """Let go of everything; what readers already have stays theirs to read. May be called by any thread.

        With `end`, readers are told first that no more frames come.
        """
        with self._lock:
            if self._closed:
                return
            if end is not None:
                for reader in tuple(self._readers):
                    self._send(reader, wire.pack_end(end))
            self._closed = True
            self._listener.close()
            for reader in tuple(self._readers):
                self._drop(reader)
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._memory, self._filling = np.empty(0, np.uint8), None

    # Every method from here on is called with the lock held, but for _wait.

    def _attend(self) -> None:
        for reader in tuple(self._readers):
            try:
                for datagram in receive_waiting(reader.socket, wire.RELEASE_BYTES + 1):
                    generation, slot = wire.unpack_release(datagram)
                    if generation == self._ring.generation:
                        reader.held.discard(slot)
            except (OSError, TransportError):
                self._drop(reader)
            else:
                self._offer_newest(reader)
        while len(self._readers) < self._max_readers and (client := self._listener.accept()):
            self._admit(_Reader(client))

    def _wait(self, seconds: float) -> None:
        with self._lock:
            descriptors = [reader.socket.fileno() for reader in self._readers]
            if not self._closed and len(self._readers) < self._max_readers:
                descriptors.append(self._listener.fileno())
        wait_ready(descriptors, [], seconds)

    def _everybody_has_room(self) -> bool:
        return bool(self._readers) and all(len(reader.held) < self._max_held for reader in self._readers)

    def _fill_next(self, width: int, height: int) -> NDArray[np.uint8]:
        self._make_ring(i420.byte_count(width, height))
        slot = self._free_slot()
        memory = self._memory[slot * self._ring.stride :][: i420.byte_count(width, height)]
        self._filling = slot, memory.reshape(i420.shape(width, height))
        return self._filling[1]

    def _free_slot(self) -> int:
        taken = set().union(*(reader.held for reader in self._readers))
        if self._newest is not None:
            taken.add(self._newest.slot)
        # There always is one: no more readers are let in than leave two slots free.
        return next(slot for slot in range(self._slots) if slot not in taken)

    def _make_ring(self, slot_bytes: int) -> None:
        stride = -(-slot_bytes // _PAGE) * _PAGE
        if stride == self._ring.stride:
            return
        descriptor, memory = shared_memory.create(stride * self._slots)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._memory = descriptor, memory
        self._ring = wire.Ring(self._ring.generation + 1, stride, self._slots)
        self._newest = None
        for reader in tuple(self._readers):
            reader.held.clear()  # what it has is in the old memory, which lives on in its own mapping
            self._announce_ring(reader)

    def _admit(self, reader: _Reader) -> None:
        self._readers.append(reader)
        self._send(reader, wire.pack_hello(wire.Hello(self._lossless)))
        if self._descriptor >= 0:
            self._announce_ring(reader)
        if self._end is not None:
            self._send(reader, self._end)
        self._offer_newest(reader)

    def _announce_ring(self, reader: _Reader) -> None:
        self._send(reader, wire.pack_ring(self._ring), [self._descriptor])

    def _offer_newest(self, reader: _Reader) -> bool:
        newest = self._newest
        if newest is None or reader.last_sent == newest.number or len(reader.held) >= self._max_held:
            return False
        if not self._send(reader, newest.datagram):
            return False
        reader.held.add(newest.slot)
        reader.last_sent = newest.number
        return True

    def _send(self, reader: _Reader, datagram: bytes, descriptors: list[int] | None = None) -> bool:
        try:
            if descriptors:
                socket.send_fds(reader.socket, [datagram], descriptors)
            else:
                reader.socket.send(datagram)
        except OSError:  # gone, or so far behind that its queue is full: it may connect again
            self._drop(reader)
            return False
        return True

    def _drop(self, reader: _Reader) -> None:
        if reader in self._readers:
            self._readers.remove(reader)
        reader.socket.close()


class FrameReader:
    """The other end of the ring: it connects by itself, and again whenever the writer comes back.

    Args:
        socket_path: the writer's; it need not be there yet.
    """

    def __init__(self, socket_path: Path) -> None:
        self._link = Link(Path(socket_path))
        self._ring: wire.Ring | None = None
        self._memory: NDArray[np.uint8] = np.empty(0, np.uint8)
        self._held: _Held | None = None
        self._end: StreamEnded | None = None
        """Came behind the frame that `receive_newest` told of."""
        self._lossless = False

    @property
    def lossless(self) -> bool:
        """Whether the writer waits for its readers; it says so when they connect, false until then."""
        return self._lossless

    def receive(self, timeout: float) -> Frame | StreamEnded | None:
        """The next frame, or the news that none comes any more, waiting up to `timeout` seconds.

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
        """Whether the end of the stream is known and waits to be told, beside what `fileno` can be waited on for."""
        return self._end is not None

    def connect(self) -> bool:
        """Reach for the writer, unless that was tried a moment ago; whether it is there."""
        return self._link.connect()

    def _give_back(self, held: "_Held | None") -> None:
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
                news = self._take(*received)
            except (ContractError, TransportError) as error:
                LOG.warning("hung up on the writer of a frame ring: %s", error)
                self._link.disconnect()
                continue
            if news is not None:
                return news
        return None

    def release(self) -> None:
        """Give the slot of the frame that was received last back to the writer, if that is still to be done."""
        self._give_back(self._held)
        self._held = None

    def fileno(self) -> int | None:
        """To wait on with `select`: readable when `receive` has something to do; none while the writer is away."""
        return self._link.fileno()

    def close(self) -> None:
        """Hang up; the writer gets all slots back."""
        self._held = None
        self._link.disconnect()
        self._memory = np.empty(0, np.uint8)

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
