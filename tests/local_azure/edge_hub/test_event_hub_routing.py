"""One endpoint's forwarding: order, batches, its place on disk, and an event hub that refuses."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from local_azure.edge_hub import event_hub_routing
from local_azure.edge_hub.event_hub_routing import BATCH, EndpointForwarder, EventHubRouting
from local_azure.edge_hub.message_routing import MessageRouting, RoutingProperties
from local_azure.edge_hub.store import Store
from local_azure.event_hubs.amqp.errors import MESSAGE_SIZE_EXCEEDED, AmqpError
from local_azure.event_hubs.amqp.messages import Message as Event
from storeflow.errors import StorageError, TransportError
from storeflow.iot_hub.message import Message

BUSY = TransportError("com.microsoft:server-busy")
TOO_LARGE = 1000


class Hub:
    """An event hub that takes what comes, but for the failures it was given; nothing over `TOO_LARGE` bytes."""

    def __init__(self, *failures: TransportError) -> None:
        self.failures = list(failures)
        self.batches: list[list[bytes]] = []
        self.keys: set[str | None] = set()
        self.closed = False
        self.on_send: Callable[[], None] = lambda: None

    async def send(self, events: Sequence[Event], partition_key: str | None = None) -> None:
        """Take a batch, or fail."""
        await asyncio.sleep(0)
        self.on_send()
        if self.failures:
            raise self.failures.pop(0)
        if any(len(event.body) > TOO_LARGE for event in events):
            raise TransportError("too large") from AmqpError(MESSAGE_SIZE_EXCEEDED, "too large")
        self.batches.append([event.body for event in events])
        self.keys.add(partition_key)

    async def close(self) -> None:
        """Write down that it was closed."""
        self.closed = True

    @property
    def bodies(self) -> list[bytes]:
        """All that it took."""
        return [body for batch in self.batches for body in batch]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "hub.db")
    yield store
    with contextlib.suppress(StorageError):
        store.close()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_hub_routing, "FIRST_PAUSE_SECONDS", 0.001)


def take_in(store: Store, *bodies: bytes, now: float = 0.0, **system: str) -> None:
    known = {"connectionDeviceId": "store-1", "connectionModuleId": "m", **system}
    store.commit(
        upstream=[Message("/messages/modules/m", body, {"k": body.decode()}, known) for body in bodies], now=now
    )


def numbered(start: int, end: int) -> list[bytes]:
    return [b"%d" % number for number in range(start, end)]


def routing(condition: str = "true", fallback: bool = True) -> MessageRouting:
    return MessageRouting(
        RoutingProperties.model_validate(
            {
                "endpoints": {"eventHubs": [{"name": "alerts", "entityPath": "a"}]},
                "routes": [
                    {
                        "name": "r",
                        "source": "DeviceMessages",
                        "condition": condition,
                        "endpointNames": ["alerts"],
                        "isEnabled": True,
                    }
                ],
                "fallbackRoute": {"isEnabled": fallback},
            }
        ),
        "telemetry",
    )


def forwarder(store: Store, hub: Hub, rules: MessageRouting | None = None, name: str = "alerts") -> EndpointForwarder:
    return EndpointForwarder(name, hub, store, "store-1", rules or routing())


async def drain(endpoint: EndpointForwarder) -> None:
    while await endpoint.forward():
        pass


def run(work: Coroutine[Any, Any, Any]) -> None:
    asyncio.run(work)


def test_messages_go_in_order_in_batches_by_device_and_only_once(store: Store) -> None:
    async def story() -> None:
        hub = Hub()
        take_in(store, *numbered(0, 2 * BATCH + 5))
        endpoint = forwarder(store, hub)
        assert endpoint.stats()["waiting"] == 2 * BATCH + 5
        await drain(endpoint)
        assert [len(batch) for batch in hub.batches] == [BATCH, BATCH, 5]
        assert hub.bodies == numbered(0, 2 * BATCH + 5)
        assert hub.keys == {"store-1"}
        again = forwarder(store, hub)
        assert not await again.forward()
        assert endpoint.stats() == {
            "counts": {"delivered": 2 * BATCH + 5},
            "waiting": 0,
            "healthStatus": "healthy",
            "lastKnownError": "",
        }

    run(story())


def test_the_place_moves_on_after_the_event_hub_has_the_batch_and_not_before(store: Store) -> None:
    async def story() -> None:
        hub = Hub()
        take_in(store, b"a")
        places: list[int] = []
        hub.on_send = lambda: places.append(store.routed("alerts"))
        await drain(forwarder(store, hub))
        assert places == [0]
        assert store.routed("alerts") == 1

    run(story())


def test_an_event_hub_that_is_away_gets_everything_in_order_once_it_is_back(store: Store) -> None:
    async def story() -> None:
        hub = Hub(BUSY, BUSY, BUSY)
        endpoint = forwarder(store, hub)
        take_in(store, b"1", b"2")
        seen: list[str] = []

        def while_it_is_away() -> None:
            seen.append(endpoint.stats()["healthStatus"])
            take_in(store, b"later")

        hub.on_send = while_it_is_away
        await endpoint.forward()
        assert seen == ["healthy", "unhealthy", "unhealthy", "unhealthy"]
        hub.on_send = lambda: None
        await drain(endpoint)
        assert hub.bodies == [b"1", b"2", *[b"later"] * 4]
        assert endpoint.stats()["healthStatus"] == "healthy"

    run(story())


def test_pauses_double_up_to_what_a_throttled_producer_is_asked_to_wait() -> None:
    pauses = event_hub_routing._pauses()
    seconds = [next(pauses) for _ in range(15)]
    assert seconds[:3] == [0.001, 0.002, 0.004]
    assert seconds[-2:] == [4.0, 4.0]


def test_what_the_event_hub_can_never_take_is_dropped_and_blocks_nothing(store: Store) -> None:
    async def story() -> None:
        hub = Hub()
        take_in(store, b"before", b"x" * (TOO_LARGE + 1))
        take_in(store, b"no type", contentType="text/plän")
        take_in(store, b"after")
        endpoint = forwarder(store, hub)
        await drain(endpoint)
        assert hub.bodies == [b"before", b"after"]
        assert endpoint.counts == {"InvalidMessage": 2, "delivered": 2}

    run(story())


def test_each_endpoint_gets_what_its_routes_take_and_what_none_takes_is_dropped(store: Store) -> None:
    async def story() -> None:
        take_in(store, b"high", b"low", b"high")
        alerts, events = Hub(), Hub()
        await drain(forwarder(store, alerts, routing("k = 'high'")))
        await drain(forwarder(store, events, routing("k = 'high'"), name="events"))
        assert (alerts.bodies, events.bodies) == ([b"high", b"high"], [b"low"])
        without_fallback = forwarder(store, Hub(), routing("k = 'high'", fallback=False), name="other")
        await drain(without_fallback)
        assert without_fallback.counts["OrphanedMessage"] == 1
        assert without_fallback.stats()["waiting"] == 0

    run(story())


def test_what_grew_too_old_meanwhile_is_counted(store: Store) -> None:
    async def story() -> None:
        endpoint = forwarder(store, Hub())
        take_in(store, b"1", b"2", now=0)
        take_in(store, b"3", now=100)
        store.expire(now=101, upstream_seconds=50)
        await drain(endpoint)
        assert endpoint.counts == {"DroppedMessage": 2, "delivered": 1}

    run(story())


def test_a_new_endpoint_begins_with_the_oldest_message_kept_and_misses_none_before(store: Store) -> None:
    take_in(store, b"1", b"2", now=0)
    take_in(store, b"3", now=100)
    store.expire(now=101, upstream_seconds=50)
    assert store.routed("alerts") == 2
    store.expire(now=1000, upstream_seconds=50)
    assert (store.routed("alerts"), store.routed("events")) == (2, 3)


def test_an_endpoint_sleeps_until_it_is_woken_and_closes_its_connection(store: Store) -> None:
    async def story() -> None:
        hubs: dict[str, Hub] = {}
        failures: list[BaseException] = []
        rules = EventHubRouting(
            store, "store-1", routing("k = 'a'"), lambda name: hubs.setdefault(name, Hub()), failures.append
        )
        await asyncio.sleep(0.01)
        take_in(store, b"a", b"b")
        rules.wake()
        await asyncio.sleep(0.05)
        assert {name: hub.bodies for name, hub in hubs.items()} == {"a": [b"a"], "telemetry": [b"b"]}
        rules.close()
        await asyncio.sleep(0.01)
        assert [hub.closed for hub in hubs.values()] == [True, True]
        assert failures == []

    run(story())


def test_a_disk_that_refuses_is_the_hubs_failure(store: Store) -> None:
    async def story() -> None:
        failures: list[BaseException] = []
        rules = EventHubRouting(store, "store-1", routing(), lambda _: Hub(), failures.append)
        store.close()
        await asyncio.sleep(0.01)
        rules.close()
        assert [type(failure) for failure in failures] == [StorageError, StorageError]

    run(story())
