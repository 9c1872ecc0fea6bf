import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState, instant
from storeflow.host.delivery import Delivery, DeliveryTiming
from storeflow.host.module import Output
from storeflow.host.outbox import Outbox, event_key
from storeflow.host.packet import PLAIN_BATCH
from storeflow.transport.memory import MemoryHub, MemoryTransport, Message
from storeflow.transport.port import JSON, MAX_BODY_BYTES, Form

SOURCE = "//hub/device/door"


def event(event_id: str, detail: str = "") -> CloudEvent:
    data = CameraState(store_id="store-1", camera_id="door", captured_at=instant(1), state="streaming", detail=detail)
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

    async def send(
        self, output: str, body: bytes, properties: Mapping[str, str], message_id: str, form: Form = JSON
    ) -> None:
        """Begin, and wait, and go."""
        self.handed.append(message_id)
        if output == "upstream":
            await self.may_go.wait()
        await super().send(output, body, properties, message_id, form)


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


def ids(message: Message) -> list[str]:
    """Of the events in a message."""
    document = json.loads(message.body)
    return [each["id"] for each in (document if isinstance(document, list) else [document])]


def test_what_is_due_at_once_goes_to_another_module_in_arrays_and_is_forgotten_one_by_one(box: Outbox) -> None:
    numbers = [str(number) for number in range(250)]
    box.commit([Output("events", event(number)) for number in numbers], None, 0.0)

    async def scene() -> list[Message]:
        hub = MemoryHub({})
        delivery = Delivery(box, hub.transport("emitter"), dict, DeliveryTiming())
        running = asyncio.create_task(delivery.run())
        await until(lambda: delivery.counts["sent"] == 250)
        delivery.take_receipts(receipts(*numbers[:-1]))
        await until(lambda: delivery.counts["delivered"])
        running.cancel()
        return hub.sent

    sent = asyncio.run(scene())
    assert [len(ids(message)) for message in sent] == [100, 100, 50]
    assert [each for message in sent for each in ids(message)] == numbers
    assert {message.form for message in sent} == {PLAIN_BATCH}
    assert sent[0].properties == {"eventType": "storeflow.camera.state", "schemaVersion": "1.0", "storeId": "store-1"}
    assert [json.loads(row.body)["id"] for row in box.waiting("events", 10)] == ["249"]


def test_no_message_to_another_module_is_larger_than_a_hub_takes(box: Outbox) -> None:
    box.commit([Output("events", event(str(number), "x" * 70_000)) for number in range(5)], None, 0.0)

    async def scene() -> list[Message]:
        hub = MemoryHub({})
        delivery = Delivery(box, hub.transport("emitter"), dict, DeliveryTiming())
        running = asyncio.create_task(delivery.run())
        await until(lambda: delivery.counts["sent"] == 5)
        running.cancel()
        return hub.sent

    sent = asyncio.run(scene())
    assert [ids(message) for message in sent] == [["0", "1"], ["2", "3"], ["4"]]
    assert max(len(message.body) for message in sent) <= MAX_BODY_BYTES
    assert sent[-1].form == JSON


def test_an_event_that_comes_again_comes_alone(box: Outbox) -> None:
    """Its receiver may have died of one of those that it came with."""
    box.commit([Output("events", event(number)) for number in ("1", "2")], None, 0.0)

    async def scene() -> list[Message]:
        hub = MemoryHub({})
        delivery = Delivery(box, hub.transport("emitter"), dict, DeliveryTiming(resend_seconds=0.1))
        running = asyncio.create_task(delivery.run())
        await until(lambda: delivery.counts["resent"] == 2)
        running.cancel()
        return hub.sent

    sent = asyncio.run(scene())
    assert [ids(message) for message in sent[:3]] == [["1", "2"], ["1"], ["2"]]
    assert [message.form for message in sent[:3]] == [PLAIN_BATCH, JSON, JSON]


def test_an_array_that_the_hub_did_not_take_goes_once_it_is_back_and_not_only_after_the_wait_for_receipts(
    box: Outbox,
) -> None:
    box.commit([Output("events", event(number)) for number in ("1", "2")], None, 0.0)

    async def scene() -> tuple[list[Message], dict[str, int]]:
        hub = MemoryHub({})
        way = SlowWay(hub)
        delivery = Delivery(box, way, dict, DeliveryTiming(retry_seconds=0.02))
        hub.away = True
        running = asyncio.create_task(delivery.run())
        await until(lambda: len(way.handed) >= 2)
        hub.away = False
        await until(lambda: hub.sent)
        running.cancel()
        return hub.sent, delivery.counts

    sent, counts = asyncio.run(scene())
    assert [ids(message) for message in sent] == [["1", "2"]]
    assert counts["resent"] == 0


@pytest.mark.parametrize("output", ["upstream", "spatialanalysis", "theirs"])
def test_what_is_for_no_input_of_events_goes_one_event_a_message(box: Outbox, output: str) -> None:
    box.commit([Output(output, event(number)) for number in ("1", "2")], None, 0.0)

    async def scene() -> list[Message]:
        hub = MemoryHub({})
        delivery = Delivery(box, hub.transport("emitter"), dict, DeliveryTiming())
        running = asyncio.create_task(delivery.run())
        await until(lambda: delivery.counts["sent"] == 2)
        running.cancel()
        return hub.sent

    assert [(ids(message), message.form) for message in asyncio.run(scene())] == [(["1"], JSON), (["2"], JSON)]


@pytest.mark.parametrize("turns", range(6))
def test_it_ends_when_it_is_told_to_though_it_is_just_being_woken(box: Outbox, turns: int) -> None:
    box.commit([Output("events", event("1"))], None, 0.0)

    async def scene() -> bool:
        delivery = Delivery(box, MemoryHub({}).transport("emitter"), dict, DeliveryTiming())
        running = asyncio.create_task(delivery.run())
        await until(lambda: delivery.counts["sent"])
        await asyncio.sleep(0.05)
        delivery.wake()
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait({running}, timeout=1)
        return running.done()

    assert asyncio.run(scene())


@pytest.mark.parametrize("destination", ["cloud:gone", "sink:gone"])
def test_rows_for_a_sink_that_is_in_the_twin_no_more_are_told_of(box: Outbox, destination: str) -> None:
    box.commit([Output(destination, event("1"))], None, 0.0)

    async def scene() -> None:
        delivery = Delivery(box, MemoryHub({}).transport("router"), dict, DeliveryTiming())
        running = asyncio.create_task(delivery.run())
        await until(box.rows_untaken)
        running.cancel()

    asyncio.run(scene())
    assert box.rows_untaken() == box.rows_waiting == 1
