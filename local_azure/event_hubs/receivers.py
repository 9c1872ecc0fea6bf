"""Who reads a partition for a consumer group: epochs, and at most five readers without one. Pure.

Source: event-hubs-event-processor-host ("Epoch"), event-hubs-quotas ("Number of non-epoch receivers per consumer
group"). What is said to whom is the service's own (Azure/azure-sdk-for-go, sdk/messaging/azeventhubs,
consumer_client_test.go, which runs against it; Azure/azure-sdk-for-java, issue 38117).
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol

from local_azure.event_hubs.amqp import errors
from local_azure.event_hubs.amqp.errors import AmqpError

MAX_WITHOUT_EPOCH = 5


class Receiver(Protocol):
    """A link that reads a partition."""

    @property
    def receiver_name(self) -> str:
        """What it calls itself; `nil` if nothing."""

    @property
    def epoch(self) -> int | None:
        """Its epoch, which the SDK calls owner level; None without one."""


@dataclass(frozen=True)
class Stolen:
    """A receiver that has to go, and what it is answered."""

    receiver: Receiver
    error: AmqpError


class Receivers:
    """The readers of all partitions of a namespace; a place is one partition for one consumer group."""

    def __init__(self) -> None:
        self._at: dict[Hashable, list[Receiver]] = {}

    def add(self, place: Hashable, receiver: Receiver) -> list[Stolen]:
        """Let a receiver in.

        Returns:
            Whoever it takes the place from.

        Raises:
            AmqpError: it may not.
        """
        others = self._at.setdefault(place, [])
        epochs = [other.epoch for other in others if other.epoch is not None]
        highest = max(epochs, default=None)
        if receiver.epoch is None:
            self._refuse_without_epoch(others, highest)
            others.append(receiver)
            return []
        if highest is not None and receiver.epoch < highest:
            raise AmqpError(
                errors.STOLEN,
                f"Receiver '{receiver.receiver_name}' with a higher epoch '{highest}' already exists. Receiver "
                f"'{receiver.receiver_name}' with epoch {receiver.epoch} cannot be created. Make sure you are creating "
                "receiver with increasing epoch value to ensure connectivity, or ensure all old epoch receivers are "
                "closed or disconnected.",
            )
        self._at[place] = [receiver]
        return [Stolen(other, _stolen(other, receiver)) for other in others]

    def remove(self, place: Hashable, receiver: Receiver) -> None:
        """Forget a receiver; one that has gone already is no matter."""
        self._at[place] = [other for other in self._at.get(place, []) if other is not receiver]

    def count(self) -> int:
        """Return how many there are."""
        return sum(map(len, self._at.values()))

    def _refuse_without_epoch(self, others: list[Receiver], highest: int | None) -> None:
        if highest is not None:
            raise AmqpError(
                errors.STOLEN,
                f"At least one receiver for the endpoint is created with epoch of '{highest}', and so non-epoch "
                "receiver is not allowed. Either reconnect with a higher epoch, or make sure all epoch receivers are "
                "closed or disconnected.",
            )
        if len(others) >= MAX_WITHOUT_EPOCH:
            names = ", ".join(other.receiver_name for other in others)
            raise AmqpError(
                errors.RESOURCE_LIMIT_EXCEEDED,
                "Exceeded the maximum number of allowed receivers per partition in a consumer group which is "
                f"{MAX_WITHOUT_EPOCH}. List of connected receivers - {names}.",
            )


def _stolen(old: Receiver, new: Receiver) -> AmqpError:
    return AmqpError(
        errors.STOLEN,
        f"New receiver '{new.receiver_name}' with higher epoch of '{new.epoch}' is created hence current receiver "
        f"'{old.receiver_name}' with epoch '{old.epoch}' is getting disconnected. If you are recreating the receiver, "
        "make sure a higher epoch is used.",
    )
