"""What becomes of the events for one sink in the cloud: chosen, packed, handed over, struck off when they are there.

A message that did not arrive is kept and handed over again as it is, under the same id, before any other. After a
restart its events are packed anew; readers know an event by `source` and `id`.
"""

import logging
import time
from asyncio import sleep, to_thread
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from modules.upstream_router.clock_steps import ClockSteps
from modules.upstream_router.packing import pack
from modules.upstream_router.spread import fraction, next_turn, pause_after
from modules.upstream_router.token_bucket import TokenBucket
from modules.upstream_router.what_next import live_places, what_next
from storeflow.errors import StoreflowError
from storeflow.host.courier import Post, Queue
from storeflow.host.outbox import Row
from storeflow.host.packet import Packet

LOG = logging.getLogger(__name__)
_IDLE = 60.0
_MESSAGES = 4
"""In one round: several under way at once, for one at a time waits for delayed TCP acknowledgements."""
_SINGLE = 256
"""Rows in a round of messages of one event."""
_ROUND_BYTES = 8_000_000
"""Of events in a round, about: they are in memory until they have arrived."""
_FIRST_PAUSE = 1.0
"""After the first failure, in seconds."""
_ALERTS_SHARE = 0.25
"""Of the carrier's longest pause: so often alerts are tried again, which are few and small."""
_EXPIRE_SECONDS = 60.0
"""Between two searches for events that are too old, at most; a tenth of their time to live if that is less …"""
_EXPIRE_FLOOR = 10.0
"""… but no less than this: a search reads all rows of the kind."""


class Handed(NamedTuple):
    """What became of packets."""

    arrived: Sequence[Packet] = ()
    impossible: Sequence[tuple[Packet, str]] = ()
    """Those that will never be taken, and why."""
    error: StoreflowError | None = None
    """Why the rest is neither; they are to be handed over again."""
    pause: float = 0.0
    """Seconds for which the other side asked to be left alone."""


class Carrier(Protocol):
    """Takes messages to one place."""

    longest_pause: float
    """Seconds between two attempts, at most; 0 where the host's own second is enough."""
    closed: bool
    """Whether the sink was taken out of the twin, or changed there: nothing is begun any more."""

    async def carry(self, packets: Sequence[Packet], post: Post) -> Handed:
        """Hand packets over, and return once it is known of each. The two queues of a sink do so side by side."""

    def close(self) -> None:
        """End the connection, once nothing is under way any more; never waits."""


@dataclass(frozen=True)
class Rules:
    """What the twin says of one queue of a sink."""

    max_events: int
    max_seconds: float
    compress: bool
    newest_first: bool = False
    """For alerts, which wait for no budget either."""
    time_to_live: Sequence[tuple[str, float]] = ()
    """Pattern of event types, and seconds."""


