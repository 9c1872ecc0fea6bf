"""The namespace: what becomes of a publication, and the event hubs that hold it."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from local_azure.event_hubs import authentication
from local_azure.event_hubs.amqp import errors
from local_azure.event_hubs.amqp.errors import AmqpError
from local_azure.event_hubs.config import HubConfig, NamespaceConfig
from local_azure.event_hubs.faults import Faults
from local_azure.event_hubs.partition import Partition
from local_azure.event_hubs.partition_hash import partition_of
from local_azure.event_hubs.publications import Publication
from local_azure.event_hubs.receivers import Receivers
from local_azure.event_hubs.store import Store
from local_azure.event_hubs.throughput import Throughput, server_busy
from storeflow.errors import StorageError

LOG = logging.getLogger(__name__)

MILLISECONDS = 1000

ENTITY_DISABLED = "com.microsoft:entity-disabled"
OUT_OF_RANGE = "com.microsoft:argument-out-of-range"


@dataclass
class EventHub:
    """One event hub.

    Attributes:
        created_at: milliseconds since the epoch.
        turn: of the partition that takes the next publication without a key.
    """

    config: HubConfig
    created_at: int
    partitions: list[Partition]
    turn: int = 0

    @property
    def name(self) -> str:
        """As links name it, in lower case."""
        return self.config.name.lower()

    def partition(self, partition_id: str) -> Partition:
        """Return a partition.

        Raises:
            AmqpError: `com.microsoft:argument-out-of-range`; there is none of that name.
        """
        for partition in self.partitions:
            if partition.id == partition_id:
                return partition
        raise AmqpError(
            OUT_OF_RANGE,
            f"The specified partition is invalid for an EventHub partition sender or receiver. It should be between 0 "
            f"and {len(self.partitions) - 1}.",
        )

    def choose(self, key: str | None) -> Partition:
        """Return the partition for a publication that names none: by its key, or in turn."""
        if key is not None:
            return self.partitions[partition_of(key, len(self.partitions))]
        self.turn += 1
        return self.partitions[self.turn % len(self.partitions)]


class Namespace:
    """Event hubs, their readers, and the one commit that everything waits for.

    Attributes:
        failure: completes with the error when the disk refuses; the process should end then.
        counts: what came in and went out since the start.
    """

    def __init__(self, config: NamespaceConfig, store: Store) -> None:
        self.config = config
        self.rules = authentication.rules_of(config)
        self.faults = Faults()
        self.receivers = Receivers()
        self.throughput = Throughput(config.throughput_units)
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.counts = dict.fromkeys(("connections", "events_in", "bytes_in", "throttled", "events_out", "commits"), 0)
        self._store = store
        self._dirty: dict[Partition, None] = {}
        self._waiting: list[Callable[[], None]] = []
        self.hubs: dict[str, EventHub] = {}
        for hub in config.entities:
            created_at, states = store.open_hub(hub.name.lower(), hub.partition_count, _now_ms())
            partitions = [Partition(store, state) for state in states]
            self.hubs[hub.name.lower()] = EventHub(hub, created_at, partitions)

    def hub(self, name: str) -> EventHub:
        """Return an event hub.

        Raises:
            AmqpError: `amqp:not-found`.
        """
        if hub := self.hubs.get(name.lower()):
            return hub
        raise AmqpError(errors.NOT_FOUND, f"The messaging entity '{name}' could not be found.")

    def publish(
        self,
        hub: EventHub,
        publication: Publication,
        stored: Callable[[], None],
        *,
        partition: Partition | None = None,
        publisher: str = "",
    ) -> None:
        """Take a publication in.

        Args:
            hub: where it goes.
            publication: what.
            stored: called once it is on disk, and never if it isn't.
            partition: the one that the producer named, if any.
            publisher: whose address it came through, if any.

        Raises:
            AmqpError: `com.microsoft:server-busy` or `com.microsoft:entity-disabled`; nothing is stored.
        """
        if self.faults.read_only and self.faults.meets(hub.name):
            raise AmqpError(ENTITY_DISABLED, f"Messaging entity '{hub.config.name}' is currently disabled.")
        events = len(publication.events)
        if self.faults.take("throttle", hub.name) or not self.throughput.admit(
            events, publication.size, time.monotonic()
        ):
            self.counts["throttled"] += 1
            raise server_busy()
        target = partition or hub.choose(publication.key)
        target.append(publication, _now_ms(), publisher)
        self.counts["events_in"] += events
        self.counts["bytes_in"] += publication.size
        if not self._waiting:
            # What arrives in the same turn of the loop, from whomever, shares one commit.
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append(stored)
        self._dirty[target] = None

    def flush(self) -> None:
        """Commit what was taken in, then let producers and consumers know."""
        dirty, waiting = list(self._dirty), self._waiting
        self._dirty, self._waiting = {}, []
        if not dirty or self.failure.done():
            return
        try:
            self._store.commit(partition.pending for partition in dirty)
        except StorageError as error:
            self.failure.set_exception(error)
            return
        self.counts["commits"] += 1
        for partition in dirty:
            partition.committed_now()
        for stored in waiting:
            stored()
        for partition in dirty:
            for listener in tuple(partition.listeners):
                listener()

    def expire(self) -> None:
        """Forget events that have outlived the retention of their event hub."""
        try:
            for hub in self.hubs.values():
                before = _now_ms() - round(hub.config.retention_seconds * MILLISECONDS)
                for partition in hub.partitions:
                    partition.expire(before, hub.config.retention_bytes)
        except StorageError as error:
            if not self.failure.done():
                self.failure.set_exception(error)

    def token_time(self, hub: str) -> float:
        """Return the time against which tokens of an event hub's links are held, in seconds since the epoch."""
        return time.time() + self.faults.clock_ahead * self.faults.meets(hub)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
