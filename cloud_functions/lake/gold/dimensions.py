# ruff: noqa: S608 - the engine takes no parameters; `literal` quotes every value
"""The dimensions of the star: what a fact's keys mean.

Cameras, lines and zones are those that events speak of; a line has a row for each layout version, as it may have been
drawn elsewhere. `first_seen` and `last_seen` are the earliest and latest `captured_at`, so a rebuild finds the same.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import product
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from tzlocal.windows_tz import tz_win

from cloud_functions.lake.columns import MOMENT
from cloud_functions.lake.silver import EVENTS, RUNS
from cloud_functions.lake.tables import Lake, TableForm, mark, overwrite, query
from cloud_functions.stores import Stores

_TEXT, _NUMBER = pa.string(), pa.int64()
_SEEN = {"first_seen": MOMENT, "last_seen": MOMENT}
_OF_CAMERA = {"store_id": _TEXT, "camera_id": _TEXT}

_Rows = list[dict[str, Any]]


def _form(name: str, /, **columns: pa.DataType) -> TableForm:
    return TableForm(f"gold/{name}", pa.schema([pa.field(column, kind) for column, kind in columns.items()]))


STORE = _form("dim_store", store_id=_TEXT, name=_TEXT, time_zone=_TEXT, time_zone_windows=_TEXT)
"""`time_zone` by the IANA database, `time_zone_windows` as Power BI and SQL Server call it (Unicode CLDR)."""
CAMERA = _form("dim_camera", camera_key=_TEXT, **_OF_CAMERA, device_id=_TEXT, **_SEEN)
"""`device_id` is the one that saw with it last."""
LINE = _form("dim_line", line_key=_TEXT, **_OF_CAMERA, line_id=_TEXT, config_version=_NUMBER, **_SEEN)
ZONE = _form("dim_zone", zone_key=_TEXT, **_OF_CAMERA, zone_id=_TEXT, kind=_TEXT, config_version=_NUMBER, **_SEEN)
"""Zones and queues: both are places that people are in; `kind` tells them apart."""
DATE = _form(
    "dim_date",
    date=pa.date32(),
    year=_NUMBER,
    month=_NUMBER,
    day=_NUMBER,
    iso_year=_NUMBER,
    iso_week=_NUMBER,
    weekday=_NUMBER,
)
"""Whole years; `weekday` from 1, Monday."""
TIME15 = _form("dim_time15", time15=_TEXT, hour=_NUMBER, minute=_NUMBER)

DIMENSIONS = (STORE, CAMERA, LINE, ZONE, DATE, TIME15)

_SEEN_OF = "MIN(captured_at) AS first_seen, MAX(captured_at) AS last_seen"
_KEY = "store_id || '/' || camera_id"
_NEW = {
    CAMERA.name: f"""
SELECT {_KEY} AS camera_key, store_id, camera_id, device_id, {_SEEN_OF}
FROM events WHERE {{new}} AND camera_id IS NOT NULL GROUP BY store_id, camera_id, device_id
""",
    LINE.name: f"""
SELECT {_KEY} || '/' || line_id || '/' || CAST(config_version AS TEXT) AS line_key, store_id, camera_id, line_id,
       config_version, {_SEEN_OF}
FROM events WHERE {{new}} AND line_id IS NOT NULL GROUP BY store_id, camera_id, line_id, config_version
""",
    ZONE.name: f"""
SELECT {_KEY} || '/' || name || '/' || CAST(config_version AS TEXT) AS zone_key, store_id, camera_id, name AS zone_id,
       kind, config_version, {_SEEN_OF}
