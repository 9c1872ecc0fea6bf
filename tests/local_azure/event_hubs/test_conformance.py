"""What holds on Microsoft's emulator and in Azure too; see the fixture `hub` for how to run there."""

import asyncio
import datetime as dt
import itertools
import time
import uuid
from typing import Any

import pytest
from azure.eventhub import EventData, EventHubProducerClient
from azure.eventhub.aio import EventHubProducerClient as AioProducerClient
from azure.eventhub.exceptions import AuthenticationError, ConnectError, ConnectionLostError, EventHubError

MOMENT = dt.timedelta(milliseconds=1)


def bodies(entries: list[tuple[str, Any, Any]]) -> list[str]:
    return [event.body_as_str() for _, event, _ in entries]


def test_an_event_hub_says_what_it_is(hub: Any) -> None:
    properties = hub.producer.get_eventhub_properties()
    assert properties["eventhub_name"] == hub.parsed.hub
    assert len(properties["partition_ids"]) >= 2
    assert properties["created_at"] < dt.datetime.now(dt.UTC)


def test_a_partition_says_how_far_it_has_come(hub: Any, events_of: Any) -> None:
    before = hub.producer.get_partition_properties("0")
    hub.producer.send_batch(events_of("one", "two"), partition_id="0")
    after = hub.producer.get_partition_properties("0")
    assert after["last_enqueued_sequence_number"] == before["last_enqueued_sequence_number"] + 2
    assert int(after["last_enqueued_offset"]) > int(before["last_enqueued_offset"])
    assert after["last_enqueued_time_utc"] >= before["last_enqueued_time_utc"]
    assert not after["is_empty"]


def test_an_event_arrives_as_it_was_sent(hub: Any) -> None:
    event = EventData('{"count": 3, "till": "Kasse 3: 10 €"}'.encode())
    event.properties = {"kind": "zone", "number": 7, "share": 0.5, "true": True, "umlaut ü": "ß"}
    event.content_type, event.message_id, event.correlation_id = "application/json", "id-1", "c-1"
    ((partition, received, _),) = hub.exchange([event], partition_id="1")
    assert partition == "1"
    assert received.body_as_str() == '{"count": 3, "till": "Kasse 3: 10 €"}'
    properties = {key: value for key, value in received.properties.items() if key != b"case"}
    assert properties == {
        b"kind": b"zone",
        b"number": 7,
        b"share": 0.5,
        b"true": True,
        "umlaut ü".encode(): "ß".encode(),
    }
    assert (received.content_type, received.message_id, received.correlation_id) == ("application/json", "id-1", "c-1")
    assert received.partition_key is None
    assert abs(dt.datetime.now(dt.UTC) - received.enqueued_time) < dt.timedelta(minutes=5)


def test_events_with_one_key_stay_together_and_in_order(hub: Any, events_of: Any) -> None:
    key = f"store-{uuid.uuid4()}"
    entries = hub.exchange(events_of(*map(str, range(30))), partition_key=key)
    entries += hub.exchange(events_of(*map(str, range(30, 40))), partition_key=key)
    assert bodies(entries) == [str(index) for index in range(40)]
    assert len({partition for partition, _, _ in entries}) == 1
    assert {event.partition_key for _, event, _ in entries} == {key.encode()}
    numbers = [event.sequence_number for _, event, _ in entries]
    assert numbers[:30] == list(range(numbers[0], numbers[0] + 30))
    offsets = [int(event.offset) for _, event, _ in entries]
    assert offsets == sorted(set(offsets))


def test_batches_without_a_key_go_to_every_partition(hub: Any, events_of: Any) -> None:
    partitions = set(hub.producer.get_partition_ids())
    seen = {hub.exchange(events_of("x"))[0][0] for _ in range(4 * len(partitions))}
    assert seen == partitions


def test_the_asynchronous_producer_sends_one_event_or_many(hub: Any) -> None:
    case = str(uuid.uuid4())

    async def send() -> None:
        async with AioProducerClient.from_connection_string(hub.connection_string) as producer:
            events = [EventData(str(index)) for index in range(501)]
            for event in events:
                event.properties = {"case": case}
            await producer.send_event(events[0], partition_key=case)
            batch = await producer.create_batch(partition_key=case)
            for event in events[1:]:
                batch.add(event)
            await producer.send_batch(batch)

    asyncio.run(send())
    assert bodies(hub.tap.of_case(case, 501, 15)) == [str(index) for index in range(501)]


