"""The example against an event hub and a storage account, and killed with events that it has read and not struck off.

`STOREFLOW_EVENT_HUBS` and `STOREFLOW_STORAGE` name others than the stand-ins, as they do for the tests of these.
"""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from azure.eventhub import EventData, EventHubProducerClient

from examples.event_hub_consumer import Counts, events_in
from local_azure.event_hubs.process import EventHubsProcess
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import LineCrossed, LineUTurn, PersonRecognised
from storeflow.contract.geometry import Point

NOW = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
BERLIN = {"s": ZoneInfo("Europe/Berlin")}
SOURCE = "//hub/s/door"


def wrapped(data: Any, number: int = 0) -> dict[str, Any]:
    event = CloudEvent.of(data, source=SOURCE, id=f"{number:032x}", subject="door")
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


def test_an_event_that_is_not_what_its_type_says_is_passed_over(counts: Counts) -> None:
    broken = crossed(1)
    del broken["data"]["line_id"]
    counts.add([broken, {"specversion": "1.0"}, crossed(2)])
    assert counts.today(NOW) == [("s", "door", 1, 0)]


class Consumer:
    """The program in a process of its own."""

    def __init__(self, folder: Path, event_hub: str, container: Any) -> None:
        self.file, self._folder = folder / "counts.db", folder
        self._environment = {**os.environ, "EVENT_HUB": event_hub, "CHECKPOINTS": container.connection_string}
        self._container = container

    def start(self, checkpoint_seconds: float) -> None:
        """Run it."""
        options = ["--state", str(self.file), "--container", self._container.name, "--balance-seconds", "0.5"]
        options += ["--checkpoint-seconds", str(checkpoint_seconds)]
        command = [sys.executable, "-m", "examples.event_hub_consumer", *options]
        self.process = subprocess.Popen(command, env=self._environment, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own program

    def wait_for(self, shoppers: int) -> None:
        """Wait until it has noted so many."""
        give_up = time.monotonic() + 20
        while (found := self.shoppers()) != shoppers:
            assert self.process.poll() is None
            assert time.monotonic() < give_up, f"{found} shoppers, not {shoppers}"
            time.sleep(0.05)

    def shoppers(self) -> int:
        """How many it has noted."""
        return sum(came for _, _, came, _ in Counts(self.file, {}).today(datetime.now(UTC)))

    def wait_for_checkpoint(self) -> None:
        """Wait until it has struck something off."""
        give_up = time.monotonic() + 20
        while not any("/checkpoint/" in name for name in self._container.client.list_blob_names()):
            assert time.monotonic() < give_up, "no checkpoint"
            time.sleep(0.05)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.communicate()

    def stop(self) -> str:
        """End it as Ctrl-C does; what it showed last."""
        self.process.send_signal(signal.SIGINT)
        shown, _ = self.process.communicate(timeout=20)
        assert self.process.returncode == 0
        return shown


@pytest.fixture
def event_hub(tmp_path: Path) -> Iterator[str]:
    """The connection string of an event hub with one partition, ours or the one that is named."""
    if text := os.environ.get("STOREFLOW_EVENT_HUBS"):
        yield text
        return
    with EventHubsProcess(tmp_path / "namespace", "--hub", "telemetry:1") as process:
        yield process.connection_string("telemetry")


def send(event_hub: str, numbers: range, *, packed: bool = False) -> None:
    """Send people who come in now: a message each, or all in one."""
    people = [crossed(number, at=datetime.now(UTC).replace(microsecond=0)) for number in numbers]
    bodies = [gzip.compress(json.dumps(people).encode())] if packed else [json.dumps(one) for one in people]
    with EventHubProducerClient.from_connection_string(event_hub) as producer:
        for body in bodies:
            message = EventData(body)
            message.content_type = "application/cloudevents-batch+json" if packed else "application/json"
            properties: Any = message.raw_amqp_message.properties
            properties.content_encoding = "gzip" if packed else "utf-8"
            producer.send_batch([message])


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # the SDK leaves sockets to the garbage collector
def test_killed_with_work_in_flight_it_counts_nobody_twice_and_nobody_less(
    tmp_path: Path, event_hub: str, container: Any
) -> None:
    """Killed when it has noted what no checkpoint has: that comes again, and the table says so."""
    consumer = Consumer(tmp_path, event_hub, container)
    consumer.start(checkpoint_seconds=0)
    send(event_hub, range(10))
    consumer.wait_for(10)
    consumer.wait_for_checkpoint()
    consumer.kill()
    consumer.start(checkpoint_seconds=60)
    send(event_hub, range(10, 30), packed=True)
    send(event_hub, range(30, 33))
    consumer.wait_for(33)
    consumer.kill()
    consumer.start(checkpoint_seconds=0)
    send(event_hub, range(33, 34))
    consumer.wait_for(34)
    shown = consumer.stop()
    assert re.search(r"s\W+door\W+34\W+0\b", shown), shown
    (again,) = re.findall(r"(\d+) crossings came again", shown)
    assert int(again) >= 23
