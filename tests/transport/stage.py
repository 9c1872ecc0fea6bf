"""The stage of sdk_traps.py: a hub of its own, transports and hosts on it, a module that emits events."""

import asyncio
import os
import ssl
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from local_azure.edge_hub.environment import is_edge_variable
from local_azure.edge_hub.process import EdgeHubProcess
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState, instant
from storeflow.errors import TransportError
from storeflow.host.delivery import DeliveryTiming
from storeflow.host.environment import context_from
from storeflow.host.host import Host
from storeflow.host.module import ModuleContext, Output
from storeflow.host.outbox import FILE_NAME, Outbox
from storeflow.transport.edge_hub import EdgeHubTransport, Timing

FAST = Timing(
    answer=1.5,
    connect=5.0,
    silence=60.0,
    check=0.2,
    retry=0.3,
    backoff=0.2,
    max_backoff=0.4,
    shutdown=1.0,
    useless_clients=3,
)
DELIVERY = DeliveryTiming(resend_seconds=1.0, retry_seconds=0.2)
TO_ZONES, TO_ROUTER = (f'BrokeredEndpoint("/modules/{module_id}/inputs/' for module_id in ("zones", "router"))
ROUTES = {
    "upstream": "FROM /messages/modules/zones/outputs/upstream INTO $upstream",
    "passed_on": "FROM /messages/modules/router/outputs/upstream INTO $upstream",
    "alarms": "FROM /messages/modules/zones/outputs/alarms WHERE $body.n > 0 INTO $upstream",
    "orders": f'FROM /messages/modules/other/outputs/orders INTO {TO_ZONES}orders")',
    "events": f'FROM /messages/modules/zones/outputs/events INTO {TO_ROUTER}events")',
    "receipts": f'FROM /messages/modules/router/outputs/receipts INTO {TO_ZONES}receipts")',
}


class Heard:
    """An inbox that remembers."""

    def __init__(self) -> None:
        self.messages: list[int] = []
        self.connections: list[bool] = []
        self.slow_at: int | None = None
        """The number of a message that takes its time."""

    def on_message(self, input_name: str, body: bytes) -> None:  # noqa: ARG002 - the port's signature
        """Remember the number in it."""
        if int(body) == self.slow_at:
            time.sleep(0.3)
        self.messages.append(int(body))

    def on_desired_changed(self) -> None:
        """Nobody asks here."""

    def on_method(self, name: str, payload: Any) -> "Future[tuple[int, Any]]":
        """Answer at once."""
        answer: Future[tuple[int, Any]] = Future()
        answer.set_result((200, {name: payload}))
        return answer

    def on_connection(self, connected: bool) -> None:
        """Remember."""
        self.connections.append(connected)


class Emitter:
    """A module that, as `zones`, emits `total` events on one output, and as `router` passes on what it receives."""

    sections: ClassVar[tuple[str, ...]] = ()
    output: ClassVar[str] = "upstream"
    total: ClassVar[int] = 0
    sizes: ClassVar[Mapping[int, int]] = {}
    """Of the details of some, in bytes; "" for all others."""
    configured: ClassVar[list[Any]] = []
    """Every value that any of them was given for a section."""
    stuck_for: ClassVar[float] = 0.0
    """Seconds that each message takes it."""

    def __init__(self, context: ModuleContext, checkpoint: bytes | None) -> None:
        self._source, self._emitted = context.source("door"), int(checkpoint or b"0")
        self._emits = context.module_id == "zones"

    def configure(self, section: str, value: Any, version: int) -> None:  # noqa: ARG002 - a module's signature
        """Remember."""
        self.configured.append(value)

    def work(self, timeout: float) -> Sequence[Output]:
        """Emit the next few."""
        if not self._emits or self._emitted >= self.total:
            time.sleep(min(timeout, 0.02))
            return ()
        numbers = range(self._emitted + 1, min(self._emitted + 50, self.total) + 1)
        self._emitted = numbers[-1]
        return [Output(self.output, self._event(number)) for number in numbers]

    def on_message(self, input_name: str, body: bytes) -> Sequence[Output]:
        """Pass an event on, as upstream_router does; anything else only takes its time."""
        time.sleep(self.stuck_for)
        return [Output("upstream", CloudEvent.from_json(body))] if input_name == "events" else ()

    def checkpoint(self) -> bytes:
        """How many were emitted."""
        return str(self._emitted).encode()

    def metrics(self) -> Mapping[str, float]:
        """None."""
        return {}

    def close(self) -> None:
        """Nothing is open."""

    def _event(self, number: int) -> CloudEvent:
        detail = "x" * self.sizes.get(number, 0)
        data = CameraState(
            store_id="store-1", camera_id="door", captured_at=instant(number), state="streaming", detail=detail
        )
        return CloudEvent.of(data, source=self._source, id=f"{number:032d}", subject="door")


