"""What IoT Hub took in goes on to event hubs: in order, in batches, at least once.

Each endpoint has its place in the store's table `upstream`. It moves on only when the event hub has a whole batch on
disk, so that a `kill -9`, of this process or of the event hub's, sends messages of one batch again and loses none.

Sources: iot-hub-devguide-messages-d2c (at least once); troubleshoot-message-routing and monitor-iot-hub-reference (what
becomes of a message: delivered, orphaned, invalid, dropped); iot-hub-devguide-endpoints (health); the device id is the
partition key (iot-hub-devguide-messages-construct; Azure/azure-iot-sdk-c, issue 1145).

Ours are the pauses between attempts, and how long they go on: as long as the store keeps a message, a day. IoT Hub
calls an endpoint dead after an hour.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from local_azure.edge_hub.environment import GENERATION_ID
from local_azure.edge_hub.message_routing import MessageRouting, as_queried
from local_azure.edge_hub.store import Store, UpstreamMessage
from local_azure.event_hubs.amqp.errors import MESSAGE_SIZE_EXCEEDED, AmqpError
from local_azure.event_hubs.amqp.messages import Message
from local_azure.event_hubs.amqp.types import AmqpValueError
from local_azure.event_hubs.iot_hub import device_to_cloud
from storeflow.errors import TransportError

LOG = logging.getLogger(__name__)

BATCH = 100
"""Messages that go at once, at most; of those that are too large together the sender makes several publications."""

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 4.0
"""What a throttled namespace asks its producers to wait (ServerBusy 50002)."""


class Sender(Protocol):
    """Sends to one event hub: an `EventSender`."""

    async def send(self, events: Sequence[Message], partition_key: str | None = None) -> None:
        """Return once all of the events are on disk; TransportError: send them again."""

    async def close(self) -> None:
        """End the connection."""


class EndpointForwarder:
    """Serves one endpoint.

    Args:
        name: of the endpoint.
        sender: to the event hub behind it.

    Attributes:
        counts: what became of messages since the hub started: `delivered`, and by the names of IoT Hub's resource logs
            `OrphanedMessage` (no route took it; each endpoint passes it and counts it), `InvalidMessage` (the event
            hub can't take it), `DroppedMessage` (too old before the event hub took it).
        last_known_error: of the event hub; empty while it takes messages.
    """

    def __init__(self, name: str, sender: Sender, store: Store, device_id: str, routing: MessageRouting) -> None:
        self.counts: Counter[str] = Counter()
        self.last_known_error = ""
        self._name = name
        self._sender = sender
        self._store = store
        self._device_id = device_id
        self._routing = routing
        self._news = asyncio.Event()
        self._place = store.routed(name)

    def wake(self) -> None:
        """Look for messages."""
        self._news.set()

    def stats(self) -> dict[str, Any]:
        """Return its counts, its health, and how many messages it hasn't come to yet."""
        return {
            "counts": dict(self.counts),
            "waiting": self._store.upstream_length(self._place),
            "healthStatus": "unhealthy" if self.last_known_error else "healthy",
            "lastKnownError": self.last_known_error,
        }

    async def run(self) -> None:
        """Forward until cancelled.

        Raises:
            StorageError: the disk refuses.
        """
        try:
            while True:
                self._news.clear()
                if not await self.forward():
                    await self._news.wait()
                # Others get their turn also where whole batches are for other endpoints.
                await asyncio.sleep(0)
        finally:
            await self._sender.close()

    async def forward(self) -> bool:
        """Forward the next batch; False if there is nothing to forward."""
        messages = self._store.upstream_after(self._place, BATCH)
        if not messages:
            return False
        if lost := messages[0].sequence - self._place - 1:
            self.counts["DroppedMessage"] += lost
            LOG.error("%s: %d messages were too old before the event hub took them", self._name, lost)
        await self._deliver([event for message in messages if (event := self._event(message))])
        self._place = messages[-1].sequence
        self._store.put_routed(self._name, self._place)
        return True

    def _event(self, message: UpstreamMessage) -> Message | None:
        """Return the event that a message becomes, None if it isn't for this endpoint or is nothing for any."""
        endpoints = self._routing.endpoints_of(as_queried(message))
        if self._name not in endpoints:
            self.counts["OrphanedMessage"] += not endpoints
            return None
        event = device_to_cloud(
            message.body, message.properties, message.system, message.enqueued_at, generation_id=GENERATION_ID
        )
        try:
            event.encode()
        except AmqpValueError as error:
            self._refuse(error)
            return None
        return event

    async def _deliver(self, events: list[Message]) -> None:
        pauses = _pauses()
        while events:
            try:
                await self._sender.send(events, self._device_id)
            except TransportError as error:
                if not _too_large(error):
                    self._note(str(error))
                    await asyncio.sleep(next(pauses))
                elif len(events) == 1:
                    self._refuse(error)
                    return
                else:
                    for event in events:
                        await self._deliver([event])
                    return
            else:
                self._note("")
                self.counts["delivered"] += len(events)
                return

    def _note(self, error: str) -> None:
        if error and not self.last_known_error:
            LOG.warning("%s takes no messages, and is tried again: %s", self._name, error)
        elif self.last_known_error and not error:
            LOG.warning("%s takes messages again", self._name)
        self.last_known_error = error

    def _refuse(self, error: Exception) -> None:
        LOG.error("%s: a message was dropped, the event hub can't take it: %s", self._name, error)
        self.counts["InvalidMessage"] += 1


class EventHubRouting:
    """Serves all endpoints of a hub.

    Args:
        senders: makes the sender to an event hub, by name.
        on_failure: called when the disk refuses, or anything else ends an endpoint's work.
    """

    def __init__(
        self,
        store: Store,
        device_id: str,
        routing: MessageRouting,
        senders: Callable[[str], Sender],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._on_failure = on_failure
        self._endpoints = {
            name: EndpointForwarder(name, senders(event_hub), store, device_id, routing)
            for name, event_hub in routing.event_hubs.items()
        }
        self._tasks = [asyncio.create_task(endpoint.run()) for endpoint in self._endpoints.values()]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    def wake(self) -> None:
        """Look for messages."""
        for endpoint in self._endpoints.values():
            endpoint.wake()

    def stats(self) -> dict[str, Any]:
        """Return the statistics of each endpoint."""
        return {name: endpoint.stats() for name, endpoint in self._endpoints.items()}

    def close(self) -> None:
        """Stop; what an event hub has and wasn't struck off goes there again next time."""
        for task in self._tasks:
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._on_failure(error)


def _pauses() -> Iterator[float]:
    """Yield how long to wait after each failure: twice as long each time, up to a bound."""
    seconds = FIRST_PAUSE_SECONDS
    while True:
        yield seconds
        seconds = min(2 * seconds, LONGEST_PAUSE_SECONDS)


def _too_large(error: TransportError) -> bool:
    return isinstance(error.__cause__, AmqpError) and error.__cause__.condition == MESSAGE_SIZE_EXCEEDED
