"""A namespace that is busy for six hours while a shop goes on: both queues of a sink, in hours that pass at once."""

import asyncio
import heapq
import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from modules.upstream_router.cloud_courier import CloudCourier, Handed, Rules
from modules.upstream_router.token_bucket import TokenBucket
from storeflow.errors import TransportError
from storeflow.host.courier import Queue
from storeflow.host.module import Output, RawEvent
from storeflow.host.outbox import Outbox
from storeflow.host.packet import Packet

BULK, ALERTS = "cloud:hub", "cloud:hub/alerts"
BEGAN, ENDS = 1_000_000.0, 1_000_000.0 + 6 * 3600
MOST_ROWS = 3000
HOSTS_SECOND = 1.0
"""After which the host calls a courier again that has failed."""


class Attempt(NamedTuple):
    """What was handed over, and when."""

    at: float
    queue: str
    events: int
    size: int


class Hours:
    """A clock that goes on as soon as everybody sleeps."""

    def __init__(self, tasks: int) -> None:
        self.now, self._tasks = BEGAN, tasks
        self._asleep: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def clock(self) -> float:
        """Seconds since the epoch."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Return once everybody else sleeps for longer."""
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._asleep, (self.now + seconds, next(self._order), future))
        if len(self._asleep) == self._tasks:
            self.now, _, earliest = heapq.heappop(self._asleep)
            earliest.set_result(None)
        await future


class Namespace:
    """A carrier whose namespace asks for four seconds, until it is well again."""

    longest_pause = 60.0
    closed = False

    def __init__(self, hours: Hours) -> None:
        self._hours = hours
        self.refused: list[Attempt] = []
        self.arrived: list[tuple[float, str, int]] = []

    async def carry(self, packets: Sequence[Packet], post: Any) -> Handed:  # noqa: ARG002 - a carrier's
        """Take them, or not."""
        now, rows = self._hours.now, [row for packet in packets for row in packet.rows]
        queue = ALERTS if rows[0].properties["eventType"] == "storeflow.camera.state" else BULK
        if now < ENDS:
            size = sum(len(packet.body) for packet in packets)
            self.refused.append(Attempt(now, queue, len(rows), size))
            return Handed(error=TransportError("com.microsoft:server-busy"), pause=4.0)
        self.arrived += [(now, queue, int(row.body.split()[0])) for row in rows]
        return Handed(packets)

    def close(self) -> None:
        """Nothing is open."""


async def nowhere(*_: Any, **__: Any) -> None:
    raise AssertionError("an event hub needs no edgeHub")


class Shop:
    """Six hours of it, and ten minutes more."""

    def __init__(self, outbox: Outbox) -> None:
        self.hours = Hours(3)
        self.namespace, self.outbox, self.most_waiting = Namespace(self.hours), outbox, 0
        bucket, counts = TokenBucket(0), Counter[str]()
        rules = {
            BULK: Rules(500, 2.0, compress=True),
            ALERTS: Rules(1, 0.0, compress=False, newest_first=True),
        }
        self._couriers = {
            name: CloudCourier(
                self.namespace, each, bucket, "store-1", counts, clock=self.hours.clock, running=self.hours.clock
            )
            for name, each in rules.items()
        }

    async def run(self) -> None:
        """Let the time pass."""
        async with asyncio.TaskGroup() as group:
            pumps = [group.create_task(self._pump(name)) for name in self._couriers]
            await self._trade()
            for pump in pumps:
                pump.cancel()

    async def _trade(self) -> None:
        """Ten events every half a minute, and an alert every five."""
        for number in range(int((ENDS - BEGAN + 600) / 30)):
            events = [Output(BULK, _event("storeflow.zone.dwelling", number, place)) for place in range(10)]
            if number % 10 == 0:
                events.append(Output(ALERTS, _event("storeflow.camera.state", number, 0)))
            self.outbox.commit(events, None, self.hours.now)
            self.most_waiting = max(self.most_waiting, self.outbox.rows_waiting)
            await self.hours.sleep(30.0)

    async def _pump(self, name: str) -> None:
        """As the host does it, but that it looks every second for what is new, where the host is told."""
        queue = Queue(self.outbox, name)
        while True:
            try:
                pause = await self._couriers[name].step(queue, nowhere)
            except TransportError:
                pause = HOSTS_SECOND
            if pause:
                await self.hours.sleep(min(pause, HOSTS_SECOND))


def _event(event_type: str, number: int, place: int) -> RawEvent:
    return RawEvent(event_type, f"{number}-{place}", event_type, None, None, b"%d %d" % (number, place))


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The shop after its time."""
    outbox = Outbox(tmp_path / "outbox.db", max_rows=MOST_ROWS)
    shop = Shop(outbox)
    with monkeypatch.context() as on:
        on.setattr("modules.upstream_router.cloud_courier.sleep", shop.hours.sleep)
        asyncio.run(shop.run())
    outbox.close()
    return shop


def test_it_is_asked_seldom_kept_for_in_bounds_and_hears_of_alerts_first(shop: Shop) -> None:
    for queue, longest in ((BULK, 60.0), (ALERTS, 15.0)):
        refused = [each for each in shop.namespace.refused if each.queue == queue]
        pauses = [later.at - before.at for before, later in itertools.pairwise(refused)]
        assert min(pauses) >= 4.0, "it asks for four seconds"
        assert all(longest / 2 <= pause <= longest + HOSTS_SECOND for pause in pauses[6:])
        assert len({round(pause, 3) for pause in pauses[6:]}) > len(pauses) / 2, "no two pauses are the same"
        assert len({(each.events, each.size) for each in refused}) == 1, "what waits is in the outbox, not in memory"
        came = [moment for moment, of, _ in shop.namespace.arrived if of == queue]
        assert came[0] - ENDS <= longest + HOSTS_SECOND
    assert shop.most_waiting <= MOST_ROWS
    assert shop.outbox.counts["dropped"] > 0
    alerts = [number for _, of, number in shop.namespace.arrived if of == ALERTS]
    assert sorted(alerts) == list(range(0, 740, 10))
    assert alerts[:3] == [0, 720, 710]
    assert shop.outbox.rows_waiting < 20
