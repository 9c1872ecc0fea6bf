"""A producer that sets message annotations, as IoT Hub is one to the event hubs that it routes to.

The SDK could do it (`AmqpAnnotatedMessage`), but a stand-in's hub has no business with the SDK: this is what such a hub
needs, on the codec that is here anyway.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from local_azure.event_hubs.amqp.errors import AmqpError
from local_azure.event_hubs.amqp.framing import MAX_FRAME_BYTES
from local_azure.event_hubs.amqp.messages import DATA, MESSAGE_ANNOTATIONS, Message, encode_section
from local_azure.event_hubs.amqp.performatives import BATCH_FORMAT, SENDER, Disposition, Flow, rejection
from local_azure.event_hubs.amqp.types import AmqpValueError, Symbol
from local_azure.event_hubs.connection_string import ConnectionString
from local_azure.event_hubs.peer import TOKEN_SECONDS, Peer
from local_azure.event_hubs.publications import PARTITION_KEY
from storeflow.errors import ConfigError, TransportError

FRESH_SECONDS = 120.0
"""A connection left alone for longer is opened anew: the other side ends those that are silent."""

_HANDLE = 0
_BATCH_OVERHEAD = 1024


class EventSender:
    """Sends events to one event hub. It connects when it has to; whatever fails, the next `send` connects anew.

    Args:
        to: names the event hub (`EntityPath`), or one of its partitions (`EntityPath=telemetry/Partitions/0`).
    """

    def __init__(self, to: ConnectionString) -> None:
        if not to.hub:
            raise ConfigError(["connection string: EntityPath is missing; it names the event hub"])
        self._to = to
        self._peer: Peer | None = None
        self._credit = 0
        self._first_delivery_id = 0
        self._max_message_bytes = MAX_FRAME_BYTES
        self._opened_at = self._used_at = 0.0
        self._turn = asyncio.Lock()

    async def send(self, events: Sequence[Message], partition_key: str | None = None) -> None:
        """Send events to one partition; return once all of them are on disk there.

        Raises:
            TransportError: all, some or none of them arrived; send them again.
        """
        async with self._turn:
            try:
                peer = await self._connected()
                for batch in self._batches(events, partition_key):
                    await self._publish(peer, batch)
                self._used_at = time.monotonic()
            except (OSError, TimeoutError, AmqpError, AmqpValueError) as error:
                await self.close()
                where = f"event hub {self._to.hub} of {self._to.host}:{self._to.port}"
                raise TransportError(f"{where}: {error or type(error).__name__}") from error

    async def close(self) -> None:
        """End the connection."""
        if self._peer is not None:
            peer, self._peer = self._peer, None
            await peer.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _connected(self) -> Peer:
        now = time.monotonic()
        fresh = now - self._used_at < FRESH_SECONDS and now - self._opened_at < TOKEN_SECONDS / 2
        if self._peer is not None and fresh:
            return self._peer
        await self.close()
        peer = self._peer = Peer(self._to)
        await peer.open()
        await peer.put_token(self._to.hub)
        self._credit, self._first_delivery_id = 0, peer.next_delivery_id
        attached = await peer.attach(_HANDLE, SENDER, self._to.hub)
        self._max_message_bytes = attached.max_message_size or MAX_FRAME_BYTES
        self._opened_at = self._used_at = now
        return peer

    def _batches(self, events: Sequence[Message], key: str | None) -> Iterator[bytes]:
        """Pack events into publications no larger than the hub takes."""
        head = encode_section(MESSAGE_ANNOTATIONS, {Symbol(PARTITION_KEY): key}) if key is not None else b""
        batch = bytearray(head)
        for event in events:
            section = encode_section(DATA, event.encode())
            if len(batch) > len(head) and len(batch) + len(section) + _BATCH_OVERHEAD > self._max_message_bytes:
                yield bytes(batch)
                batch = bytearray(head)
            batch += section
        if len(batch) > len(head):
            yield bytes(batch)

    async def _publish(self, peer: Peer, batch: bytes) -> None:
        while self._credit <= 0:
            flow = await peer.expect(Flow)
            self._take_credit(peer, flow)
        delivery_id = peer.transfer(_HANDLE, batch, message_format=BATCH_FORMAT)
        self._credit -= 1
        while True:
            performative, _ = await peer.receive()
            if isinstance(performative, Flow):
                self._take_credit(peer, performative)
            elif isinstance(performative, Disposition):
                last = performative.first if performative.last is None else performative.last
                if performative.first <= delivery_id <= last:
                    break
        if error := AmqpError.of(rejection(performative.state)):
            raise error

    def _take_credit(self, peer: Peer, flow: Flow) -> None:
        if flow.handle == _HANDLE:
            sent = peer.next_delivery_id - self._first_delivery_id
            self._credit = (flow.delivery_count or 0) + (flow.link_credit or 0) - sent
