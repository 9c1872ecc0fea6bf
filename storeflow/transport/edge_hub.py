"""edgeHub by way of azure-iot-device, the only file that imports it.

The SDK does not retry its first connect, does not queue while offline, has no timeout anywhere, stops reconnecting
for good after a refused token, and may stay "connected" without a single subscription. So one client is used only
as long as it proves to be alive, and then replaced: the life of a client is `_use_one_client`, and everything that
ends it is an exception there.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from azure.iot.device import Message, MethodResponse
from azure.iot.device.aio import IoTHubModuleClient
from azure.iot.device.exceptions import ConnectionDroppedError, ConnectionFailedError, NoConnectionError

from storeflow.errors import TransportError
from storeflow.transport.port import MAX_BODY_BYTES, Inbox

LOG = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")
_AWAY = (ConnectionDroppedError, ConnectionFailedError, NoConnectionError, OSError)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to wait for what, in seconds."""

    answer: float = 20.0
    """For the hub to acknowledge a message or answer about a twin."""
    connect: float = 40.0
    """For a client to be made, connected and subscribed."""
    offline: float = 20.0
    """The SDK reconnects by itself every second or two; after this long it is not trusted to."""
    silence: float = 300.0
    """Without anything heard for this long, the twin is asked for, to prove that answers still come."""
    check: float = 1.0
    backoff: float = 1.0
    """Before the next client; doubled each time, up to the longest."""
    longest_backoff: float = 30.0
    shutdown: float = 2.0
    useless_clients: int = 8
    """So many clients in a row that reached the hub and were no use: this process can't mend it."""


class _HubAwayError(TransportError):
    """Nobody answers at the hub's address: waiting helps, another process does not."""


