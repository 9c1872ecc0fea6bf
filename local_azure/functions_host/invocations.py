"""Runs functions: in threads or on the loop, again where a retry policy says so, and to their end when the host stops.

Sources: functions-reference-python ("Async", "Context"); functions-bindings-error-pages ("Retry policies");
Azure/azure-webjobs-sdk, `FunctionExecutorExtensions.cs`.
"""

import asyncio
import contextvars
import logging
import random
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import azure.functions as func

from local_azure.functions_host.app import Function
from local_azure.functions_host.retries import FOR_EVER

LOG = logging.getLogger(__name__)


@dataclass
class RetryState:
    """What a function reads as `context.retry_context`."""

    retry_count: int
    max_retry_count: int
    exception: BaseException | None = None


class InvocationContext(func.Context):
    """What a function reads as `context`."""

    def __init__(self, function: Function, folder: Path, retry: RetryState) -> None:
        self._function, self._folder, self._retry = function, folder, retry
        self._id = str(uuid.uuid4())
        self._local = threading.local()
        self._local.invocation_id = self._id

    @property
    def invocation_id(self) -> str:
        """A new one for each attempt."""
        return self._id

    @property
    def thread_local_storage(self) -> Any:
        """Where threads of the function's own say for which invocation they log."""
        return self._local

    @property
    def function_name(self) -> str:
        """Name of the function."""
        return self._function.name

    @property
    def function_directory(self) -> str:
        """Folder of the app."""
        return str(self._folder)

    @property
    def trace_context(self) -> Any:
        """Tracing: None, for this host does none."""
        return None

    @property
    def retry_context(self) -> Any:
        """Which attempt this is, a `RetryState`; of no retries where the function has no policy."""
        return self._retry


@dataclass(frozen=True)
class Outcome:
    """How a function ended, its retries included.

    Attributes:
        value: what it returned.
        error: why the last attempt failed; None when it succeeded.
    """

    value: Any = None
    error: Exception | None = None


class Invoker:
    """Runs the functions of an app.

    Args:
        folder: the app.
        threads: how many functions that are no coroutines run side by side; None for Python's own choice
            (`PYTHON_THREADPOOL_THREAD_COUNT`).
    """

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="function")
        self._attempts: set[asyncio.Task[Any]] = set()

    async def run(self, function: Function, value: Callable[[], Any], reason: str) -> Outcome:
        """Run a function until it succeeds or has no retries left.

        When whoever awaits this is cancelled, no further attempt is made; the one that runs goes on (see `drain`).

        Args:
            function: which.
            value: makes what its trigger gives it, anew for each attempt.
            reason: for the log.
        """
        policy = function.retry
        pauses = policy.pauses(random.random) if policy else iter(())
        state = RetryState(0, policy.most if policy else 0)
        while True:
            attempt = asyncio.create_task(self._attempt(function, value, state, reason))
            self._attempts.add(attempt)
            attempt.add_done_callback(self._attempts.discard)
            outcome = await asyncio.shield(attempt)
            pause = next(pauses, None) if outcome.error else None
            if pause is None:
                return outcome
            state = RetryState(state.retry_count + 1, state.max_retry_count, outcome.error)
            of = "for ever" if state.max_retry_count == FOR_EVER else f"of {state.max_retry_count}"
            LOG.warning("Waiting %.1f s before retry %d %s of '%s'", pause, state.retry_count, of, function.name)
            await asyncio.sleep(pause)

    async def _attempt(self, function: Function, value: Callable[[], Any], state: RetryState, reason: str) -> Outcome:
        context = InvocationContext(function, self._folder, state)
        started = time.monotonic()
        LOG.info("Executing 'Functions.%s' (Reason='%s', Id=%s)", function.name, reason, context.invocation_id)
        try:
            arguments = {function.trigger["name"]: value()}
            if function.wants_context:
                arguments["context"] = context
            outcome = Outcome(await self._call(function, arguments))
        except Exception as error:  # noqa: BLE001 - whatever the app raises is the app's failure, not the host's
            outcome = Outcome(error=error)
        took = 1000 * (time.monotonic() - started)
        if outcome.error is None:
            LOG.info(
                "Executed 'Functions.%s' (Succeeded, Id=%s, Duration=%dms)", function.name, context.invocation_id, took
            )
        else:
            LOG.error(
                "Executed 'Functions.%s' (Failed, Id=%s, Duration=%dms)",
                function.name,
                context.invocation_id,
                took,
                exc_info=outcome.error,
            )
        return outcome

    async def _call(self, function: Function, arguments: dict[str, Any]) -> Any:
        if function.is_async:
            return await function.call(**arguments)
        within = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: within.run(function.call, **arguments))

    async def drain(self, seconds: float) -> bool:
        """Wait until nothing runs any more; False when that takes longer."""
        if self._attempts:
            _, running = await asyncio.wait(self._attempts, timeout=seconds)
            if running:
                LOG.error("%d functions still run after %.0f s; they are left alone", len(running), seconds)
                return False
        self._pool.shutdown(wait=False)
        return True
