"""What does landing cost, and what is a store's day on the wire?

    .venv/bin/python -m benchmarks.landing

One SDK client receives the same messages from an event hub, the stand-in, and either unpacks and counts the events in
them, or has `cloud_functions.landing` keep them in Azurite; both stand-ins keep all in memory. Once the messages are
gzip arrays of a hundred events, once each is one event. Ratios are of CPU time of this process, on which other load of
the machine has little effect, and of the time that passed.

Beside them what docs/scale.md reckons with: CPU time and bytes in bronze for each event where every message is a batch
of its own, as with little traffic, and what a store's day of events is as messages of the router. The result goes to
benchmarks/results/landing.json.
"""

import gzip
import json
import os
import platform
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from azure.eventhub import EventData, EventHubConsumerClient, EventHubProducerClient
from azure.storage.blob import ContainerClient

from cloud_functions import landing
from cloud_functions.lake_port import Files
from cloud_functions.message import Batch, Message
from cloud_functions.storage import BlobFiles
from cloud_functions.stores import Stores
from local_azure.azurite.process import AzuriteProcess
from local_azure.event_hubs.process import EventHubsProcess
from modules.upstream_router.packing import pack
from storeflow.contract.telemetry import UpstreamSink
from storeflow.host.outbox import Row, event_key
from storeflow.host.packet import Packet
from tools.fleet.plan import Plan
from tools.fleet.register import register
from tools.fleet.stream import Arrival, arrivals
from tools.fleet.truth import Truth
from tools.fleet.writing import Written

ROUNDS = 5
PACKED, SINGLE, ALONE = "gzip arrays of 100 events", "one event a message", "a message a batch"
GROUPS = {PACKED: 100, SINGLE: 1}
LANDED = {PACKED: 10_000, SINGLE: 2_000}
"""Events of a round, by what is in a message."""
STORES, CAMERAS, A_CAMERA_DAY = 4, 4, 1_250
"""As `python -m tools.fleet generate` has them by default."""
DEFAULT = UpstreamSink().batch
LINGER = {"by_itself": 0.0, "default": DEFAULT.max_seconds, "minute": 60.0, "five_minutes": 300.0}
"""Seconds for which an event waits for others; 0: each in a message of its own."""
BILLED = 4096
"""Bytes that IoT Hub counts as a message: learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling."""
NOW = datetime(2026, 11, 20, tzinfo=UTC)
RESULT = Path(__file__).parent / "results" / "landing.json"
Side = tuple[float, float]
"""Seconds that passed, and of CPU time."""


def timed(work: Callable[[], object]) -> Side:
    """How long it takes."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - cpu


def fleet(stores: int, days: int) -> tuple[Stores, list[Arrival]]:
    """A register and what reaches the cloud, in that order."""
    plan = Plan(stores, CAMERAS, days, stores * CAMERAS * days * A_CAMERA_DAY, seed=5)
    found = [arrival for store in plan.all_stores() for arrival in arrivals(store, Truth())]
    return Stores.from_json(register(plan).encode()), sorted(found)


def messages(events: Sequence[Arrival], group: int) -> list[Message]:
    """Events of each device in messages, as an event hub hands them over."""
    by_device: dict[str, list[Arrival]] = {}
    for arrival in events:
        by_device.setdefault(arrival.event.source.split("/")[3], []).append(arrival)
    some = [
        (device, own[start : start + group]) for device, own in by_device.items() for start in range(0, len(own), group)
    ]
    some.sort(key=lambda each: each[1][-1].at)
    return [_message(number, device, own) for number, (device, own) in enumerate(some)]


def _message(number: int, device: str, events: Sequence[Arrival]) -> Message:
    enqueued_at, bodies = datetime.fromtimestamp(events[-1].at / 1000, UTC), [one.event.body for one in events]
    if len(bodies) == 1:
        return Message(bodies[0], number, str(number), enqueued_at, device, "router", "application/json", "utf-8")
    body = gzip.compress(b"[" + b",".join(bodies) + b"]", 6)
    return Message(
        body, number, str(number), enqueued_at, device, "router", "application/cloudevents-batch+json", "gzip"
    )


def batches(name: str, given: Sequence[Message]) -> Iterator[Batch]:
    """Up to a hundred messages each, as the trigger has them."""
    rest = iter(given)
    while some := list(islice(rest, 100)):
        yield Batch(name, "telemetry", "0", some)


def send(text: str, given: Sequence[Message]) -> None:
    """Put messages into an event hub."""
    client: Any = EventHubProducerClient.from_connection_string(text)
    with client:
        for start in range(0, len(given), 20):
            client.send_batch([EventData(message.body) for message in given[start : start + 20]])


def received(text: str, count: int, take: Callable[[Sequence[Any]], object]) -> Side:
    """How long it takes from the first message that an SDK client has until the last is taken."""
    client: Any = EventHubConsumerClient.from_connection_string(text, "landing")
    done, seen = threading.Event(), 0
    clocks: list[Side] = []

    def on_batch(_: object, events: Sequence[Any]) -> None:
        nonlocal seen
        if not clocks:
            clocks.append((time.perf_counter(), time.process_time()))
        if seen < count:
            take(events)
            seen += len(events)
        if seen >= count and not done.is_set():
            clocks.append((time.perf_counter(), time.process_time()))
            done.set()

    options = {"max_batch_size": 100, "starting_position": "-1"}
    thread = threading.Thread(target=client.receive_batch, args=(on_batch,), kwargs=options)
    thread.start()
    if not done.wait(120):
        raise RuntimeError(f"{seen} of {count} messages came within two minutes")
    client.close()
    thread.join()
    (began, cpu), (ended, cpu_ended) = clocks
    return ended - began, cpu_ended - cpu


def land_events(folder: Path) -> dict[str, Any]:
    """Landing beside counting, in turns."""
    stores, events = fleet(STORES, 1)
    figures: dict[str, Any] = {}
    hubs = [part for number in range(len(GROUPS)) for part in ("--hub", f"hub{number}:1:landing")]
    with (
        EventHubsProcess(folder / "hubs", *hubs, "--memory") as namespace,
        AzuriteProcess(folder / "azurite", in_memory=True) as azurite,
        ContainerClient.from_connection_string(azurite.connection_string, "lake") as container,
    ):
        container.create_container()
        files = BlobFiles(container)
        for number, (form, group) in enumerate(GROUPS.items()):
            given = messages(events[: LANDED[form]], group)
            text = namespace.connection_string(f"hub{number}")
            send(text, given)
            figures[form] = _in_turns(text, given, stores, files)
        figures[ALONE] = _alone(stores, files)
    return figures


def _alone(stores: Stores, files: Files) -> dict[str, float]:
    """A store's day as the router packs it by default, where each message is a batch of its own."""
    once = day_of_a_store()
    given = [
        Message(packet.body, number, str(number), NOW, "store-0001", "router", *packet.form)
        for number, packet in enumerate(packets(once, DEFAULT.max_seconds))
    ]

    def land_each() -> None:
        for message in given:
            landing.land(Batch("alone", "telemetry", "0", [message]), stores, files, NOW)

    _, cpu = timed(land_each)
    paths = files.files("bronze/alone")
    return {
        "messages": len(given),
        "files": len(paths),
        "cpu_us_per_event": cpu / len(once) * 1e6,
        "bronze_bytes_per_event": sum(len(files.read(path)) for path in paths) / len(once),
    }


