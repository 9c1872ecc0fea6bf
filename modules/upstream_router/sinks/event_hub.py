"""An event hub, straight from the device: the only file that imports the SDK of Event Hubs.

Events are published as `<event hub>/publishers/<device id>`, with a token for no more than that path: whoever takes the
token from the device can send in the name of this device and do nothing else. The service makes the publisher's name
the partition key, so one device's messages keep their order in one partition
(learn.microsoft.com/azure/event-hubs/event-hubs-features, "Publisher policy").

A message counts as arrived once `send_batch` has returned; the SDK's buffered mode, which forgets, is not used. Its one
second attempt asks for what such a token does not open. So every failure costs the client, what the first attempt
failed of is told, and waiting is the courier's business. A lost acknowledgement sends messages twice: readers know an
event by `source` and `id`.
"""

import asyncio
import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from azure.eventhub import EventData, EventHubProducerClient
from azure.eventhub.exceptions import EventHubError

from modules.upstream_router.cloud_courier import Handed
from storeflow.contract.telemetry import EventHubSink
from storeflow.errors import TransportError
from storeflow.host.courier import Post
from storeflow.host.packet import STRUCTURED_TYPE, Packet
from storeflow.transport.port import JSON

_SEND_SECONDS = 20.0
_IDLE_SECONDS = 60.0
"""The service ends idle connections after minutes, and the SDK would notice in the middle of the next sending."""
_BUSY_SECONDS = 4.0
"""What a throttled namespace asks its senders to wait (ServerBusy, error code 50002)."""
_BUSY = "server-busy"
_UNKNOWN, _TOKEN_REFUSED = "UnknownError", "CBS Token authentication failed"
_REFUSED = (
    "the token has ended by the service's clock, is for another path, or its key was replaced: replace the secret"
)
_ENDPOINT = re.compile(r"(?:^|;)\s*Endpoint=([^;]+)", re.IGNORECASE)
_TOKEN_END = re.compile(r"[ &?]se=(\d+)")

# Of each connection it tells more than the courier's one line does.
logging.getLogger("azure.eventhub").setLevel(logging.CRITICAL)


class EventHub:
    """A carrier to one event hub.

    Args:
        sink: which.
        device_id: the publisher.
        secret: reads the connection string.
        clock: seconds since the epoch.
    """

    longest_pause = 60.0

    def __init__(
        self, sink: EventHubSink, device_id: str, secret: Callable[[], str], clock: Callable[[], float] = time.time
    ) -> None:
        self._namespace, self._path = sink.namespace, f"{sink.event_hub}/publishers/{device_id}"
        self._secret, self._clock = secret, clock
        self._client: Any = None
        self._opened_with = ""
        """The connection string of the client."""
        self._used_at = 0.0
        self._lock = threading.Lock()
        """One connection for both queues of a sink: a namespace takes 5,000 (event-hubs-quotas)."""
        self.closed = False

    async def carry(self, packets: Sequence[Packet], post: Post) -> Handed:  # noqa: ARG002 - goes another way
        """Hand packets over, in as few publications as they fit into."""
        return await asyncio.to_thread(self._send, packets)

    def close(self) -> None:
        """End the connection, once nothing is under way any more."""
        self.closed = True
        if self._lock.acquire(blocking=False):
            self._drop()
            self._lock.release()

    def _send(self, packets: Sequence[Packet]) -> Handed:
        with self._lock:
            arrived: list[Packet] = []
            impossible: list[tuple[Packet, str]] = []
            error = None
            try:
                self._publish(packets, arrived, impossible)
            except TransportError as failure:
                error = failure
            except Exception as failure:  # noqa: BLE001 - the SDK lets through what its parts raise
                error = TransportError(f"event hub {self._namespace}/{self._path}: {_told(failure)}")
            if error is not None or self.closed:
                self._drop()
        return Handed(arrived, impossible, error, _BUSY_SECONDS if error and _BUSY in str(error) else 0.0)

    def _publish(self, packets: Sequence[Packet], arrived: list[Packet], impossible: list[tuple[Packet, str]]) -> None:
        """Send packets in their order, noting of each what became of it."""
        client = self._connected()
        batch, inside = client.create_batch(), list[Packet]()

        def send() -> None:
            client.send_batch(batch, timeout=_SEND_SECONDS)
            arrived.extend(inside)
            self._used_at = self._clock()

        for packet in packets:
            event = _event(packet)
            if inside and not _added(batch, event):
                send()
                batch, inside = client.create_batch(), []
            elif inside:
                inside.append(packet)
                continue
            if _added(batch, event):
                inside.append(packet)
            else:
                fact = f"{len(packet.body)} bytes, and {self._namespace} takes {batch.max_size_in_bytes} at most"
                impossible.append((packet, fact))
        if inside:
            send()

    def _connected(self) -> Any:
        text, now = self._secret(), self._clock()
        if text != self._opened_with or now - self._used_at > _IDLE_SECONDS:
            self._drop()
        _check(text, self._namespace, now)  # of an open connection, too: its token may end
        if self._client is None:
            self._client = EventHubProducerClient.from_connection_string(
                text, eventhub_name=self._path, retry_total=0, retry_backoff_factor=0.01
            )
            self._opened_with = text
        return self._client

    def _drop(self) -> None:
        if self._client is not None:
            with suppress(Exception):  # a broken connection can't be closed well
                self._client.close()
            self._client = None


def _check(text: str, namespace: str, now: float) -> None:
    """Refuse what the service would refuse without saying why. The text is not repeated: it has a token in it."""
    endpoint = _ENDPOINT.search(text)
    host = urlsplit(endpoint[1].strip()).netloc if endpoint else ""
    if host.lower() != namespace.lower():
        raise TransportError(
            f"the secret is no connection string of {namespace}: Endpoint=sb://{namespace};SharedAccessSignature=… is "
            "expected"
        )
    token_end = _TOKEN_END.search(text)
    if token_end and int(token_end[1]) <= now:
        raise TransportError(f"the token for {namespace} ended {now - int(token_end[1]):.0f} s ago: replace the secret")


def _told(failure: Exception) -> str:
    """What a sending failed of, in one line; where the token is refused, what to do, for the SDK says no reason.

    It is what the first attempt failed of, unless that is a link that was detached, of which the SDK says nothing.
    """
    told: BaseException = failure
    before: BaseException | None = failure
    while before is not None:
        if isinstance(before, EventHubError) and _UNKNOWN not in str(before):
            told = before
        before = before.__context__
    text = f"{type(told).__name__} {' '.join(str(told).split())}"
    return f"{text}; {_REFUSED}" if _TOKEN_REFUSED in text else text


def _event(packet: Packet) -> Any:
    event: Any = EventData(packet.body)
    event.message_id = packet.message_id
    # Plain JSON is what IoT Hub's routes can look into; no such route is on this way.
    event.content_type = STRUCTURED_TYPE if packet.form == JSON else packet.form.content_type
    event.raw_amqp_message.properties.content_encoding = packet.form.content_encoding
    event.properties = dict(packet.properties)
    return event


def _added(batch: Any, event: Any) -> bool:
    try:
        batch.add(event)
    except ValueError:  # the SDK's way to say that it is full
        return False
    return True
