"""Per-frame messages from one process to others: one publisher, many subscribers, on a unix socket.

edgeHub carries some hundreds of messages a second; cameras say more than that. A slow subscriber holds nobody up: it
loses the oldest messages of its backlog, but never the end of a stream, nor what is published as `lossless`. Who
publishes such waits for room first (`wait_for_room`), and nothing of it is lost while subscribers live.
"""

import logging
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from storeflow.contract.messages import Detections, SideChannelMessage, StreamEnded, decode, encode
from storeflow.errors import ContractError, TransportError
from storeflow.frames.seqpacket import Link, Listener, receive_waiting, wait_ready

MAX_MESSAGE_BYTES = 128 * 1024
"""A message is one datagram. 200 tracks take less than 40 KiB; Linux lets a datagram of this size through."""
_SEND_BUFFER_BYTES = 1024 * 1024
_BEYOND_BACKLOG = 1000
"""So many messages that may not be dropped are kept beyond the backlog; then the subscriber is taken for dead."""
_WAIT_SECONDS = 0.1
"""No wait of a publisher is longer, so that it notices soon that another thread has closed it."""

LOG = logging.getLogger(__name__)


class _Waiting(NamedTuple):
    datagram: bytes
    may_be_dropped: bool


@dataclass(eq=False, slots=True)
class _Subscriber:
    socket: socket.socket
    backlog: deque[_Waiting] = field(default_factory=deque)
    """What the kernel has not taken yet."""


class MessagePublisher:
    """The sending end. One thread publishes; any other may `close` it.

    A message goes out when it is published; what a subscriber could not take then goes out at the next call of
    `publish`, `flush` or `wait_for_room`, so a process that publishes rarely calls `flush` in between.

    Args:
        socket_path: where subscribers connect; made with mode 0660, replacing what lies there.
        backlog: messages kept for a subscriber beyond what the kernel keeps for it.

    Raises:
        TransportError: there is no making the socket.
    """

    def __init__(self, socket_path: Path, *, backlog: int = 64) -> None:
        self._backlog = backlog
        self._lock = threading.Lock()
        self._closed = False
        self._subscribers: list[_Subscriber] = []
        self._ended: dict[str, _Waiting] = {}
        self._lost = 0
        self._listener = Listener(Path(socket_path))

    @property
    def lost(self) -> int:
        """Messages that a subscriber was too slow for, counted once for each such subscriber."""
        return self._lost

    def publish(self, message: SideChannelMessage, *, lossless: bool = False) -> int:
        """Send a message to everybody connected; the number of subscribers it is on its way to.

        A `lossless` one is dropped for no other; it is to be published when there is room for it.

        Raises:
            TransportError: the message does not fit into one datagram.
        """
        datagram = encode(message)
        if len(datagram) > MAX_MESSAGE_BYTES:
            raise TransportError(
                f"side channel: frame {message.sequence} of {message.camera_id} takes {len(datagram)} bytes; "
                f"a message has at most {MAX_MESSAGE_BYTES}: raise the model's threshold"
            )
        waiting = _Waiting(datagram, may_be_dropped=not lossless and not isinstance(message, StreamEnded))
        with self._lock:
            if self._closed:
                return 0
            self._attend()
            if isinstance(message, StreamEnded):
                self._ended[message.camera_id] = waiting
            else:
                self._ended.pop(message.camera_id, None)
            for subscriber in tuple(self._subscribers):
                self._enqueue(subscriber, waiting)
            return len(self._subscribers)

    def wait_for_room(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for a subscriber and for room in all backlogs; whether that is so then."""
        return self._wait_until(self._everybody_has_room, timeout)

    def flush(self, timeout: float = 0.0) -> bool:
        """Let new subscribers in and hand over what is in backlogs, for up to `timeout` seconds; whether all is."""
        return self._wait_until(self._all_is_handed_over, timeout)

    def close(self) -> None:
        """Close all connections; what is still in a backlog is lost. May be called by any thread."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._listener.close()
            for subscriber in tuple(self._subscribers):
                self._drop(subscriber)

    def _wait_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while True:
            with self._lock:
                if self._closed:
                    return False
                self._attend()
                if condition():
                    return True
                readable = [self._listener.fileno(), *(one.socket.fileno() for one in self._subscribers)]
                writable = [one.socket.fileno() for one in self._subscribers if one.backlog]
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            wait_ready(readable, writable, min(left, _WAIT_SECONDS))

    # Every method from here on is called with the lock held.

    def _everybody_has_room(self) -> bool:
        return bool(self._subscribers) and all(len(one.backlog) < self._backlog for one in self._subscribers)

    def _all_is_handed_over(self) -> bool:
        return not any(one.backlog for one in self._subscribers)

    def _attend(self) -> None:
        while client := self._listener.accept():
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
            # Who comes late has to learn which cameras are over: nothing else will be said of them.
            newcomer = _Subscriber(client, deque(self._ended.values()))
            self._subscribers.append(newcomer)
        for subscriber in tuple(self._subscribers):
            try:
                for _ in receive_waiting(subscriber.socket, 1):  # it has nothing to say but that it is gone
                    pass
            except OSError:
                self._drop(subscriber)
            else:
                self._hand_over(subscriber)

    def _enqueue(self, subscriber: _Subscriber, message: _Waiting) -> None:
        backlog = subscriber.backlog
        backlog.append(message)
        if len(backlog) > self._backlog:
            oldest = next((place for place, one in enumerate(backlog) if one.may_be_dropped), None)
            if oldest is not None:
                del backlog[oldest]
                self._lost += 1
            elif len(backlog) > self._backlog + _BEYOND_BACKLOG:
                LOG.error(
                    "side channel: closed the connection to a subscriber that takes nothing; it may connect again"
                )
                self._drop(subscriber)
                return
        self._hand_over(subscriber)

    def _hand_over(self, subscriber: _Subscriber) -> None:
        try:
            while subscriber.backlog:
                subscriber.socket.send(subscriber.backlog[0].datagram)
                subscriber.backlog.popleft()
        except BlockingIOError:
            return
        except OSError:
            self._drop(subscriber)

    def _drop(self, subscriber: _Subscriber) -> None:
        if subscriber in self._subscribers:
            self._subscribers.remove(subscriber)
        subscriber.socket.close()


class MessageSubscriber:
    """The receiving end: it connects by itself, and again whenever the publisher comes back.

    Args:
        socket_path: the publisher's; it need not be there yet.
    """

    def __init__(self, socket_path: Path) -> None:
        self._link = Link(Path(socket_path))

    def receive(self, timeout: float) -> Detections | StreamEnded | None:
        """The next message, waiting up to `timeout` seconds.

        None when none came in that time, whether the publisher is silent or away. A datagram that is no message of
        the contract is logged and passed over.
        """
        deadline = time.monotonic() + timeout
        while (received := self._link.receive(max(deadline - time.monotonic(), 0.0))) is not None:
            datagram, descriptors = received
            for descriptor in descriptors:
                os.close(descriptor)
            try:
                return decode(datagram)
            except ContractError as error:
                LOG.warning("dropped a message: %s", error)
        return None

    def close(self) -> None:
        """Close the connection."""
        self._link.disconnect()