def _in_turns(text: str, given: Sequence[Message], stores: Stores, files: Files) -> dict[str, Any]:
    """Both sides of each round, each first in every other one."""
    by_body = {message.body: message for message in given}
    rounds: list[dict[str, Side]] = []
    total = sum(map(_count, given))

    def count(events: Sequence[Any]) -> None:
        for event in events:
            _count(by_body[b"".join(event.body)])

    for number in range(ROUNDS + 1):

        def land(events: Sequence[Any], name: str = f"round{number}") -> None:
            some = [by_body[b"".join(event.body)] for event in events]
            landing.land(Batch(name, "telemetry", "0", some), stores, files, NOW)

        sides = {"raw": count, "landing": land}
        order = list(sides) if number % 2 else list(reversed(sides))
        rounds.append({side: received(text, len(given), sides[side]) for side in order})
    del rounds[0]  # it warms everything up
    paths = files.files("bronze/round1")
    return {
        "events": total,
        "messages": len(given),
        "rounds": rounds,
        "median_ratio_of_time": median(one["raw"][0] / one["landing"][0] for one in rounds),
        "median_ratio_of_cpu": median(one["raw"][1] / one["landing"][1] for one in rounds),
        "cpu_us_per_event": median(one["landing"][1] / total * 1e6 for one in rounds),
        "bronze_bytes_per_event": sum(len(files.read(path)) for path in paths) / total,
    }


def _count(message: Message) -> int:
    """Unpack a message and count its events, and do nothing else."""
    body = message.body
    if message.content_encoding == "gzip":
        body = zlib.decompress(body, wbits=16 + zlib.MAX_WBITS)
    return body.count(b'"specversion":')


def day_of_a_store() -> list[Written]:
    """What its device tells of, each event once, in the order of its clock."""
    _, events = fleet(1, 1)
    return sorted((arrival.event for arrival in events if not arrival.is_again), key=lambda event: event.at)


def wire() -> dict[str, Any]:
    """What a store's day is as messages of the router, by how long an event waits for others."""
    once = day_of_a_store()
    found: dict[str, Any] = {
        "events": len(once),
        "alerts": sum(map(is_alert, once)),
        "bytes_per_event": sum(len(one.body) for one in once) / len(once),
    }
    for name, seconds in LINGER.items():
        bodies = [packet.body for packet in packets(once, seconds)]
        found[name] = {
            "seconds": seconds,
            "messages": len(bodies),
            "bytes": sum(map(len, bodies)),
            "billed_messages": sum(-(-len(body) // BILLED) for body in bodies),
        }
    return found


def is_alert(event: Written) -> bool:
    """Whether it waits for no others, by the default of a twin."""
    return json.loads(event.body)["type"] in UpstreamSink().alerts


def packets(events: Sequence[Written], seconds: float) -> Iterator[Packet]:
    """The messages of the router: alerts at once, all else with what came in the same so many seconds."""
    groups: dict[int, list[Row]] = {}
    for number, event in enumerate(events):
        row = Row(number, event_key(event.source, event.id), {}, event.body)
        if not seconds or is_alert(event):
            yield from pack([row], 1, compress=True)
        else:
            groups.setdefault(event.at // round(seconds * 1000), []).append(row)
    for rows in groups.values():
        yield from pack(rows, DEFAULT.max_events, compress=True)


def main() -> None:
    """Run, print and keep the result."""
    with tempfile.TemporaryDirectory(prefix="landing-") as folder:
        landed = land_events(Path(folder))
    for form in GROUPS:
        of_time, of_cpu = landed[form]["median_ratio_of_time"], landed[form]["median_ratio_of_cpu"]
        print(f"landing / counting, {form}: {of_time:.3f} of events a second, {of_cpu:.3f} by CPU")
    for form, one in landed.items():
        print(f"landing, {form}: {one['cpu_us_per_event']:.0f} us an event")
    facts = {
        "what": "events a second: landing in Azurite / unpacking and counting, the same messages by the same client",
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "rounds": ROUNDS,
        "landing": landed,
        "wire": wire(),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
