"""Upkeep beside refining and erasure, with each of them between another's reading and its commit."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import deltalake
import duckdb
import pytest

from cloud_functions import rebuild
from cloud_functions import upkeep as upkeep_of_tables
from cloud_functions.erase import Erasure
from cloud_functions.erasure_wish import Wish
from cloud_functions.lake import tables
from cloud_functions.lake.gold.footfall import FACT as FOOTFALL
from cloud_functions.lake.silver import EVENTS
from cloud_functions.upkeep import upkeep
from examples.lake import open_lake
from storeflow.errors import StorageError

OPENS = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
DOOR = "//contoso.azure-devices.net/store-1-box/door"

Clouds = Callable[[str], Any]


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two small files of a day are enough to be put together: upkeep has something to do in every table."""
    monkeypatch.setattr("cloud_functions.lake.tables._SMALL_FILES", 2)


def contents(cloud: Any) -> list[str]:
    """All of silver but when it was refined, in order."""
    return sorted(str({**row, "refined_at": None}) for row in cloud.sql("SELECT * FROM events"))


class Before:
    """Does something before a commit: the run that makes it has read the table, and has written nothing yet."""

    def __init__(self, number: int, happens: Callable[[], object]) -> None:
        self.left, self._happens, self._write = number, happens, deltalake.write_deltalake

    def __call__(self, *args: Any, **how: Any) -> None:  # noqa: D102 - said above
        self.left -= 1
        if not self.left:
            self._happens()
        self._write(*args, **how)


def test_upkeep_may_come_before_any_commit_of_refining_and_nothing_is_lost_or_doubled(
    shop: Any, clouds: Clouds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every other one is tried; upkeep keeps nothing, so what the run has opened and would read later is gone, too."""
    cloud, undisturbed = clouds("cloud"), clouds("undisturbed")
    number, refused, came = -1, 0, True
    while came:
        number += 2
        first, back = shop.crossed(10 * number), shop.crossed(10 * number + 3, "out")
        sent = shop.packed(first, back, shop.turned(10 * number + 4, first, back), shop.visited(10 * number, 5))
        for each in (cloud, undisturbed):
            each.land(sent, sent)
        before = Before(number, lambda: upkeep(cloud.lake, keep_hours=0))
        with monkeypatch.context() as on:
            on.setattr(tables, "write_deltalake", before)
            try:
                cloud.refine()
            except StorageError:
                refused += 1
        came = before.left <= 0
    assert refused > 4
    undisturbed.refine()
    assert contents(cloud) == contents(undisturbed)
    assert rebuild.differences(undisturbed.lake, cloud.lake) == {}
    assert upkeep(cloud.lake, keep_hours=0)["silver/events"] != (0, 0)
    assert rebuild.differences(undisturbed.lake, cloud.lake) == {}


def before_tidying(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Have something happen once upkeep has opened silver, and before it puts files together."""

    def tidy(table: Any, form: Any, order: Any) -> int:
        if form is EVENTS:
            happens()
        return tables.tidy(table, form, order)

    monkeypatch.setattr(upkeep_of_tables, "tidy", tidy)


def test_what_is_refined_while_files_are_put_together_is_there_once(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        cloud.land(shop.message(shop.crossed(number)))
        cloud.refine()

    def refined() -> None:
        cloud.land(shop.message(shop.crossed(100)))
        assert cloud.refine().events == 1

    before_tidying(monkeypatch, refined)
    assert upkeep(cloud.lake, keep_hours=0)["silver/events"][0] == 3
    assert cloud.sql("SELECT COUNT(*) AS n, COUNT(DISTINCT id) AS ids FROM events") == [{"n": 4, "ids": 4}]
    assert [row["in_raw"] for row in cloud.gold(FOOTFALL.form)] == [4]


def test_a_row_that_got_a_better_copy_meanwhile_is_not_put_together_with_the_worse_one(
    shop: Any, clouds: Clouds, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, cloud = clouds("source"), clouds("cloud")
    event = shop.crossed(1)
    source.land(shop.message(event), partition="1")
    source.land(shop.message(event), shop.message(shop.crossed(2)), at=OPENS + timedelta(minutes=1))
    later, first = source.files.files("bronze")
    cloud.files.create(later, source.files.read(later), {})
    cloud.refine()
    cloud.land(shop.message(shop.crossed(3)), partition="2")
    cloud.refine()

    def refined() -> None:
        cloud.files.create(first, source.files.read(first), {})
        cloud.refine()

    before_tidying(monkeypatch, refined)
    with pytest.raises(StorageError, match=r"upkeep of 1 of \d+ tables failed: silver/events"):
        upkeep(cloud.lake, keep_hours=0)
    rows = cloud.sql("SELECT id, bronze_file FROM events")
    assert len(rows) == 3
    assert [row["bronze_file"] for row in rows if row["id"] == event.id] == [first]


def test_an_erasure_that_upkeep_came_in_between_is_given_again_and_leaves_nothing(
    shop: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        cloud.land(shop.message(shop.crossed(number, track=f"t{number}")))
        cloud.refine()
    erasure = Erasure(cloud.files, cloud.lake, cloud.stores, Wish.of_track("store-1", f"{DOOR}#t1"))
    with monkeypatch.context() as on:
        on.setattr(tables, "write_deltalake", Before(1, lambda: upkeep(cloud.lake)))
        with pytest.raises(StorageError, match=r"silver/events.*Failed to commit"):
            erasure.run(OPENS + timedelta(days=1))
    assert erasure.run(OPENS + timedelta(days=1)).rows == 1
    assert cloud.sql("SELECT COUNT(*) AS n FROM events WHERE track_id = 't1'") == [{"n": 0}]
    assert [row["in_raw"] for row in cloud.gold(FOOTFALL.form)] == [3]


def test_a_reader_goes_on_with_what_it_opened_whatever_is_refined_and_put_together_until_that_is_deleted(
    shop: Any, cloud: Any
) -> None:
    for number in range(3):
        cloud.land(shop.message(shop.crossed(number)))
        cloud.refine()
    lake = open_lake(str(cloud.files._root))
    asked = ("SELECT id FROM events ORDER BY id", "SELECT in_raw FROM fact_footfall_15m", "FROM footfall_by_day")
    before = [lake.sql(text).fetchall() for text in asked]
    age(cloud, days=30)
    cloud.land(shop.message(shop.crossed(50)))
    cloud.refine()
    assert upkeep(cloud.lake)["silver/events"] == (4, 0)
    assert [lake.sql(text).fetchall() for text in asked] == before
    assert upkeep(cloud.lake, keep_hours=0)["silver/events"] == (0, 4)
    with pytest.raises(duckdb.Error, match="not found"):
        lake.sql(asked[0]).fetchall()
    assert len(open_lake(str(cloud.files._root)).sql(asked[0]).fetchall()) == 4


def age(cloud: Any, days: int) -> None:
    """Make all files of the lake older: what counts for a reader is when they were put out of use, and not that."""
    then = time.time() - days * 86_400
    for path in cloud.files._root.rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))
