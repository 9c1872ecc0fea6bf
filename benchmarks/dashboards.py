"""What do the dashboards' questions cost on a year of fifty stores, beside DuckDB on plain Parquet of the same rows?

    .venv/bin/python -m benchmarks.dashboards

Fifty stores with four cameras each are open for forty quarters of an hour on 365 days: 2.9 million rows of
`fact_footfall_15m` and of `fact_device_health`, and 0.7 million each of dwell and of queues, where a quarter in four
has some. One side asks as readers do, `examples.lake.open_lake`, of Delta tables as the product writes them, one file
for each day; the other side has the same views over the same rows in one plain Parquet file for each month. Each
question is asked of both in turns, and the answers are compared. A third side has DuckDB read the lake's own files: it
tells what the files cost from what their reader costs. The result goes to benchmarks/results/dashboards.json.
"""

import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from cloud_functions.lake.gold import dimensions, footfall, health, visits
from cloud_functions.lake.gold.completeness import ALL_FINAL, COMPLETENESS
from cloud_functions.lake.gold.dimensions import CAMERA, DATE, STORE
from cloud_functions.lake.silver import EVENTS
from cloud_functions.lake.tables import Lake, TableForm, append
from cloud_functions.lake_port import DeltaPlace
from cloud_functions.rebuild import GOLD
from examples.lake import VIEWS, open_lake

ROUNDS = 5
STORES, CAMERAS, YEAR = 50, 4, 2025
OPENS, WINDOWS = 9, 40
"""The first hour, and how many quarters of an hour follow. Stores keep UTC."""
A_WEEK = "store_id = 'store-0007' AND local_date BETWEEN DATE '2025-06-02' AND DATE '2025-06-08'"
QUESTIONS = {
    **{f"{path.stem}, all of the year": f"FROM {path.stem}" for path in sorted(VIEWS.glob("*.sql"))},
    **{
        f"{view}, a week of a store": f"FROM {view} WHERE {A_WEEK}"
        for view in ("footfall_by_day", "footfall_by_hour", "dwell_by_day", "queues_by_day", "coverage_by_day")
    },
}
RESULT = Path(__file__).parent / "results" / "dashboards.json"


def months() -> Iterator[list[date]]:
    """The days of each."""
    days = [date(YEAR, 1, 1) + timedelta(days=number) for number in range(365)]
    for month in range(1, 13):
        yield [day for day in days if day.month == month]


def filled(form: TableForm, days: list[date], every: int, own: dict[str, Any], chance: np.random.Generator) -> pa.Table:
    """Rows of a fact: a camera and a quarter of an hour each.

    Args:
        form: the table.
        days: which.
        every: one quarter of an hour in so many has a row.
        own: its columns with names and keys; all other numbers are made up.
        chance: of the numbers.
    """
    cameras = [(f"store-{store:04}", f"camera_{camera}") for store in range(1, STORES + 1) for camera in range(CAMERAS)]
    times = [
        datetime(day.year, day.month, day.day, OPENS, tzinfo=UTC) + timedelta(minutes=15 * quarter)
        for day in days
        for quarter in range(0, WINDOWS, every)
    ]
    of_camera = np.repeat(np.arange(len(cameras)), len(times))
    of_time = np.tile(np.arange(len(times)), len(cameras))
    stores = pa.array([store for store, _ in cameras]).take(of_camera)
    names = pa.array([camera for _, camera in cameras]).take(of_camera)
    columns: dict[str, Any] = {
        "camera_key": pc.binary_join_element_wise(stores, stores, names, "/"),
        "store_id": stores,
        "device_id": stores,
        "camera_id": names,
        "window_start": pa.array(times, pa.timestamp("us", "UTC")).take(of_time),
        "window_date": pa.array([at.date() for at in times]).take(of_time),
        "local_date": pa.array([at.date() for at in times]).take(of_time),
        "local_time15": pa.array([f"{at:%H:%M}" for at in times]).take(of_time),
        "utc_offset_minutes": np.zeros(len(of_time), np.int64),
        "is_final": chance.random(len(of_time)) < 0.99,  # noqa: PLR2004 - nearly all are
        "restated_at": pa.nulls(len(of_time), pa.timestamp("us", "UTC")),
    }
    for name, value in own.items():
        columns[name] = pa.array([value]).take(np.zeros(len(of_time), np.int64))
    for field in form.columns:
        if field.name not in columns:
            numbers = chance.poisson(6, len(of_time))
            columns[field.name] = numbers * 12.5 if pa.types.is_floating(field.type) else numbers
    return pa.table([columns[field.name] for field in form.columns], names=form.columns.names).cast(form.columns)


