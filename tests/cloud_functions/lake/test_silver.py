"""Silver is the same whatever order bronze is refined in, and says of each row in which commit it came."""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from cloud_functions.lake import silver
from cloud_functions.lake.rows import Refined
from cloud_functions.lake.silver import EVENTS, RUNS
from cloud_functions.lake.tables import mark
from cloud_functions.refine import refine_silver
from storeflow.errors import StorageError

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)

Clouds = Callable[[str], Any]


def refine(cloud: Any, at: datetime = OPENS) -> int:
    return refine_silver(cloud.files, cloud.lake, at).events


def contents(cloud: Any) -> list[str]:
    """All of silver but when it was refined, in order."""
    rows = cloud.sql("SELECT * FROM events")
    return sorted(str({**row, "refined_at": None}) for row in rows)


def refined_at(cloud: Any) -> dict[str, int]:
    return {row["id"]: row["refined_at"] for row in cloud.sql("SELECT id, refined_at FROM events")}


def bring(cloud: Any, files: Any, paths: Sequence[str]) -> None:
    """Let files of another lake be in this one."""
    for path in paths:
        cloud.files.create(path, files.read(path), {})


@pytest.mark.parametrize("seed", range(6))
def test_whatever_comes_how_often_in_which_order_silver_is_the_same(
    seed: int, shops: Any, clouds: Clouds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copies by both partitions, in one message and in many, landed at one moment and at others; a sender that lies."""
    rng = random.Random(seed)  # noqa: S311 - disorder, no secret
    shop, all_at_once = shops("store-1"), clouds("all_at_once")
    events = [shop.crossed(rng.uniform(0, 200_000)) for _ in range(30)]
    for one in events[:5]:
        later = one.data.model_copy(update={"captured_at": one.time + timedelta(hours=rng.choice([1, 30]))})
        events.append(one.model_copy(update={"data": later, "time": later.captured_at}))
        events.append(one.model_copy(update={"subject": "another"}))
    for _ in range(16):
        messages = [shop.packed(*rng.choices(events, k=rng.randint(1, 8))) for _ in range(rng.randint(1, 3))]
        at = OPENS + timedelta(seconds=rng.randrange(4) * 60)
        all_at_once.land(*messages, at=at, partition=rng.choice(["0", "1", "replay"]))
    refine(all_at_once)
    paths = all_at_once.files.files("bronze")
    piecemeal = clouds("piecemeal")
    monkeypatch.setattr("cloud_functions.lake.rows.MAX_ROWS", rng.choice([1, 20, 1000]))
    while paths:
        some = rng.sample(paths, rng.randint(1, min(4, len(paths))))
        bring(piecemeal, all_at_once.files, some)
        paths = [path for path in paths if path not in some]
        refine(piecemeal)
    assert contents(piecemeal) == contents(all_at_once)


def two_copies(shop: Any, cloud: Any) -> tuple[Any, str, str]:
    """An event, and the files of the copy that landed first and of one that landed later."""
    event = shop.crossed(1)
    cloud.land(shop.message(event), partition="1", at=OPENS)
    cloud.land(shop.message(event), shop.message(shop.crossed(2)), partition="0", at=OPENS + timedelta(minutes=1))
    later, first = cloud.files.files("bronze")
    return event, first, later


def test_a_better_copy_that_comes_later_takes_the_rows_place_in_a_commit_of_its_own(shop: Any, clouds: Clouds) -> None:
    source, cloud = clouds("source"), clouds("cloud")
    event, first, later = two_copies(shop, source)
    bring(cloud, source.files, [later])
    refine(cloud)
    before = refined_at(cloud)
    bring(cloud, source.files, [first])
    assert refine(cloud) == 0
    (row,) = cloud.sql(f"SELECT * FROM events WHERE id = '{event.id}'")  # noqa: S608 - ours
    assert (row["bronze_file"], row["ingested_at"]) == (first, OPENS)
    after = refined_at(cloud)
    assert {name for name in after if after[name] > max(before.values())} == {event.id}
    assert mark(cloud.lake.open(EVENTS), RUNS) == after[event.id]


def test_a_worse_copy_that_comes_later_changes_nothing(shop: Any, clouds: Clouds) -> None:
    source, cloud = clouds("source"), clouds("cloud")
    _, first, later = two_copies(shop, source)
    bring(cloud, source.files, [first])
    refine(cloud)
    before = refined_at(cloud)
    bring(cloud, source.files, [later])
    assert refine(cloud) == 1
    assert refined_at(cloud).items() > before.items()


def test_two_times_under_one_id_are_two_rows_as_no_honest_sender_makes_them(shop: Any, cloud: Any) -> None:
    """What a sender can gain by it is to be counted twice, in its own store, which it could by another id as well."""
    event = shop.crossed(1)
    data = event.data.model_copy(update={"captured_at": event.time + timedelta(days=2)})
    cloud.land(shop.message(event), shop.message(event.model_copy(update={"data": data, "time": data.captured_at})))
    assert refine(cloud) == 2
    cloud.land(shop.message(event))
    assert refine(cloud) == 0


def rows_of(*events: Any) -> Any:
    """The rows of events that silver has, or may get."""
    found = Refined()
    for event in events:
        found.add(*event)
    return found.table()


def landed(cloud: Any) -> list[tuple[str, bytes]]:
    return [(path, cloud.files.read(path)) for path in cloud.files.files("bronze")]


def test_every_commit_has_a_number_of_its_own_that_is_greater_than_all_before(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a run, between runs of one moment, and though the clock was set back."""
    monkeypatch.setattr("cloud_functions.lake.rows.MAX_ROWS", 1)
    seen: set[str] = set()
    for days in (3, 3, -3):
        for at in (1, 2):
            cloud.land(shop.message(shop.crossed(at)), at=OPENS + timedelta(days=3))
        before = mark(cloud.lake.open(EVENTS), RUNS) or 0
        assert refine(cloud, OPENS + timedelta(days=days)) == 2
        new = {name: number for name, number in refined_at(cloud).items() if name not in seen}
        assert len(set(new.values())) == 2
        assert min(new.values()) > before
        assert mark(cloud.lake.open(EVENTS), RUNS) == max(new.values())
        seen |= set(new)


def test_who_follows_the_number_sees_each_row_once_though_two_runs_interleave(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second run, which began earlier by its clock, comes in between two commits of a first."""
    monkeypatch.setattr("cloud_functions.lake.rows.MAX_ROWS", 1)
    seen: list[str] = []
    upto = 0

    def follow() -> None:
        nonlocal upto
        events = cloud.lake.open(EVENTS)
        seen.extend(row["id"] for row in cloud.sql(f"SELECT id FROM events WHERE refined_at > {upto}"))  # noqa: S608
        upto = mark(events, RUNS) or 0

    keep = silver.keep

    def interleaved(*given: Any) -> int:
        kept = keep(*given)
        monkeypatch.setattr(silver, "keep", keep)
        follow()
        refine(cloud, OPENS - timedelta(hours=1))
        follow()
        return kept

    sent = [shop.crossed(at) for at in range(4)]
    for event in sent:
        cloud.land(shop.message(event))
    monkeypatch.setattr(silver, "keep", interleaved)
    with pytest.raises(StorageError):
        refine(cloud)
    refine(cloud)
    follow()
    assert sorted(seen) == sorted(event.id for event in sent)


def test_a_commits_rows_lie_store_by_store(shops: Any, cloud: Any) -> None:
    sent = [shops(name) for name in ("store-2", "store-1")]
    for at in range(3):
        for shop in sent:
            cloud.land(shop.message(shop.crossed(at)))
    refine(cloud)
    (file,) = cloud.lake.open(EVENTS).file_uris()
    names = pq.read_table(file, columns=["store_id"])["store_id"].to_pylist()
    assert names == ["store-1"] * 3 + ["store-2"] * 3


def test_rows_that_silver_has_make_no_commit(shop: Any, cloud: Any) -> None:
    cloud.land(shop.message(shop.crossed()))
    refine(cloud)
    events = cloud.lake.open(EVENTS)
    version = events.version()
    assert silver.keep(events, rows_of(*landed(cloud)), OPENS) == 0
    assert silver.keep(events, rows_of(), OPENS) == 0
    assert cloud.lake.open(EVENTS).version() == version


def test_copies_are_looked_for_in_the_rows_times_alone_the_first_and_last_moment_among_them(
    shop: Any, cloud: Any
) -> None:
    times = (0, 50, 55, 60, 7200, 7259, 100_000)
    events = {at: shop.crossed(at) for at in times}
    cloud.land(*(shop.message(event) for event in events.values()))
    refine(cloud)
    rows, wanted = rows_of(*landed(cloud)), [events[at].id for at in (50, 60, 7259)]
    some = rows.take([number for number, name in enumerate(rows["id"].to_pylist()) if name in wanted])
    found = silver.known_copies(cloud.lake.open(EVENTS), some)
    assert sorted(found["id"].to_pylist()) == sorted(events[at].id for at in (50, 55, 60, 7259))


def test_copies_are_looked_for_in_the_rows_sources_alone_each_in_its_own_times(
    shops: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One store comes back after a day, beside others that send of now: of their day nothing is asked for."""
    late, live = shops("store-1"), shops("store-2")
    of_late = [late.crossed(at) for at in range(0, 86_400, 21_600)]
    of_live = [live.crossed(at) for at in range(0, 86_400, 7200)]
    cloud.land(*map(late.message, of_late), *map(live.message, of_live))
    refine(cloud)
    rows, wanted = rows_of(*landed(cloud)), {*(event.id for event in of_late), of_live[-1].id}
    some = rows.take([number for number, name in enumerate(rows["id"].to_pylist()) if name in wanted])
    monkeypatch.setattr(silver, "_SOURCES_AT_ONCE", 1)
    found = silver.known_copies(cloud.lake.open(EVENTS), some)
    assert sorted(found["id"].to_pylist()) == sorted(wanted)
    alone = some.filter(pc.equal(some["store_id"], "store-1"))
    monkeypatch.undo()
    assert silver.known_copies(cloud.lake.open(EVENTS), alone).num_rows == len(of_late)
