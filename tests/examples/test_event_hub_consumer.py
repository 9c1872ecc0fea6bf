"""The example against an event hub and a storage account, and killed with events that it has read and not struck off.

`STOREFLOW_EVENT_HUBS` and `STOREFLOW_STORAGE` name others than the stand-ins, as they do for the tests of these; the
event hub may have other events, and needs a consumer group `landing`.
"""

import asyncio
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from azure.eventhub import EventData, EventHubProducerClient
from azure.eventhub.exceptions import ConnectError

from examples.event_hub_consumer import Counts, Progress, events_in
from local_azure.event_hubs.connection_string import ConnectionString
from local_azure.event_hubs.process import EventHubsProcess
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import LineCrossed, LineUTurn, PersonRecognised
from storeflow.contract.geometry import Point

NOW = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
BERLIN = {"s": ZoneInfo("Europe/Berlin")}
GROUP = "landing"


def wrapped(data: Any, number: int = 0) -> dict[str, Any]:
    event = CloudEvent.of(data, source=f"//hub/{data.store_id}/door", id=f"{number:032x}", subject="door")
    found: dict[str, Any] = json.loads(event.to_json())
    return found


def said(at: datetime) -> dict[str, Any]:
    return {
        "store_id": "s",
        "camera_id": "door",
        "captured_at": at,
        "config_version": 1,
        "model_version": "m",
        "track_id": "t",
    }


def crossed(number: int, direction: str = "in", at: datetime = NOW, **more: Any) -> dict[str, Any]:
    what = {"line_id": "door", "object_class": "person", "reason": "settled", "position": Point(0.5, 0.5)}
    return wrapped(LineCrossed.model_validate(said(at) | what | {"direction": direction} | more), number)


