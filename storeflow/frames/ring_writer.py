"""The writing end of a ring of frames in shared memory: frames reach other processes without being copied.

The writer fills a free slot and sends each reader a datagram with the frame's facts; the reader (`ring_reader.py`)
looks at the pixels where they lie and sends the slot's number back. All bookkeeping is the writer's own: there are no
locks in the shared memory, so a process that is killed leaves nothing locked, and nothing behind.

A reader has at most `MAX_HELD` frames at a time, read or unread. While it has that many, new ones pass it by, and as
soon as it gives one back it is offered the newest: what it sees is never older than the time that it takes over
`MAX_HELD` frames. A writer that is `lossless` waits instead: for a first reader, and until all have room.
"""

import os
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storeflow.contract.messages import StreamEnded
from storeflow.errors import TransportError
from storeflow.frames import i420, shared_memory, wire
from storeflow.frames.frame import Frame
from storeflow.frames.seqpacket import Listener, receive_waiting, wait_ready

SLOTS = 8
"""Pictures that the memory holds."""
MAX_HELD = 2
"""Frames that one reader can have at a time."""
MAX_READERS = (SLOTS - 2) // MAX_HELD
"""More have to wait until one leaves. Beside what readers hold, one slot is being filled and one keeps the newest frame
for those who lag."""
_WAIT_SECONDS = 0.1
"""No wait of a writer is longer, so that it notices soon that another thread has closed it."""
_PAGE = 4096


@dataclass(eq=False, slots=True)
class _Reader:
    socket: socket.socket
    held: set[int] = field(default_factory=set)
    """Slots of the present generation that it has not given back."""
    last_sent: int = 0
    """Number of the last frame that it was sent."""


@dataclass(frozen=True, slots=True)
class _Published:
    number: int
    """Counts what this writer has published, from 1."""
    slot: int
    datagram: bytes


class FrameWriter:
    """The end of the ring that one camera's capture holds. One thread writes; any other may `close` it.

    A picture of another size moves everybody on to new memory.

    Args:
        socket_path: where readers connect; made with mode 0660, replacing what lies there.
        lossless: wait for readers instead of passing them by.

    Raises:
        TransportError: there is no making the socket or the memory.
    """

    def __init__(self, socket_path: Path, *, lossless: bool = False) -> None:
        self._lossless = lossless
        self._lock = threading.Lock()
        self._closed = False
        self._readers: list[_Reader] = []
        self._ring = wire.Ring(generation=0, stride=0, slots=SLOTS)
        self._descriptor = -1
        self._memory: NDArray[np.uint8] = np.empty(0, np.uint8)
        self._filling: tuple[int, NDArray[np.uint8]] | None = None
        self._newest: _Published | None = None
        self._published = 0
        self._end: bytes | None = None
        self._listener = Listener(Path(socket_path))

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
        """Announce to all readers, also to later ones, that no more frames come; the next `publish` takes it back."""
        with self._lock:
            self._newest = None
            self._end = wire.pack_end(end)
            for reader in tuple(self._readers):
                self._send(reader, self._end)

    def close(self, end: StreamEnded | None = None) -> None:
        """Release everything; what readers already have stays theirs to read. May be called by any thread.

        With `end`, readers learn first that no more frames come.
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
        while len(self._readers) < MAX_READERS and (client := self._listener.accept()):
            self._admit(_Reader(client))

    def _wait(self, seconds: float) -> None:
        with self._lock:
            descriptors = [reader.socket.fileno() for reader in self._readers]
            if not self._closed and len(self._readers) < MAX_READERS:
                descriptors.append(self._listener.fileno())
        wait_ready(descriptors, [], seconds)

    def _everybody_has_room(self) -> bool:
        return bool(self._readers) and all(len(reader.held) < MAX_HELD for reader in self._readers)

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
        return next(slot for slot in range(SLOTS) if slot not in taken)

    def _make_ring(self, slot_bytes: int) -> None:
        stride = -(-slot_bytes // _PAGE) * _PAGE
        if stride == self._ring.stride:
            return
        descriptor, memory = shared_memory.create(stride * SLOTS)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._memory = descriptor, memory
        self._ring = wire.Ring(self._ring.generation + 1, stride, SLOTS)
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
        if newest is None or reader.last_sent == newest.number or len(reader.held) >= MAX_HELD:
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
