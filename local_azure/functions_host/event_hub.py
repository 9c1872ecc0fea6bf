"""Event Hubs triggers: takes partitions, hands batches to a function, writes checkpoints.

Sources: Azure/azure-sdk-for-net, Microsoft.Azure.WebJobs.Extensions.EventHubs, `EventHubListener.PartitionProcessor.cs`
(the order of things, and that a checkpoint doesn't ask whether the function failed), `EventHubOptions.cs` (the
container); functions-reliable-event-processing; functions-bindings-error-pages (a retry policy holds the checkpoint).
Partitions are shared out, and checkpoints laid down, by azure-eventhub as every processor of Azure's does.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient
from azure.eventhub.extensions.checkpointstoreblobaio import BlobCheckpointStore
from azure.storage.blob.aio import ContainerClient

from local_azure.functions_host.app import Function
from local_azure.functions_host.batches import Batches
from local_azure.functions_host.event_data import PartitionContext, many_events, one_event, takes_many
from local_azure.functions_host.invocations import Invoker
from local_azure.functions_host.settings import EventHubsOptions, required

LOG = logging.getLogger(__name__)

CONTAINER = "azure-webjobs-eventhub"
STORAGE_SETTING = "AzureWebJobsStorage"

STORAGE_RETRIES: dict[str, Any] = {"retry_total": 3, "initial_backoff": 0.8, "increment_base": 2}
"""As the host's SDK for .NET tries again (Azure.Core, `RetryOptions.cs`); Python's waits 15 seconds at first."""

_RETRY_SECONDS = 1.0
_IDLE_SECONDS = 0.2
"""Between two looks whether a batch that is too small has waited long enough."""


@dataclass
class _Partition:
    """A partition while this host owns it."""

    batches: Batches[EventData]
    last_processed: EventData | None = None
    work: asyncio.Task[None] | None = None


class EventHubListener:
    """Runs one function for the events of one event hub.

    Raises:
        ConfigError: a setting that it needs is not there.
    """

    def __init__(
        self, function: Function, options: EventHubsOptions, invoker: Invoker, environment: Mapping[str, str]
    ) -> None:
        self._function = function
        self._options = options
        self._invoker = invoker
        trigger = function.trigger
        connection = required(trigger["connection"], environment, f"{function.name}: its event hub")
        # The binding says which event hub; a connection string may name another.
        self._connection = re.sub(r";?EntityPath=[^;]*", "", connection)
        self._hub = trigger["eventHubName"]
        self._group = trigger.get("consumerGroup") or "$Default"
        self._storage = required(STORAGE_SETTING, environment, f"{function.name}: its checkpoints")
        self._partitions: dict[str, _Partition] = {}

    async def run(self) -> None:
        """Receive until cancelled; a batch that is with the function then is given out again later."""
        await self._make_container()
        store: Any = BlobCheckpointStore.from_connection_string(self._storage, CONTAINER, **STORAGE_RETRIES)
        client: Any = EventHubConsumerClient.from_connection_string(
            self._connection,
            self._group,
            eventhub_name=self._hub,
            checkpoint_store=store,
            load_balancing_interval=self._options.load_balancing_update_interval,
            partition_ownership_expiration_interval=self._options.partition_ownership_expiration_interval,
        )
        async with store, client:
            await client.receive_batch(
                self._on_batch,
                on_error=self._on_error,
                on_partition_initialize=self._on_open,
                on_partition_close=self._on_close,
                starting_position=self._start(),
                max_batch_size=self._options.max_event_batch_size,
                max_wait_time=_IDLE_SECONDS if self._options.min_event_batch_size > 1 else None,
                prefetch=self._options.prefetch_count,
            )

    def _start(self) -> str | datetime:
        start = self._options.initial_offset_options
        if start.type == "fromEnqueuedTime":
            return datetime.fromisoformat(start.enqueued_time_utc)
        return "-1" if start.type == "fromStart" else "@latest"

    async def _make_container(self) -> None:
        while True:
            try:
                async with ContainerClient.from_connection_string(
                    self._storage, CONTAINER, **STORAGE_RETRIES
                ) as container:
                    await container.create_container()
            except ResourceExistsError:
                return
            except AzureError as error:
                LOG.warning("'%s' waits for storage: %s", self._function.name, error)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return

    async def _on_open(self, context: Any) -> None:
        LOG.info("'%s' has partition %s of %s", self._function.name, context.partition_id, self._hub)
        self._partitions[context.partition_id] = _Partition(Batches(self._options))

    async def _on_close(self, context: Any, reason: Any) -> None:
        """Let go of a partition; the SDK may have left its batch running, which now has no right to a checkpoint."""
        partition = self._partitions.pop(context.partition_id)
        LOG.info(
            "'%s' leaves partition %s of %s: %s", self._function.name, context.partition_id, self._hub, reason.name
        )
        if partition.work is not None:
            partition.work.cancel()
        elif reason.name == "SHUTDOWN" and partition.last_processed and partition.batches.owes_a_checkpoint:
            await context.update_checkpoint(partition.last_processed)

    async def _on_error(self, context: Any, error: Exception) -> None:
        where = "its event hub" if context is None else f"partition {context.partition_id} of {self._hub}"
        LOG.warning("'%s' and %s: %s: %s", self._function.name, where, type(error).__name__, error)

    async def _on_batch(self, context: Any, events: list[EventData]) -> None:
        partition = self._partitions[context.partition_id]
        for batch in partition.batches.take(events, time.monotonic()):
            partition.work = asyncio.create_task(self._process(context, partition, batch))
            try:
                await partition.work
            finally:
                # Cancelled with us, or by `_on_close`: either way it is over, and the checkpoint stays where it was.
                partition.work.cancel()
            partition.work = None

    async def _process(self, context: Any, partition: _Partition, batch: list[EventData]) -> None:
        function, checkpointing = self._function, partition.batches.begin()
        source = PartitionContext(
            context.fully_qualified_namespace, self._hub, self._group, context.partition_id, checkpointing
        )
        if takes_many(function):
            await self._run(partial(many_events, function, batch, source), batch, source)
        else:
            for event in batch:
                await self._run(partial(one_event, function, event, source), [event], source)
        partition.last_processed = batch[-1]
        if checkpointing:
            await context.update_checkpoint(batch[-1])
            partition.batches.checkpointed()

    async def _run(self, value: Callable[[], Any], events: list[EventData], source: PartitionContext) -> None:
        first, last = events[0].sequence_number, events[-1].sequence_number
        reason = f"{source.hub}, partition {source.partition}, events {first} to {last}"
        outcome = await self._invoker.run(self._function, value, reason)
        if outcome.error is not None:
            LOG.error("'%s' did not process %s; Event Hubs goes on without them", self._function.name, reason)
