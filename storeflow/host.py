"""The one loop around every module: twin -> module -> outbox -> delivery, and the watch over all of it.

The module lives on a thread of its own (storeflow/worker.py), everything else in one event loop. The two meet in the
outbox and in bounded queues, and nowhere else.
"""

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing, suppress
from typing import Any, NoReturn

from storeflow.configuration import REFUSED, changes
from storeflow.custody import RECEIPTS, Receipt
from storeflow.delivery import Delivery, Pace
from storeflow.environment import HTTP_ADDRESS, context_from, seconds_from
from storeflow.errors import StoreflowError, TransportError
from storeflow.module import ModuleContext
from storeflow.observability import RecentLines, set_up_logging
from storeflow.outbox import FILE_NAME, Outbox
from storeflow.status import Status
from storeflow.status_server import Readings, StatusServer
from storeflow.transport.port import Transport
from storeflow.worker import ModuleFactory, Worker

LOG = logging.getLogger(__name__)
_STOP_SECONDS = 3.0
"""For the module to finish its piece of work; the transport takes its leave at the same time."""
_EXIT_SECONDS = 5.0
"""After SIGTERM the process is gone, whatever hangs in it: edgeAgent kills after ten."""


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
        pace: of the delivery.
        stall_seconds: a module that has not come back from a call for so long is given up, and the process with it.
        recent_lines: gives the last lines of the log, for a support bundle.

    Attributes:
        status: what there is to know of all this, for whoever asks on any thread.
    """

    def __init__(
        self,
        factory: ModuleFactory,
        context: ModuleContext,
        transport: Transport,
        outbox: Outbox,
        *,
        pace: Pace | None = None,
        stall_seconds: float = 300.0,
        recent_lines: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._transport, self._outbox = transport, outbox
        self._pace, self._stall_seconds = pace or Pace(), stall_seconds
        self._worker = Worker(
            factory, context, outbox, committed=self._on_committed, retry_seconds=self._pace.retry_seconds
        )
        self._delivery = Delivery(outbox, transport, self._worker.sinks, self._pace)
        self._loop = asyncio.get_running_loop()
        self._stopping, self._twin_changed = asyncio.Event(), asyncio.Event()
        self.status = Status(
            context, self._worker, outbox, self._delivery, stall_seconds=stall_seconds, recent_lines=recent_lines
        )

    async def run(self) -> None:
        """Run the module and return after `stop`.

        Raises:
            ExceptionGroup: what ended the module, the transport or the outbox: only a new process can go on.
        """
        self._worker.start()
        self._ended = asyncio.wrap_future(self._worker.ended)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._transport.run(self))
                group.create_task(self._delivery.run())
                group.create_task(self._follow_twin())
                group.create_task(self._watch())
        except* _StopRequested:
            LOG.info("stopping")
        finally:
            self._worker.stop()
            await asyncio.wait({self._ended}, timeout=_STOP_SECONDS)
            if not self._ended.done():
                LOG.error("the module did not finish within %.0f s; what it was doing is not kept", _STOP_SECONDS)
            elif (error := self._ended.exception()) is not None:
                LOG.error("the module ended with %s: %s", type(error).__name__, error)
            self._outbox.close()

    def stop(self) -> None:
        """Finish the piece of work in hand, commit, and end; called in the event loop."""
        self._worker.stop()
        self._stopping.set()

    def on_message(self, input_name: str, body: bytes) -> None:
        """Queue a message for the module, or the receipts for the delivery."""
        if input_name == RECEIPTS:
            self._delivery.take_receipts(body)
        else:
            self._worker.put_message(input_name, body)

    def on_desired_changed(self) -> None:
        """Have the twin read again."""
        self._loop.call_soon_threadsafe(self._twin_changed.set)

    def on_connection(self, connected: bool) -> None:
        """After a reconnect, have the twin read again and the outbox looked into."""
        self.status.connected = connected
        if connected:
            self.on_desired_changed()
            self._delivery.wake()

    def on_method(self, name: str, payload: Any) -> "Future[tuple[int, Any]]":
        """Begin a direct method of the module or of every module."""
        return self.status.call(name, payload)

    def _on_committed(self, receipts: Sequence[Receipt]) -> None:
        for receipt in receipts:
            self._delivery.send_receipt(receipt)
        self._delivery.wake()

    async def _follow_twin(self) -> None:
        """Read the whole twin whenever it may have changed, have it applied, report what became of it."""
        pause: float | None = None
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._twin_changed.wait(), pause)
            self._twin_changed.clear()
            pause = None
            try:
                twin = await self._transport.twin()
                statuses = await asyncio.wrap_future(self._worker.apply_twin(twin["desired"]))
                self._delivery.wake()  # sinks may have changed
                if patch := changes(twin["reported"], statuses):
                    await self._transport.report(patch)
                if any(status["ac"] == REFUSED for status in statuses.values()):
                    pause = self._pace.reconfigure_seconds
            except TransportError as error:
                LOG.warning("twin: %s", error)
                if self.status.connected:  # else the reconnect starts it again
                    await asyncio.sleep(self._pace.retry_seconds)
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
            if time.monotonic() - self._worker.beat > self._stall_seconds:
                raise StoreflowError(f"the module has not come back from a call for {self._stall_seconds:.0f} s")
        raise _StopRequested


def run_module(factory: ModuleFactory, environment: Mapping[str, str] = os.environ) -> int:
    """Run a module as edgeAgent starts it, until SIGTERM; return the exit status, 0 only after SIGTERM."""
    recent = set_up_logging(environment.get("STOREFLOW_LOG_LEVEL", "INFO"))
    overdue = threading.Timer(_EXIT_SECONDS, os._exit, (1,))
    overdue.daemon = True
    try:
        asyncio.run(_serve(factory, environment, overdue, recent))
    except Exception as error:  # the process ends with it
        LOG.critical("the module ends, to be started again: %s", error, exc_info=error)
        return 1
    finally:
        overdue.cancel()
    return 0


async def _serve(
    factory: ModuleFactory, environment: Mapping[str, str], overdue: threading.Timer, recent: RecentLines
) -> None:
    from storeflow.transport.edge_hub import EdgeHubTransport  # noqa: PLC0415 - only a process of its own needs the SDK

    context = context_from(environment)
    pace = Pace(resend_seconds=seconds_from(environment, "STOREFLOW_RESEND_SECONDS", Pace().resend_seconds))
    outbox = Outbox(context.state_folder / FILE_NAME)
    host = Host(factory, context, EdgeHubTransport(), outbox, pace=pace, recent_lines=recent.lines)
    readings = Readings(host.status.not_alive, host.status.not_ready, host.status.exposition)
    server = StatusServer(environment.get("STOREFLOW_HTTP_ADDRESS", HTTP_ADDRESS), readings)

    def stop() -> None:
        if not overdue.is_alive():
            overdue.start()
        host.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    with closing(server):
        server.start()
        try:
            await host.run()
        finally:  # a thread that hangs would keep a process that has failed from ending, too
            if not overdue.is_alive():
                overdue.start()
