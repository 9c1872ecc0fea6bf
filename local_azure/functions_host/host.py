"""A function app that runs: its triggers side by side, until it is told to stop."""

import asyncio
import logging
import secrets
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from local_azure.functions_host.app import load_functions
from local_azure.functions_host.event_hub import EventHubListener
from local_azure.functions_host.http import HttpFrontEnd
from local_azure.functions_host.invocations import Invoker
from local_azure.functions_host.settings import read_host_settings
from local_azure.functions_host.timers import TimerListener
from local_azure.listener import bind
from storeflow.errors import ConfigError

LOG = logging.getLogger(__name__)

THREADS_SETTING = "PYTHON_THREADPOOL_THREAD_COUNT"


class FunctionsHost:
    """Runs an app inside `async with`.

    Args:
        app: its folder, which is on Python's path already.
        environment: settings, those of `local.settings.json` included.
        key: what HTTP functions with a key ask for; None for no question.
        patience: seconds that a function may go on running after a stop.

    Attributes:
        drained: False after a stop that left functions running.

    Raises:
        ConfigError: the app, or a setting of it, is not what this host can run.
    """

    def __init__(self, app: Path, environment: Mapping[str, str], *, key: str | None, patience: float) -> None:
        settings = read_host_settings(app / "host.json", environment)
        threads = environment.get(THREADS_SETTING)
        if threads is not None and not threads.isdecimal():
            raise ConfigError([f"{THREADS_SETTING}: expected a number, got {threads!r}"])
        self._invoker = Invoker(app, int(threads) if threads else None)
        self._patience = patience
        self.drained = True
        functions = load_functions(app, environment)
        of_kind = {
            kind: [each for each in functions if each.trigger["type"] == kind]
            for kind in ("eventHubTrigger", "timerTrigger")
        }
        timers = {each.name: TimerListener(each, self._invoker, environment) for each in of_kind["timerTrigger"]}
        hubs = [
            EventHubListener(each, settings.event_hubs, self._invoker, environment)
            for each in of_kind["eventHubTrigger"]
        ]
        self._listeners: tuple[TimerListener | EventHubListener, ...] = (*timers.values(), *hubs)
        self._front = HttpFrontEnd(functions, timers, self._invoker, prefix=settings.http.route_prefix, key=key)
        self._runner = web.AppRunner(self._front.application, access_log=None)
        self._tasks: list[asyncio.Task[None]] = []
        for function in functions:
            LOG.info("Found 'Functions.%s': %s", function.name, function.trigger["type"])

    async def listen(self, host: str, port: int) -> int:
        """Serve HTTP and start every listener; returns the port, which was free if 0 was asked for.

        Raises:
            TransportError: the port is taken.
        """
        listener = bind(host, port)
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()
        self._tasks = [asyncio.create_task(each.run()) for each in self._listeners]
        return int(listener.getsockname()[1])

    async def failed(self) -> None:
        """Wait for a listener that ends by itself, which none should, and raise what ended it."""
        if not self._tasks:
            await asyncio.Event().wait()
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take nothing new, and let functions that run come to their end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.drained = await self._invoker.drain(self._patience)
        await self._runner.cleanup()


def host_key(state: Path) -> str:
    """Return the key of a host with this state folder: random, made the first time, readable by its owner only."""
    path = state / "host.key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))
    return path.read_text().strip()
