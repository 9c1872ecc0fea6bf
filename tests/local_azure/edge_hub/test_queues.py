"""Priorities, times to live and a cloud that is away, by a clock of the test's own."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from local_azure.edge_hub.connection import Connection
from local_azure.edge_hub.messages import inputs_filter
from local_azure.edge_hub.mqtt import PUBLISH, PacketBuffer, read_publish
from local_azure.edge_hub.queues import UPSTREAM_BATCH, Queues
from local_azure.edge_hub.sessions import Session
from local_azure.edge_hub.store import Store
from storeflow.errors import StorageError
from storeflow.iot_hub.message import Message
from storeflow.iot_hub.routes import parse_route

DAY = 86_400.0
TO_B = 'FROM /messages/* INTO BrokeredEndpoint("/modules/b/inputs/in1")'
UP = "FROM /messages/* INTO $upstream"


class Wire(Connection):
    """A connection whose peer is the test."""

    def __init__(self) -> None:
        self.client_id, self.write_paused = "d/b", False
        self.buffer = PacketBuffer()
        self.packets: list[tuple[int, str]] = []

    def write(self, data: bytes) -> None:
        """Take the packet id and the body of every delivery."""
        for packet in self.buffer.feed(data):
            if packet.kind == PUBLISH:
                message = read_publish(packet)
                self.packets.append((message.packet_id, message.payload.decode()))


class Hub:
    """Queues between senders and one module `b`, which is away until it is `connected`."""

    def __init__(self, path: Path) -> None:
        self.now = 1_000_000.0
        self.path = path
        self.session = Session("d", "b", {inputs_filter("d", "b"): 1})
        self.start()

    def start(self) -> None:
        """Begin, or begin again after a crash."""
        self.store = Store(self.path)
        self.queues = Queues(self.store, 1, lambda _: self.session, self.fail, lambda: self.now)

    def fail(self, error: StorageError) -> None:
        """Fail the test."""
        raise error

    async def send(self, body: str, spec: Any, default_seconds: int = 7200) -> None:
        """Take one message along one route, and commit it."""
        message = Message("/messages/modules/a", body.encode(), {}, {"connectionDeviceId": "d"})
        self.queues.add(message, [parse_route("r", spec)], default_seconds)
        await asyncio.sleep(0)

    async def connected(self) -> list[str]:
        """Connect `b`, acknowledge all it gets, and return that."""
        wire = Wire()
        self.session.connection = wire
        self.queues.resume(self.session)
        read = 0
        while read < len(wire.packets):
            self.queues.delivered(self.session, wire.packets[read][0])
            read += 1
            await asyncio.sleep(0)
        self.session.connection = None
        return [body for _, body in wire.packets]

    async def back(self) -> list[str]:
        """Bring the cloud back, and return all it took in."""
        self.queues.cloud_away = False
        self.queues.forward()
        for _ in range(10):
            await asyncio.sleep(0)
        assert self.store.queue_lengths() == {}
        return self.left()

    def left(self) -> list[str]:
        """What the cloud took in."""
        return [message.body.decode() for message in self.store.upstream_after(0, 1000)]


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Callable[[Hub], Awaitable[None]]], None]:
    """Play a scene in a loop of its own."""

    def run(scene: Callable[[Hub], Awaitable[None]]) -> None:
        async def whole() -> None:
            hub = Hub(tmp_path / "hub.db")
            await scene(hub)
            hub.store.close()

        asyncio.run(whole())

    return run


def routed(to: str, priority: int | None = None, seconds: int = 0) -> dict[str, Any]:
    spec: dict[str, Any] = {"route": to, "timeToLiveSecs": seconds}
    return spec if priority is None else {**spec, "priority": priority}


def test_a_message_of_higher_priority_overtakes_those_that_wait(play: Any) -> None:
    async def scene(hub: Hub) -> None:
        for body, priority in (("none", None), ("nine", 9), ("three", 3), ("three again", 3), ("zero", 0)):
            await hub.send(body, routed(TO_B, priority))
        assert await hub.connected() == ["zero", "three", "three again", "nine", "none"]

    play(scene)


@pytest.mark.parametrize(
    ("of_route", "of_hub", "lives"),
    [(60, 7200, 60), (259_200, 7200, 3 * DAY), (0, 7200, 7200), (0, 259_200, 3 * DAY), (60, -1, 60)],
)
@pytest.mark.parametrize("to", [TO_B, UP])
def test_a_message_waits_as_long_as_its_route_says_or_else_the_hub(
    play: Any, to: str, of_route: int, of_hub: int, lives: float
) -> None:
    async def scene(hub: Hub) -> None:
        hub.queues.cloud_away = True
        await hub.send("too late", routed(to, seconds=of_route), of_hub)
        hub.now += 2
        await hub.send("just in time", routed(to, seconds=of_route), of_hub)
        hub.now += lives - 1
        assert (await hub.connected() if to == TO_B else await hub.back()) == ["just in time"]
        assert hub.queues.counts["expired"] == 1

    play(scene)


@pytest.mark.parametrize("of_hub", [0, -1])
@pytest.mark.parametrize("to", [TO_B, UP])
def test_a_hub_may_keep_messages_for_ever(play: Any, to: str, of_hub: int) -> None:
    async def scene(hub: Hub) -> None:
        hub.queues.cloud_away = True
        await hub.send("old", routed(to), of_hub)
        hub.now += 400 * DAY
        assert (await hub.connected() if to == TO_B else await hub.back()) == ["old"]
        assert hub.queues.counts["expired"] == 0

    play(scene)


def test_an_overdue_message_makes_way_for_a_lower_priority(play: Any) -> None:
    async def scene(hub: Hub) -> None:
        await hub.send("urgent, for a minute", routed(TO_B, 0, 60))
        await hub.send("patient", routed(TO_B, 9, 600))
        hub.now += 61
        assert await hub.connected() == ["patient"]
        assert hub.queues.counts["expired"] == 1

    play(scene)


def test_what_was_in_flight_when_a_module_died_is_not_sent_again_once_overdue(play: Any) -> None:
    async def scene(hub: Hub) -> None:
        wire = Wire()
        hub.session.connection = wire
        await hub.send("for a minute", routed(TO_B, seconds=60))
        assert [body for _, body in wire.packets] == ["for a minute"]
        hub.session.connection = None
        await hub.send("for an hour", routed(TO_B, seconds=3600))
        hub.now += 61
        assert await hub.connected() == ["for an hour"]

    play(scene)


def test_what_was_in_flight_is_sent_again_while_it_is_not_overdue(play: Any) -> None:
    async def scene(hub: Hub) -> None:
        hub.session.connection = Wire()
        await hub.send("for a minute", routed(TO_B, seconds=60))
        hub.session.connection = None
        hub.now += 59
        assert await hub.connected() == ["for a minute"]

    play(scene)


def test_what_waits_for_the_cloud_leaves_by_priority_and_is_dated_when_the_cloud_took_it(play: Any) -> None:
    async def scene(hub: Hub) -> None:
        await hub.send("before", routed(UP, 9))
        hub.queues.cloud_away = True
        for body, priority in (("none", None), ("nine", 9), ("one", 1), ("one again", 1)):
            await hub.send(body, routed(UP, priority))
        assert hub.left() == ["before"]
        assert hub.store.queue_lengths() == {"$upstream": 4}
        hub.now += 3600
        assert await hub.back() == ["before", "one", "one again", "nine", "none"]
        assert hub.store.upstream_after(1, 1)[0].enqueued_at == hub.now
        assert hub.queues.counts["upstream"] == 5

    play(scene)


def test_a_message_that_comes_while_others_wait_goes_behind_them(play: Any) -> None:
    async def scene(hub: Hub) -> None:
        hub.queues.cloud_away = True
        for number in range(2 * UPSTREAM_BATCH + 1):
            await hub.send(str(number), routed(UP))
        hub.queues.cloud_away = False
        hub.queues.forward()
        await hub.send("new", routed(UP))
        assert await hub.back() == [*map(str, range(2 * UPSTREAM_BATCH + 1)), "new"]
        await hub.send("newer", routed(UP))
        assert hub.left()[-2:] == ["new", "newer"]

    play(scene)


def test_what_waits_for_the_cloud_outlives_the_hub(play: Any) -> None:
    async def scene(hub: Hub) -> None:
        hub.queues.cloud_away = True
        await hub.send("kept", routed(UP))
        hub.store.close()
        hub.start()
        await hub.send("new", routed(UP, 9))
        assert hub.left() == []
        assert await hub.back() == ["new", "kept"]

    play(scene)