def test_a_consumer_begins_where_it_wants(hub: Any, events_of: Any) -> None:
    entries = hub.exchange(events_of("a"), partition_id="0")
    time.sleep(3 * MOMENT.total_seconds())  # the second batch is later than the first
    entries += hub.exchange(events_of("b", "c", "d", "e"), partition_id="0")
    second = entries[1][1]
    wanted: dict[str, tuple[Any, bool, str]] = {
        "after a sequence number": (second.sequence_number, False, "cde"),
        "at a sequence number": (second.sequence_number, True, "bcde"),
        "after an offset": (second.offset, False, "cde"),
        "at an offset": (second.offset, True, "bcde"),
        "at a time": (second.enqueued_time, True, "bcde"),
        "after a time": (second.enqueued_time - MOMENT, False, "bcde"),
    }

    async def read() -> list[list[Any]]:
        # Half of them for each consumer group: five readers without an owner level is all that one may have.
        groups = itertools.cycle(("$Default", "landing"))
        readings = [
            asyncio.create_task(
                hub.receive(
                    len(letters),
                    group=next(groups),
                    partition_id="0",
                    starting_position=position,
                    starting_position_inclusive=inclusive,
                )
            )
            for position, inclusive, letters in wanted.values()
        ]
        # Whoever begins at the end gets the first of these that is sent once it is there.
        at_the_end = asyncio.create_task(
            hub.receive(1, group=next(groups), partition_id="0", starting_position="@latest")
        )
        while not at_the_end.done():
            await asyncio.to_thread(hub.producer.send_batch, events_of("f"), partition_id="0")
            await asyncio.sleep(0.05)
        return [await reading for reading in (*readings, at_the_end)]

    found = dict(zip((*wanted, "at the end"), asyncio.run(read()), strict=True))
    letters = {name: "".join(event.body_as_str() for event in events) for name, events in found.items()}
    expected = {name: f"{rest}f" for name, (_, _, rest) in wanted.items()} | {"at the end": "f"}
    assert {name: text.rstrip("f") + "f" for name, text in letters.items()} == expected


def test_a_consumer_learns_what_the_newest_event_is(hub: Any, events_of: Any) -> None:
    entries = hub.exchange(events_of("a", "b"), partition_id="0")
    newest = hub.producer.get_partition_properties("0")
    _, event, known = entries[-1]
    assert known["sequence_number"] == event.sequence_number == newest["last_enqueued_sequence_number"]
    assert known["offset"] == event.offset == newest["last_enqueued_offset"]
    assert known["enqueued_time"] == event.enqueued_time == newest["last_enqueued_time_utc"]


def test_a_higher_owner_level_takes_a_partition_over(hub: Any, open_reader: Any) -> None:
    lost: asyncio.Queue[Exception] = asyncio.Queue()

    async def on_batch(_: Any, events: list[Any]) -> None:
        del events

    async def on_error(_: Any, error: Exception) -> None:
        lost.put_nowait(error)

    async def run() -> Exception:
        over = asyncio.Event()

        async def read(owner_level: int) -> None:
            options = {"partition_id": "1", "starting_position": "@latest", "owner_level": owner_level}
            async with open_reader(hub.consumer("landing"), on_batch, on_error=on_error, **options):
                await over.wait()

        readers = [asyncio.create_task(read(1))]
        await asyncio.sleep(1.2)
        assert lost.empty()
        readers.append(asyncio.create_task(read(5)))
        taken = await asyncio.wait_for(lost.get(), 20)
        over.set()
        await asyncio.gather(*readers)
        return taken

    taken = asyncio.run(run())
    assert isinstance(taken, ConnectionLostError)
    assert "amqp:link:stolen" in str(taken)
    assert "New receiver 'nil' with higher epoch of '5' is created" in str(taken)


def test_an_event_of_many_frames_arrives(hub: Any) -> None:
    body = bytes(range(256)) * 3600
    ((_, event, _),) = hub.exchange([EventData(body)], partition_id="0")
    assert b"".join(event.body) == body


def test_a_batch_knows_its_limit_and_a_larger_event_is_refused(hub: Any) -> None:
    batch = hub.producer.create_batch()
    assert batch.max_size_in_bytes == 1024 * 1024
    with pytest.raises(ValueError, match="size limit"):
        batch.add(EventData(b"x" * 1024 * 1024))
    with hub.new_producer(hasty=True) as producer, pytest.raises(EventHubError, match="exceeds the limit"):
        producer.send_event(EventData(b"x" * 1100 * 1024), partition_id="0")


def test_a_wrong_key_is_refused(hub: Any) -> None:
    options = hub.with_key(hub.parsed.policy, "d3Jvbmc=")
    with EventHubProducerClient(**options) as producer, pytest.raises(AuthenticationError, match="CBS Token"):
        producer.send_event(EventData("x"), partition_id="0")


def test_an_event_hub_that_is_not_there_is_refused(hub: Any) -> None:
    with (
        hub.new_producer(hasty=True, name="nowhere") as producer,
        pytest.raises(ConnectError, match=r"404|not-found"),
    ):
        producer.get_eventhub_properties()


def test_ten_thousand_events_pass_through_in_order(hub: Any) -> None:
    case = str(uuid.uuid4())
    for first in range(0, 10_000, 500):
        batch = hub.producer.create_batch(partition_id=str(first // 500 % 2))
        for index in range(first, first + 500):
            event = EventData(str(index))
            event.properties = {"case": case}
            batch.add(event)
        hub.producer.send_batch(batch)
    entries = hub.tap.of_case(case, 10_000, 30)
    assert sorted(map(int, bodies(entries))) == list(range(10_000))
    for partition in ("0", "1"):
        mine = [int(event.body_as_str()) for at, event, _ in entries if at == partition]
        assert mine == sorted(mine)
