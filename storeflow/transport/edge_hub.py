"""edgeHub by way of azure-iot-device, the only file that imports it.

The SDK does not retry its first connect, has no timeout anywhere, stops reconnecting for good after a refused token,
never renews a token after one failed signing, reconnects without subscribing again, and may stay "connected" while
nothing reads its socket. So a client is used for one connection and for less than the life of one token, never
reconnects by itself, and is replaced as soon as anything about it is in doubt. What a client lives through is
`_use_one_client`; whatever ends it early goes through `_end`. Trap by trap: docs/sdk-traps.md.
"""

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from azure.iot.device import Message, MethodResponse
from azure.iot.device.aio import IoTHubModuleClient
from azure.iot.device.exceptions import ConnectionDroppedError, ConnectionFailedError, NoConnectionError

from storeflow.errors import TransportError
from storeflow.transport.port import JSON, MAX_BODY_BYTES, Form, Inbox

LOG = logging.getLogger(__name__)
_T = TypeVar("_T")
_AWAY = (ConnectionDroppedError, ConnectionFailedError, NoConnectionError, OSError)
_LOG_EVERY = 60
"""One in so many attempts to reach a hub that is away is logged, a minute's worth."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to wait for what, in seconds."""

    answer: float = 20.0
    """For the hub to acknowledge a message or answer about a twin."""
    connect: float = 40.0
    """For a client to be made, connected and subscribed."""
    keep_alive: int = 15
    """Between signs of life: a hub that froze is noticed in less than twice this time."""
    token: int = 3600
    """Life of a token …"""
    renew: float = 600.0
    """… and how long before its end there is a new client; 120 s before it the SDK would sign again, once."""
    silence: float = 300.0
    """Without anything heard for this long, the twin is asked for, to prove that answers still come."""
    check: float = 1.0
    retry: float = 1.0
    """Before the next client, while the hub is away or after it went."""
    backoff: float = 1.0
    """Before the next client after one that was no use; doubled each time, up to …"""
    max_backoff: float = 30.0
    """… this."""
    shutdown: float = 2.0
    useless_clients: int = 8
    """So many clients in a row over which nothing was heard, though the hub was there: this process can't fix it."""


class _HubAwayError(TransportError):
    """Nobody answers at the hub's address: waiting helps, another process does not."""