class EdgeHubTransport:
    """A module's connection to edgeHub; a `storeflow.transport.port.Transport`.

    Who the module is, the SDK reads from the environment that edgeAgent sets (or `EdgeHubConnectionString`).
    """

    def __init__(self, timing: Timing | None = None) -> None:
        self._timing = timing or Timing()
        self._client: Any = None
        self._heard_at = 0.0
        self._hung = asyncio.Event()
        """Whether a request to the client in use was not answered; every client has its own."""
        self._requests: set[asyncio.Task[Any]] = set()

    async def run(self, inbox: Inbox) -> None:
        """Keep a living client until cancelled; raises TransportError when clients are of no use any more."""
        useless, backoff = 0, self._timing.backoff
        while True:
            started_at = time.monotonic()
            try:
                await self._use_one_client(inbox)
            except TransportError as error:
                if time.monotonic() - started_at > 2 * self._timing.connect:
                    useless, backoff = 0, self._timing.backoff
                useless += not isinstance(error, _HubAwayError)
                if useless >= self._timing.useless_clients:
                    raise TransportError(f"edgeHub: {useless} clients were no use, the last: {error}") from error
                LOG.warning("edgeHub: %s; a new client in %.0f s", error, backoff)
            await asyncio.sleep(backoff)
            backoff = min(2 * backoff, self._timing.longest_backoff)

    async def send(self, output: str, body: bytes, properties: Mapping[str, str], message_id: str) -> None:
        """Send one message; it returns when edgeHub has stored it."""
        if len(body) > MAX_BODY_BYTES:
            raise TransportError(
                f"message of {len(body)} bytes for {output}: edgeHub is given {MAX_BODY_BYTES} at most"
            )
        # Without content type and encoding, `$body` conditions in routes never match.
        message: Any = Message(body, message_id, content_encoding="utf-8", content_type="application/json")  # type: ignore[no-untyped-call]  # the SDK's constructor has no annotations
        message.custom_properties.update(properties)
        sending = self._connected().send_message_to_output(message, output)
        await self._answered(sending, self._timing.answer, f"message to {output}")

    async def twin(self) -> dict[str, dict[str, Any]]:
        """Ask for the whole twin, the only way to learn what changed while offline."""
        twin: dict[str, dict[str, Any]] = await self._answered(
            self._connected().get_twin(), self._timing.answer, "twin"
        )
        self._heard_at = time.monotonic()
        return twin

    async def report(self, patch: Mapping[str, Any]) -> None:
        """Send a patch of reported properties."""
        reporting = self._connected().patch_twin_reported_properties(dict(patch))
        await self._answered(reporting, self._timing.answer, "reported properties")

    async def _use_one_client(self, inbox: Inbox) -> NoReturn:
        timing, self._hung = self._timing, asyncio.Event()
        # Making a client and setting its handlers block; so do requests to the workload API, without end.
        make = asyncio.to_thread(
            IoTHubModuleClient.create_from_edge_environment, connection_retry_interval=2, keep_alive=15
        )
        client = await self._answered(make, timing.connect, "client")
        try:
            await self._answered(asyncio.to_thread(self._set_handlers, client, inbox), timing.connect, "subscription")
            await self._answered(client.connect(), timing.connect, "connection")
            self._client, self._heard_at = client, time.monotonic()
            LOG.info("edgeHub: connected")
            inbox.on_connection(True)
            await self._watch(client)
        finally:
            self._client = None
            inbox.on_connection(False)
            with suppress(TransportError):
                await self._answered(client.shutdown(), timing.shutdown, "shutdown")

    async def _watch(self, client: Any) -> NoReturn:
        """Look after a client until there is a reason to replace it, and raise that."""
        timing, connected_at = self._timing, time.monotonic()
        while not self._hung.is_set():
            await asyncio.sleep(timing.check)
            now = time.monotonic()
            if client.connected:
                connected_at = now
                if now - self._heard_at > timing.silence:
                    await self.twin()
            elif now - connected_at > timing.offline:
                raise _HubAwayError(f"offline for {timing.offline:.0f} s")
        raise TransportError("connected, but a request was not answered")

    def _set_handlers(self, client: Any, inbox: Inbox) -> None:
        """Set every handler before `connect`: what edgeHub redelivers at once would be acknowledged and dropped.

        The message handler comes first, because setting any of the last three subscribes, and that connects.
        Coroutines that never wait run one after another on a thread of the SDK; functions would change the order.
        """

        async def on_message(message: Any) -> None:
            self._heard_at = time.monotonic()
            inbox.on_message(message.input_name, message.data)

        async def on_method(request: Any) -> None:
            status, payload = inbox.on_method(request.name, request.payload)
            await client.send_method_response(MethodResponse.create_from_method_request(request, status, payload))

        async def on_patch(_: Any) -> None:
            inbox.on_desired_changed()

        def on_state_change() -> None:
            if self._client is client:
                inbox.on_connection(client.connected)

        client.on_connection_state_change = on_state_change
        client.on_background_exception = lambda error: LOG.warning("azure-iot-device: %s", _reason(error))
        client.on_message_received = on_message
        client.on_method_request_received = on_method
        client.on_twin_desired_properties_patch_received = on_patch

    def _connected(self) -> Any:
        if self._client is None or not self._client.connected:
            raise _HubAwayError("not connected to edgeHub")
        return self._client

    async def _answered(self, request: Coroutine[Any, Any, _Answer], seconds: float, what: str) -> _Answer:
        """Wait for the SDK's answer, but not for ever.

        A request that is given up is left to end by itself: the SDK answers a cancelled one with a traceback.
        """
        task, hung = asyncio.ensure_future(request), self._hung
        self._requests.add(task)
        task.add_done_callback(self._forget)
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if not done:
            hung.set()
            raise TransportError(f"{what}: no answer within {seconds:.0f} s")
        try:
            return task.result()
        except _AWAY as error:
            raise _HubAwayError(f"{what}: {_reason(error)}") from error
        except Exception as error:  # the SDK lets through what its dependencies raise
            raise TransportError(f"{what}: {_reason(error)}") from error

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._requests.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not report a request nobody waits for any more


def _reason(error: BaseException) -> str:
    """What the SDK's error says, and what was behind it: most of the SDK's own texts say nothing."""
    told, cause = f"{type(error).__name__} {error}", error.__cause__
    while cause is not None:
        told, cause = f"{told} <- {type(cause).__name__} {cause}", cause.__cause__
    return told
