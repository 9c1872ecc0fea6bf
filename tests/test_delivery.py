import asyncio
import time
from pathlib import Path

import pytest

from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState, instant
from storeflow.delivery import Delivery, Pace
from storeflow.module import Output
from storeflow.outbox import Outbox
from storeflow.transport.memory import MemoryHub


@pytest.mark.parametrize(("side", "refused"), [("kept", 0), ("refused", 1)])
def test_two_receipts_for_one_event_in_one_message_are_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, side: str, refused: int
) -> None:
    data = CameraState(store_id="store-1", camera_id="door", captured_at=instant(1), state="streaming", detail="")
    event = CloudEvent.of(data, source="//hub/device/door", id="1", subject="door")
    box, hub = Outbox(tmp_path / "outbox.db"), MemoryHub({})
    box.commit([Output("events", event)], None, 0.0)

    async def scene() -> dict[str, int]:
        delivery = Delivery(box, hub.transport("teller"), dict, Pace())
        running = asyncio.create_task(delivery.run())
        give_up = time.monotonic() + 5
        while not delivery.counts["sent"]:
            assert time.monotonic() < give_up
            await asyncio.sleep(0.01)
        delivery.take_receipts(b'{"%s": {"//hub/device/door": ["1", "1"]}}' % side.encode())
        while box.rows_waiting:
            assert time.monotonic() < give_up
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        running.cancel()
        return delivery.counts

    counts = asyncio.run(scene())
    box.close()

    assert counts == {"sent": 1, "resent": 0, "delivered": 1, "refused_by_receiver": refused}
    assert caplog.text.count("was refused by its receiver for good") == refused
    assert event.traceparent
    assert caplog.text.count(f"trace {event.traceparent.split('-')[1]}") == refused
