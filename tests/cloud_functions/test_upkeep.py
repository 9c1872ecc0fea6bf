"""Tables that are kept small say the same as before."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cloud_functions import upkeep as upkeep_of_tables
from cloud_functions.lake import tables
from cloud_functions.lake.ledger import FILES
from cloud_functions.lake.silver import EVENTS, RUNS
from cloud_functions.rebuild import GOLD
from cloud_functions.refine import refine_silver
from cloud_functions.upkeep import upkeep
from storeflow.errors import StorageError

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
MARKS = ((EVENTS, RUNS), (FILES, "contoso/store-events/0"))


def parquet(cloud: Any, name: str) -> list[Path]:
    return [path for path in (cloud.files._root / name).rglob("*.parquet") if "_delta_log" not in path.parts]


def marks(cloud: Any) -> list[int | None]:
    return [tables.mark(cloud.lake.open(form), name) for form, name in MARKS]


def ten_runs(shop: Any, cloud: Any) -> None:
    """Each of events of two days, so that every day has ten files."""
    for number in range(10):
        cloud.land(shop.packed(shop.crossed(number), shop.crossed(90_000 + number)), at=OPENS)
        refine_silver(cloud.files, cloud.lake, OPENS + timedelta(minutes=number))
    cloud.refine(OPENS + timedelta(hours=1))


def test_many_small_files_become_few_and_say_the_same(shop: Any, cloud: Any) -> None:
    ten_runs(shop, cloud)
    before = {form.name: cloud.gold(form) for form in (EVENTS, FILES, *GOLD)}
    marked = marks(cloud)
    assert None not in marked
    assert (len(parquet(cloud, "silver/events")), len(parquet(cloud, "silver/files"))) == (20, 10)
    done = upkeep(cloud.lake, keep_hours=0)
    assert (done["silver/events"], done["silver/files"]) == ((20, 20), (10, 10))
    assert (len(parquet(cloud, "silver/events")), len(parquet(cloud, "silver/files"))) == (2, 1)
    assert {form.name: cloud.gold(form) for form in (EVENTS, FILES, *GOLD)} == before
    assert marks(cloud) == marked
    cloud.land(shop.packed(shop.crossed(3), shop.crossed(11)), at=OPENS)
    assert cloud.refine(OPENS + timedelta(hours=1)).events == 2


def test_a_stores_rows_lie_together_so_that_who_asks_for_it_reads_no_others(shops: Any, cloud: Any) -> None:
    sent = {name: shops(name) for name in ("store-3", "store-1", "store-2")}
    for number in range(10):
        for shop in sent.values():
            cloud.land(shop.message(shop.crossed(number)))
        refine_silver(cloud.files, cloud.lake, OPENS + timedelta(minutes=number))
    upkeep(cloud.lake)
    (file,) = cloud.lake.open(EVENTS).file_uris()
    names = pq.read_table(file, columns=["store_id"])["store_id"].to_pylist()
    assert names == ["store-1"] * 10 + ["store-2"] * 10 + ["store-3"] * 10


def test_what_a_reader_may_still_need_is_kept(shop: Any, cloud: Any) -> None:
    ten_runs(shop, cloud)
    taken, deleted = upkeep(cloud.lake)["silver/events"]
    assert (taken, deleted) == (20, 0)
    assert upkeep(cloud.lake)["silver/events"] == (0, 0)


def test_a_table_that_somebody_else_writes_to_meanwhile_holds_up_no_other_and_is_told_of(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ten_runs(shop, cloud)

    def overtaken(table: Any, form: Any, order: Any) -> int:
        if form is EVENTS:
            raise StorageError("silver/events: somebody else was faster")
        return tables.tidy(table, form, order)

    monkeypatch.setattr(upkeep_of_tables, "tidy", overtaken)
    with pytest.raises(StorageError, match=r"1 of \d+ tables failed: silver/events: .* faster"):
        upkeep(cloud.lake, keep_hours=0)
    assert (len(parquet(cloud, "silver/events")), len(parquet(cloud, "silver/files"))) == (20, 1)