class ModuleTransport(EdgeHubTransport):
    """Of one of several modules in this process: the SDK reads who it is from the environment."""

    _turn: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, environment: Mapping[str, str], timing: Timing) -> None:
        super().__init__(timing)
        self._environment = environment

    def _make_client(self) -> Any:
        with self._turn:
            become(self._environment)
            return super()._make_client()


def become(environment: Mapping[str, str]) -> None:
    """Take the environment of a module in place of any other."""
    for name in [name for name in os.environ if is_edge_variable(name)]:
        del os.environ[name]
    os.environ.update(environment)


class Stage:
    """A hub with routes, and modules on it."""

    def __init__(self, hub: EdgeHubProcess, folder: Path, patience: float) -> None:
        self.hub, self.folder, self._patience = hub, folder, patience

    def environment(self, module_id: str) -> dict[str, str]:
        """What edgeAgent would set for a module."""
        ours = {"STOREFLOW_STATE": str(self.folder / module_id), "STOREFLOW_HTTP_ADDRESS": "127.0.0.1:0"}
        return {**self.hub.environment(module_id), **ours}

    @asynccontextmanager
    async def transport(
        self, module_id: str = "zones", inbox: Heard | None = None, timing: Timing = FAST
    ) -> AsyncIterator[EdgeHubTransport]:
        """A module's transport, connected."""
        heard = inbox or Heard()
        transport = ModuleTransport(self.environment(module_id), timing)
        task = asyncio.create_task(transport.run(heard))
        try:
            await self.until(lambda: True in heard.connections or task.done(), "connected")
            yield transport
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @asynccontextmanager
    async def host(
        self, module_id: str = "zones", timing: Timing = FAST, max_rows: int = 1000
    ) -> AsyncIterator[tuple[Host, Outbox]]:
        """A host with an Emitter, on the SDK; connected a moment later."""
        environment = self.environment(module_id)
        context = context_from(environment)
        outbox = Outbox(context.state_folder / FILE_NAME, max_rows=max_rows)
        running = Host(Emitter, context, ModuleTransport(environment, timing), outbox, timing=DELIVERY)
        task = asyncio.create_task(running.run())
        try:
            yield running, outbox
        finally:
            running.stop()
            await task

    async def until(self, condition: Callable[[], Any], what: str) -> None:
        """Wait for a condition, as long as patience goes."""
        give_up = time.monotonic() + self._patience
        while not condition():
            assert time.monotonic() < give_up, f"it did not come to pass in time: {what}"
            await asyncio.sleep(0.02)

    async def until_answered(self, request: Callable[[], Awaitable[Any]], what: str) -> None:
        """Try a request until it is answered."""
        give_up = time.monotonic() + self._patience
        while True:
            with suppress(TransportError):
                await request()
                return
            assert time.monotonic() < give_up, f"never answered: {what}"
            await asyncio.sleep(0.1)

    async def ask(self, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call the hub's service side."""
        return await asyncio.to_thread(method, *arguments, **named)

    async def fault(self, **switches: Any) -> None:
        """Set fault switches."""
        await self.ask(self.hub.client.faults, **switches)

    def left(self) -> list[Any]:
        """Messages that left the store."""
        found: list[Any] = []
        while page := self.hub.client.upstream(found[-1].sequence if found else 0):
            found.extend(page)
        return found

    def count(self, name: str) -> int:
        """One of the hub's counters, since it was started."""
        return int(self.hub.client.stats()["counts"].get(name, 0))

    def subscribed(self, module_id: str) -> bool:
        """Whether a module has all its subscriptions."""
        return len(self.hub.client.stats()["modules"].get(module_id, {}).get("subscriptions", ())) == 4

    async def forget(self, module_id: str) -> None:
        """Have the hub lose a connected module's subscriptions."""
        await self.fault(lose_session=1, module=module_id)
        await self.until(lambda: not self.hub.client.faults()["lose_session"], "lost")

    async def order(self, numbers: Sequence[int]) -> None:
        """Send numbered messages to module `zones`, in order."""
        async with self.transport("other") as sender:
            for number in numbers:
                await sender.send("orders", b"%d" % number, {}, f"order-{number}")


def connected(transport: EdgeHubTransport) -> bool:
    """Whether it has a client that calls itself connected."""
    return transport._client is not None and transport._client.connected


def strike_network_thread(first_byte: bytes) -> None:
    """Have the next packet that begins so end paho's thread, as a hub does that is killed in mid write."""
    paho = sys.modules["paho.mqtt.client"].Client
    send = paho._sock_send

    def strike(client: Any, data: bytes) -> Any:
        if data.startswith(first_byte):
            paho._sock_send = send
            raise ssl.SSLEOFError(8, "EOF occurred in violation of protocol")
        return send(client, data)

    paho._sock_send = strike
