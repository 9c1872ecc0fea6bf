import os
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from cloud_functions.lake.tables import Lake, TableForm, append, mark, merge, overwrite, query, replace, tidy, vacuum
from cloud_functions.lake_port import DeltaPlace
from storeflow.errors import StorageError

NUMBERS = TableForm("numbers", pa.schema([pa.field("n", pa.int64())]))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(DeltaPlace(str(tmp_path), {}))


def rows(*numbers: int) -> pa.Table:
    return pa.table({"n": pa.array(numbers, pa.int64())})


def test_rows_and_marks_are_there_together(lake: Lake) -> None:
    append(lake.open(NUMBERS), rows(1, 2), {"upto": 7})
    table = lake.open(NUMBERS)
    assert (query("SELECT SUM(n) AS s FROM t", t=table)["s"].to_pylist(), mark(table, "upto")) == ([3], 7)
    assert mark(table, "other") is None


WRITES: dict[str, Callable[[DeltaTable], None]] = {
    "append": lambda table: append(table, rows(2), {}),
    "replace": lambda table: replace(table, rows(2), "n = 2", {}),
    "overwrite": lambda table: overwrite(table, rows(2), {}),
    "merge": lambda table: merge(table, rows(2), ("n",), "TRUE", {}),
}


@pytest.mark.parametrize("write", WRITES)
def test_whoever_read_an_older_version_is_refused(write: str, lake: Lake) -> None:
    mine, theirs = lake.open(NUMBERS), lake.open(NUMBERS)
    append(theirs, rows(1), {})
    with pytest.raises(StorageError, match="numbers"):
        WRITES[write](mine)
    assert query("SELECT n FROM t", t=lake.open(NUMBERS))["n"].to_pylist() == [1]


def test_replacing_takes_out_what_the_condition_is_true_of_and_nothing_else(lake: Lake) -> None:
    append(lake.open(NUMBERS), rows(1, 2, 3), {})
    replace(lake.open(NUMBERS), rows(2, 2), "n = 2", {"upto": 1})
    assert query("SELECT n FROM t ORDER BY n", t=lake.open(NUMBERS))["n"].to_pylist() == [1, 2, 2, 3]


NAMED = TableForm("numbers", NUMBERS.columns.append(pa.field("name", pa.string())))


def named(*pairs: tuple[int, str | None]) -> pa.Table:
    return pa.Table.from_pylist([{"n": n, "name": name} for n, name in pairs], schema=NAMED.columns)


def test_merging_puts_rows_in_place_of_those_of_their_key_and_adds_the_others(lake: Lake) -> None:
    append(lake.open(NAMED), named((1, "one"), (2, "two"), (3, "three")), {"upto": 1})
    merge(lake.open(NAMED), named((2, None), (4, "four")), ("n",), "target.n > 0", {"upto": 2})
    table = lake.open(NAMED)
    found = query("SELECT n, name FROM t ORDER BY n", t=table)
    assert list(zip(*found.to_pydict().values(), strict=True)) == [(1, "one"), (2, None), (3, "three"), (4, "four")]
    assert (mark(table, "upto"), table.version()) == (2, 2)


def test_merging_reads_only_what_the_condition_is_true_of(lake: Lake) -> None:
    append(lake.open(NAMED), named((1, "one")), {})
    merge(lake.open(NAMED), named((1, "eins")), ("n",), "target.n > 1", {})
    assert query("SELECT COUNT(*) AS c FROM t", t=lake.open(NAMED))["c"].to_pylist() == [2]


OLDER_WRITES: dict[str, Callable[[DeltaTable], None]] = {
    "append": lambda table: append(table, rows(2), {}),
    "replace": lambda table: replace(table, rows(2), "n = 2", {}),
    "overwrite": lambda table: overwrite(table, rows(1, 2), {}),
    "merge": lambda table: merge(table, rows(1, 2), ("n",), "TRUE", {}),
}


@pytest.mark.parametrize("write", OLDER_WRITES)
def test_an_older_version_can_write_where_a_newer_one_added_a_column(write: str, lake: Lake) -> None:
    append(lake.open(NAMED), named((1, "one")), {})
    OLDER_WRITES[write](lake.open(NUMBERS))
    found = query("SELECT name FROM t WHERE n = 2", t=lake.open(NUMBERS))
    assert found["name"].to_pylist() == [None]


def test_a_table_of_an_older_version_gets_the_columns_that_are_new(lake: Lake) -> None:
    append(lake.open(NUMBERS), rows(1), {})
    assert query("SELECT * FROM t", t=lake.open(NAMED)).to_pylist() == [{"n": 1, "name": None}]
    append(lake.open(NAMED), pa.table({"n": pa.array([2], pa.int64()), "name": ["two"]}), {})
    found = query("SELECT name FROM t ORDER BY n", t=lake.open(NAMED))
    assert found["name"].to_pylist() == [None, "two"]


def test_who_only_reads_makes_no_table_and_adds_no_column(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=f"numbers: there is no table in {tmp_path}; is LAKE_TABLES right"):
        lake.there(NUMBERS)
    assert [*tmp_path.iterdir()] == []
    append(lake.open(NUMBERS), rows(1), {})
    with pytest.raises(StorageError, match="numbers: it has no name, as an older version"):
        lake.there(NAMED)
    table = lake.there(NUMBERS)
    assert (query("SELECT * FROM t", t=table).to_pylist(), table.version()) == ([{"n": 1}], 1)