def fact_rows(days: list[date], chance: np.random.Generator) -> dict[str, tuple[TableForm, pa.Table]]:
    """All facts of some days, by the name of the table."""
    drawn = {"config_version": 1, "object_class": "person"}
    made = (
        (footfall.FACT.form, 1, drawn | {"line_id": "entrance", "line_key": "", "source_of_figures": "events"}),
        (health.FACT.form, 1, {"observed_seconds": 897.5}),
        (visits.DWELL.form, 4, drawn | {"zone_id": "shelf", "zone_key": ""}),
        (visits.QUEUE.form, 4, {"config_version": 1, "queue_id": "checkout", "zone_key": ""}),
    )
    tables = {
        form.name.removeprefix("gold/"): (form, filled(form, days, every, own, chance)) for form, every, own in made
    }
    return tables | {"fact_completeness": (COMPLETENESS, completeness_rows(days))}


def completeness_rows(days: list[date]) -> pa.Table:
    """A row for each camera and day; all is there."""
    rows = [
        {
            "source": f"//hub/store-{store:04}/camera_{camera}",
            "store_id": f"store-{store:04}",
            "device_id": f"store-{store:04}",
            "window_date": day,
            "events": 1_250,
            "first_sequence": 1,
            "last_sequence": 1_250,
            "missing": 0,
            "complete_until": datetime(day.year, day.month, day.day, 23, 59, tzinfo=UTC),
            "final_windows": 96,
            "final_mask": ALL_FINAL,
        }
        for store in range(1, STORES + 1)
        for camera in range(CAMERAS)
        for day in days
    ]
    return pa.Table.from_pylist(rows, schema=COMPLETENESS.columns)


def dimension_rows() -> dict[str, tuple[TableForm, list[dict[str, Any]]]]:
    """The dimensions that the views join."""
    stores = [f"store-{number:04}" for number in range(1, STORES + 1)]
    seen = {"first_seen": datetime(YEAR, 1, 1, 9, tzinfo=UTC), "last_seen": datetime(YEAR, 12, 31, 19, tzinfo=UTC)}
    cameras = [(store, f"camera_{camera}") for store in stores for camera in range(CAMERAS)]
    return {
        "dim_store": (STORE, [{"store_id": name, "name": name, "time_zone": "UTC"} for name in stores]),
        "dim_camera": (
            CAMERA,
            [
                {"camera_key": f"{store}/{store}/{camera}", "store_id": store, "device_id": store, "camera_id": camera}
                | seen
                for store, camera in cameras
            ],
        ),
        "dim_date": (DATE, dimensions.dates([YEAR])),
    }


def write(root: Path) -> dict[str, int]:
    """Both forms of the year; return how many rows each fact has."""
    lake, chance = Lake(DeltaPlace(str(root / "delta"), {})), np.random.default_rng(5)
    for form in (EVENTS, *GOLD):
        lake.open(form)
    rows: dict[str, int] = {}
    for number, days in enumerate(months(), start=1):
        for name, (form, table) in fact_rows(days, chance).items():
            # By store and time, as the product's upkeep leaves them.
            order = [(column, "ascending") for column in ("store_id", "window_start") if column in table.column_names]
            table = table.sort_by(order)  # noqa: PLW2901 - the same rows
            append(lake.open(form), table, {})
            keep(root, name, f"{number:02}", table)
            rows[name] = rows.get(name, 0) + table.num_rows
    for name, (form, found) in dimension_rows().items():
        table = pa.Table.from_pylist(found, schema=form.columns)
        append(lake.open(form), table, {})
        keep(root, name, "all", table)
    hours = [f"store-{store:04},{day},09:00,19:00" for store in range(1, STORES + 1) for day in range(1, 8)]
    (root / "hours.csv").write_text("\n".join(("store_id,weekday,opens,closes", *hours, "")))
    return rows


