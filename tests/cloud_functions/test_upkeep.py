"""Tables that are kept small say the same as before."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cloud_functions.lake import tables
from cloud_functions.lake.silver import EVENTS, RUNS
from cloud_functions.rebuild import GOLD
from cloud_functions.upkeep import upkeep

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def parquet(cloud: Any, name: str) -> list[Path]:
    return [path for path in (cloud.files._root / name).rglob("*.parquet") if "_delta_log" not in path.parts]


def test_many_small_files_become_few_and_say_the_same(shop: Any, cloud: Any) -> None:
    for number in range(10):
        cloud.land(shop.packed(shop.crossed(number), shop.crossed(90_000 + number)), at=OPENS)
        cloud.refine(OPENS + timedelta(minutes=number))
    before = {form.name: cloud.gold(form) for form in (EVENTS, *GOLD)}
    marks = {name: tables.mark(cloud.lake.open(EVENTS), name) for name in (RUNS, "contoso/store-events/0")}
    assert len(parquet(cloud, "silver/events")) == 20
    taken, deleted = upkeep(cloud.lake, keep_hours=0)["silver/events"]
    assert (taken, deleted) == (20, 20)
    assert len(parquet(cloud, "silver/events")) == 2
    assert {form.name: cloud.gold(form) for form in (EVENTS, *GOLD)} == before
    assert {name: tables.mark(cloud.lake.open(EVENTS), name) for name in marks} == marks
    cloud.land(shop.packed(shop.crossed(3), shop.crossed(11)), at=OPENS)
    assert cloud.refine(OPENS + timedelta(hours=1)).events == 2


def test_what_a_reader_may_still_need_is_kept(shop: Any, cloud: Any) -> None:
    for number in range(9):
        cloud.land(shop.message(shop.crossed(number)))
        cloud.refine()
    taken, deleted = upkeep(cloud.lake)["silver/events"]
    assert (taken, deleted) == (9, 0)
    assert upkeep(cloud.lake)["silver/events"] == (0, 0)
