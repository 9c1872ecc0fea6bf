"""The sink that sends straight to an event hub, on the real SDK."""

import asyncio
import gzip
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modules.upstream_router.cloud_courier import CloudCourier, Handed, Rules
from modules.upstream_router.packing import pack
from modules.upstream_router.secret import secret
from modules.upstream_router.sinks.event_hub import EventHub
from modules.upstream_router.token_bucket import TokenBucket
from storeflow.cli.asyncapi import BATCH, STRUCTURED
from storeflow.contract.telemetry import EventHubSink
from storeflow.errors import TransportError
from storeflow.host.courier import Queue
from storeflow.host.module import Output, RawEvent
from storeflow.host.outbox import Outbox, Row
from storeflow.host.packet import Packet

HERE = "cloud:hub"


def row(number: int, body: bytes = b"") -> Row:
    properties = {"eventType": "storeflow.line.crossed", "schemaVersion": "1.0", "storeId": "store-1"}
    return Row(number, number.to_bytes(16, "big"), properties, body or b'{"n":%d}' % number)


async def nowhere(*_: Any, **__: Any) -> None:
    raise AssertionError("an event hub needs no edgeHub")


class Sender:
    """The carrier, with a secret that can be replaced."""

    def __init__(self, event_hub: Any) -> None:
        self.secret = event_hub.token()
        sink = EventHubSink(**event_hub.sink())
        self.carrier = EventHub(sink, event_hub.device_id, lambda: self.secret)

    def send(self, packets: list[Packet]) -> Handed:
        """Hand packets over."""
        return asyncio.run(self.carrier.carry(packets, nowhere))


@pytest.fixture
def sender(event_hub: Any) -> Iterator[Sender]:
    sender = Sender(event_hub)
    yield sender
    sender.carrier.close()


def test_events_arrive_under_their_device_with_their_properties_in_the_published_form(
    event_hub: Any, sender: Sender
) -> None:
    single = pack([row(1)], 1, compress=False)
    several = pack([row(2), row(3)], 5, compress=True)

    handed = sender.send([*single, *several])

    assert handed == Handed([*single, *several], [])
    first, second = event_hub.events(2)
    assert b"".join(first.body) == b'{"n":1}'
    assert (first.content_type, first.message_id) == (STRUCTURED, single[0].message_id)
    assert first.properties == {
        b"eventType": b"storeflow.line.crossed",
        b"schemaVersion": b"1.0",
        b"storeId": b"store-1",
    }
    assert json.loads(gzip.decompress(b"".join(second.body))) == [{"n": 2}, {"n": 3}]
    assert second.content_type == BATCH
    assert second.raw_amqp_message.properties.content_encoding == b"gzip"
    assert first.partition_key == second.partition_key == event_hub.device_id.encode()


def test_more_than_fits_into_one_publication_goes_in_several(event_hub: Any, sender: Sender) -> None:
    packets = pack([row(number, b'"%s"' % (b"x" * 180_000)) for number in range(12)], 1, compress=False)

    assert sender.send(packets).arrived == packets

    assert len(event_hub.events(12)) == 12


def test_what_no_publication_can_hold_is_said_to_be_impossible_and_holds_up_nothing(
    event_hub: Any, sender: Sender
) -> None:
    large = Packet((row(2),), b"x" * 2_000_000, pack([row(2)], 1, compress=False)[0].form, {}, "large")
    fine = pack([row(1), row(3)], 1, compress=False)

    handed = sender.send([fine[0], large, fine[1]])

    assert (handed.arrived, handed.error) == (fine, None)
    ((packet, reason),) = handed.impossible
    assert packet is large
    assert "2000000 bytes, and" in reason
    assert len(event_hub.events(2)) == 2


def test_a_token_that_ended_is_named_and_a_new_one_is_taken_up_without_a_restart(
    event_hub: Any, sender: Sender
) -> None:
    packets = pack([row(1)], 1, compress=False)
    sender.secret = event_hub.token(seconds=-5)
    assert re.search(r"ended \d+ s ago: replace the secret", str(sender.send(packets).error))

    sender.secret = event_hub.token()
    assert sender.send(packets).arrived == packets
    sender.secret = event_hub.token(seconds=900)
    assert sender.send(packets).arrived == packets
    assert len(event_hub.events(2)) == 2


def test_a_token_of_another_device_opens_nothing(event_hub: Any, sender: Sender) -> None:
    sender.secret = event_hub.token("store-9")

    handed = sender.send(pack([row(1)], 1, compress=False))

    assert handed.arrived == []
    assert isinstance(handed.error, TransportError)
    assert "SharedAccessSignature" not in str(handed.error)


@pytest.mark.parametrize(
    "text", ["", "Endpoint=sb://elsewhere.servicebus.windows.net;SharedAccessSignature=s", "user:password"]
)
def test_a_secret_of_another_namespace_is_refused_and_not_repeated(sender: Sender, text: str) -> None:
    sender.secret = text
    error = str(sender.send(pack([row(1)], 1, compress=False)).error)
    assert "is no connection string of" in error
    assert "password" not in error


