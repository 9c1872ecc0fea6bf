"""From bronze to gold: each event once, whatever comes how often, in whatever order, and whatever dies."""

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import deltalake
import pytest

from cloud_functions import rebuild
from cloud_functions.folder import FolderFiles
from cloud_functions.lake import silver, tables
from cloud_functions.lake.gold.footfall import FACT as FOOTFALL
from cloud_functions.lake.silver import EVENTS
from cloud_functions.refine import Silver, refine_silver
from storeflow.contract import envelope
from storeflow.errors import StorageError

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)

Clouds = Callable[[str], Any]


def silver_of(cloud: Any, at: datetime = OPENS) -> Silver:
    """Let the timer tick once, and die before it comes to gold."""
    return refine_silver(cloud.files, cloud.lake, at)


def kept(cloud: Any) -> Counter[tuple[str, str]]:
    """How often each event is in silver."""
    return Counter((row["source"], row["id"]) for row in cloud.sql("SELECT source, id FROM events"))


def test_an_event_is_one_row_whatever_comes_how_often(shop: Any, cloud: Any) -> None:
    first, second = shop.crossed(1.0), shop.crossed(2.0)
    cloud.land(shop.packed(first, first), shop.message(first))
    silver_of(cloud)
    cloud.land(shop.packed(second, first), at=OPENS + timedelta(hours=5))
    cloud.land(shop.message(second), partition="1", at=OPENS + timedelta(days=3))
    assert silver_of(cloud).events == 1
    assert kept(cloud) == {(event.source, event.id): 1 for event in (first, second)}


def test_a_row_says_what_the_event_says_and_where_its_bytes_are(shop: Any, cloud: Any) -> None:
    crossing = shop.crossed(1.5, track="t9")
    cloud.land(shop.message(b"poison"), shop.message(shop.recognised(60, "t9", crossing)), at=OPENS)
    silver_of(cloud, OPENS + timedelta(seconds=5))
    (row,) = cloud.sql("SELECT * FROM events")
    assert json.loads(row["crossing_ids"]) == [crossing.id]
    assert (row["captured_at"], row["sequence"]) == (OPENS + timedelta(seconds=60), "000000000002")
    assert (row["device_id"], row["sequence_number"], row["ingested_at"]) == ("store-1-box", 1, OPENS)
    assert row["refined_at"] == (OPENS.timestamp() + 5) * 1000
    assert row["bronze_file"] in cloud.files.files("bronze")
    assert row["line_id"] is None


def test_a_run_with_nothing_new_writes_nothing(shop: Any, cloud: Any) -> None:
    cloud.land(shop.message(shop.crossed()))
    cloud.refine()
    versions = {form.name: cloud.lake.open(form).version() for form in (EVENTS, *rebuild.GOLD)}
    assert cloud.refine(OPENS + timedelta(hours=1)).events == 0
    assert {form.name: cloud.lake.open(form).version() for form in (EVENTS, *rebuild.GOLD)} == versions