def turned(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    names = {"first_crossing_id": first["id"], "second_crossing_id": second["id"]}
    return wrapped(LineUTurn(**said(NOW), line_id="door", direction="in", seconds_between=1, **names), 900)


def recognised(*crossings: dict[str, Any]) -> dict[str, Any]:
    ids = tuple(crossing["id"] for crossing in crossings)
    return wrapped(PersonRecognised(**said(NOW), qualifier="staff", reason="staff_zone", crossing_ids=ids), 901)


@pytest.fixture
def counts(tmp_path: Path) -> Counts:
    return Counts(tmp_path / "counts.db", BERLIN)


def test_shoppers_are_those_who_neither_turned_round_nor_work_here(counts: Counts) -> None:
    """In whatever order it is heard of."""
    turner, back, staff, known = crossed(1), crossed(2, "out"), crossed(3), crossed(4, staff=True)
    counts.add([turned(turner, back), staff, known, recognised(staff), turner, back, crossed(5), crossed(6, "out")])
    assert counts.today(NOW) == [("s", "door", 1, 1)]


def test_what_came_before_is_noted_once_by_source_and_id(counts: Counts, tmp_path: Path) -> None:
    other = crossed(1) | {"source": "//hub/s/yard"}
    counts.add([crossed(1), crossed(1), other])
    again = Counts(tmp_path / "counts.db", BERLIN)
    again.add([crossed(1)])
    assert (counts.repeated, again.repeated) == (1, 1)
    assert again.today(NOW) == [("s", "door", 2, 0)]


def test_today_is_the_day_of_the_store(counts: Counts) -> None:
    """Half past midnight in Berlin: who came an hour ago came yesterday."""
    counts.add([crossed(1, at=NOW.replace(hour=22)), crossed(2, at=NOW.replace(hour=23, minute=1))])
    assert counts.today(NOW) == [("s", "door", 1, 0)]
    assert counts.today(NOW.replace(hour=22)) == [("s", "door", 1, 0)]
    assert counts.today(NOW, date(2026, 11, 20)) == [("s", "door", 1, 0)]
    assert counts.today(NOW, date(2026, 11, 22)) == []


def test_what_is_older_than_a_week_is_let_go_of(counts: Counts) -> None:
    old = crossed(1, at=NOW.replace(day=2), staff=True)
    counts.add([old, crossed(2)])
    counts.today(NOW)
    counts.add([old])
    assert counts.repeated == 0


def test_a_message_is_read_in_every_form_and_one_that_cannot_be_is_passed_over() -> None:
    one, many = json.dumps(crossed(1)).encode(), json.dumps([crossed(1), crossed(2)]).encode()
    batch = b"application/cloudevents-batch+json"

    def read(body: bytes, kind: bytes = b"application/json", encoding: bytes = b"utf-8") -> int:
        system = {b"content-type": kind, b"content-encoding": encoding}
        return len(events_in(SimpleNamespace(body=[body], system_properties=system)))

    assert read(one) == 1
    assert read(many, batch) == 2
    assert read(gzip.compress(many), batch, b"gzip") == 2
    assert [read(b"{"), read(b"7"), read(b"\xff"), read(one, encoding=b"gzip"), read(b'{"events": []}')] == [0] * 5
    packed = gzip.compress(many)
    cut_off, broken = packed[:-9], packed[:10] + b"\xff" * 20
    assert [read(cut_off, batch, b"gzip"), read(broken, batch, b"gzip"), read(b"[" * 100_000)] == [0] * 3


def test_an_event_that_is_not_what_its_type_says_is_passed_over(counts: Counts) -> None:
    broken = crossed(1)
    del broken["data"]["line_id"]
    odd = crossed(3)
    odd["data"]["line_id"] = {}
    counts.add([broken, odd, {"specversion": "1.0"}, crossed(2)])
    assert counts.today(NOW) == [("s", "door", 1, 0)]


class Namespace:
    """Checkpoints and an event hub of one partition, as the reader asks for them."""

    def __init__(self, checkpoint: int) -> None:
        self.last, self._checkpoint, self.fault = -1, checkpoint, ""

    async def list_checkpoints(self, *_: str) -> list[dict[str, Any]]:
        """All that are kept."""
        return [{"partition_id": "0", "sequence_number": self._checkpoint}]

    async def get_partition_properties(self, _: str) -> dict[str, Any]:
        """How far it goes."""
        if self.fault:
            raise ConnectError(self.fault)
        return {"is_empty": self.last < 0, "last_enqueued_sequence_number": self.last}


def test_a_partition_whose_messages_do_not_come_is_noticed_and_one_without_new_messages_is_not() -> None:
    at_once = -1.0
    there: Any = Namespace(checkpoint=4)
    progress = Progress(there)
    partition = SimpleNamespace(
        partition_id="0", fully_qualified_namespace="n", eventhub_name="telemetry", consumer_group="bi"
    )

    def looked(last: int) -> list[str]:
        there.last = last
        asyncio.run(progress.look(there, 5))
        return progress.stuck(at_once)

    asyncio.run(progress.claimed(partition))
    assert looked(-1) == []
    assert looked(4) == []
    assert progress.trouble(at_once) == ""
    assert looked(5) == ["0"]
    assert progress.stuck(60) == []
    assert progress.trouble(at_once) == "partition 0: there are messages, and none comes"
    progress.took(partition, SimpleNamespace(sequence_number=5))
    assert looked(5) == []
    assert looked(6) == ["0"]
    asyncio.run(progress.claimed(partition))
    assert looked(6) == ["0"], "it is claimed anew whenever reading fails"
    asyncio.run(progress.lost(partition, None))
    assert looked(6) == []


def test_a_service_that_does_not_answer_is_not_waited_for() -> None:
    class Silent(Namespace):
        async def get_partition_properties(self, _: str) -> dict[str, Any]:
            """Wait for ever."""
            await asyncio.Event().wait()
            raise AssertionError

    there: Any = Silent(checkpoint=4)
    progress = Progress(there)
    names = {"fully_qualified_namespace": "n", "eventhub_name": "t", "consumer_group": "g"}
    asyncio.run(progress.claimed(SimpleNamespace(partition_id="0", **names)))
    asyncio.run(progress.look(there, 0.01))
    assert progress.trouble(60).endswith("UTC: TimeoutError")


def test_what_the_service_says_while_it_reads_is_shown_with_its_time() -> None:
    there: Any = Namespace(checkpoint=4)
    there.fault = "the network is gone\nError condition: …"
    progress = Progress(there)
    asyncio.run(
        progress.claimed(
            SimpleNamespace(partition_id="0", fully_qualified_namespace="n", eventhub_name="t", consumer_group="g")
        )
    )
    asyncio.run(progress.look(there, 5))
    assert re.fullmatch(r"\d\d:\d\d:\d\d UTC: the network is gone", progress.trouble(60))


class Consumer:
    """The program in a process of its own."""

    def __init__(self, folder: Path, event_hub: str, container: Any) -> None:
        self.file, self._output = folder / "counts.db", folder / "output"
        self._environment = {**os.environ, "EVENT_HUB": event_hub, "CHECKPOINTS": container.connection_string}
        self._container = container
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str, container: str = "", group: str = GROUP) -> None:
        """Run it."""
        chosen = ["--state", str(self.file), "--container", container or self._container.name, "--group", group]
        command = [sys.executable, "-m", "examples.event_hub_consumer", *chosen, "--balance-seconds", "0.5", *options]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(command, env=self._environment, stdout=output, stderr=output)  # noqa: S603 - our own program

    def wait_for(self, shoppers: int, of: str) -> None:
        """Wait until it has noted so many of a store."""
        give_up = time.monotonic() + 20
        while (found := self.shoppers(of)) != shoppers:
            assert self.is_running(), self.output()
            assert time.monotonic() < give_up, f"{found} shoppers, not {shoppers}"
            time.sleep(0.05)

    def shoppers(self, of: str) -> int:
        """How many of a store it has noted; what else the event hub has is no concern of a test's."""
        return sum(came for store, _, came, _ in Counts(self.file, {}).today(datetime.now(UTC)) if store == of)

    def wait_for_checkpoint(self) -> None:
        """Wait until it has struck something off."""
        give_up = time.monotonic() + 20
        while not any("/checkpoint/" in name for name in self._container.client.list_blob_names()):
            assert time.monotonic() < give_up, "no checkpoint"
            time.sleep(0.05)

    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> str:
        """End it as Ctrl-C does; what it showed last."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        assert self.ended() == 0, self.output()
        return self.output()

    def ended(self) -> int:
        """Wait for its end; its exit code."""
        assert self._process is not None
        return self._process.wait(timeout=30)

    def output(self) -> str:
        """All that it wrote."""
        return self._output.read_text()


@pytest.fixture
def event_hub(tmp_path: Path) -> Iterator[str]:
    """The connection string of an event hub, ours with one partition or the one that is named."""
    if text := os.environ.get("STOREFLOW_EVENT_HUBS"):
        yield text
        return
    with EventHubsProcess(tmp_path / "namespace", "--hub", f"telemetry:1:{GROUP}") as process:
        yield process.connection_string("telemetry")


@pytest.fixture
def new_consumer(tmp_path: Path, container: Any) -> Iterator[Callable[[str], Consumer]]:
    """Make a consumer of an event hub; whatever becomes of the test, it is ended: it would hold its partitions."""
    made: list[Consumer] = []

    def make(event_hub: str) -> Consumer:
        folder = tmp_path / f"consumer-{len(made)}"
        folder.mkdir()
        made.append(Consumer(folder, event_hub, container))
        return made[-1]

    yield make
    for consumer in made:
        consumer.kill()


@pytest.fixture
def store_id() -> str:
    """A store that no other test, and no other run of this one, has."""
    return f"s-{uuid.uuid4().hex[:12]}"


def send(event_hub: str, store_id: str, numbers: range, *, packed: bool = False) -> None:
    """Send people who come into a store now: a message each, or all in one; to one partition, so in order."""
    now = datetime.now(UTC).replace(microsecond=0)
    people = [crossed(number, at=now, store_id=store_id) for number in numbers]
    bodies = [gzip.compress(json.dumps(people).encode())] if packed else [json.dumps(one) for one in people]
    with EventHubProducerClient.from_connection_string(event_hub) as producer:
        for body in bodies:
            message = EventData(body)
            message.content_type = "application/cloudevents-batch+json" if packed else "application/json"
            properties: Any = message.raw_amqp_message.properties
            properties.content_encoding = "gzip" if packed else "utf-8"
            producer.send_batch([message], partition_key=store_id)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # the SDK leaves sockets to the garbage collector
def test_killed_with_work_in_flight_it_counts_nobody_twice_and_nobody_less(
    event_hub: str, store_id: str, new_consumer: Callable[[str], Consumer]
) -> None:
    """Killed when it has noted what no checkpoint has: that comes again, and the table says so."""
    consumer = new_consumer(event_hub)
    consumer.start("--checkpoint-seconds=0")
    send(event_hub, store_id, range(10))
    consumer.wait_for(10, store_id)
    consumer.wait_for_checkpoint()
    consumer.kill()
    consumer.start("--checkpoint-seconds=60")
    send(event_hub, store_id, range(10, 30), packed=True)
    send(event_hub, store_id, range(30, 33))
    consumer.wait_for(33, store_id)
    consumer.kill()
    consumer.start("--checkpoint-seconds=0")
    send(event_hub, store_id, range(33, 34))
    consumer.wait_for(34, store_id)
    shown = consumer.stop()
    assert re.search(rf"{store_id}\W+door\W+34\W+0\b", shown), shown
    (again,) = re.findall(r"(\d+) crossings came again", shown)
    assert int(again) >= 23
    assert "Unclosed" not in shown


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_what_keeps_it_from_reading_is_said_in_one_line_and_ends_it(
    event_hub: str, store_id: str, new_consumer: Callable[[str], Consumer]
) -> None:
    send(event_hub, store_id, range(1))
    address = ConnectionString.parse(event_hub)
    no_hub, no_policy, no_group, no_container = (
        new_consumer(str(replace(address, hub="nobody-made-this"))),
        new_consumer(str(replace(address, policy="nobody"))),
        new_consumer(event_hub),
        new_consumer(event_hub),
    )
    no_hub.start()
    no_policy.start()
    no_group.start("--patience-seconds=2", group="nobody-made-this")
    no_container.start(container="no_name_for_one")
    assert [each.ended() for each in (no_hub, no_policy, no_group, no_container)] == [1, 1, 1, 1]
    assert re.fullmatch(r"EVENT_HUB, nobody-made-this: .*\b404\b.*\n", no_hub.output())
    assert re.fullmatch(rf"EVENT_HUB, {address.hub}: .*authentication failed.*\n", no_policy.output())
    assert re.fullmatch(r"CHECKPOINTS, container no_name_for_one: .*\n", no_container.output())
    *_, said = no_group.output().splitlines()
    assert re.search(r"none comes for 2 s: is there a consumer group 'nobody-made-this'", said), no_group.output()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_container_that_is_not_there_is_made(
    event_hub: str, store_id: str, new_consumer: Callable[[str], Consumer], azurite: Any
) -> None:
    from azure.storage.blob import ContainerClient  # noqa: PLC0415 - takes a quarter of a second to load

    with ContainerClient.from_connection_string(azurite.connection_string, f"test-{uuid.uuid4()}") as missing:
        consumer = new_consumer(event_hub)
        consumer.start("--checkpoint-seconds=0", container=missing.container_name)
        send(event_hub, store_id, range(2))
        consumer.wait_for(2, store_id)
        consumer.stop()
        assert missing.exists()
        missing.delete_container()


def test_what_it_needs_and_was_not_told_is_asked_for(new_consumer: Callable[[str], Consumer]) -> None:
    consumer = new_consumer("")
    consumer.start()
    assert consumer.ended() == 2
    assert "set EVENT_HUB; the first lines of event_hub_consumer.py say how" in consumer.output()
