"""The router in its host, on the in-process hub: many events in one message, in and out."""

import asyncio
import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modules.upstream_router.module import UpstreamRouter
from storeflow.host.custody import decode
from storeflow.host.delivery import DeliveryTiming
from storeflow.host.host import Host
from storeflow.host.module import ModuleContext
from storeflow.host.outbox import Outbox
from storeflow.transport.memory import MemoryHub
from storeflow.transport.port import JSON

ROUTES: dict[str, str | tuple[str, ...]] = {
    "zones/events": "upstream_router/events",
    "upstream_router/receipts": "zones/receipts",
    "upstream_router/upstream": "$upstream",
    "upstream_router/alerts": "$upstream",
}


def event(number: int, event_type: str = "storeflow.till.opened") -> bytes:
    return b'{"specversion":"1.0","id":"%d","source":"/till","type":"%s"}' % (number, event_type.encode())


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., MemoryHub]:
    """Have a router with these settings take these messages, until so many events have left, and stop it."""

    async def run(cloud: dict[str, Any], messages: list[bytes], count: int) -> MemoryHub:
        hub = MemoryHub(ROUTES)
        hub.set_desired("upstream_router", {"telemetry": {"sinks": {"cloud": {"kind": "upstream"} | cloud}}})
        context = ModuleContext("upstream_router", "hub", "d", "s", tmp_path, tmp_path, tmp_path, (), tmp_path)
        outbox = Outbox(tmp_path / "outbox.db")
        timing = DeliveryTiming(retry_seconds=0.05)
        host = Host(UpstreamRouter, context, hub.transport("upstream_router"), outbox, timing=timing)
        task = asyncio.create_task(host.run())
        for message in messages:
            await hub.transport("zones").send("events", message, {}, "m")
        give_up = time.monotonic() + 10
        while host.status.metrics()["host_delivered"] < count or host.status.metrics()["host_rows_waiting"]:
            assert time.monotonic() < give_up, host.status.metrics()
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.05)
        host.stop()
        await task
        return hub

    return lambda *arguments: asyncio.run(run(*arguments))


def receipts(hub: MemoryHub) -> tuple[set[str], set[str]]:
    """Ids of the events that were kept, and of those that were refused."""
    told = [receipt for message in hub.sent if message.output == "receipts" for receipt in decode(message.body)]
    return {each.id for each in told if not each.refused}, {each.id for each in told if each.refused}


def test_each_event_of_a_message_has_a_receipt_of_its_own_and_a_bad_one_spoils_no_other(
    play: Callable[..., MemoryHub],
) -> None:
    wrong = event(2).replace(b"1.0", b"9.9")

    hub = play(
        {"batch": {"max_events": 1}}, [b"[" + b", ".join([event(1), wrong, b"7", event(3)]) + b"]", b"[7,", event(4)], 3
    )

    assert sorted(message.body for message in hub.upstream) == [event(1), event(3), event(4)]
    assert {message.form for message in hub.upstream} == {JSON}
    assert receipts(hub) == ({"1", "3", "4"}, {"2"})


def test_events_leave_in_compressed_arrays_and_alerts_by_themselves(play: Callable[..., MemoryHub]) -> None:
    batch = [event(number) for number in range(300)]
    alert = event(300, "storeflow.camera.noise")
    cloud = {"batch": {"max_events": 100, "max_seconds": 0.2}, "alerts": ["storeflow.camera.*"]}

    hub = play(cloud, [b"[" + b",".join([*batch, alert]) + b"]"], 301)

    alone = [message for message in hub.upstream if message.form == JSON]
    assert [(message.output, message.body) for message in alone] == [("alerts", alert)]
    packed = [message for message in hub.upstream if message not in alone]
    assert {message.output for message in packed} == {"upstream"}
    assert {message.form for message in packed} == {("application/cloudevents-batch+json", "gzip")}
    assert {message.properties["eventType"] for message in packed} == {"storeflow.till.opened"}
    found = [each["id"] for message in packed for each in json.loads(gzip.decompress(message.body))]
    assert sorted(map(int, found)) == list(range(300))
    assert len({message.message_id for message in packed}) == len(packed)
    assert len(packed) < 10
