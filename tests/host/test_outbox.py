import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storeflow.contract.cloudevents import CloudEvent, traceparent
from storeflow.contract.events import SCHEMA_VERSION, CameraState, StoreEvent, ZoneOccupancy, instant
from storeflow.errors import StorageError
from storeflow.host.module import Output, RawEvent
from storeflow.host.outbox import MAX_QUARANTINED, SEEN_SECONDS, Outbox, event_key
from storeflow.transport.port import MAX_BODY_BYTES

NOW = 1_780_000_000.0
EVENTS = "events"


def event(number: int, source: str = "//hub/device/door", *, detail: str = "", occupancy: bool = False) -> CloudEvent:
    facts = {"store_id": "store-1", "camera_id": "door", "captured_at": instant(NOW + number)}
    data: StoreEvent
    if occupancy:
        data = ZoneOccupancy(**facts, config_version=1, model_version="m@1", zone_id="queue", occupancy=number)
    else:
        data = CameraState(**facts, state="streaming", detail=detail)
    return CloudEvent.of(data, source=source, id=f"{number:032d}", subject="door")


def outputs(*numbers: int, source: str = "//hub/device/door", destination: str = EVENTS) -> list[Output]:
    return [Output(destination, event(number, source)) for number in numbers]


def sequences(box: Outbox, destination: str = EVENTS) -> list[str | None]:
    return [CloudEvent.from_json(row.body).sequence for row in box.waiting(destination, 10_000)]


def rows(box: Outbox) -> int:
    return sum(len(box.waiting(destination, 10_000)) for destination in box.destinations())


def execute(box: Outbox, statement: str) -> list[Any]:
    with box._database.reading() as connection:
        return connection.execute(statement).fetchall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "outbox.db"


@pytest.fixture
def box(path: Path) -> Iterator[Outbox]:
    box = Outbox(path)
    yield box
    box.close()


def test_events_wait_in_order_with_a_number_of_their_source(box: Outbox) -> None:
    box.commit(outputs(1, 2) + outputs(3, source="//hub/device/aisle") + outputs(4), None, NOW)

    waiting = box.waiting(EVENTS, 10)

    assert [CloudEvent.from_json(row.body).id[-1] for row in waiting] == ["1", "2", "3", "4"]
    assert sequences(box) == ["000000000001", "000000000002", "000000000001", "000000000003"]
    assert waiting[0].properties == {
        "eventType": "storeflow.camera.state",
        "schemaVersion": SCHEMA_VERSION,
        "storeId": "store-1",
        "traceparent": traceparent(event(1).source, event(1).id),
    }
    assert waiting[0].key == event_key("//hub/device/door", f"{1:032d}")


def test_an_event_has_the_same_key_in_every_version() -> None:
    """A host that was updated knows by it what it kept before."""
    assert event_key("s", "1").hex() == "d8a39dd71c22ac623a28deb7d3aa4dee"


def test_an_event_that_was_numbered_before_keeps_its_number(box: Outbox) -> None:
    numbered = event(1).model_copy(update={"sequence": "000000000777"})

    box.commit([Output(EVENTS, numbered), Output(EVENTS, event(2))], None, NOW)

    assert sequences(box) == ["000000000777", "000000000001"]


def test_a_raw_event_is_carried_on_byte_for_byte_and_takes_no_number(box: Outbox) -> None:
    body = b'{ "id": "1",  "news": [1.0, 2] }'
    known = RawEvent("//hub/device/door", "1", "storeflow.queue.left", "1.7", "store-1", body)
    bare = RawEvent("//hub/device/door", "2", "storeflow.queue.left", None, None, b"{}")

    box.commit([Output(EVENTS, known), Output(EVENTS, bare), Output(EVENTS, known)], None, NOW)
    box.commit([*outputs(3), Output(EVENTS, known)], None, NOW)

    first, second, numbered = box.waiting(EVENTS, 10)
    assert (first.body, second.body) == (body, b"{}")
    assert first.properties == {"eventType": "storeflow.queue.left", "schemaVersion": "1.7", "storeId": "store-1"}
    assert second.properties == {"eventType": "storeflow.queue.left"}
    assert first.key == event_key("//hub/device/door", "1")
    assert CloudEvent.from_json(numbered.body).sequence == "000000000001"
    assert box.counts["repeated"] == 1


def test_what_is_set_aside_is_kept_with_its_reason_and_bounded(box: Outbox, path: Path) -> None:
    for number in range(MAX_QUARANTINED + 5):
        box.quarantine(event_key("s", str(number)), b"body %d" % number, "KeyError: 'x'", NOW)
    box.quarantine(event_key("s", "104"), b"again", "KeyError: 'y'", NOW + 1)
    box.close()

    again = Outbox(path)
    found = execute(again, "SELECT body, reason, set_aside_at FROM quarantine ORDER BY n")
    again.close()

    assert len(found) == MAX_QUARANTINED
    assert found[0] == (b"body 5", "KeyError: 'x'", NOW)
    assert found[-1] == (b"again", "KeyError: 'y'", NOW + 1)


