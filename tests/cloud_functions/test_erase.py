"""Erasure: nothing that the lake keeps leads to the person any more, and the figures are the same."""

import base64
import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest

from cloud_functions import erase as erase_module
from cloud_functions.anonymous import (
    CONSTANTS,
    COUNTED,
    ERASED,
    GONE,
    REFERENCES,
    TIMES,
    privacy_of,
    quarter_after,
    quarter_before,
)
from cloud_functions.erase import Erasure
from cloud_functions.erasure_wish import Wish
from cloud_functions.lake import erasure, silver, tables
from cloud_functions.lake.gold.dimensions import DIMENSIONS, LINE, STORE
from cloud_functions.lake.gold.facts import FACTS
from cloud_functions.lake.gold.footfall import FACT as FOOTFALL
from cloud_functions.lake.ledger import FILES
from cloud_functions.rebuild import differences, rebuild
from cloud_functions.refine import refine
from cloud_functions.upkeep import upkeep
from storeflow.contract.events import EVENT_MODELS
from storeflow.errors import ConfigError, StorageError

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
LATER = OPENS + timedelta(days=3)
DOOR = "//contoso.azure-devices.net/store-1-box/door"


class Day:
    """A day in store-1: a shopper `t1`, who came with `t2`, and a member of staff, `t3`; and somebody in store-2."""

    def __init__(self, shops: Callable[[str], Any], cloud: Any) -> None:
        self.cloud = cloud
        shop, other = shops("store-1"), shops("store-2")
        first, back = shop.crossed(61, track="t1", group_id="gt1"), shop.crossed(125, direction="out", track="t1")
        staff = shop.crossed(70, track="t3")
        self.erased = [
            first,
            back,
            shop.turned(126, first, back),
            shop.visited(300, 55.5, track="t1"),
            shop.waited(400, 33.25, camera="door", track="t1"),
        ]
        self.others = [
            shop.crossed(62, track="t2", group_id="gt1", buying_unit=False),
            staff,
            shop.visited(200, 12.0, track="t3"),
            shop.waited(210, 8.0, camera="door", track="t3"),
            shop.recognised(250, "t3", staff),
            shop.covered(0),
        ]
        self.elsewhere = other.crossed(63, track="t1")
        self.bad = self.erased[0].to_json().replace(b'"in"', b'"up"')
        cloud.land(shop.packed(*self.erased[:3], *self.others), shop.message(self.bad))
        cloud.land(shop.packed(*self.erased[1:]), other.message(self.elsewhere), partition="1")
        cloud.refine()
        cloud.land(shop.message(self.erased[0]), shop.packed(self.bad, self.bad), at=OPENS + timedelta(hours=1))
        cloud.refine(OPENS + timedelta(hours=1))


@pytest.fixture
def day(shops: Callable[[str], Any], cloud: Any) -> Day:
    """What happened, in bronze, quarantine, silver and gold."""
    return Day(shops, cloud)


def everything_kept(cloud: Any) -> str:
    """Every byte below the lake, unpacked where it is packed."""
    found: list[str] = []
    for path in sorted(cloud.files._root.rglob("*")):
        if not path.is_file():
            continue
        if path.suffix == ".gz":
            text = gzip.decompress(path.read_bytes()).decode()
            bodies = [json.loads(line).get("body", "") for line in text.splitlines()]
            packed = [base64.b64decode(body) for body in bodies]
            found += [text, *(str(gzip.decompress(one) if one[:2] == b"\x1f\x8b" else one) for one in packed)]
        elif path.suffix == ".parquet":
            found.append(str(pq.read_table(path).to_pylist()))
        found.append(path.read_bytes().decode(errors="replace"))
    return "\n".join(found)


def figures(cloud: Any) -> dict[str, Any]:
    return {fact.name: cloud.gold(fact.form) for fact in FACTS}


def erase(cloud: Any, wish: Wish) -> Any:
    return Erasure(cloud.files, cloud.lake, cloud.stores, wish).run(LATER)


def is_what_a_rebuild_makes(cloud: Any, clouds: Any) -> bool:
    beside = clouds("beside").lake
    rebuild(cloud.files, beside, cloud.stores, LATER)
    return differences(cloud.lake, beside) == {}


TRACK = Wish.of_track("store-1", f"{DOOR}#t1")
A_DAY = Wish("store-1", since=OPENS - timedelta(days=1), until=OPENS + timedelta(days=1))


