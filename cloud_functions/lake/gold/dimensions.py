# ruff: noqa: S608 - the engine takes no parameters; `literal` quotes every value
"""The dimensions of the star: what a fact's keys mean.

Cameras are those that events speak of; lines and zones those that layouts draw, or events speak of. A line has a row
for each layout version, as it may have been drawn elsewhere. `first_seen` and `last_seen` are the earliest and latest
`captured_at`, so a rebuild finds the same.
"""

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from itertools import product
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from tzlocal.windows_tz import tz_win

from cloud_functions.lake.columns import MOMENT
from cloud_functions.lake.gold import layouts
from cloud_functions.lake.gold.days import sizes
from cloud_functions.lake.gold.layouts import LAYOUT
from cloud_functions.lake.gold.windows import MANY, key_of
from cloud_functions.lake.silver import EVENTS, RUNS, among
from cloud_functions.lake.tables import Lake, TableForm, append, mark, overwrite, query, replace
from cloud_functions.stores import Stores

_TEXT, _NUMBER = pa.string(), pa.int64()
_SEEN = {"first_seen": MOMENT, "last_seen": MOMENT}
_OF_CAMERA = {"store_id": _TEXT, "device_id": _TEXT, "camera_id": _TEXT}
_DRAWN = {"config_version": _NUMBER, "object_class": _TEXT, "drawn": _TEXT}

_Rows = list[dict[str, Any]]


def _form(name: str, /, **columns: pa.DataType) -> TableForm:
    return TableForm(f"gold/{name}", pa.schema([pa.field(column, kind) for column, kind in columns.items()]))


STORE = _form("dim_store", store_id=_TEXT, name=_TEXT, time_zone=_TEXT, time_zone_windows=_TEXT)
"""`time_zone` by the IANA database, `time_zone_windows` as Power BI and SQL Server call it (Unicode CLDR)."""
CAMERA = _form("dim_camera", camera_key=_TEXT, **_OF_CAMERA, **_SEEN)
LINE = _form("dim_line", line_key=_TEXT, **_OF_CAMERA, line_id=_TEXT, **_DRAWN, **_SEEN)
ZONE = _form("dim_zone", zone_key=_TEXT, **_OF_CAMERA, zone_id=_TEXT, kind=_TEXT, **_DRAWN, **_SEEN)
"""Zones and queues: both are places that people are in; `kind` tells them apart. `drawn` says where, in JSON."""
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

DIMENSIONS = (STORE, CAMERA, LAYOUT, LINE, ZONE, DATE, TIME15)

_SEEN_OF = "MIN(captured_at) AS first_seen, MAX(captured_at) AS last_seen"
_NEW = {
    CAMERA.name: f"""
SELECT store_id || '/' || device_id || '/' || camera_id AS camera_key, store_id, device_id, camera_id, {_SEEN_OF}
FROM events WHERE {{new}} AND camera_id IS NOT NULL GROUP BY store_id, device_id, camera_id
""",
    LINE.name: f"""
SELECT {key_of("'line'", "line_id")} AS line_key, store_id, device_id, camera_id, line_id, config_version, {_SEEN_OF}
FROM events WHERE {{new}} AND line_id IS NOT NULL GROUP BY store_id, device_id, camera_id, line_id, config_version
""",
    ZONE.name: f"""
SELECT {key_of("kind", "zone_id")} AS zone_key, store_id, device_id, camera_id, zone_id, kind, config_version,
       {_SEEN_OF}
FROM (
    SELECT store_id, device_id, camera_id, config_version, captured_at, COALESCE(zone_id, queue_id) AS zone_id,
           CASE WHEN zone_id IS NULL THEN 'queue' ELSE 'zone' END AS kind
    FROM events WHERE {{new}} AND (zone_id IS NOT NULL OR queue_id IS NOT NULL)
)
GROUP BY store_id, device_id, camera_id, zone_id, kind, config_version
""",
}


def catch_up(lake: Lake, stores: Stores) -> None:
    """Bring every dimension up with silver and the register."""
    events = lake.open(EVENTS)
    for form in (CAMERA, LINE, ZONE):
        _see(lake.open(form), form, events)
    put_stores(lake, stores)
    _put(lake, TIME15, times())
    _put(lake, DATE, dates(_years(sizes(events))))


def put_stores(lake: Lake, stores: Stores) -> None:
    """Bring dim_store up with the register."""
    _put(lake, STORE, stores_of(stores))


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
    """One row for each key, first seen when the earliest was and last when the latest.

    Rows of one key say the same where they say anything; should they not, the greatest counts, in whatever order.
    """
    rows: dict[str, dict[str, Any]] = {}
    for row in seen:
        old = rows.get(row[key], row)
        both = {
            name: max((one[name] for one in (old, row) if one.get(name) is not None), default=None)
            for name in old | row
        }
        rows[row[key]] = both | {"first_seen": min(old["first_seen"], row["first_seen"])}
    return [rows[name] for name in sorted(rows)]


def drawn(layouts: Iterable[dict[str, Any]]) -> dict[str, _Rows]:
    """The rows of dim_line and dim_zone of rows of dim_layout, by the name of the table."""
    rows: dict[str, _Rows] = {LINE.name: [], ZONE.name: []}
    for row in layouts:
        kind, name = row["kind"], row.get("id")
        if kind != "layout":
            form, thing = (LINE, "line") if kind == "line" else (ZONE, "zone")
            camera = [row[part] for part in _OF_CAMERA]
            said = {
                f"{thing}_key": "/".join([*camera, kind, str(name), str(row["config_version"])]),
                f"{thing}_id": name,
                "first_seen": row["applied_at"],
                "last_seen": row["applied_at"],
            }
            rows[form.name].append({part: row.get(part) for part in form.columns.names} | said)
    return rows


def _see(table: DeltaTable, form: TableForm, events: DeltaTable) -> None:
    """Add what new events speak of."""
    made, newest = mark(table, RUNS) or 0, mark(events, RUNS) or 0
    if made < newest:
        new = query(_NEW[form.name].format(new=f"refined_at > {made}"), events=events).to_pylist()
        new += drawn(layouts.applied(events, made)).get(form.name, [])
        key = form.columns.names[0]
        spoken_of = {row[key] for row in new}
        where = among(key, spoken_of) if len(spoken_of) <= MANY else "TRUE"
        columns = ", ".join(form.columns.names)
        old = query(f"SELECT {columns} FROM dimension WHERE {where} ORDER BY {key}", dimension=table).to_pylist()
        rows = merged(old + new, key)
        if rows != old:
            replace(table, pa.Table.from_pylist(rows, schema=form.columns), where, {RUNS: newest})
        else:
            append(table, form.columns.empty_table(), {RUNS: newest})


def _years(days: Collection[date]) -> Iterable[int]:
    """The years that some days of UTC fall in, by whatever store's clock, and all between."""
    if not days:
        return ()
    return range((min(days) - timedelta(days=1)).year, (max(days) + timedelta(days=1)).year + 1)


def _put(lake: Lake, form: TableForm, rows: _Rows) -> None:
    """Write a dimension that is known as a whole, where it is another one than before."""
    table = lake.open(form)
    order = form.columns.names[0]
    if query(f"SELECT * FROM dimension ORDER BY {order}", dimension=table).to_pylist() != rows:
        overwrite(table, pa.Table.from_pylist(rows, schema=form.columns), {})