def keep(root: Path, name: str, part: str, table: pa.Table) -> None:
    """Write rows as plain Parquet."""
    place = root / "parquet" / name
    place.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, place / f"{part}.parquet", compression="snappy")


def plain(root: Path, *, of_the_lake: bool) -> duckdb.DuckDBPyConnection:
    """Return a connection that has Parquet files, read by DuckDB itself, and the same views.

    Args:
        root: of both forms.
        of_the_lake: the files are those of the lake's newest version, or else those of a month each.
    """
    connection = duckdb.connect()
    for place in sorted((root / "parquet").iterdir()):
        found = [str(path) for path in sorted(place.iterdir())]
        if of_the_lake:
            found = DeltaTable(root / "delta" / "gold" / place.name).file_uris()
        connection.execute(f"CREATE VIEW {place.name} AS FROM read_parquet({found}, hive_partitioning = true)")
    connection.read_csv(str(root / "hours.csv"), dtype={"opens": "VARCHAR", "closes": "VARCHAR"}).create(
        "opening_hours"
    )
    for path in sorted(VIEWS.glob("*.sql")):
        connection.execute(path.read_text())
    return connection


def ask(connection: duckdb.DuckDBPyConnection, question: str) -> tuple[float, pa.Table]:
    """Seconds, and the answer."""
    began = time.perf_counter()
    answer = connection.sql(question).to_arrow_table()
    return time.perf_counter() - began, answer


def sums(answer: pa.Table) -> dict[str, Any]:
    """What tells two answers apart that should be one: their rows, and the sum of each column of numbers."""
    numbers = [field.name for field in answer.schema if pa.types.is_integer(field.type) or _is_decimal(field.type)]
    return {"rows": answer.num_rows} | {name: pc.sum(answer[name]).as_py() for name in numbers}


def _is_decimal(kind: pa.DataType) -> bool:
    return bool(pa.types.is_decimal(kind))


def main() -> None:
    """Run, print and keep the result."""
    with tempfile.TemporaryDirectory(prefix="dashboards-") as folder:
        root = Path(folder)
        rows = write(root)
        sides = {
            "plain": plain(root, of_the_lake=False),
            "files": plain(root, of_the_lake=True),
            "lake": open_lake(str(root / "delta"), opening_hours=root / "hours.csv"),
        }
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in QUESTIONS}
        for number in range(ROUNDS):
            for name, question in QUESTIONS.items():
                order = list(sides) if number % 2 else list(reversed(sides))
                answers = {side: ask(sides[side], question) for side in order}
                if any(sums(answer) != sums(answers["plain"][1]) for _, answer in answers.values()):
                    raise RuntimeError(f"{name}: the answers differ")
                rounds[name].append({side: seconds for side, (seconds, _) in answers.items()})
        ratios = {
            name: {side: median(one[side] / one["plain"] for one in each) for side in ("lake", "files")}
            for name, each in rounds.items()
        }
    for name, ratio in ratios.items():
        print(f"{name}: lake / plain Parquet = {ratio['lake']:.2f}, its files alone {ratio['files']:.2f}")
    facts = {
        "what": "seconds of a question to the lake, and to its files alone / to plain Parquet of the same rows",
        "python": platform.python_version(),
        "duckdb": version("duckdb"),
        "deltalake": version("deltalake"),
        "cores": os.cpu_count(),
        "rounds": ROUNDS,
        "rows": rows,
        "median_ratio": ratios,
        "median_seconds": {
            name: {side: median(one[side] for one in each) for side in sides} for name, each in rounds.items()
        },
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
