import asyncio
from typing import Any

import pytest

from storeflow.errors import TransportError
from storeflow.transport.memory import MemoryHub


class _Heard:
    """An inbox that remembers."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.connections: list[bool] = []
        self.twin_changes = 0

    def on_message(self, input_name: str, body: bytes) -> None:
        self.messages.append((input_name, body))

    def on_desired_changed(self) -> None:
        self.twin_changes += 1

    def on_method(self, name: str, payload: Any) -> tuple[int, Any]:
        return 200, [name, payload]

    def on_connection(self, connected: bool) -> None:
        self.connections.append(connected)


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub({"zones/events": "router/events", "router/upstream": "$upstream"})


def test_messages_follow_routes_and_wait_for_a_module_that_is_not_there(hub: MemoryHub) -> None:
    inbox = _Heard()

    async def scene() -> None:
        await hub.transport("zones").send("events", b"1", {}, "m1")
        joined = asyncio.create_task(hub.transport("router").run(inbox))
        await asyncio.sleep(0)
        await hub.transport("zones").send("events", b"2", {}, "m2")
        await hub.transport("zones").send("nowhere", b"3", {}, "m3")
        await hub.transport("router").send("upstream", b"4", {"eventType": "t"}, "m4")
        joined.cancel()

    asyncio.run(scene())

    assert inbox.messages == [("events", b"1"), ("events", b"2")]
    assert [message.body for message in hub.upstream] == [b"4"]
    assert hub.upstream[0].properties == {"eventType": "t"}
    assert len(hub.sent) == 4


def test_a_twin_has_versions_and_tells_its_module(hub: MemoryHub) -> None:
    inbox = _Heard()

    async def scene() -> None:
        transport = hub.transport("router")
        joined = asyncio.create_task(transport.run(inbox))
        await asyncio.sleep(0)
        hub.set_desired("router", {"telemetry": {}})
        assert await transport.desired() == {"telemetry": {}, "$version": 2}
        await transport.report({"telemetry": 1, "other": 2})
        await transport.report({"other": None})
        joined.cancel()

    asyncio.run(scene())

    assert inbox.twin_changes == 1
    assert hub.reported["router"] == {"telemetry": 1}


def test_a_hub_that_is_away_acknowledges_and_answers_nothing(hub: MemoryHub) -> None:
    inbox = _Heard()

    async def scene() -> None:
        transport = hub.transport("router")
        joined = asyncio.create_task(transport.run(inbox))
        await asyncio.sleep(0)
        hub.set_away(True)
        for request in (transport.desired(), transport.report({}), transport.send("upstream", b"", {}, "m")):
            with pytest.raises(TransportError):
                await request
        hub.set_away(False)
        await transport.send("upstream", b"", {}, "m")
        joined.cancel()

    asyncio.run(scene())

    assert inbox.connections == [True, False, True]
    assert len(hub.upstream) == 1


def test_a_direct_method_reaches_its_module(hub: MemoryHub) -> None:
    inbox = _Heard()

    async def scene() -> tuple[int, Any]:
        joined = asyncio.create_task(hub.transport("router").run(inbox))
        await asyncio.sleep(0)
        answer = hub.invoke("router", "metrics", {"all": True})
        joined.cancel()
        return answer

    assert asyncio.run(scene()) == (200, ["metrics", {"all": True}])
