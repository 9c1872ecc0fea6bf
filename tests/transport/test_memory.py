import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from storeflow.errors import TransportError
from storeflow.transport.memory import MemoryHub


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub({"zones/events": "router/events", "router/upstream": "$upstream"})


def test_messages_follow_routes_and_wait_for_a_module_that_is_not_there(hub: MemoryHub, inbox: Any) -> None:
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


def test_one_output_may_lead_to_several_inputs(inbox: Any, new_inbox: Callable[[], Any]) -> None:
    hub = MemoryHub({"router/receipts": ("zones/receipts", "capture/receipts", "away/receipts", "$upstream")})
    other = new_inbox()

    async def scene() -> None:
        joined = [
            asyncio.create_task(hub.transport(name).run(one)) for name, one in (("zones", inbox), ("capture", other))
        ]
        await asyncio.sleep(0)
        await hub.transport("router").send("receipts", b"1", {}, "m1")
        for task in joined:
            task.cancel()

    asyncio.run(scene())

    assert inbox.messages == other.messages == hub.waiting["away"] == [("receipts", b"1")]
    assert len(hub.upstream) == len(hub.sent) == 1


def test_a_twin_has_versions_and_its_module_hears_of_them(hub: MemoryHub, inbox: Any) -> None:
    async def scene() -> None:
        transport = hub.transport("router")
        joined = asyncio.create_task(transport.run(inbox))
        await asyncio.sleep(0)
        hub.set_desired("router", {"telemetry": {}})
        await transport.report({"telemetry": 1, "other": 2})
        await transport.report({"other": None})
        twin = {"desired": {"telemetry": {}, "$version": 2}, "reported": {"telemetry": 1}}
        assert await transport.twin() == twin
        joined.cancel()

    asyncio.run(scene())

    assert inbox.twin_changes == 1
    assert hub.reported["router"] == {"telemetry": 1}


def test_a_hub_that_is_away_acknowledges_and_answers_nothing(hub: MemoryHub, inbox: Any) -> None:
    async def scene() -> None:
        transport = hub.transport("router")
        joined = asyncio.create_task(transport.run(inbox))
        await asyncio.sleep(0)
        hub.set_away(True)
        for request in (transport.twin(), transport.report({}), transport.send("upstream", b"", {}, "m")):
            with pytest.raises(TransportError):
                await request
        hub.set_away(False)
        await transport.send("upstream", b"", {}, "m")
        joined.cancel()

    asyncio.run(scene())

    assert inbox.connections == [True, False, True]
    assert len(hub.upstream) == 1


def test_a_direct_method_reaches_its_module(hub: MemoryHub, inbox: Any) -> None:
    async def scene() -> tuple[int, Any]:
        joined = asyncio.create_task(hub.transport("router").run(inbox))
        await asyncio.sleep(0)
        answer = hub.invoke("router", "metrics", {"all": True})
        joined.cancel()
        return answer

    assert asyncio.run(scene()) == (200, {"name": "metrics", "payload": {"all": True}})
