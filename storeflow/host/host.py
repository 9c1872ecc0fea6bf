"""The one loop around every module: twin -> module -> outbox -> delivery, and the watch over all of it.

The module lives on a thread of its own (`module_thread.py`), everything else in one event loop. The two meet in the
outbox and in bounded queues, and nowhere else.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, NoReturn

from storeflow.errors import StoreflowError, TransportError
from storeflow.host.configuration import changes, refuses
from storeflow.host.custody import RECEIPTS, Receipt
from storeflow.host.delivery import Delivery, DeliveryTiming
from storeflow.host.methods import Methods
from storeflow.host.module import MethodResult, ModuleContext, ModuleFactory
from storeflow.host.module_thread import ModuleThread
from storeflow.host.outbox import Outbox
from storeflow.host.standard_methods import standard_methods
from storeflow.host.status import HostStatus
from storeflow.transport.port import Transport

LOG = logging.getLogger(__name__)
_STOP_SECONDS = 3.0
"""For the module to finish its piece of work; the transport disconnects at the same time."""


class _StopRequested(Exception):  # noqa: N818 - no error: it unwinds the task group
    """The host was asked to stop."""


class Host:
    """Runs one module until `stop`; it is the `storeflow.transport.port.Inbox` of the module's transport.

    Made and run inside one running event loop.

    Args:
        factory: the module's class.
        context: who and where the module is.
        transport: its way to edgeHub.
        outbox: its memory; closed by `run`.
        timing: of the delivery.
        stall_seconds: a module that has not come back from a call for so long is given up, and the process with it.
        reconfigure_seconds: until a refused twin section is tried again: a clip or a model may have arrived since.
        recent_lines: gives the last lines of the log, for a support bundle.

    Attributes:
        status: may be read on any thread.
    """

    def __init__(
        self,
        factory: ModuleFactory,
        context: ModuleContext,
        transport: Transport,
        outbox: Outbox,
        *,
        timing: DeliveryTiming | None = None,
        stall_seconds: float = 300.0,
        reconfigure_seconds: float = 60.0,
        recent_lines: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._transport, self._outbox = transport, outbox
        timing = timing or DeliveryTiming()
        retry_seconds = self._retry_seconds = timing.retry_seconds
        self._stall_seconds, self._reconfigure_seconds = stall_seconds, reconfigure_seconds
        module = ModuleThread(factory, context, outbox, committed=self._on_committed, retry_seconds=retry_seconds)
        self._module_thread, self._delivery = module, Delivery(outbox, transport, module.sinks, timing, module.couriers)
        self._loop = asyncio.get_running_loop()
        self._stopping, self._twin_changed = asyncio.Event(), asyncio.Event()
        self.status = HostStatus(context, module, outbox, self._delivery, stall_seconds=stall_seconds)
        standard = standard_methods(self.status, module, recent_lines)
        self._methods = Methods(context.module_id, lambda: {**standard, **module.methods()})

    async def run(self) -> None:
        """Run the module and return after `stop`.

        Raises:
            ExceptionGroup: what ended the module, the transport or the outbox: only a new process can go on.
        """
        self._module_thread.start()
        self._ended = asyncio.wrap_future(self._module_thread.ended)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._transport.run(self))
                group.create_task(self._delivery.run())
                group.create_task(self._follow_twin())
                group.create_task(self._watch())
        except* _StopRequested:
            LOG.info("stopping")
        finally:
            self._module_thread.stop()
            await asyncio.wait({self._ended}, timeout=_STOP_SECONDS)
            if not self._ended.done():
                LOG.error("the module did not finish within %.0f s; what it was doing is not kept", _STOP_SECONDS)
            elif (error := self._ended.exception()) is not None:
                LOG.error("the module ended with %s: %s", type(error).__name__, error)
            self._outbox.close()

    def stop(self) -> None:
        """Finish the piece of work in hand, commit, and end; called in the event loop."""
        self._module_thread.stop()
        self._stopping.set()

    def on_message(self, input_name: str, body: bytes) -> None:
        """Queue a message for the module, or the receipts for the delivery."""
        if input_name == RECEIPTS:
            self._delivery.take_receipts(body)
        else:
            self._module_thread.put_message(input_name, body)

    def on_desired_changed(self) -> None:
        """Have the twin read again."""
        self._loop.call_soon_threadsafe(self._twin_changed.set)

    def on_connection(self, connected: bool) -> None:
        """After a reconnect, have the twin read again and the outbox looked into."""
        self.status.on_connection(connected)
        if connected:
            self.on_desired_changed()
            self._delivery.wake()

    def on_method(self, name: str, payload: Any) -> "Future[MethodResult]":
        """Begin a direct method of the module or of every module."""
        return self._methods.call(name, payload)

    def _on_committed(self, receipts: Sequence[Receipt]) -> None:
        for receipt in receipts:
            self._delivery.send_receipt(receipt)
        self._delivery.wake()

    async def _follow_twin(self) -> None:
        """Read the whole twin whenever it may have changed, have it applied, report the result."""
        pause: float | None = None
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):  # wait_for of Python 3.11 loses a cancellation that meets a change
                    await self._twin_changed.wait()
            self._twin_changed.clear()
            pause = None
            try:
                twin = await self._transport.twin()
                acknowledgements = await asyncio.wrap_future(self._module_thread.apply_twin(twin["desired"]))
                self._delivery.wake()  # sinks may have changed
                if patch := changes(twin["reported"], acknowledgements):
                    await self._transport.report(patch)
                if any(map(refuses, acknowledgements.values())):
                    pause = self._reconfigure_seconds
            except TransportError as error:
                LOG.warning("twin: %s", error)
                if self.status.connected:  # else the reconnect starts it again
                    await asyncio.sleep(self._retry_seconds)
                    self._twin_changed.set()

    async def _watch(self) -> NoReturn:
        """Raise what ended the module, or that it hangs, or that all shall stop: never run and be silent."""
        stopping = asyncio.ensure_future(self._stopping.wait())
        ends: set[asyncio.Future[Any]] = {stopping, self._ended}
        while not stopping.done():
            await asyncio.wait(ends, timeout=1, return_when=asyncio.FIRST_COMPLETED)
            self.status.beat()
            if self._ended.done():
                self._ended.result()
            if time.monotonic() - self._module_thread.beat > self._stall_seconds:
                raise StoreflowError(f"the module has not come back from a call for {self._stall_seconds:.0f} s")
        raise _StopRequested