def test_an_older_version_reads_what_a_newer_one_added_columns_to(lake: Lake) -> None:
    append(lake.open(NAMED), named((1, "one")), {})
    assert query("SELECT n FROM t", t=lake.there(NUMBERS)).to_pylist() == [{"n": 1}]


def test_a_question_that_cannot_be_answered_is_an_error_of_ours(lake: Lake) -> None:
    with pytest.raises(StorageError, match="nothing"):
        query("SELECT nothing FROM t", t=lake.open(NUMBERS))


def test_a_column_says_the_privacy_class_of_its_field_also_one_that_is_added_later(lake: Lake) -> None:
    lake.open(NUMBERS)
    secret = pa.field("name", pa.string(), metadata={"x-privacy": "pseudonymous"})
    for name in ("numbers", "others"):
        (*_, found) = lake.open(TableForm(name, NUMBERS.columns.append(secret))).schema().fields
        assert (found.name, found.metadata) == ("name", {"x-privacy": "pseudonymous"})


DAYS = TableForm("days", pa.schema([pa.field("day", pa.string()), pa.field("n", pa.int64())]), "day", ("n",))


def on_day(lake: Lake, times: int, day: str) -> None:
    for n in range(times):
        append(lake.open(DAYS), pa.table({"day": [day], "n": pa.array([n], pa.int64())}), {})


def paths(lake: Lake) -> set[str]:
    return set(pa.table(lake.open(DAYS).get_add_actions(flatten=True))["path"].to_pylist())


@pytest.mark.parametrize("order", ["", "n"], ids=["put together", "sorted"])
def test_days_of_many_small_files_are_put_together_and_all_others_left_alone(order: str, lake: Lake) -> None:
    on_day(lake, 8, "busy")
    on_day(lake, 7, "quiet")
    quiet = {path for path in paths(lake) if "quiet" in path}
    assert tidy(lake.open(DAYS), DAYS, order) == 8
    assert len(paths(lake)) == 8
    assert quiet < paths(lake)
    settled = lake.open(DAYS).version()
    on_day(lake, 6, "busy")
    assert tidy(lake.open(DAYS), DAYS, order) == 0
    assert lake.open(DAYS).version() == settled + 6


def test_what_is_large_already_is_not_written_again_for_some_small_files(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The eight small ones are less than a quarter of the day."""
    monkeypatch.setattr("cloud_functions.lake.tables._SMALL_BYTES", 10_000)
    monkeypatch.setattr("cloud_functions.lake.tables._LARGE_BYTES", 20_000)
    append(lake.open(DAYS), pa.table({"day": ["busy"] * 60_000, "n": pa.array(range(60_000), pa.int64())}), {})
    large = paths(lake)
    on_day(lake, 8, "busy")
    assert tidy(lake.open(DAYS), DAYS, "n") == 8
    assert large < paths(lake)
    assert len(paths(lake)) == 2


def test_pieces_of_a_day_that_are_replaced_in_turn_write_no_whole_day_each_whatever_was_put_together(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud_functions.lake.tables._REPLACED_BYTES", 60_000)
    pieces = [range(begin, begin + 10_000) for begin in range(0, 120_000, 10_000)]
    rows_of = [pa.table({"day": ["busy"] * len(piece), "n": pa.array(piece, pa.int64())}) for piece in pieces]
    for made in rows_of:
        append(lake.open(DAYS), made, {})
    assert tidy(lake.open(DAYS), DAYS, "n") == len(pieces)
    assert len(paths(lake)) == 1
    stayed = []
    for piece, made in zip(pieces, rows_of, strict=True):
        before = paths(lake)
        replace(lake.open(DAYS), made, f"day = 'busy' AND n >= {piece.start} AND n < {piece.stop}", {})
        stayed.append(len(before & paths(lake)) / len(before))
    assert stayed[0] == 0
    assert min(stayed[1:]) > 0.5
    found = query("SELECT COUNT(*) AS c, COUNT(DISTINCT n) AS n FROM t", t=lake.open(DAYS)).to_pylist()
    assert found == [{"c": 120_000, "n": 120_000}]


def test_files_of_a_refused_commit_are_deleted_once_no_commit_can_still_be_made_of_them(
    lake: Lake, tmp_path: Path
) -> None:
    on_day(lake, 1, "busy")
    mine = lake.open(DAYS)
    on_day(lake, 1, "busy")
    with pytest.raises(StorageError):
        overwrite(mine, pa.table({"day": ["busy"], "n": pa.array([2], pa.int64())}), {})
    files = set((tmp_path / "days").glob("day=busy/*.parquet"))
    assert len(files) == 3
    assert vacuum(lake.open(DAYS), 24) == 0
    yesterday = time.time() - 25 * 3600
    for file in files:
        os.utime(file, (yesterday, yesterday))
    assert vacuum(lake.open(DAYS), 24) == 1
    assert {str(path.relative_to(tmp_path / "days")) for path in files if path.exists()} == paths(lake)
