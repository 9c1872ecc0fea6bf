from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from cloud_functions.lake.tables import Lake, TableForm, append, mark, overwrite, query, replace
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


def test_a_table_of_an_older_version_gets_the_columns_that_are_new(lake: Lake) -> None:
    append(lake.open(NUMBERS), rows(1), {})
    wider = TableForm("numbers", NUMBERS.columns.append(pa.field("name", pa.string())))
    assert query("SELECT * FROM t", t=lake.open(wider)).to_pylist() == [{"n": 1, "name": None}]
    append(lake.open(wider), pa.table({"n": pa.array([2], pa.int64()), "name": ["two"]}), {})
    found = query("SELECT name FROM t ORDER BY n", t=lake.open(wider))
    assert found["name"].to_pylist() == [None, "two"]


def test_a_question_that_cannot_be_answered_is_an_error_of_ours(lake: Lake) -> None:
    with pytest.raises(StorageError, match="nothing"):
        query("SELECT nothing FROM t", t=lake.open(NUMBERS))