def test_the_secret_is_a_file_or_a_variable(tmp_path: Path) -> None:
    folder = {"STOREFLOW_SECRETS": str(tmp_path)}
    with pytest.raises(TransportError, match="secret hub is missing: put a connection string into"):
        secret("hub", folder)
    assert secret("hub", folder | {"STOREFLOW_SECRET_hub": "of a variable"}) == "of a variable"
    (tmp_path / "hub").write_text("of a file\n")
    assert secret("hub", folder | {"STOREFLOW_SECRET_hub": "of a variable"}) == "of a file"
    (tmp_path / "hub").write_bytes(b"\xff")
    with pytest.raises(TransportError, match="it is no text"):
        secret("hub", folder)


FAULTS: tuple[dict[str, Any], ...] = ({"throttle": 3}, {"ack_lost": 1}, {"read_only": True}, {"refuse": True})


def test_through_throttling_lost_acknowledgements_and_cut_connections_nothing_is_lost(
    event_hub: Any, sender: Sender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if event_hub.process is None:
        pytest.skip("needs the stand-in's switches")
    monkeypatch.setattr("modules.upstream_router.sinks.event_hub._SEND_SECONDS", 3.0)
    switches = event_hub.process.client
    sender.carrier.longest_pause = 0.0
    outbox, counts = Outbox(tmp_path / "outbox.db"), Counter[str]()
    courier = CloudCourier(sender.carrier, Rules(10, 0.0, compress=True), TokenBucket(0), event_hub.device_id, counts)
    queue = Queue(outbox, HERE)
    failed: list[dict[str, Any]] = []

    async def drain() -> None:
        for number, fault in enumerate(FAULTS):
            events = [
                RawEvent("s", f"{number}-{place}", "storeflow.till.opened", None, None, b"[%d,%d]" % (number, place))
                for place in range(50)
            ]
            outbox.commit([Output(HERE, event) for event in events], None, time.time())
            switches.faults(**fault)
            switches.drop()
            while outbox.waiting(HERE, 1):
                try:
                    await courier.step(queue, nowhere)
                except TransportError:
                    failed.append(fault)
                    assert outbox.waiting(HERE, 1), "struck off before it arrived"
                    switches.heal()

    asyncio.run(drain())
    outbox.close()

    assert {str(fault) for fault in failed} == {str(fault) for fault in FAULTS}
    found = Counter(
        tuple(event)
        for message in event_hub.events(20)
        for event in json.loads(gzip.decompress(b"".join(message.body)))
    )
    assert set(found) == {(number, place) for number in range(len(FAULTS)) for place in range(50)}


HOURS = 20
KEPT = 5000
"""Rows that the outbox holds at most, in this test."""
BOUGHT = 0.25
"""Throughput units: 256 KB a second."""


class _Absence:
    """A store that was without a line for twenty hours and comes back to a namespace with little throughput."""

    def __init__(self, event_hub: Any, sender: Sender, folder: Path, budget: int) -> None:
        self.outbox = Outbox(folder / "outbox.db", max_rows=KEPT)
        rules = Rules(250, 0.0, compress=False)
        bucket = TokenBucket(budget)
        self._courier = CloudCourier(sender.carrier, rules, bucket, event_hub.device_id, Counter())
        self._queue = Queue(self.outbox, HERE)
        self._sender, self.switches = sender, event_hub.process.client
        sender.carrier.longest_pause = 0.0
        for hour in range(HOURS):
            self.keep([f"{hour}-{number}" for number in range(350)], time.time() - (HOURS - hour) * 3600)

    def keep(self, names: list[str], now: float) -> None:
        """Have events waiting."""
        outputs = [
            Output(HERE, RawEvent("s", name, "storeflow.till.opened", None, None, json.dumps(name.ljust(150)).encode()))
            for name in names
        ]
        self.outbox.commit(outputs, None, now)

    async def catch_up(self) -> int:
        """Send everything, with a new event before each publication; how many of the new ones did not go with it."""
        late = number = 0
        while self.outbox.holds(HERE, 2):
            self.keep([f"live-{number}"], time.time())
            number += 1
            try:
                pause = await self._courier.step(self._queue, nowhere)
            except TransportError:
                pause = 0.5
            else:
                newest = self.outbox.newest(HERE, 1)
                late += bool(not pause and newest and b"live" in newest[0].body)
            await asyncio.sleep(pause)
        return late


@pytest.mark.parametrize(("budget", "is_throttled"), [(150_000, False), (0, True)])
def test_after_twenty_hours_without_a_line_a_budget_catches_up_without_being_throttled(
    event_hub: Any, sender: Sender, tmp_path: Path, budget: int, is_throttled: bool
) -> None:
    if event_hub.process is None:
        pytest.skip("needs the stand-in's switches")
    before = event_hub.process.client.stats()["counts"]["throttled"]
    absence = _Absence(event_hub, sender, tmp_path, budget)
    assert absence.outbox.rows_waiting <= KEPT
    assert absence.outbox.counts["dropped"] >= HOURS * 350 - KEPT
    absence.switches.throughput(BOUGHT)

    late = asyncio.run(absence.catch_up())

    throttled = event_hub.process.client.stats()["counts"]["throttled"] - before
    assert (throttled > 0) is is_throttled
    if not is_throttled:
        assert late == 0
    absence.outbox.close()
