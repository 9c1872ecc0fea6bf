"""docs/bi.md is followed from nothing to a plot, with a smaller fleet; and its queries are asked."""

import importlib
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from examples.lake import VIEWS, open_lake

SMALLER = {"--stores 12": "--stores 2", "--days 14": "--days 2", "--events 250000": "--events 2500"}


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "bi.md").read_text()


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def run(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `run` of somebody who has typed every command."""
    folder = tmp_path_factory.mktemp("bi") / "run"
    (commands,) = blocks(page, "sh")
    first, *rest = commands.splitlines()
    assert first == "make check"
    for command in rest:
        for ours, smaller in SMALLER.items():
            command = command.replace(ours, smaller)  # noqa: PLW2901 - the same command, for a test
        python, m, module, *arguments = shlex.split(command.replace("run/", f"{folder}/"))
        assert (python, m) == (".venv/bin/python", "-m")
        main = importlib.import_module(f"{module}.__main__" if module == "tools.fleet" else module).main
        assert main(arguments) == 0, command
    return folder


@pytest.fixture(scope="module")
def lake(run: Path) -> duckdb.DuckDBPyConnection:
    return open_lake(str(run / "fleet_lake"), opening_hours=run / "fleet_lake" / "opening_hours.csv")


def test_whoever_types_the_commands_has_plots_in_the_end(run: Path) -> None:
    plots = {path.stem: path.read_bytes()[:8] for path in (run / "plots").glob("*.png")}
    assert plots == dict.fromkeys(("days", "dwell", "hours", "profile"), b"\x89PNG\r\n\x1a\n")


def test_the_lake_has_what_the_fleet_did(run: Path, lake: duckdb.DuckDBPyConnection) -> None:
    """The fleet's own truth, which knows nothing of the lake."""
    truth = str(run / "fleet" / "truth" / "fact_footfall_15m.parquet")
    expected = lake.sql(f"SELECT SUM(in_shopper), SUM(out_units) FROM '{truth}'").fetchall()  # noqa: S608 - our own path
    assert lake.sql("SELECT SUM(in_shopper), SUM(out_units) FROM footfall_by_day").fetchall() == expected
    assert expected[0][0] > 0


def test_whoever_may_read_gold_alone_has_every_view_and_no_events(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(run / "fleet_lake" / "gold", tmp_path / "gold")
    lake = open_lake(str(tmp_path))
    assert capsys.readouterr().err.startswith("no table events: ")
    rows = {view.stem: len(lake.sql(f"FROM {view.stem}").arrow().read_all()) for view in VIEWS.glob("*.sql")}
    assert min(rows.values()) > 0
    with pytest.raises(duckdb.CatalogException, match="events"):
        lake.sql("FROM events")


def test_the_notebook_runs(page: str, run: Path) -> None:
    (code,) = blocks(page, "python")
    names: dict[str, Any] = {}
    exec(code.replace("run/", f"{run}/"), names)  # noqa: S102 - the page's own code
    assert names["table"].read_all().num_rows >= 2


def test_conversion_is_asked_as_the_page_says(page: str, lake: duckdb.DuckDBPyConnection) -> None:
    lake.execute(
        "CREATE OR REPLACE TEMP TABLE transactions AS"
        " SELECT store_id, local_date, hour, 1 AS receipts FROM footfall_by_hour WHERE line_id = 'entrance'"
    )
    (query,) = blocks(page, "sql")
    rows = lake.sql(query).fetchall()
    assert len(rows) >= 2
    assert all(rate > 0 for _, _, rate in rows)


def test_every_view_is_on_the_page_and_no_other(page: str, tables: Any) -> None:
    listed = {row["view"].strip("`") for table in tables(page) for row in table if "view" in row}
    assert listed == {path.stem for path in VIEWS.glob("*.sql")}