@dataclass
class CloudCourier:
    """A `storeflow.host.courier.Courier`.

    Args:
        carrier: to the sink.
        rules: of this queue.
        bucket: the sink's budget, shared by its two queues.
        device_id: gives it a moment of its own among others.
        counts: `events_expired`, `events_unsendable`, `cloud_messages`, `cloud_bytes` are added to.
        clock: seconds since the epoch.
        running: seconds of a clock that nobody sets.
    """

    carrier: Carrier
    rules: Rules
    bucket: TokenBucket
    device_id: str
    counts: Counter[str]
    clock: Callable[[], float] = time.time
    running: Callable[[], float] = time.monotonic
    _pending: list[Packet] = field(default_factory=list)
    """Chosen, and not known to have arrived."""
    _arrived: list[Row] = field(default_factory=list)
    """Arrived, and not struck off yet."""
    _due: float | None = None
    """When the next round goes; none while nothing waits."""
    _again_at: float = 0.0
    """When the next attempt is, after one that failed."""
    _failures: int = 0
    _steps: ClockSteps = field(default_factory=ClockSteps)
    _expire_at: float = float("-inf")
    """By the clock that nobody sets."""

    async def step(self, queue: Queue, post: Post) -> float:
        """Send what is due and strike it off; return for how many seconds nothing will be."""
        await sleep(min(max(0.0, self._again_at - self.clock()), self.carrier.longest_pause))
        await self._strike_off(queue)
        if self.carrier.closed:
            return _IDLE
        await self._expire(queue)
        if not self._pending:
            if (seconds := await self._not_yet(queue)) > 0:
                return seconds
            chosen = await self._choose(queue)
            self._pending = await to_thread(
                pack, chosen, self.rules.max_events, compress=self.rules.compress
            )  # gzip takes its time, and the host's loop has other destinations
            self._due = None
        if self._pending and not self.carrier.closed:
            await self._hand_over(queue, post)
        return 0.0

    async def _not_yet(self, queue: Queue) -> float:
        """For how many seconds nothing is to be sent, as far as is known now."""
        rules, now = self.rules, self.clock()
        if not rules.newest_first and (seconds := self.bucket.wait_seconds(now)) > 0:
            return seconds
        if self._due is None or self._due > now + rules.max_seconds:  # or else the clock was set back
            if not await queue.holds(1):
                return _IDLE
            self._due = next_turn(now, rules.max_seconds, fraction(self.device_id))
        if self._due > now and not await queue.holds(rules.max_events):
            return self._due - now
        return 0.0

    async def _choose(self, queue: Queue) -> list[Row]:
        limit = max(_SINGLE, _MESSAGES * self.rules.max_events)
        if self.rules.newest_first:
            return await queue.newest(limit, _ROUND_BYTES)
        oldest = await queue.oldest(limit, _ROUND_BYTES // 2)
        all_fit = not await queue.holds(len(oldest) + 1)
        newest = [] if all_fit else await queue.newest(live_places(limit), _ROUND_BYTES // 2)
        return what_next(oldest, newest, limit)

    async def _hand_over(self, queue: Queue, post: Post) -> None:
        handed = await self.carrier.carry(self._pending, post)
        now = self.clock()
        for packet in handed.arrived:
            self._arrived.extend(packet.rows)
            self.counts["cloud_messages"] += 1
            self.counts["cloud_bytes"] += len(packet.body)
            self.bucket.charge(len(packet.body), now, alert=self.rules.newest_first)
        done = {packet.message_id for packet in handed.arrived}
        self._pending = [packet for packet in self._pending if packet.message_id not in done]
        await self._strike_off(queue)
        for packet, reason in handed.impossible:
            await self._give_up(queue, packet, reason)
        if handed.error is not None:
            self._failures += 1
            longest = self.carrier.longest_pause * (_ALERTS_SHARE if self.rules.newest_first else 1.0)
            pause = pause_after(self._failures, self.device_id, min(_FIRST_PAUSE, longest), longest)
            self._again_at = now + max(handed.pause, pause)
            raise handed.error
        self._failures, self._again_at = 0, 0.0

    async def _strike_off(self, queue: Queue) -> None:
        if self._arrived:
            await queue.strike_off(self._arrived)
            self._arrived = []

    async def _give_up(self, queue: Queue, packet: Packet, reason: str) -> None:
        for row in packet.rows:
            LOG.error("an event is put into quarantine, it can never be sent: %s", reason)
            await queue.set_aside(row, reason, self.clock())
            self.counts["events_unsendable"] += 1
        self._pending = [other for other in self._pending if other is not packet]

    async def _expire(self, queue: Queue) -> None:
        """Delete what is too old to be of use, now and then."""
        ran = self.running()
        self._steps.look(self.clock(), ran)
        if not self.rules.time_to_live or ran < self._expire_at:
            return
        shortest = min(seconds for _, seconds in self.rules.time_to_live)
        self._expire_at = ran + max(_EXPIRE_FLOOR, min(_EXPIRE_SECONDS, shortest / 10))
        for pattern, seconds in self.rules.time_to_live:
            if expired := await queue.expire(pattern, self._steps.shown(seconds, ran)):
                self.counts["events_expired"] += expired
                self._pending = []  # what is still there is chosen again
                LOG.warning("%d events of %s were not sent: older than %.0f s", expired, pattern, seconds)