def test_how_many_rows_wait_is_known_after_commits_deletions_and_a_restart(box: Outbox, path: Path) -> None:
    box.commit(outputs(1, 2, 3), None, NOW)
    assert box.rows_waiting == 3
    box.delete([box.waiting(EVENTS, 1)[0].id, 999])
    assert box.rows_waiting == 2
    box.delete([], ("sink:a", b""))
    assert box.rows_waiting == 2
    box.close()

    again = Outbox(path)
    assert again.rows_waiting == 2
    again.close()


def test_an_event_kept_before_is_ignored_and_takes_no_number_even_after_it_left(box: Outbox, path: Path) -> None:
    box.commit(outputs(1, 2), None, NOW)
    box.delete([row.id for row in box.waiting(EVENTS, 10)])
    box.close()
    again = Outbox(path)

    kept = again.commit(outputs(1, 2, 3), None, NOW + 1)

    assert kept == 1
    assert sequences(again) == ["000000000003"]
    assert again.counts["repeated"] == 2
    again.close()


def test_one_event_for_two_destinations_is_one_event_with_one_number(box: Outbox) -> None:
    box.commit([Output("sink:a", event(1)), Output("upstream", event(1)), Output("sink:a", event(1))], None, NOW)

    assert sequences(box, "sink:a") == sequences(box, "upstream") == ["000000000001"]
    assert box.destinations() == {"sink:a", "upstream"}
    assert rows(box) == 2


def test_a_commit_that_fails_keeps_neither_events_nor_numbers_nor_checkpoint(box: Outbox) -> None:
    box.commit(outputs(1), b"before", NOW)
    execute(box, "CREATE TRIGGER refuse BEFORE INSERT ON state BEGIN SELECT RAISE(ABORT, 'no'); END")

    with pytest.raises(StorageError):
        box.commit(outputs(2, 3), b"after", NOW)
    execute(box, "DROP TRIGGER refuse")

    assert box.checkpoint() == b"before"
    assert sequences(box) == ["000000000001"]
    assert box.counts["kept"] == 1
    assert box.commit(outputs(2, 3), b"after", NOW) == 2
    assert sequences(box)[-1] == "000000000003"


def test_checkpoint_sections_and_sink_states_survive_a_restart(box: Outbox, path: Path) -> None:
    box.commit(outputs(1, destination="sink:file"), b"tracks", NOW)
    box.save_section("layout", {"zones": {}}, 7)
    box.delete([row.id for row in box.waiting("sink:file", 1)], ("sink:file", b"offset"))
    box.close()
    again = Outbox(path)

    assert again.checkpoint() == b"tracks"
    assert again.section("layout") == ({"zones": {}}, 7)
    assert again.section("cameras") is None
    assert again.sink_state("sink:file") == b"offset"
    assert again.waiting("sink:file", 1) == []
    again.close()


