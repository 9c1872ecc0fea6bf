"""What does it cost to have an event on disk until Event Hubs has it? The SDK alone against the router's way, in turns.

    .venv/bin/python -m benchmarks.router

Both send the same events, each in a message of its own, by the same path to the same event hub: the stand-in, which
keeps them in memory. The raw client has its events in a list. The router's courier reads them from its outbox and
strikes them off when they have arrived; once with an outbox that was filled before, and once with one that is filled,
group by group and durably, at the same time. Beside them, the same events in compressed arrays, as a twin can have
them. The result goes to benchmarks/results/router.json.
"""

import asyncio
import json
import os
import platform
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from azure.eventhub import EventData, EventHubProducerClient

from local_azure.event_hubs.process import EventHubsProcess
from modules.upstream_router.cloud_courier import CloudCourier, Rules
from modules.upstream_router.sinks.event_hub import EventHub
from modules.upstream_router.token_bucket import TokenBucket
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import LineCrossed, instant
from storeflow.contract.geometry import Point
from storeflow.contract.telemetry import EventHubSink
from storeflow.host.courier import Queue
from storeflow.host.module import Output, RawEvent
from storeflow.host.outbox import Outbox

ROUNDS = 7
EVENTS = 6000
BATCH = 256
"""Events that the raw client sends at once, as many as the courier; filled up to a megabyte it is slower."""
GROUP = 10
"""Events in one commit while the outbox is filled."""
HERE = "cloud:hub"
RESULT = Path(__file__).parent / "results" / "router.json"
PLAIN, PACKED = Rules(1, 0.0, compress=False), Rules(500, 0.0, compress=True)


def made() -> list[RawEvent]:
    """The events."""
    found = []
    for number in range(EVENTS):
        data = LineCrossed(
            store_id="store-0042",
            camera_id="door",
            captured_at=instant(1_790_000_000.0 + number),
            config_version=3,
            model_version="storeflow_nano",
            track_id=f"{number:016x}",
            line_id="entrance",
            direction="in",
            object_class="person",
            reason="settled",
            position=Point(0.5, 0.5),
        )
        event = CloudEvent.of(data, source="//hub/store-0042/door", id=f"{number:032x}", subject="entrance")
        body = event.to_json()
        found.append(RawEvent(event.source, event.id, event.type, "1.0", "store-0042", body, event.traceparent))
    return found


def send_raw(connection_string: str, events: list[RawEvent]) -> None:
    """Send events as fast as the SDK does it."""
    client: Any = EventHubProducerClient.from_connection_string(
        connection_string, eventhub_name="telemetry/publishers/raw"
    )
    with client:
        batch = client.create_batch()
        for number, event in enumerate(events, start=1):
            message: Any = EventData(event.body)
            message.message_id = event.id
            message.content_type = "application/json"
            message.raw_amqp_message.properties.content_encoding = "utf-8"
            message.properties = {"eventType": event.type, "schemaVersion": "1.0", "storeId": event.store_id}
            message.properties["traceparent"] = event.traceparent
            batch.add(message)
            if number % BATCH == 0 or number == len(events):
                client.send_batch(batch)
                batch = client.create_batch()


class Router:
    """An outbox of events, and the courier that empties it."""

    def __init__(self, folder: Path, connection_string: str, namespace: str, rules: Rules) -> None:
        sink = EventHubSink(namespace=namespace, event_hub="telemetry", credentials_ref="none")
        self.carrier = EventHub(sink, "router", lambda: connection_string)
        self.outbox = Outbox(folder / "outbox.db")
        self._courier = CloudCourier(self.carrier, rules, TokenBucket(0), "router", Counter())

    def fill(self, events: list[RawEvent], group: int) -> None:
        """Keep events, some in each commit."""
        for start in range(0, len(events), group):
            outputs = [Output(HERE, event) for event in events[start : start + group]]
            self.outbox.commit(outputs, None, time.time())

    async def drain(self, count: int) -> None:
        """Send until so many events have arrived."""

        async def post(*_: Any, **__: Any) -> None:
            raise RuntimeError("an event hub needs no edgeHub")

        queue = Queue(self.outbox, HERE)
        while queue.struck_off < count:
            if await self._courier.step(queue, post):
                await asyncio.sleep(0.001)

    def close(self) -> None:
        """End the connection and close the file."""
        self.carrier.close()
        self.outbox.close()


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def drained(router: Router, events: list[RawEvent], *, filling: bool) -> float:
    """Seconds for the way through the outbox, of all events."""
    try:
        if not filling:
            router.fill(events, len(events))
            return seconds(lambda: asyncio.run(router.drain(len(events))))
        filler = threading.Thread(target=router.fill, args=(events, GROUP))

        def both() -> None:
            filler.start()
            asyncio.run(router.drain(len(events)))

        return seconds(both)
    finally:
        router.close()


def one_round(folder: Path, hubs: EventHubsProcess, events: list[RawEvent]) -> dict[str, float]:
    """All ways, one after the other; events a second."""
    text, endpoints = hubs.connection_string("telemetry"), hubs.endpoints
    namespace = f"{endpoints.host}:{endpoints.port}"

    def router(name: str, rules: Rules) -> Router:
        (folder / name).mkdir(parents=True)
        return Router(folder / name, text, namespace, rules)

    took = {
        "raw": seconds(lambda: send_raw(text, events)),
        "drain": drained(router("drain", PLAIN), events, filling=False),
        "drain_while_filling": drained(router("filling", PLAIN), events, filling=True),
        "drain_packed": drained(router("packed", PACKED), events, filling=False),
    }
    return {name: len(events) / each for name, each in took.items()}


def main() -> None:
    """Run, print and keep the result."""
    events = made()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with EventHubsProcess(folder / "hubs", "--hub", "telemetry:1:landing", "--memory") as hubs:
            one_round(folder / "warm", hubs, events[:500])
            rounds = [one_round(folder / str(number), hubs, events) for number in range(ROUNDS)]
    ways = [name for name in rounds[0] if name != "raw"]
    ratios = {name: [one[name] / one["raw"] for one in rounds] for name in ways}
    for name, each in ratios.items():
        print(f"{name} / raw = {median(each):.3f} ({', '.join(f'{ratio:.3f}' for ratio in each)})")
    facts = {
        "what": "events a second: outbox to Event Hubs / the SDK alone, one event a message, stand-in in memory",
        "goals": {"drain": 0.95, "drain_while_filling": 0.85},
        "events": EVENTS,
        "event_bytes": len(events[0].body),
        "python": platform.python_version(),
        "azure-eventhub": version("azure-eventhub"),
        "cores": os.cpu_count(),
        "events_per_second": rounds,
        "median_ratio": {name: median(each) for name, each in ratios.items()},
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
