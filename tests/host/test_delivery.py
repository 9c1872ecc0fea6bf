import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState, instant
from storeflow.host.delivery import Delivery, DeliveryTiming
from storeflow.host.module import Output
from storeflow.host.outbox import Outbox, event_key
from storeflow.transport.memory import MemoryHub, MemoryTransport

SOURCE = "//hub/device/door"


def event(event_id: str) -> CloudEvent:
    data = CameraState(store_id="store-1", camera_id="door", captured_at=instant(1), state="streaming", detail="")
    return CloudEvent.of(data, source=SOURCE, id=event_id, subject="door")


def receipts(*ids: str, side: str = "kept") -> bytes:
    named = ", ".join(f'"{event_id}"' for event_id in ids)
    return f'{{"{side}": {{"{SOURCE}": [{named}]}}}}'.encode()


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        await asyncio.sleep(0.005)


class SlowWay(MemoryTransport):
    """Remembers what it was handed, and lets nothing reach IoT Hub before it may."""

    def __init__(self, hub: MemoryHub) -> None:
        super().__init__(hub, "emitter")
        self.handed: list[str] = []
        """Message id of every sending that was begun."""
        self.may_go = asyncio.Event()

    async def send(self, output: str, body: bytes, properties: Mapping[str, str], message_id: str) -> None:
        """Begin, and wait, and go."""
        self.handed.append(message_id)
        if output == "upstream":
            await self.may_go.wait()
        await super().send(output, body, properties, message_id)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Outbox]:
    box = Outbox(tmp_path / "outbox.db")
    yield box
    box.close()


@pytest.mark.parametrize(("side", "refused"), [("kept", 0), ("refused", 1)])
def test_two_receipts_for_one_event_in_one_message_are_one(
    box: Outbox, caplog: pytest.LogCaptureFixture, side: str, refused: int
) -> None:
    box.commit([Output("events", event("1"))], None, 0.0)

    async def scene() -> dict[str, int]:
        delivery = Delivery(box, MemoryHub({}).transport("emitter"), dict, DeliveryTiming())
        running = asyncio.create_task(delivery.run())
        await until(lambda: delivery.counts["sent"])
        delivery.take_receipts(receipts("1", "1", side=side))
        await until(lambda: not box.rows_waiting)
        await asyncio.sleep(0.05)
        running.cancel()
        return delivery.counts

    assert asyncio.run(scene()) == {"sent": 1, "resent": 0, "delivered": 1, "refused_by_receiver": refused}
    assert caplog.text.count("was refused by its receiver for good") == refused
    trace = event("1").traceparent
    assert trace
    assert caplog.text.count(f"trace {trace.split('-')[1]}") == refused


def test_a_receipt_of_an_event_that_is_still_on_its_way_to_iot_hub_does_not_forget_it(box: Outbox) -> None:
    """Its reader on the device has it, and the cloud has not."""
    box.commit([Output("events", event("1")), Output("upstream", event("1"))], None, 0.0)

    async def scene() -> tuple[dict[str, int], dict[str, int]]:
        way = SlowWay(MemoryHub({}))
        delivery = Delivery(box, way, dict, DeliveryTiming())
        running = asyncio.create_task(delivery.run())
        await until(lambda: len(way.handed) == 2)
        delivery.take_receipts(receipts("1"))
        await until(lambda: delivery.counts["delivered"])
        on_its_way = box.rows_by_destination()
        way.may_go.set()
        await until(lambda: not box.rows_waiting)
        await until(lambda: delivery.counts["delivered"] > 1, seconds=1)
        running.cancel()
        return on_its_way, delivery.counts

    on_its_way, counts = asyncio.run(scene())
    assert on_its_way == {"upstream": 1}
    assert counts == {"sent": 2, "resent": 0, "delivered": 2, "refused_by_receiver": 0}


def test_a_receiver_that_is_back_gets_at_once_what_it_has_not_answered(box: Outbox) -> None:
    box.commit([Output("events", event("1"))], None, 0.0)
    first, second = (event_key(SOURCE, event_id).hex() for event_id in ("1", "2"))

    async def scene() -> None:
        way = SlowWay(MemoryHub({}))
        delivery = Delivery(box, way, dict, DeliveryTiming(resend_seconds=0.02))
        running = asyncio.create_task(delivery.run())
        await until(lambda: way.handed.count(first) >= 6)  # after 0.62 s; the seventh time would be 0.64 s later
        box.commit([Output("events", event("2"))], None, 0.0)
        delivery.wake()
        await until(lambda: second in way.handed)
        before = way.handed.count(first)
        delivery.take_receipts(receipts("2"))
        await until(lambda: way.handed.count(first) > before, seconds=0.5)
        running.cancel()

    asyncio.run(scene())


def test_each_time_that_the_hub_is_away_is_logged_once_and_so_is_its_coming_back(
    box: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    async def scene() -> None:
        hub = MemoryHub({})
        way = SlowWay(hub)
        delivery = Delivery(box, way, dict, DeliveryTiming(retry_seconds=0.02))
        running = asyncio.create_task(delivery.run())
        for number in ("1", "2"):
            hub.away = True
            box.commit([Output("events", event(number))], None, 0.0)
            delivery.wake()
            await until(lambda: len(way.handed) >= 4)
            hub.away = False
            await until(lambda: delivery.counts["sent"])
            await until(lambda: "takes events again" in caplog.records[-1].message)
            way.handed.clear()
            delivery.counts["sent"] = 0
        running.cancel()

    asyncio.run(scene())
    assert [record.message for record in caplog.records] == 2 * [
        "events: the hub is away; trying again every 0 s",
        "events: takes events again",
    ]