def test_an_event_that_no_hub_takes_is_refused_and_leaves_no_hole(
    box: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    large = Output(EVENTS, event(2, detail="x" * MAX_BODY_BYTES))

    box.commit([*outputs(1), large, *outputs(3)], None, NOW)

    assert sequences(box) == ["000000000001", "000000000002"]
    assert box.counts["oversized"] == 1
    assert "is refused" in caplog.text


def test_a_full_outbox_drops_the_oldest_of_the_least_important_and_says_so(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    box = Outbox(path, max_rows=10)
    counts = [Output(EVENTS, event(number, occupancy=True)) for number in range(4)]
    box.commit([*outputs(100), *counts, *outputs(*range(101, 106))], None, NOW)

    box.commit(outputs(106, 107), None, NOW)

    left = [CloudEvent.from_json(row.body).id for row in box.waiting(EVENTS, 100)]
    assert left == [f"{number:032d}" for number in (100, 2, 3, 101, 102, 103, 104, 105, 106, 107)]
    assert box.counts["dropped"] == 2
    assert box.rows_waiting == 10
    assert "2 were dropped" in caplog.text
    box.close()


@pytest.mark.parametrize("important", ["storeflow.zone.entered", "storeflow.queue.arrived"])
@pytest.mark.parametrize(
    "least",
    [
        "storeflow.zone.occupancy",
        "storeflow.zone.dwelling",
        "storeflow.queue.length",
        "storeflow.area.occupancy",
        "storeflow.spatial_analysis",
    ],
)
def test_numbers_that_come_again_are_dropped_before_visits_and_these_before_crossings(
    path: Path, least: str, important: str
) -> None:
    box = Outbox(path, max_rows=3)

    def commit(*events: tuple[str, str]) -> list[str]:
        raw = (RawEvent("s", number, event_type, None, None, number.encode()) for number, event_type in events)
        box.commit([Output(EVENTS, one) for one in raw], None, NOW)
        return [row.body.decode() for row in box.waiting(EVENTS, 10)]

    crossed = "storeflow.line.crossed"
    assert commit(("1", crossed), ("2", important), ("3", least)) == ["1", "2", "3"]
    assert commit(("4", crossed)) == ["1", "2", "4"]
    assert commit(("5", crossed)) == ["1", "4", "5"]
    box.close()


def test_a_full_outbox_drops_first_what_nobody_takes_however_important_it_is(path: Path) -> None:
    box = Outbox(path, max_rows=4)
    box.commit(outputs(1, 2, 3, destination="cloud:renamed"), None, NOW)
    box.mark("cloud:renamed", taken=False)
    assert box.rows_untaken() == 3
    counts = [Output(EVENTS, event(number, occupancy=True)) for number in (4, 5)]

    box.commit(counts, None, NOW)
    assert box.rows_by_destination() == {"cloud:renamed": 2, EVENTS: 2}

    box.mark("cloud:renamed", taken=True)
    assert box.rows_untaken() == 0
    box.commit(outputs(6), None, NOW)
    assert box.rows_by_destination() == {"cloud:renamed": 2, EVENTS: 2}, "a number that comes again went"
    box.close()


def test_no_more_rows_are_read_than_their_bodies_are_to_have_but_one_at_least(box: Outbox) -> None:
    raw = [RawEvent("s", str(number), "t", None, None, b"%d" % number * 100) for number in range(6)]
    box.commit([Output(EVENTS, one) for one in raw], None, NOW)

    assert [row.body[:1] for row in box.waiting(EVENTS, 10, 250)] == [b"0", b"1", b"2"]
    assert [row.body[:1] for row in box.newest(EVENTS, 10, 1)] == [b"5"]
    assert len(box.waiting(EVENTS, 10)) == len(box.newest(EVENTS, 10)) == 6


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("a.b", ["a.b.c", "a.bc", "a-b", "new a.b"]),
        ("a.b.*", ["a.b", "a.bc", "a-b", "new a.b"]),
        ("a.*", ["a-b", "new a.b"]),
    ],
)
def test_what_is_too_old_goes_by_its_type_or_by_how_that_begins(box: Outbox, pattern: str, left: list[str]) -> None:
    def commit(prefix: str, *types: str, kept_at: float) -> None:
        raw = [RawEvent("s", prefix + one, one, None, None, (prefix + one).encode()) for one in types]
        box.commit([Output(EVENTS, one) for one in raw], None, kept_at)

    commit("", "a.b", "a.b.c", "a.bc", "a-b", kept_at=NOW)
    commit("new ", "a.b", kept_at=NOW + 10)

    gone = box.expire(EVENTS, pattern, NOW + 10)

    assert [row.body.decode() for row in box.waiting(EVENTS, 10)] == left
    assert (gone, box.rows_waiting) == (5 - len(left), len(left))


def test_a_search_for_old_rows_of_one_type_reads_no_other(box: Outbox) -> None:
    (plan,) = {
        step[3]
        for step in execute(
            box,
            "EXPLAIN QUERY PLAN SELECT id FROM outbox WHERE destination = 'a' "
            "AND json_extract(properties, '$.eventType') BETWEEN 'b' AND 'c'",
        )
    }
    assert "outbox_by_type (destination=? AND <expr>>? AND <expr><?)" in plan


def test_a_full_outbox_makes_room_for_a_hundredth_at_once(path: Path) -> None:
    box = Outbox(path, max_rows=200)
    box.commit(outputs(*range(201)), None, NOW)
    assert (box.rows_waiting, box.counts["dropped"]) == (198, 3)
    box.close()


def test_seen_is_bounded_by_count_and_by_time(path: Path) -> None:
    box = Outbox(path, max_rows=5, max_seen=20)
    box.commit(outputs(*range(50)), None, NOW)
    by_count = execute(box, "SELECT COUNT(*) FROM seen")

    box.commit([], None, NOW + SEEN_SECONDS + 1)
    by_time = execute(box, "SELECT COUNT(*) FROM seen")

    assert by_count == [(20,)]
    assert by_time == [(5,)], "as many as an outbox holds stay, whatever the clock says"
    box.close()


def test_a_full_disk_is_named_and_nothing_committed_before_is_lost(path: Path) -> None:
    box = Outbox(path)
    box.commit(outputs(*range(10)), b"before", NOW)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    limit = max(file.stat().st_size for file in path.parent.iterdir()) + 4096
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(StorageError, match="free space on its disk"):
            box.commit(outputs(*range(10, 500)), b"after", NOW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert box.checkpoint() == b"before"
    assert rows(box) == 10
    assert box.commit(outputs(*range(10, 500)), b"after", NOW) == 490
    assert sequences(box) == [f"{number:012d}" for number in range(1, 501)]
    box.close()


def test_how_many_rows_wait_for_whom_and_since_when(box: Outbox) -> None:
    assert (box.rows_by_destination(), box.oldest_kept_at()) == ({}, None)
    box.commit(outputs(1, 2), None, NOW)
    box.commit([*outputs(3), Output("upstream", event(3))], None, NOW + 5)
    assert box.rows_by_destination() == {EVENTS: 3, "upstream": 1}
    assert box.oldest_kept_at() == NOW
    box.delete([row.id for row in box.waiting(EVENTS, 2)])
    assert box.oldest_kept_at() == NOW + 5
