"""The views in KQL, by Microsoft's own analyser: it parses them and resolves every name; nothing here runs them."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from examples.lake import PLACES, VIEWS
from local_azure.azurite.node import find_node
from storeflow.errors import StorageError
from tests.conftest import skip_or_fail
from tools.published.installation import install
from tools.published.kql import Analysed, analyse

KQL = VIEWS.with_name("kql")
OPENING_HOURS = pa.schema(
    [(name, pa.int64() if name == "weekday" else pa.string()) for name in ("store_id", "weekday", "opens", "closes")]
)


def views() -> dict[str, str]:
    """Each view by its name; the one that another asks comes before it."""
    return {path.stem: path.read_text() for path in sorted(KQL.glob("*.kql"))}


@pytest.fixture(scope="module")
def tables(lake: Path) -> dict[str, pa.Schema]:
    found = {name: pa.schema(DeltaTable(f"{lake}/{place}").schema().to_arrow()) for name, place in PLACES.items()}
    return found | {"opening_hours": OPENING_HOURS}


@pytest.fixture(scope="module")
def analysed(tables: dict[str, pa.Schema]) -> dict[str, Analysed]:
    try:
        node = find_node()
        packages = install(node)
    except StorageError as error:
        skip_or_fail(str(error))
    return analyse(views(), tables, node, packages)


@pytest.mark.parametrize("view", views())
def test_a_view_has_no_fault(view: str, analysed: dict[str, Analysed]) -> None:
    assert analysed[view].faults == ()


@pytest.mark.parametrize("view", views())
def test_a_view_has_the_columns_that_it_has_in_sql(
    view: str, analysed: dict[str, Analysed], database: duckdb.DuckDBPyConnection
) -> None:
    assert list(analysed[view].columns) == database.table(view).columns


def test_each_view_is_there_in_both() -> None:
    assert set(views()) == {path.stem for path in VIEWS.glob("*.sql")}
