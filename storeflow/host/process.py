"""A module's process: set up from the environment that edgeAgent gives it, ended by SIGTERM, whatever hangs in it."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing

from storeflow.errors import StoreflowError
from storeflow.host.delivery import DeliveryTiming
from storeflow.host.environment import context_from, seconds_from
from storeflow.host.host import Host
from storeflow.host.module import ModuleFactory
from storeflow.host.outbox import FILE_NAME, Outbox
from storeflow.observability.http_address import http_address
from storeflow.observability.http_server import Readings, StatusServer
from storeflow.observability.logs import RecentLines, set_up_logging
from storeflow.transport.edge_hub import EdgeHubTransport

LOG = logging.getLogger(__name__)
_EXIT_SECONDS = 5.0
"""After SIGTERM the process is gone, whatever hangs in it: edgeAgent kills after ten."""


def run_module(factory: ModuleFactory, environment: Mapping[str, str] = os.environ) -> int:
    """Run a module until SIGTERM; return the exit status, 0 only after SIGTERM."""
    recent = set_up_logging(environment.get("STOREFLOW_LOG_LEVEL", "INFO"))
    overdue = threading.Timer(_EXIT_SECONDS, os._exit, (1,))
    overdue.daemon = True
    try:
        return asyncio.run(_serve_and_say_why(factory, environment, overdue, recent))
    finally:
        overdue.cancel()


async def _serve_and_say_why(
    factory: ModuleFactory, environment: Mapping[str, str], overdue: threading.Timer, recent: RecentLines
) -> int:
    """The exit status. Why it isn't 0 is logged in here, before the loop waits for threads that may hang."""
    try:
        await _serve(factory, environment, overdue, recent)
    except Exception as error:  # the process ends with it
        for cause in _causes(error):
            # What is raised on purpose says all there is to say; of anything else, the place matters.
            foreseen = isinstance(cause, StoreflowError)
            reason = str(cause) if foreseen else f"{type(cause).__name__}: {cause}"
            LOG.critical("the module ends, to be started again: %s", reason, exc_info=None if foreseen else cause)
        return 1
    return 0


def _causes(error: BaseException) -> Iterator[BaseException]:
    """What a task group wraps; an error that is no group is its own cause."""
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _causes(one)
    else:
        yield error


async def _serve(
    factory: ModuleFactory, environment: Mapping[str, str], overdue: threading.Timer, recent: RecentLines
) -> None:
    context = context_from(environment)
    address = http_address(environment)
    default = DeliveryTiming().resend_seconds
    timing = DeliveryTiming(resend_seconds=seconds_from(environment, "STOREFLOW_RESEND_SECONDS", default))
    outbox = Outbox(context.state_folder / FILE_NAME)
    host = Host(factory, context, EdgeHubTransport(), outbox, timing=timing, recent_lines=recent.lines)
    server = StatusServer(address, Readings(host.status.not_alive, host.status.not_ready, host.status.exposition))

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
