"""Destinations that a module serves by rules of its own: what goes first, in what form, how fast.

The host keeps the events and starts a courier whenever there may be something to do; the courier looks into its queue,
sends, and strikes off what has arrived. Everything else that leaves a module goes in order, one event a message.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from storeflow.host.outbox import Outbox, Row
from storeflow.transport.port import JSON, Form

COURIER_PREFIX = "cloud:"


def courier_name(sink_id: str) -> str:
    """The `Output.name` of a destination that a courier serves."""
    return COURIER_PREFIX + sink_id


class Queue:
    """The rows that wait for one destination, in the hands of its courier. Every method raises StorageError.

    Args:
        outbox: where the rows are.
        destination: whose they are.
    """

    def __init__(self, outbox: Outbox, destination: str) -> None:
        self._outbox, self._destination = outbox, destination
        self.struck_off = 0
        """Rows that arrived."""

    async def holds(self, count: int) -> bool:
        """Whether at least so many rows wait."""
        return await asyncio.to_thread(self._outbox.holds, self._destination, count)

    async def oldest(self, limit: int, max_bytes: int) -> list[Row]:
        """The oldest rows, oldest first: up to `limit`, and until their bodies have `max_bytes`."""
        return await asyncio.to_thread(self._outbox.waiting, self._destination, limit, max_bytes)

    async def newest(self, limit: int, max_bytes: int) -> list[Row]:
        """The newest rows, newest first: up to `limit`, and until their bodies have `max_bytes`."""
        return await asyncio.to_thread(self._outbox.newest, self._destination, limit, max_bytes)

    async def strike_off(self, rows: Sequence[Row]) -> None:
        """Delete rows whose next owner has them on disk."""
        await asyncio.to_thread(self._outbox.delete, [row.id for row in rows])
        self.struck_off += len(rows)

    async def set_aside(self, row: Row, reason: str, now: float) -> None:
        """Put into quarantine a row that can't be sent, ever."""
        await asyncio.to_thread(self._outbox.quarantine, row.key, row.body, reason, now)
        await asyncio.to_thread(self._outbox.delete, [row.id])

    async def expire(self, pattern: str, kept_before: float) -> int:
        """Delete rows of one event type, or of all that begin so with `.*`, kept before a moment; return how many."""
        return await asyncio.to_thread(self._outbox.expire, self._destination, pattern, kept_before)


class Post(Protocol):
    """Sends one message to the hub, as `Transport.send` does."""

    async def __call__(
        self, output: str, body: bytes, properties: Mapping[str, str], message_id: str, form: Form = JSON
    ) -> None:
        """Send it and return when the hub acknowledged it.

        Raises:
            TransportError: it may or may not have arrived.
        """


class Courier(Protocol):
    """Serves one destination. Its `step` is called in the host's loop, never twice at a time."""

    async def step(self, queue: Queue, post: Post) -> float:
        """Send what is due and strike it off; return for how many seconds nothing will be.

        It is called again then, or as soon as something new may be in the queue.

        Raises:
            TransportError: not everything arrived; the host logs it and calls again, a second later.
            StorageError: likewise, of this device's disk.
        """


@runtime_checkable
class HasCouriers(Protocol):
    """A module with couriers of its own."""

    @property
    def couriers(self) -> Mapping[str, Courier]:
        """Those in force, by destination, each of which begins with `COURIER_PREFIX`."""