@pytest.mark.parametrize("wish", [TRACK, A_DAY], ids=["a person", "a time"])
def test_no_byte_of_the_lake_leads_to_whom_was_erased_and_the_figures_are_the_same(
    wish: Wish, day: Day, cloud: Any, clouds: Any
) -> None:
    before = figures(cloud)
    ids = [event.id for event in day.erased]
    kept = everything_kept(cloud)
    assert all(one in kept for one in [*ids, "gt1", "t1", "09:01:01", "[0.5,0.25]"])
    done = erase(cloud, wish)
    kept = everything_kept(cloud)
    traces = [event.traceparent.split("-")[1] for event in day.erased if event.traceparent]
    assert [one for one in [*ids, *traces, "gt1", "09:01:01"] if one in kept] == []
    assert [row["track_id"] for row in cloud.sql("SELECT * FROM events WHERE track_id = 't1'")] == ["t1"]  # store-2's
    assert day.elsewhere.id in kept
    assert done.quarantined == 3
    assert done.unread == ()
    assert figures(cloud) == before
    assert is_what_a_rebuild_makes(cloud, clouds)


ERASED_ROWS = f"SELECT * FROM events WHERE id LIKE '{ERASED}%'"  # noqa: S608 - a constant


def test_what_stays_of_a_person_is_no_path(day: Day, cloud: Any) -> None:
    erase(cloud, TRACK)
    rows = cloud.sql(ERASED_ROWS)
    assert len(rows) == len(day.erased)
    assert len({row["track_id"] for row in rows}) == len(rows)
    assert {row[name] for row in rows for name in ("captured_at", "enqueued_at", "ingested_at")} == {OPENS}
    assert {row[name] for row in rows for name in ("group_id", "side", "traceparent")} == {None}
    crossings = {row["id"] for row in rows if row["type"] == "storeflow.line.crossed"}
    (turn,) = [row for row in rows if row["type"] == "storeflow.line.u_turn"]
    assert {turn["first_crossing_id"], turn["second_crossing_id"]} == crossings


def test_nobody_else_is_touched(day: Day, cloud: Any) -> None:
    sql = """SELECT id, track_id, captured_at, enqueued_at, ingested_at, staff, crossing_ids, traceparent FROM events
             WHERE track_id IN ('t2', 't3') OR store_id = 'store-2' OR track_id IS NULL ORDER BY id"""
    before = cloud.sql(sql)
    assert {row["id"] for row in before} == {event.id for event in (*day.others, day.elsewhere)}
    erase(cloud, TRACK)
    assert cloud.sql(sql) == before
    assert cloud.sql("SELECT group_id FROM events WHERE track_id = 't2'") == [{"group_id": None}]


@pytest.mark.usefixtures("day")
def test_staff_stay_out_of_the_figures_with_no_event_left_that_joins_them(cloud: Any) -> None:
    erase(cloud, A_DAY)
    (known,) = cloud.sql("SELECT * FROM events WHERE type = 'storeflow.person.recognised'")
    assert json.loads(known["crossing_ids"]) == []
    assert [row["type"] for row in cloud.sql(ERASED_ROWS) if row["track_id"] == known["track_id"]] == [known["type"]]
    assert cloud.sql("SELECT COUNT(*) AS n FROM events WHERE staff OR outcome = 'staff'") == [{"n": 3}]


@pytest.mark.usefixtures("day")
def test_an_erasure_that_is_given_again_changes_nothing(cloud: Any) -> None:
    erase(cloud, A_DAY)
    once = {path: cloud.files.read(path) for path in cloud.files.files("bronze")}
    assert erase(cloud, A_DAY)[:3] == (0, 0, 0)
    assert {path: cloud.files.read(path) for path in once} == once
    assert cloud.files.files("erasure") == []


class Dies(Exception):  # noqa: N818 - it is what happens to a process
    """No error of the lake: nothing catches it."""