FROM (
    SELECT *, COALESCE(zone_id, queue_id) AS name, CASE WHEN zone_id IS NULL THEN 'queue' ELSE 'zone' END AS kind
    FROM events WHERE {{new}} AND (zone_id IS NOT NULL OR queue_id IS NOT NULL)
)
GROUP BY store_id, camera_id, name, kind, config_version
""",
}


def catch_up(lake: Lake, stores: Stores) -> None:
    """Bring every dimension up with silver and the register."""
    events = lake.open(EVENTS)
    for form in (CAMERA, LINE, ZONE):
        _see(lake.open(form), form, events)
    _put(lake, STORE, stores_of(stores))
    _put(lake, TIME15, times())
    table = lake.open(DATE)
    _days(table, events)


def stores_of(stores: Stores) -> _Rows:
    """The rows of dim_store."""
    return [
        {
            "store_id": store_id,
            "name": store.name,
            "time_zone": store.time_zone,
            "time_zone_windows": windows_name(store.time_zone),
        }
        for store_id, store in sorted(stores.stores.items())
    ]


def windows_name(time_zone: str) -> str | None:
    """What Windows calls a time zone of the IANA database; none for a name that is long out of use."""
    found: str | None = tz_win.get(time_zone)
    return found


def times() -> _Rows:
    """The rows of dim_time15."""
    return [
        {"time15": f"{hour:02d}:{minute:02d}", "hour": hour, "minute": minute}
        for hour, minute in product(range(24), range(0, 60, 15))
    ]


def dates(years: Iterable[int]) -> _Rows:
    """The rows of dim_date."""
    rows = []
    for year in sorted(years):
        for number in range((date(year + 1, 1, 1) - date(year, 1, 1)).days):
            day = date(year, 1, 1) + timedelta(days=number)
            iso_year, iso_week, weekday = day.isocalendar()
            rows.append(
                {
                    "date": day,
                    "year": day.year,
                    "month": day.month,
                    "day": day.day,
                    "iso_year": iso_year,
                    "iso_week": iso_week,
                    "weekday": weekday,
                }
            )
    return rows


def merged(seen: Iterable[dict[str, Any]], key: str) -> _Rows:
    """One row for each key, first seen when the earliest was and last when the latest; all else is the latest's."""
    rows: dict[str, dict[str, Any]] = {}
    for row in seen:
        old = rows.setdefault(row[key], row)
        latest = max(old, row, key=lambda one: (one["last_seen"], str(one.get("device_id"))))
        rows[row[key]] = latest | {"first_seen": min(old["first_seen"], row["first_seen"])}
    return [rows[name] for name in sorted(rows)]


def _see(table: DeltaTable, form: TableForm, events: DeltaTable) -> None:
    """Add what new events speak of."""
    made, newest = mark(table, RUNS) or 0, mark(events, RUNS) or 0
    if made < newest:
        new = query(_NEW[form.name].format(new=f"refined_at > {made}"), events=events).to_pylist()
        old = query("SELECT * FROM dimension", dimension=table).to_pylist()
        rows = merged(old + new, form.columns.names[0])
        overwrite(table, pa.Table.from_pylist(rows, schema=form.columns), {RUNS: newest})


def _days(table: DeltaTable, events: DeltaTable) -> None:
    """Add the years that new events fall in, by whatever store's clock."""
    made, newest = mark(table, RUNS) or 0, mark(events, RUNS) or 0
    if made < newest:
        sql = f"SELECT MIN(event_date) AS first, MAX(event_date) AS last FROM events WHERE refined_at > {made}"
        (span,) = query(sql, events=events).to_pylist()
        years = set(query("SELECT DISTINCT year FROM dates", dates=table)["year"].to_pylist())
        if span["first"] is not None:
            years |= {(span["first"] - timedelta(days=1)).year, (span["last"] + timedelta(days=1)).year}
            years |= set(range(min(years), max(years) + 1))
        overwrite(table, pa.Table.from_pylist(dates(years), schema=DATE.columns), {RUNS: newest})


def _put(lake: Lake, form: TableForm, rows: _Rows) -> None:
    """Write a dimension that is known as a whole, where it is another one than before."""
    table = lake.open(form)
    order = form.columns.names[0]
    if query(f"SELECT * FROM dimension ORDER BY {order}", dimension=table).to_pylist() != rows:
        overwrite(table, pa.Table.from_pylist(rows, schema=form.columns), {})
