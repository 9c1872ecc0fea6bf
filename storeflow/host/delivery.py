"""From the outbox to the next owner of an event: outputs of the transport, sinks of the module, receipts both ways.

Every destination has a task of its own, so that none waits for another. A row is deleted

- on an output that is routed to IoT Hub, when the hub acknowledged it,
- on any other output, when its receipt came back; without one it is sent again. What is due at the same time travels on
  the output `events` in one message, and each event of it has a receipt of its own,
- at a sink, in the same transaction that keeps the sink's new state,
- where a courier of the module's serves the destination, when the courier says so (courier.py).
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from storeflow.errors import ContractError, StorageError, TransportError
from storeflow.host.courier import COURIER_PREFIX, Courier, Queue
from storeflow.host.custody import EVENTS, HUB_OUTPUTS, RECEIPTS, Receipt, decode, encode
from storeflow.host.database import CorruptDatabaseError
from storeflow.host.module import SINK_PREFIX, Sink
from storeflow.host.outbox import Outbox, Row, event_key
from storeflow.host.packet import Packet, array, in_groups, single
from storeflow.transport.port import MAX_BODY_BYTES, Transport

LOG = logging.getLogger(__name__)
_MAX_RECEIPTS = 500
"""In one message."""
_MAX_EVENTS = 100
"""In one message to another module."""
_IDLE = 60.0
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class DeliveryTiming:
    """How soon an event is sent again, and how many are on their way at once."""

    resend_seconds: float = 30.0
    """An event without a receipt is sent again after this time, then after twice as long, and so on …"""
    max_resend_seconds: float = 3600.0
    """… up to this: the hub keeps every copy for a receiver that is away, and its disk is small."""
    retry_seconds: float = 1.0
    """After the transport, a sink or the disk refused."""
    window: int = 256
    """Rows read at a time, and so how many may be under way to one destination."""
    in_flight: int = 16
    """Messages handed to the transport at once; one at a time they wait for delayed TCP acknowledgements."""


class _UnderWay(NamedTuple):
    """A row that was sent and has no receipt yet."""

    row_id: int
    again_at: float
    """Monotonic time at which it is sent again."""
    pause: float
    """Seconds from the last sending to that time."""


class Delivery:
    """Empties one outbox. Made inside a running loop; everything but `run` may be called from any thread.

    Args:
        outbox: where the rows are.
        transport: takes the rows of outputs.
        sinks: gives the module's sinks in force, by destination.
        timing: how soon again, and how many at once.
        couriers: gives the module's couriers in force, by destination.
    """

    def __init__(
        self,
        outbox: Outbox,
        transport: Transport,
        sinks: Callable[[], Mapping[str, Sink]],
        timing: DeliveryTiming,
        couriers: Callable[[], Mapping[str, Courier]] = dict,
    ) -> None:
        self._outbox, self._transport, self._sinks, self._timing = outbox, transport, sinks, timing
        self._couriers = couriers
        self._wakes: dict[str, asyncio.Event] = {}
        self._under_way: dict[str, dict[bytes, _UnderWay]] = {}
        """By output and event key."""
        self._synchronised_sinks: dict[str, Sink] = {}
        """Those that know where to go on, by destination."""
        self.counts = dict.fromkeys(("sent", "resent", "delivered", "refused_by_receiver"), 0)
        self._loop = asyncio.get_running_loop()
        self._kept = asyncio.Event()
        self._receipts_in: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1000)
        self._receipts_out: asyncio.Queue[Receipt] = asyncio.Queue(maxsize=10_000)

    async def run(self) -> None:
        """Deliver until cancelled.

        Raises:
            ExceptionGroup: the outbox is corrupt, or a sink raised what is no StorageError.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take_receipts())
            group.create_task(self._send_receipts())
            while True:
                self._kept.clear()
                for destination in self._outbox.destinations() - self._wakes.keys():
                    self._wakes[destination] = asyncio.Event()
                    group.create_task(self._pump(destination))
                await self._kept.wait()

    def wake(self) -> None:
        """Look again: something was kept, a sink was configured, or the hub is back."""
        self._loop.call_soon_threadsafe(self._wake_all)

    def take_receipts(self, body: bytes) -> None:
        """Delete the events that a message of receipts names."""
        self._loop.call_soon_threadsafe(_put_or_drop, self._receipts_in, body)

    def send_receipt(self, receipt: Receipt) -> None:
        """Send the sender of an event its receipt; one that can't be sent is one more sending of the event."""
        self._loop.call_soon_threadsafe(_put_or_drop, self._receipts_out, receipt)

    def _wake_all(self) -> None:
        self._kept.set()
        for wake in self._wakes.values():
            wake.set()

    async def _pump(self, destination: str) -> None:
        step: Callable[[str], Awaitable[float]] = self._send
        if destination.startswith(SINK_PREFIX):
            step = self._write
        elif destination.startswith(COURIER_PREFIX):
            step = self._hand_to_courier
        wake, failing = self._wakes[destination], False
        while True:
            wake.clear()
            try:
                pause = await step(destination)
            except CorruptDatabaseError:
                raise
            except (StorageError, TransportError) as error:
                if not failing:
                    LOG.warning("%s: %s; trying again every %.0f s", destination, error, self._timing.retry_seconds)
                failing = True
                await asyncio.sleep(self._timing.retry_seconds)
            else:
                if failing:
                    LOG.info("%s: takes events again", destination)
                failing = False
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):  # wait_for of Python 3.11 loses a cancellation that meets a wake
                        await wake.wait()

    async def _send(self, output: str) -> float:
        """Send what is due; return for how many seconds nothing will be."""
        under_way = self._under_way.setdefault(output, {})
        rows = await asyncio.to_thread(self._outbox.waiting, output, self._timing.window)
        for gone in under_way.keys() - {row.key for row in rows}:
            del under_way[gone]
        now = time.monotonic()
        due = [row for row in rows if row.key not in under_way or under_way[row.key].again_at <= now]
        packets = _packets(output, due, under_way)
        for start in range(0, len(packets), self._timing.in_flight):
            await self._send_at_once(output, packets[start : start + self._timing.in_flight])
        if due and output in HUB_OUTPUTS:
            return 0.0  # what was sent is gone: there may be more
        return max(0.0, min((sent.again_at - now for sent in under_way.values()), default=_IDLE))

    async def _send_at_once(self, output: str, packets: Sequence[Packet]) -> None:
        under_way, now = self._under_way[output], time.monotonic()
        for row in _rows(packets):  # before sending: a receipt may overtake the acknowledgement
            before = under_way.get(row.key)
            self.counts["resent"] += before is not None
            pause = min(2 * before.pause, self._timing.max_resend_seconds) if before else self._timing.resend_seconds
            under_way[row.key] = _UnderWay(row.id, now + pause, pause)
        sendings: list[Awaitable[None]] = [
            self._transport.send(output, each.body, each.properties, each.message_id, each.form) for each in packets
        ]
        answers = await asyncio.gather(*sendings, return_exceptions=True)
        sent = _rows(packet for packet, answer in zip(packets, answers, strict=True) if answer is None)
        self.counts["sent"] += len(sent)
        if output in HUB_OUTPUTS:
            await asyncio.to_thread(self._outbox.delete, [row.id for row in sent])
            self.counts["delivered"] += len(sent)
        for row in _rows(packet for packet, answer in zip(packets, answers, strict=True) if answer is not None):
            under_way.pop(row.key, None)
        for answer in answers:
            if answer is not None:
                raise answer

    async def _hand_to_courier(self, destination: str) -> float:
        courier = self._couriers().get(destination)
        self._outbox.mark(destination, taken=courier is not None)
        if courier is None:
            return _IDLE  # its events wait until it is configured again
        queue = Queue(self._outbox, destination)
        try:
            return await courier.step(queue, self._transport.send)
        finally:
            self.counts["sent"] += queue.struck_off
            self.counts["delivered"] += queue.struck_off

    async def _write(self, destination: str) -> float:
        sink = self._sinks().get(destination)
        self._outbox.mark(destination, taken=sink is not None)
        if sink is None:
            if self._synchronised_sinks.pop(destination, None) is not None:
                LOG.warning("%s is no longer configured: its events wait until it is again", destination)
            return _IDLE
        written = await asyncio.to_thread(self._write_batch, destination, sink)
        self.counts["delivered"] += written
        return 0.0 if written else _IDLE

    def _write_batch(self, destination: str, sink: Sink) -> int:
        rows = self._outbox.waiting(destination, self._timing.window)
        if not rows:
            return 0
        if self._synchronised_sinks.get(destination) is not sink:
            state = sink.write([], self._outbox.sink_state(destination))
            self._outbox.delete([], (destination, state))
            self._synchronised_sinks[destination] = sink
        state = sink.write([row.body for row in rows], self._outbox.sink_state(destination))
        self._outbox.delete([row.id for row in rows], (destination, state))
        return len(rows)

    async def _take_receipts(self) -> None:
        while True:
            body = await self._receipts_in.get()
            try:
                await self._acknowledge(list(decode(body)))
            except CorruptDatabaseError:
                raise
            except (ContractError, StorageError) as error:
                LOG.warning("receipts of %d bytes did nothing: %s", len(body), error)

    async def _acknowledge(self, receipts: Sequence[Receipt]) -> None:
        done: dict[tuple[str, bytes], int] = {}
        """Row by output and event key: two copies of one event may have been answered in one message."""
        for receipt in receipts:
            key = event_key(receipt.source, receipt.id)
            for output, under_way in self._under_way.items():
                if output not in HUB_OUTPUTS and key in under_way and (output, key) not in done:
                    done[output, key] = under_way[key].row_id
                    if receipt.refused:
                        LOG.error("%s, was refused by its receiver for good", receipt.named)
                        self.counts["refused_by_receiver"] += 1
        if not done:
            return  # they were for another module: receipts reach every sender
        await asyncio.to_thread(self._outbox.delete, list(done.values()))
        for output, key in done:  # only now: a row that is neither deleted nor under way would be sent again
            self._under_way[output].pop(key, None)
        self.counts["delivered"] += len(done)
        self._send_sooner(time.monotonic() + self._timing.resend_seconds)
        self._wake_all()

    def _send_sooner(self, again_at: float) -> None:
        """The receiver is there: no event need wait for it any longer than after its first sending."""
        for under_way in self._under_way.values():
            for key, sent in under_way.items():
                if sent.again_at > again_at:
                    under_way[key] = _UnderWay(sent.row_id, again_at, self._timing.resend_seconds)

    async def _send_receipts(self) -> None:
        while True:
            batch = [await self._receipts_out.get()]
            while len(batch) < _MAX_RECEIPTS and not self._receipts_out.empty():
                batch.append(self._receipts_out.get_nowait())
            try:
                await self._transport.send(RECEIPTS, encode(batch), {}, uuid.uuid4().hex)
            except TransportError as error:
                LOG.warning("%d receipts were not sent, their events will come again: %s", len(batch), error)


def _packets(output: str, due: Sequence[Row], under_way: Mapping[bytes, _UnderWay]) -> list[Packet]:
    """Messages for what is due; what comes again goes alone, in case that its receiver dies of one of them."""
    if output != EVENTS:
        return [single(row) for row in due]
    again = [single(row) for row in due if row.key in under_way]
    fresh = in_groups([row for row in due if row.key not in under_way], _MAX_EVENTS, MAX_BODY_BYTES)
    return again + [array(rows, compress=False) if len(rows) > 1 else single(rows[0]) for rows in fresh]


def _rows(packets: Iterable[Packet]) -> list[Row]:
    return [row for packet in packets for row in packet.rows]


def _put_or_drop(waiting: asyncio.Queue[_Item], item: _Item) -> None:
    with suppress(asyncio.QueueFull):
        waiting.put_nowait(item)
