"""The sink where the namespace refuses for a while: its token ended on an open connection, or it is throttled."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modules.upstream_router.cloud_courier import CloudCourier, Rules
from modules.upstream_router.packing import pack
from modules.upstream_router.sinks.event_hub import EventHub
from modules.upstream_router.token_bucket import TokenBucket
from storeflow.contract.telemetry import EventHubSink
from storeflow.errors import TransportError
from storeflow.host.courier import Queue
from storeflow.host.module import Output, RawEvent
from storeflow.host.outbox import Outbox, Row

HERE = "cloud:hub"
DETACHED = 0.7
"""Seconds after which a link whose token has ended is detached for certain: the namespace looks twice a second."""


async def nowhere(*_: Any, **__: Any) -> None:
    raise AssertionError("an event hub needs no edgeHub")


class Store:
    """A device with an outbox, a token and a clock."""

    def __init__(self, event_hub: Any, folder: Path) -> None:
        if event_hub.process is None:
            pytest.skip("needs the stand-in's switches")
        self.namespace = event_hub.process.client
        self.secret, self.clock_ahead = event_hub.token(), 0.0
        self.carrier = EventHub(
            EventHubSink(**event_hub.sink()), event_hub.device_id, lambda: self.secret, clock=self._clock
        )
        self.carrier.longest_pause = 0.0
        self.outbox, self._counts = Outbox(folder / "outbox.db"), Counter[str]()
        rules = Rules(1, 0.0, compress=False)
        self._courier = CloudCourier(self.carrier, rules, TokenBucket(0), event_hub.device_id, self._counts)

    def keep(self, *numbers: int) -> None:
        """Have events waiting."""
        events = [RawEvent("s", str(number), "storeflow.till.opened", None, None, b"%d" % number) for number in numbers]
        self.outbox.commit([Output(HERE, event) for event in events], None, time.time())

    def step(self) -> str:
        """Have the courier called once; what went wrong."""
        try:
            asyncio.run(self._courier.step(Queue(self.outbox, HERE), nowhere))
        except TransportError as error:
            return str(error)
        return ""

    def waiting(self) -> list[int]:
        """Numbers of the events in the outbox."""
        return [int(row.body) for row in self.outbox.waiting(HERE, 100)]

    def count(self, name: str) -> int:
        """A counter of the namespace."""
        return int(self.namespace.stats()["counts"][name])

    def _clock(self) -> float:
        return time.time() + self.clock_ahead


@pytest.fixture
def store(event_hub: Any, tmp_path: Path) -> Iterator[Store]:
    store = Store(event_hub, tmp_path)
    yield store
    store.carrier.close()
    store.outbox.close()


def test_a_token_that_ends_on_an_open_connection_costs_no_event_and_the_next_one_goes_on(
    store: Store, event_hub: Any
) -> None:
    """The device's clock is behind: by it the token is good, when the service detaches the link."""
    store.keep(1)
    assert store.step() == ""
    store.namespace.faults(clock_ahead=700.0)
    time.sleep(DETACHED)
    store.keep(2, 3)
    refused = store.step()
    assert "the token has ended by the service's clock" in refused
    assert refused.endswith("replace the secret")
    assert "SharedAccessSignature" not in refused
    assert store.waiting() == [2, 3]

    store.secret = event_hub.token(seconds=2000)
    store.keep(4)

    assert store.step() == store.step() == ""
    assert store.waiting() == []
    assert sorted(int(b"".join(event.body)) for event in event_hub.events(4)) == [1, 2, 3, 4]


def test_a_token_that_is_replaced_in_time_is_not_missed_when_the_old_one_ends(store: Store, event_hub: Any) -> None:
    store.keep(1)
    assert store.step() == ""
    store.secret = event_hub.token(seconds=2000)
    store.namespace.faults(clock_ahead=700.0)
    time.sleep(DETACHED)
    store.keep(2)
    assert store.step() == ""
    assert store.waiting() == []
    assert len(event_hub.events(2)) == 2


def test_a_token_that_ended_by_the_device_s_clock_is_not_shown_to_the_service_any_more(
    store: Store, event_hub: Any
) -> None:
    store.secret = event_hub.token(seconds=40)
    store.keep(1)
    assert store.step() == ""
    connections = store.count("connections")
    store.clock_ahead = 45.0
    store.keep(2)
    for _ in range(3):
        assert "s ago: replace the secret" in store.step()
    assert store.count("connections") == connections
    store.secret = event_hub.token(seconds=2000)
    assert store.step() == ""
    assert len(event_hub.events(2)) == 2


def test_a_busy_namespace_is_said_to_be_busy_is_asked_once_and_gets_the_time_it_asks_for(
    store: Store, event_hub: Any
) -> None:
    """The SDK asks a second time, of what the token does not open; its refusal says nothing of why."""
    row = Row(1, b"k" * 16, {}, b"1")
    throttled = store.count("throttled")
    store.namespace.faults(throttle=2)
    for number in (1, 2):
        handed = asyncio.run(store.carrier.carry(pack([row], 1, compress=False), nowhere))
        assert "com.microsoft:server-busy" in str(handed.error)
        assert "Error code : 50002" in str(handed.error)
        assert (handed.arrived, handed.pause) == ([], 4.0)
        assert store.count("throttled") == throttled + number
    assert asyncio.run(store.carrier.carry(pack([row], 1, compress=False), nowhere)).error is None
    assert len(event_hub.events(1)) == 1
