from pathlib import Path

import pyarrow as pa
import pytest

from local_azure.azurite.node import Node, find_node
from storeflow.errors import StorageError
from tests.conftest import skip_or_fail
from tools.published.installation import install
from tools.published.kql import analyse, kusto_type

TABLES = {"fact": pa.schema([("store_id", pa.string()), ("day", pa.date32()), ("visits", pa.int64())])}


@pytest.fixture(scope="session")
def node() -> Node:
    return find_node()


@pytest.fixture(scope="session")
def packages(node: Node) -> Path:
    """Microsoft's analyser, as published."""
    try:
        found = install(node)
    except StorageError as error:
        skip_or_fail(str(error))
    return found


def test_a_query_that_is_right_has_no_fault_and_its_columns_are_told(node: Node, packages: Path) -> None:
    query = 'external_table("fact") | summarize visits = sum(visits) by store_id, week = startofweek(day)'
    said = analyse({"good": query}, TABLES, node, packages)["good"]
    assert said.faults == ()
    assert said.columns == ("store_id", "week", "visits")


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ('external_table("fact") | sumarize count()', "25: Query operator expected."),
        ('external_table("fakt")', "'fakt' does not refer to any known external table"),
        ('external_table("fact") | project visit', "'visit' does not refer to any known column"),
        ('external_table("fact") | extend a = strlen(store_id, 3)', "expects"),
    ],
)
def test_a_mistake_is_found(query: str, fault: str, node: Node, packages: Path) -> None:
    faults = analyse({"bad": query}, TABLES, node, packages)["bad"].faults
    assert any(fault in one for one in faults), faults


def test_a_type_that_no_table_has_is_refused() -> None:
    with pytest.raises(TypeError, match="say what it is in Kusto"):
        kusto_type(pa.list_(pa.int64()))


def test_a_fetch_that_fails_says_so_and_leaves_nothing_that_counts(node: Node, tmp_path: Path) -> None:
    broken = Node(node.executable, ("false",))
    with pytest.raises(StorageError, match="npm could not fetch"):
        install(broken, tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.is_dir() and path.suffix != ".partial"]
