"""Asks a lake in SQL: its Delta tables, and the views of dashboards/sql on them, in DuckDB.

    python -m examples.lake run/lake "FROM footfall_by_day WHERE line_id = 'entrance'"
    python -m examples.lake az://lake "SHOW TABLES"

A lake is a folder, or a container by `az://<container>`; for that deltalake takes the account from the environment:
`AZURE_STORAGE_ACCOUNT_NAME`, and `AZURE_USE_AZURE_CLI=true` for whoever has signed in by `az login`. A key of the
account (`AZURE_STORAGE_ACCOUNT_KEY`) opens all of it, also what is personal: bronze, quarantine, and silver, which is
the table `events`. Whoever may read gold alone has all other tables and all views. `AZURE_STORAGE_USE_EMULATOR=true` is
Azurite.

When a store is open nobody can tell from its cameras: `--opening-hours` takes a CSV file with the columns `store_id`,
`weekday` (1 is Monday), `opens` and `closes` (`08:00`, `24:00`, by the store's clock). Without it stores never close.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import duckdb
from deltalake import DeltaTable

from storeflow.errors import StorageError

VIEWS = Path(__file__).resolve().parents[1] / "dashboards" / "sql"
GOLD = (
    *("dim_store", "dim_camera", "dim_layout", "dim_line", "dim_zone", "dim_date", "dim_time15"),
    *("fact_footfall_15m", "fact_zone_dwell_15m", "fact_queue", "fact_device_health", "fact_completeness"),
)
PLACES = {"events": "silver/events"} | {name: f"gold/{name}" for name in GOLD}
"""Where each table of a lake is."""

_NEVER_CLOSED = "CREATE TABLE opening_hours AS SELECT store_id, weekday, '00:00' AS opens, '24:00' AS closes FROM"
_NEVER_CLOSED += " dim_store, range(1, 8) AS days (weekday)"


def open_lake(
    root: str, options: Mapping[str, str] | None = None, opening_hours: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """Return a connection that has the tables of a lake, as they are now, and the views.

    Only the files that a question needs are read, when it is asked. Where silver can't be read there is no `events`.

    Args:
        root: the folder, or `az://<container>`.
        options: `storage_options` of deltalake.
        opening_hours: the CSV file; none for stores that never close.

    Raises:
        StorageError: a table of gold is not there, or can't be read.
    """
    connection = duckdb.connect()
    for name, place in PLACES.items():
        address = f"{root.rstrip('/')}/{place}"
        try:
            table = DeltaTable(address, storage_options=dict(options or {}))
        except Exception as error:
            if name == "events":
                sys.stderr.write(f"no table events: {error}\n")
                continue
            raise StorageError(f"{address}: {error}; is {root} a lake, and has `refine` run?") from error
        connection.register(name, table.to_pyarrow_dataset())
    if opening_hours is None:
        connection.execute(_NEVER_CLOSED)
    else:
        connection.read_csv(str(opening_hours), dtype={"opens": "VARCHAR", "closes": "VARCHAR"}).create("opening_hours")
    # A view may build on another: coverage first, then what follows it by name.
    for path in sorted(VIEWS.glob("*.sql")):
        connection.execute(path.read_text())
    return connection


def main(arguments: list[str] | None = None) -> int:
    """Ask one question; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.lake", description="Ask a lake in SQL.")
    parser.add_argument("lake", help="a folder, or az://<container>")
    parser.add_argument("question", help="SQL, as DuckDB has it")
    parser.add_argument("--opening-hours", type=Path, help="a CSV file: store_id, weekday, opens, closes")
    options = parser.parse_args(arguments)
    try:
        answer = open_lake(options.lake, opening_hours=options.opening_hours).sql(options.question)
    except (StorageError, duckdb.Error) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{answer}\n" if answer else "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