class EdgeHubTransport:
    """A module's connection to edgeHub; a `storeflow.transport.port.Transport`.

    Who the module is, the SDK reads from the environment that edgeAgent sets (or `EdgeHubConnectionString`).
    """

    def __init__(self, timing: Timing | None = None) -> None:
        self._timing = timing or Timing()
        self._client: Any = None
        """The client in use, while it is connected and subscribed."""
        self._ended: asyncio.Future[TransportError]
        """Why the client in use, or in the making, is to be replaced; every client has its own."""
        self._connected_at = math.inf
        """When the client in use, or the last one, was connected and subscribed; never, if it was not."""
        self._heard_at = 0.0
        """When the hub was last known to be there: at that moment, or when a message or an answer came later."""
        self._requests: set[asyncio.Task[Any]] = set()
        """Those that the SDK has not answered, whether anyone still waits for them or not."""

    async def run(self, inbox: Inbox) -> None:
        """Keep a living client until cancelled; raises TransportError when clients are of no use any more."""
        timing = self._timing
        useless, away = 0, 0
        while True:
            started_at = time.monotonic()
            try:
                await self._use_one_client(inbox)
            except TransportError as error:
                if self._heard_at > started_at:  # the hub was there
                    away = 0
                if self._heard_at > self._connected_at:
                    useless = 0
                if isinstance(error, _HubAwayError):
                    pause = timing.retry
                    LOG.log(logging.DEBUG if away % _LOG_EVERY else logging.WARNING, "edgeHub: %s", error)
                    away += 1
                else:
                    pause = min(timing.backoff * 2**useless, timing.max_backoff)
                    useless, away = useless + 1, 0
                    if useless >= timing.useless_clients:
                        raise TransportError(f"edgeHub: {useless} clients were no use, the last: {error}") from error
                    LOG.warning("edgeHub: %s; a new client in %.0f s", error, pause)
                await asyncio.sleep(pause)
            else:
                useless, away = 0, 0

    async def send(
        self, output: str, body: bytes, properties: Mapping[str, str], message_id: str, form: Form = JSON
    ) -> None:
        """Send one message; it returns when edgeHub has stored it."""
        if len(body) > MAX_BODY_BYTES:
            raise TransportError(
                f"message of {len(body)} bytes for {output}: edgeHub is given {MAX_BODY_BYTES} at most"
            )
        message: Any = Message(body, message_id, form.content_encoding, form.content_type)  # type: ignore[no-untyped-call]  # the SDK's constructor has no annotations
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
        self._heard_at = time.monotonic()

    async def _use_one_client(self, inbox: Inbox) -> None:
        """Make a client, connect it, and return when its time is up; raises what ended it before."""
        timing, ended = self._timing, asyncio.get_running_loop().create_future()
        self._ended, abandoned = ended, set(self._requests)
        self._connected_at = math.inf
        client = await self._answered(_on_a_thread(self._make_client), timing.connect, "client")
        watch = asyncio.create_task(self._watch(client, ended))
        try:
            subscribing = _on_a_thread(lambda: self._set_handlers(client, inbox, ended))
            await self._answered(subscribing, timing.connect, "subscription")
            await self._answered(client.connect(), timing.connect, "connection")
            self._client = client
            self._connected_at = self._heard_at = time.monotonic()
            LOG.info("edgeHub: connected")
            inbox.on_connection(True)
            ends: set[asyncio.Future[Any]] = {ended, watch}
            await asyncio.wait(ends, timeout=timing.token - timing.renew, return_when=asyncio.FIRST_COMPLETED)
            if watch.done():
                watch.result()  # a watch that failed is no watch
            if ended.done():
                raise ended.result()
            LOG.info("edgeHub: a new client, before the token of this one ends")
            self._disconnected(inbox)
            if under_way := self._requests - abandoned:
                await asyncio.wait(under_way, timeout=timing.shutdown)
        finally:
            watch.cancel()
            self._disconnected(inbox)
            _end(ended, _HubAwayError("its client was replaced"))  # for anyone who still waits for an answer
            # Without its network thread a client never finishes its shutdown.
            patience = 0.0 if _network_thread_died(client) else timing.shutdown
            await asyncio.wait({self._request(client.shutdown())}, timeout=patience)

    def _disconnected(self, inbox: Inbox) -> None:
        if self._client is not None:
            self._client = None
            inbox.on_connection(False)

    def _make_client(self) -> Any:
        return IoTHubModuleClient.create_from_edge_environment(
            connection_retry=False, keep_alive=self._timing.keep_alive, sastoken_ttl=self._timing.token
        )

    def _set_handlers(self, client: Any, inbox: Inbox, ended: "asyncio.Future[TransportError]") -> None:
        """Set every handler before `connect`: what edgeHub redelivers at once would be acknowledged and dropped.

        Setting any of the last three subscribes, and that connects: the SDK keeps what comes for the other two.
        Coroutines that never wait run one after another on a thread of the SDK; functions would change the order.
        """

        async def on_message(message: Any) -> None:
            self._heard_at = time.monotonic()
            inbox.on_message(message.input_name, message.data)

        async def on_method(request: Any) -> None:
            status, payload = await asyncio.wrap_future(inbox.on_method(request.name, request.payload))
            await client.send_method_response(MethodResponse.create_from_method_request(request, status, payload))

        async def on_patch(_: Any) -> None:
            inbox.on_desired_changed()

        def on_background_exception(error: Exception) -> None:
            reason = _error("azure-iot-device, in the background", error, away=not client.connected)
            with suppress(RuntimeError):  # the loop is closed, and the process about to end
                ended.get_loop().call_soon_threadsafe(_end, ended, reason)

        client.on_background_exception = on_background_exception
        client.on_message_received = on_message
        client.on_method_request_received = on_method
        client.on_twin_desired_properties_patch_received = on_patch

    async def _watch(self, client: Any, ended: "asyncio.Future[TransportError]") -> None:
        """Find out what the SDK does not report, and end the client for it."""
        while not ended.done():
            await asyncio.sleep(self._timing.check)
            if _network_thread_died(client):
                _end(ended, _HubAwayError("paho's network thread died, and the connection with it"))
            elif self._client is client:
                if not client.connected:
                    _end(ended, _HubAwayError("the connection is lost"))
                elif time.monotonic() - self._heard_at > self._timing.silence:
                    try:
                        await self.twin()
                    except TransportError as error:
                        _end(ended, error)

    def _connected(self) -> Any:
        if self._client is None or not self._client.connected:
            raise _HubAwayError("not connected to edgeHub")
        return self._client

    async def _answered(self, request: Coroutine[Any, Any, _T], seconds: float, what: str) -> _T:
        """Wait for the SDK's answer, but not for ever, and not for that of a client that is no longer in use.

        A request that is given up is left to end by itself: the SDK answers a cancelled one with a traceback.
        """
        task, ended = self._request(request), self._ended
        first: set[asyncio.Future[Any]] = {task, ended}
        await asyncio.wait(first, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            if ended.done():
                raise type(ended.result())(f"{what}: {ended.result()}")
            _end(ended, TransportError(f"{what}: no answer within {seconds:.0f} s"))
            raise ended.result()
        try:
            return task.result()
        except Exception as error:  # the SDK lets through what its dependencies raise
            # An OSError of no particular kind is how the SDK says that variables are missing: no waiting fixes that.
            away = isinstance(error, _AWAY) and type(error) is not OSError
            raise _error(what, error, away=away) from error

    def _request(self, request: Coroutine[Any, Any, _T]) -> "asyncio.Task[_T]":
        task = asyncio.ensure_future(request)
        self._requests.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._requests.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not report a request nobody waits for any more


def _end(ended: "asyncio.Future[TransportError]", reason: TransportError) -> None:
    if not ended.done():
        ended.set_result(reason)


async def _on_a_thread(function: Callable[[], _T]) -> _T:
    """Call what blocks on a daemon thread of its own.

    The SDK asks the workload API without a time limit. A thread that hangs there would be missed among those of
    `asyncio.to_thread`, and would keep the process from ending.
    """
    answer: Future[_T] = Future()

    def call() -> None:
        answer.set_running_or_notify_cancel()
        try:
            answer.set_result(function())
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to the one who waits
            answer.set_exception(error)

    threading.Thread(target=call, name="azure-iot-device", daemon=True).start()
    return await asyncio.wrap_future(answer)


def _network_thread_died(client: Any) -> bool:
    """Whether the thread ended that does all of a client's reading and writing.

    It has no except clause for TLS errors: a hub that is killed in mid write ends it, and the SDK calls itself
    connected ever after. This looks inside the SDK, as there is no other way: the last stage of the pipeline has the
    transport, and that has paho's client. Where that is otherwise, the answer is no, and `Timing.answer` has to do.
    """
    try:
        stage = client._mqtt_pipeline._pipeline  # noqa: SLF001 - see above
        while stage.next is not None:
            stage = stage.next
        thread = stage.transport._mqtt_client._thread  # noqa: SLF001 - see above
        return thread is not None and not thread.is_alive()
    except AttributeError:
        return False


def _error(what: str, error: BaseException, *, away: bool) -> TransportError:
    """Ours for one of the SDK's, with what was behind it: most of the SDK's own texts say nothing."""
    message, cause = f"{what}: {type(error).__name__} {error}", error.__cause__
    while cause is not None:
        message, cause = f"{message} <- {type(cause).__name__} {cause}", cause.__cause__
    return _HubAwayError(message) if away else TransportError(message)