def test_a_run_reads_no_file_of_hours_before_its_mark(shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for hour in range(4):
        cloud.land(shop.message(shop.crossed(hour)), at=OPENS + timedelta(hours=hour))
    silver_of(cloud)
    read: list[str] = []

    def noted(path: str) -> bytes:
        read.append(path)
        return FolderFiles.read(cloud.files, path)

    monkeypatch.setattr(cloud.files, "read", noted)
    cloud.land(shop.message(shop.crossed(9)), at=OPENS + timedelta(hours=3))
    assert silver_of(cloud).events == 1
    assert len(read) == 1


def test_a_file_that_lands_while_hours_are_listed_is_found_by_the_next_run(shop: Any, cloud: Any) -> None:
    """Its hour was listed without it, and the hour after has not to be listed with what landed behind it."""
    cloud.land(shop.message(shop.crossed(1)), at=OPENS)
    cloud.land(shop.message(shop.crossed(2)), at=OPENS + timedelta(hours=1))
    list_files = cloud.files.files

    def meanwhile(folder: str) -> list[str]:
        found: list[str] = list_files(folder)
        if folder.count("/") == 7:
            cloud.files.files = list_files
            cloud.land(shop.message(shop.crossed(3)), at=OPENS + timedelta(minutes=59))
            cloud.land(shop.message(shop.crossed(4)), at=OPENS + timedelta(hours=1, minutes=1))
        return found

    cloud.files.files = meanwhile
    silver_of(cloud)
    silver_of(cloud)
    assert cloud.sql("SELECT COUNT(*) AS n FROM events") == [{"n": 4}]


def test_an_event_hub_that_was_made_anew_and_numbers_from_0_again_is_refined(shop: Any, cloud: Any) -> None:
    for at in range(5):
        cloud.land(shop.message(shop.crossed(at)))
    silver_of(cloud)
    cloud._numbers = iter(range(100))
    cloud.land(shop.message(shop.crossed(7)))
    cloud.land(shop.packed(shop.crossed(8), shop.crossed(9)))
    assert silver_of(cloud).events == 3


def test_a_file_of_an_hour_that_was_over_is_refined_where_the_hubs_clock_was_set_back_a_little(
    shop: Any, cloud: Any
) -> None:
    cloud.land(shop.message(shop.crossed(1)), at=OPENS)
    silver_of(cloud)
    cloud.land(shop.message(shop.crossed(2)), at=OPENS - timedelta(seconds=3))
    assert silver_of(cloud).events == 1


class Unlucky:
    """Dies before the `number`th commit; so the commit before it is done, and nobody knows."""

    def __init__(self, write: Callable[..., None], number: int) -> None:
        self._write, self.left = write, number

    def __call__(self, *args: Any, **how: Any) -> None:  # noqa: D102 - said above
        self.left -= 1
        if not self.left:
            raise OSError("the process was killed here")
        self._write(*args, **how)


def test_a_run_may_die_at_every_commit_and_the_next_makes_up_for_it(
    shops: Any, clouds: Clouds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, other = shops("store-1"), shops("store-2")
    first = [shop.crossed(1), shop.visited(30, 20), shop.waited(50, 40), shop.covered(0)]
    # Of two days, one is spoken of by two stores: their figures are made in two commits.
    second = [shop.crossed(2, "out"), shop.crossed(90_000), shop.covered(1)]
    of_other = other.crossed(3)
    undisturbed, number, died = clouds("undisturbed"), 0, True
    for messages in ([shop.packed(*first)], [shop.packed(*second), other.message(of_other)]):
        undisturbed.land(*messages)
        undisturbed.refine()
    begun = clouds("begun")
    begun.land(shop.packed(*first))
    begun.refine()
    begun.land(shop.packed(*second), shop.packed(*first), other.message(of_other))
    while died:
        number += 1
        shutil.copytree(tmp_path / "begun", tmp_path / f"cloud-{number}")
        cloud = clouds(f"cloud-{number}")
        unlucky = Unlucky(deltalake.write_deltalake, number)
        with monkeypatch.context() as patch:
            patch.setattr(tables, "write_deltalake", unlucky)
            try:
                cloud.refine()
                died = False
            except StorageError:
                pass
        assert died == (unlucky.left <= 0)
        cloud.refine()
        assert set(kept(cloud).values()) == {1}
        assert rebuild.differences(undisturbed.lake, cloud.lake) == {}
    assert number > 8


def test_of_two_runs_at_once_one_is_refused_and_nothing_doubles(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.land(shop.message(shop.crossed(1)))
    silver_of(cloud)
    cloud.land(shop.message(shop.crossed(2)))
    keep = silver.keep

    def overtaken(*given: Any) -> Any:
        monkeypatch.setattr(silver, "keep", keep)
        silver_of(cloud)
        return keep(*given)

    monkeypatch.setattr(silver, "keep", overtaken)
    with pytest.raises(StorageError):
        silver_of(cloud)
    silver_of(cloud)
    assert list(kept(cloud).values()) == [1, 1]


def chaos(events: list[Any], rng: random.Random) -> Iterator[list[Any]]:
    """Batches of events in disorder: some twice, some days late."""
    stream = [*events, *rng.sample(events, len(events) // 10)]
    times = {id(event): rng.gauss(index, 30) + (rng.random() < 0.02) * 2000 for index, event in enumerate(stream)}
    stream = sorted(stream, key=lambda event: times[id(event)])
    while stream:
        size = rng.randint(1, 120)
        yield stream[:size]
        stream = stream[size:]


def a_week(shop: Any, rng: random.Random) -> tuple[list[Any], Counter[tuple[str, str, str]]]:
    """What a shop sends in a week, and the truth: crossings by line, direction and figure."""
    events, truth = [], Counter[tuple[str, str, str]]()
    for number in range(300):
        at, track = rng.uniform(0, 7 * 86_400), f"t{number}"
        line, direction = rng.choice(["entrance", "back"]), rng.choice(["in", "out"])
        crossing = shop.crossed(at, direction, line, track, buying_unit=rng.random() < 0.7, staff=rng.random() < 0.1)
        figures = {"raw", "net", "shopper", "units"} - ({"shopper", "units"} if crossing.data.staff else set())
        figures -= set() if crossing.data.buying_unit else {"units"}
        events.append(crossing)
        chance = rng.random()
        if chance < 0.1:
            back = shop.crossed(at + 5, "out" if direction == "in" else "in", line, track)
            events += [back, shop.turned(at + 5, crossing, back)]
            truth[line, back.data.direction, "raw"] += 1
            figures = {"raw"}
        elif chance < 0.2:
            events.append(shop.recognised(at + rng.uniform(1, 3600), track, crossing))
            figures -= {"shopper", "units"}
        truth.update((line, direction, figure) for figure in figures)
        if rng.random() < 0.3:
            events += [shop.visited(at + 60, rng.uniform(1, 60), track=track), shop.waited(at + 99, 9.5, track=track)]
    events += [shop.covered(window) for window in range(0, 7 * 96, 5)]
    return events, truth


def test_gold_is_the_truth_and_a_rebuild_finds_the_same(shops: Any, clouds: Clouds, stores: Any) -> None:
    rng = random.Random(11)  # noqa: S311 - disorder, no secret
    cloud, truth, batches = clouds("cloud"), {}, []
    for store_id in ("store-1", "store-2"):
        shop = shops(store_id)
        events, truth[store_id] = a_week(shop, rng)
        batches += [(place, shop.packed(*some)) for place, some in enumerate(chaos(events, rng))]
    for hour, (_, message) in enumerate(sorted(batches, key=lambda batch: batch[0])):
        cloud.land(message, at=OPENS + timedelta(hours=hour * 5), partition=rng.choice("01"))
        if hour % 9 == 4:
            cloud.refine(OPENS + timedelta(hours=hour * 5))
    cloud.refine(OPENS + timedelta(days=9))
    figures = ("raw", "net", "shopper", "units")
    columns = [f"{direction}_{figure}" for direction in ("in", "out") for figure in figures]
    sums = ", ".join(f"SUM({column}) AS {column}" for column in columns)
    found = cloud.sql(f"SELECT store_id, line_id, {sums} FROM f GROUP BY 1, 2", f=FOOTFALL.form)  # noqa: S608 - ours
    assert len(found) == 4
    for row in found:
        said = {(d, f): row[f"{d}_{f}"] for d in ("in", "out") for f in figures}
        assert said == {(d, f): truth[row["store_id"]][row["line_id"], d, f] for d, f in said}
    beside = clouds("beside")
    run = rebuild.rebuild(cloud.files, beside.lake, stores, OPENS + timedelta(days=10))
    assert run.events == sum(kept(cloud).values())
    assert rebuild.differences(cloud.lake, beside.lake) == {}


def test_a_rebuild_says_the_same_where_the_copy_that_landed_last_was_refined_first(
    shop: Any, clouds: Clouds, stores: Any
) -> None:
    """One copy landed in time, the other on a day so late that the figures would be restated."""
    source, cloud, beside = clouds("source"), clouds("cloud"), clouds("beside")
    event = shop.crossed(1)
    source.land(shop.message(event), partition="1", at=OPENS + timedelta(hours=1))
    source.land(shop.message(event), partition="0", at=OPENS + timedelta(days=3))
    late, in_time = source.files.files("bronze")
    for path, restated_at in ((late, OPENS + timedelta(days=3)), (in_time, None)):
        cloud.files.create(path, source.files.read(path), {})
        cloud.refine()
        (row,) = cloud.gold(FOOTFALL.form)
        assert (row["in_raw"], row["restated_at"]) == (1, restated_at)
    rebuild.rebuild(source.files, beside.lake, stores, OPENS)
    assert rebuild.differences(cloud.lake, beside.lake) == {}


def test_a_rebuild_that_differs_is_found_out(shop: Any, clouds: Clouds) -> None:
    one, other = clouds("one"), clouds("other")
    for cloud, times in ((one, (1, 2)), (other, (1,))):
        cloud.land(*(shop.message(shop.crossed(at)) for at in times))
        cloud.refine()
    assert rebuild.differences(one.lake, other.lake)["gold/fact_footfall_15m"] == 2


def newer(event: Any, **changes: Any) -> bytes:
    return json.dumps(json.loads(event.to_json()) | changes).encode()


NEWER: dict[str, Mapping[str, str]] = {
    "a newer minor version": {"dataschema": "urn:storeflow:schema:1.9:storeflow.line.crossed"},
    "a newer major version": {"dataschema": "urn:storeflow:schema:2.0:storeflow.line.crossed"},
}


@pytest.mark.parametrize("name", NEWER)
def test_what_a_newer_sender_says_waits_for_the_upgrade_that_knows_it(
    name: str, shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.land(shop.message(newer(shop.crossed(1), **NEWER[name])), shop.message(shop.crossed(2)))
    assert (run := cloud.refine()).events == 1
    assert run.waiting == 1
    cloud.land(shop.message(shop.crossed(3)), at=OPENS + timedelta(days=2))
    cloud.refine()
    assert cloud.gold(FOOTFALL.form)[0]["in_raw"] == 2
    monkeypatch.setattr(envelope, "SCHEMA_VERSION", "2.5")
    assert cloud.refine().events == 1
    assert cloud.gold(FOOTFALL.form)[0]["in_raw"] == 3
    assert cloud.refine().events == 0


def test_a_type_that_nobody_knows_waits_and_is_read_once(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.land(shop.message(newer(shop.crossed(1), type="storeflow.shelf.touched")))
    assert silver_of(cloud).waiting == 1
    monkeypatch.setattr(cloud.files, "read", lambda path: pytest.fail(f"{path} is read again"))
    assert silver_of(cloud).waiting == 0
