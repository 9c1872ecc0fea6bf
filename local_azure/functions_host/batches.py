"""Which events go to a function together, and after which of them a checkpoint is due. Pure.

Source: Azure/azure-sdk-for-net, Microsoft.Azure.WebJobs.Extensions.EventHubs, `EventHubListener.PartitionProcessor.cs`
and `PartitionProcessorEventsManager.cs`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from local_azure.functions_host.settings import EventHubsOptions

Event = TypeVar("Event")


@dataclass
class Batches(Generic[Event]):
    """The events of one partition that wait until they are enough, since one owner took it."""

    options: EventHubsOptions
    _waiting: list[Event] = field(default_factory=list)
    _waiting_since: float | None = None
    _since_checkpoint: int = 0

    def take(self, events: Sequence[Event], now: float) -> Iterator[list[Event]]:
        """Add events, and yield the batches that are due by now; seconds of any clock that only goes on."""
        self._waiting.extend(events)
        if self._waiting and self._waiting_since is None:
            self._waiting_since = now
        options = self.options
        while self._waiting and (
            len(self._waiting) >= options.min_event_batch_size
            or now - (self._waiting_since or now) >= options.max_wait_time
        ):
            batch, self._waiting = (
                self._waiting[: options.max_event_batch_size],
                self._waiting[options.max_event_batch_size :],
            )
            self._waiting_since = now if self._waiting else None
            yield batch

    def begin(self) -> bool:
        """Count a batch that goes to the function; True if a checkpoint is due after it."""
        self._since_checkpoint += 1
        return self._since_checkpoint >= self.options.batch_checkpoint_frequency

    def checkpointed(self) -> None:
        """Count from here on."""
        self._since_checkpoint = 0

    @property
    def owes_a_checkpoint(self) -> bool:
        """Whether a batch was given out since the last checkpoint."""
        return self._since_checkpoint > 0
