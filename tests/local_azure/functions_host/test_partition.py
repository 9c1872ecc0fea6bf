"""What the SDK's callbacks make of a partition that this host loses or gives back, without a hub."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from azure.eventhub import CloseReason, EventData

from local_azure.functions_host.app import Function
from local_azure.functions_host.event_hub import EventHubListener
from local_azure.functions_host.invocations import Invoker
from local_azure.functions_host.retries import FOR_EVER, RetryPolicy
from local_azure.functions_host.settings import EventHubsOptions

ENVIRONMENT = {"TELEMETRY": "Endpoint=sb://localhost", "AzureWebJobsStorage": "UseDevelopmentStorage=true"}
TRIGGER = {
    "type": "eventHubTrigger",
    "name": "events",
    "connection": "TELEMETRY",
    "eventHubName": "telemetry",
    "cardinality": "many",
}


class Context:
    """The SDK's context of a partition, and the checkpoints that were asked of it."""

    def __init__(self) -> None:
        self.partition_id = "0"
        self.fully_qualified_namespace = "localhost"
        self.checkpoints: list[Any] = []

    async def update_checkpoint(self, event: Any) -> None:
        """Write it down."""
        self.checkpoints.append(event)


def listener(call: Callable[[Any], Awaitable[None]], retry: RetryPolicy | None, **options: int) -> EventHubListener:
    function = Function("land", call, TRIGGER, retry, wants_context=False)
    return EventHubListener(function, EventHubsOptions.model_validate(options), Invoker(Path()), ENVIRONMENT)


def test_a_partition_that_another_host_took_sees_no_further_attempt_and_no_checkpoint() -> None:
    """Where its link is stolen, the SDK leaves the callback running."""
    attempts: list[int] = []
    third = asyncio.Event()

    async def fail(events: Any) -> None:
        attempts.append(len(events))
        if len(attempts) == 3:
            third.set()
        raise ValueError("not now")

    async def scenario() -> None:
        found, context = listener(fail, RetryPolicy(FOR_EVER, 0.01, 0.01)), Context()
        await found._on_open(context)
        batch = asyncio.create_task(found._on_batch(context, [EventData(b"{}")]))
        await asyncio.wait_for(third.wait(), 5)
        await found._on_close(context, CloseReason.OWNERSHIP_LOST)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(batch, 5)
        so_far = len(attempts)
        await asyncio.sleep(0.1)
        assert len(attempts) == so_far
        assert context.checkpoints == []

    asyncio.run(scenario())


@pytest.mark.parametrize(("reason", "checkpoints"), [(CloseReason.SHUTDOWN, 1), (CloseReason.OWNERSHIP_LOST, 0)])
def test_only_a_host_that_gives_a_partition_back_catches_up_with_its_checkpoint(
    reason: CloseReason, checkpoints: int
) -> None:
    async def succeed(events: Any) -> None:
        del events

    async def scenario() -> int:
        found, context = listener(succeed, None, batch_checkpoint_frequency=3), Context()
        await found._on_open(context)
        await found._on_batch(context, [EventData(b"{}")])
        assert context.checkpoints == []
        await found._on_close(context, reason)
        return len(context.checkpoints)

    assert asyncio.run(scenario()) == checkpoints


def test_a_batch_that_a_stop_interrupts_gets_no_checkpoint_though_its_function_comes_to_its_end() -> None:
    ended: list[bool] = []

    async def slow(events: Any) -> None:
        del events
        await asyncio.sleep(0.1)
        ended.append(True)

    async def scenario() -> None:
        found, context = listener(slow, None), Context()
        await found._on_open(context)
        batch = asyncio.create_task(found._on_batch(context, [EventData(b"{}")]))
        await asyncio.sleep(0.02)
        batch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(batch, 5)
        await found._on_close(context, CloseReason.SHUTDOWN)
        assert await found._invoker.drain(5)
        assert ended == [True]
        assert context.checkpoints == []

    asyncio.run(scenario())
