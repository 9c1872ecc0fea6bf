"""The link of a consumer: one partition, from a position on, for one consumer group."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local_azure.event_hubs.amqp.errors import AmqpError
from local_azure.event_hubs.amqp.performatives import Attach
from local_azure.event_hubs.amqp.types import Described, Symbol
from local_azure.event_hubs.links import OutgoingLink
from local_azure.event_hubs.namespace import MILLISECONDS, EventHub
from local_azure.event_hubs.partition import Partition
from local_azure.event_hubs.positions import Measure, Position, read_position
from local_azure.event_hubs.publications import with_delivery_annotations
from local_azure.event_hubs.requests import last_enqueued
from local_azure.event_hubs.session import Session

EPOCH = "com.microsoft:epoch"
RECEIVER_NAME = "com.microsoft:receiver-name"
RUNTIME_METRIC = "com.microsoft:enable-receiver-runtime-metric"

READ_AT_ONCE = 256
_FILTER = 7
"""Of a source (part 3, section 3.5.3)."""


@dataclass(frozen=True)
class Subscription:
    """What a consumer reads: one partition of an event hub, for one consumer group."""

    hub: EventHub
    group: str
    partition: Partition


class ConsumerLink(OutgoingLink):
    """Delivers a partition's events while the client has credit and room.

    Attributes:
        epoch: its owner level; None without one.
        receiver_name: what it calls itself; `nil` if nothing.

    Raises:
        AmqpError: somebody else may read and this one may not, or its position is none.
    """

    def __init__(self, session: Session, attach: Attach, path: list[str], subscription: Subscription) -> None:
        super().__init__(session, attach.handle, path, "Listen")
        properties = attach.properties or {}
        self.epoch: int | None = properties.get(EPOCH)
        self.receiver_name = str(properties.get(RECEIVER_NAME, "nil"))
        self._hub = subscription.hub
        self._partition = subscription.partition
        self._place = (self._hub.name, subscription.group, self._partition.id)
        self._with_metric = RUNTIME_METRIC in _symbols(attach.desired_capabilities)
        self._timer: asyncio.TimerHandle | None = None
        self._next = self._partition.find(read_position(_filters(attach.source)))
        namespace = session.connection.namespace
        for stolen in namespace.receivers.add(self._place, self):
            if isinstance(stolen.receiver, ConsumerLink):
                stolen.receiver.send_away(stolen.error)
        self._listener: Callable[[], None] = self.on_writable
        self._partition.listeners.add(self._listener)

    def send_away(self, error: AmqpError) -> None:
        """End it from our side."""
        self.session.detach(self, error)

    def released(self) -> None:
        """Make room for another reader."""
        self._partition.listeners.discard(self._listener)
        self.session.connection.namespace.receivers.remove(self._place, self)
        if self._timer is not None:
            self._timer.cancel()

    def on_writable(self) -> None:
        """Deliver: until there are no more events, no credit, no window, or the socket is full."""
        end = self._end()
        connection = self.session.connection
        while not connection.write_paused:
            events = self._partition.read(self._next, end, min(self.credit, READ_AT_ONCE))
            delivered: list[bytes] = []
            for sequence_number, payload in events:
                frames = self.session.frames(self.handle, self._with_annotations(payload))
                if frames is None:
                    break
                delivered += frames
                self._next = sequence_number + 1
                self.delivery_count += 1
                self.credit -= 1
                connection.namespace.counts["events_out"] += 1
            if not delivered:
                return
            connection.write(b"".join(delivered))

    def _end(self) -> int:
        """Return the sequence number up to which events may go: all that are there, unless they are to be late."""
        faults = self.session.connection.namespace.faults
        if not faults.delivery_delay or not faults.meets(self._hub.name):
            return self._partition.committed
        late = round((time.time() - faults.delivery_delay) * MILLISECONDS)
        end = self._partition.find(Position(Measure.ENQUEUED_TIME, late, inclusive=False))
        if end < self._partition.committed:
            # Not sooner than the event that waits is due, or it would be looked for again and again.
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(faults.delivery_delay, self.on_writable)
        return end

    def _with_annotations(self, payload: bytes) -> bytes:
        if not self._with_metric:
            return payload
        found = {Symbol(name): value for name, value in last_enqueued(self._partition).items()}
        return with_delivery_annotations(payload, found)


def _filters(source: Any) -> Any:
    fields = source.value if isinstance(source, Described) else []
    return fields[_FILTER] if len(fields) > _FILTER else None


def _symbols(capabilities: Any) -> tuple[str, ...]:
    """Read symbols, one or an array of them."""
    if isinstance(capabilities, str):
        return (capabilities,)
    return tuple(capabilities or ())