@pytest.mark.parametrize(("step", "times"), [("replace", 3), ("rename", 1), ("note_again", 1)])
def test_an_erasure_that_dies_is_brought_to_its_end_by_the_same_again(
    step: str, times: int, day: Day, clouds: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timer refines in between, and a copy of erased events lies in a file that it has not refined before."""
    cloud = day.cloud
    before = figures(cloud)
    first = cloud.files.files("bronze")[0]
    cloud.files.create(first.replace("/09/", "/10/"), cloud.files.read(first), {})
    place: Any = cloud.files if hasattr(cloud.files, step) else erasure
    real, calls = getattr(place, step), iter(range(1, 100))

    def dies_once(*given: Any) -> Any:
        if next(calls) == times:
            raise Dies
        return real(*given)

    with monkeypatch.context() as on:
        on.setattr(place, step, dies_once)
        with pytest.raises(Dies):
            erase(cloud, TRACK)
    cloud.refine(LATER)
    erase(cloud, TRACK)
    kept = everything_kept(cloud)
    assert [event.id for event in day.erased if event.id in kept] == []
    assert figures(cloud) == before
    assert is_what_a_rebuild_makes(cloud, clouds)


def test_a_run_of_refining_that_read_bronze_before_cannot_bring_back_what_is_erased(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silver has nothing of the person yet, so that nothing there would be changed."""
    cloud.land(shop.message(shop.crossed(3, track="t2")))
    cloud.refine()
    late = shop.crossed(500, track="t1")
    cloud.land(shop.message(late))
    append, forget = tables.append, erasure.forget_dimensions

    def meanwhile(*of_refining: Any) -> None:
        def when_silver_was_looked_at(*of_a_store: Any) -> None:
            with pytest.raises(StorageError):
                append(*of_refining)
            forget(*of_a_store)

        monkeypatch.undo()
        with monkeypatch.context() as on:
            on.setattr(erasure, "forget_dimensions", when_silver_was_looked_at)
            erase(cloud, TRACK)
        raise StorageError("refused, as it was told")

    monkeypatch.setattr(silver, "append", meanwhile)
    with pytest.raises(StorageError, match="as it was told"):
        cloud.refine(LATER)
    cloud.refine(LATER)
    upkeep(cloud.lake, keep_hours=0)  # the commit that was refused has left its file
    kept = everything_kept(cloud)
    assert late.id not in kept
    assert [row["in_raw"] for row in cloud.gold(FOOTFALL.form)] == [2]


def test_an_unfinished_erasure_is_not_mixed_with_another(day: Day, cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert day.erased

    def dies(_: str) -> None:
        raise Dies

    with monkeypatch.context() as on:
        on.setattr(cloud.files, "remove", dies)
        with pytest.raises(Dies):
            erase(cloud, TRACK)
    with pytest.raises(ConfigError, match="another erasure was begun"):
        erase(cloud, A_DAY)


def test_no_figure_of_another_store_or_day_is_made_anew(
    shops: Callable[[str], Any], cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, other = shops("store-1"), shops("store-2")
    for day in range(3):
        cloud.land(shop.message(shop.crossed(day * 86_400, track=f"t{day}")))
        cloud.land(other.message(other.crossed(day * 86_400)), partition="1")
    cloud.refine()
    before = {form.name: cloud.gold(form) for form in DIMENSIONS}
    made: list[Any] = []
    monkeypatch.setattr(erase_module, "refine", lambda *given: made.append(refine(*given)))
    erase(cloud, TRACK)
    assert [run.figures[FOOTFALL.name] for run in made] == [1]
    after = {form.name: cloud.gold(form) for form in DIMENSIONS}
    assert after[STORE.name] == before[STORE.name] != []
    assert [row for row in after[LINE.name] if row["store_id"] == "store-2"] == [
        row for row in before[LINE.name] if row["store_id"] == "store-2"
    ]


def test_what_waits_is_noted_again_in_pieces(shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        body = shop.crossed(number).to_json().replace(b":1.0:", b":1.999:")
        cloud.land(shop.message(body), partition=str(number))
    cloud.refine()
    monkeypatch.setattr("cloud_functions.lake.rows.MAX_FILES", 2)
    version = cloud.lake.open(FILES).version()
    erasure.note_again(cloud.lake, cloud.files.read)
    assert cloud.lake.open(FILES).version() - version == 3
    assert cloud.sql("SELECT SUM(waiting_events) AS n FROM files", files=FILES) == [{"n": 5}]


@pytest.mark.parametrize("written", ["\\u0070erson-77", "person\\u002D77", "\\u0070\\u0065rson-77"])
def test_a_name_that_is_written_by_its_characters_numbers_is_found_where_nothing_can_be_read(
    written: str, shop: Any, cloud: Any
) -> None:
    known = shop.crossed(1, track="person-77").to_json().replace(b"person-77", written.encode())
    newer = known.replace(b":1.0:", b":1.999:").replace(b'"store_id":"store-1"', b'"store_id":"store\\u002d1"')
    cloud.land(shop.packed(known, newer, *[b"{}"] * 21))
    done = erase(cloud, Wish.of_track("store-1", f"{DOOR}#person-77"))
    assert (done.lines, done.quarantined) == (2, 1)
    assert written not in everything_kept(cloud)


def test_a_store_goes_with_everything_it_ever_sent(day: Day, cloud: Any, clouds: Any) -> None:
    done = erase(cloud, Wish("store-1", everything=True))
    kept = everything_kept(cloud)
    assert [event.id for event in (*day.erased, *day.others) if event.id in kept] == []
    assert day.elsewhere.id in kept
    assert (done.rows, done.quarantined) == (len(day.erased) + len(day.others), 3)
    for fact in FACTS:
        assert "store-1" not in {row["store_id"] for row in cloud.gold(fact.form)}
    assert is_what_a_rebuild_makes(cloud, clouds)


def test_what_would_be_erased_is_said_and_nothing_changed(day: Day, cloud: Any) -> None:
    before = everything_kept(cloud)
    would = Erasure(cloud.files, cloud.lake, cloud.stores, TRACK).would()
    assert everything_kept(cloud) == before
    done = erase(cloud, TRACK)
    assert (would.lines, would.quarantined) == (done.lines, done.quarantined) == (len(day.erased) + 4, 3)


def test_what_this_version_cannot_read_goes_as_a_whole(shop: Any, cloud: Any) -> None:
    newer = json.loads(shop.crossed(track="t1").to_json())
    newer |= {"dataschema": "urn:storeflow:schema:1.999:storeflow.line.crossed"}
    unknown = newer | {
        "type": "storeflow.shelf.touched",
        "dataschema": "urn:storeflow:schema:1.0:storeflow.shelf.touched",
    }
    cloud.land(*(shop.message(json.dumps(one).encode()) for one in (newer, unknown)), shop.message(shop.covered(0)))
    cloud.refine()
    waiting = "SELECT SUM(waiting_events) AS n FROM files"
    assert cloud.sql(waiting, files=FILES) == [{"n": 2}]
    assert erase(cloud, TRACK).lines == 2
    assert cloud.sql(waiting, files=FILES) == [{"n": 0}]
    assert "t1" not in everything_kept(cloud)
    assert cloud.sql("SELECT type FROM events") == [{"type": "storeflow.camera.coverage"}]


def test_a_file_that_cannot_be_read_is_named(day: Day, cloud: Any) -> None:
    damaged = [cloud.files.files(area)[-1] for area in ("bronze", "quarantine")]
    for path in damaged:
        cloud.files.replace(path, b"no gzip")
    assert erase(cloud, TRACK).unread == tuple(sorted(damaged))
    assert {event.id for event in day.erased}.isdisjoint(row["id"] for row in cloud.sql("SELECT id FROM events"))


@pytest.mark.parametrize("text", ["t1", f"{DOOR}#", "door#t1", f"{DOOR}/state#t1"])
def test_a_track_that_is_not_written_as_one_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="<track_id> is expected"):
        Wish.of_track("store-1", text)


def test_every_field_that_says_something_of_a_person_has_a_rule() -> None:
    rules = {"track_id", "document", *REFERENCES, *TIMES, *CONSTANTS, *COUNTED, *GONE}
    fields = {
        name for event_type in EVENT_MODELS for name, privacy in privacy_of(event_type).items() if privacy != "none"
    }
    assert fields == rules


@pytest.mark.parametrize(
    ("moment", "before", "after"),
    [
        ("2026-11-20T09:07:01.123Z", "2026-11-20T09:00:00.000Z", "2026-11-20T09:15:00.000Z"),
        ("2026-11-20T09:15:00.000Z", "2026-11-20T09:15:00.000Z", "2026-11-20T09:15:00.000Z"),
        ("2026-11-20T23:59:59.999Z", "2026-11-20T23:45:00.000Z", "2026-11-21T00:00:00.000Z"),
    ],
)
def test_a_moment_becomes_its_quarter_of_an_hour(moment: str, before: str, after: str) -> None:
    assert (quarter_before(moment), quarter_after(moment)) == (before, after)
