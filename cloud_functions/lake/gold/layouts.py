# ruff: noqa: S608 - the engine takes no parameters; `literal` quotes every value
"""`dim_layout`: what was drawn on which camera's picture, from when on.

A layout is in force until the next of its camera, which may be months later. So the layouts of all time are kept in one
table, and no day has to look through all of silver for the one that it began with. Each `storeflow.layout.applied` has
one row for each thing that it draws, and one of `kind` `layout` beside them.
"""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable

from cloud_functions.lake.columns import MOMENT
from cloud_functions.lake.gold.windows import MANY, Days
from cloud_functions.lake.silver import RUNS, literal, literals
from cloud_functions.lake.tables import Lake, TableForm, append, mark, query, replace

LAYOUT = TableForm(
    "gold/dim_layout",
    pa.schema(
        [
            pa.field("layout_key", pa.string()),
            pa.field("store_id", pa.string()),
            pa.field("device_id", pa.string()),
            pa.field("camera_id", pa.string()),
            pa.field("source", pa.string()),
            pa.field("config_version", pa.int64()),
            pa.field("applied_at", MOMENT),
            pa.field("kind", pa.string()),
            pa.field("id", pa.string()),
            pa.field("object_class", pa.string()),
            pa.field("drawn", pa.string()),
            pa.field("landed_at", MOMENT),
        ]
    ),
)
"""`kind` is `line`, `zone`, `queue` or `layout`; `drawn` is what the event says of it, as JSON text."""

_KINDS = {"lines": "line", "zones": "zone", "queues": "queue"}
_NEW = "type = 'storeflow.layout.applied' AND refined_at > {since}"
_KNOWN = f"""
SELECT DISTINCT l.layout_key
FROM layouts l JOIN (SELECT source, id FROM events WHERE {_NEW}) e ON l.layout_key = e.source || '/' || e.id
"""
_LOOKED = f"""
SELECT DISTINCT looked.store_id, CAST(looked.window_start AS DATE) AS day
FROM (
    SELECT layout_key, source, applied_at,
           LEAD(applied_at) OVER (PARTITION BY source ORDER BY applied_at, config_version, layout_key) AS until
    FROM layouts WHERE kind = 'layout'
) l
JOIN (SELECT source, id FROM events WHERE {_NEW}) e ON l.layout_key = e.source || '/' || e.id
JOIN (
    SELECT source, store_id, window_start FROM events
    WHERE type = 'storeflow.camera.coverage' AND event_date >= {{first}}
) looked ON looked.source = l.source AND looked.window_start + INTERVAL '15 minutes' > l.applied_at
        AND (l.until IS NULL OR looked.window_start <= l.until)
"""


def catch_up(lake: Lake, events: DeltaTable) -> DeltaTable:
    """Bring the table up with silver, and return it."""
    table = lake.open(LAYOUT)
    made, newest = mark(table, RUNS) or 0, mark(events, RUNS) or 0
    if made < newest:
        rows = applied(events, made)
        known = _known(events, table, made) if rows else set()
        keys = sorted(known)
        for some in (keys[begin : begin + MANY] for begin in range(0, len(keys), MANY)):
            again = [row for row in rows if row["layout_key"] in {*some}]
            where = f"layout_key IN ({literals(some)})"
            replace(table, pa.Table.from_pylist(again, schema=LAYOUT.columns), where, {})
        new = [row for row in rows if row["layout_key"] not in known]
        append(table, pa.Table.from_pylist(new, schema=LAYOUT.columns), {RUNS: newest})
    return table


def _known(events: DeltaTable, table: DeltaTable, since: int) -> set[str]:
    """Of the layouts of commits after `since`, those that the table has."""
    return set(query(_KNOWN.format(since=since), events=events, layouts=table)["layout_key"].to_pylist())


def applied(events: DeltaTable, since: int) -> list[dict[str, Any]]:
    """The rows of all layouts of commits after `since`."""
    sql = f"SELECT * FROM events WHERE {_NEW.format(since=since)}"
    return [row for event in query(sql, events=events).to_pylist() for row in rows_of(event)]


def rows_of(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of one `storeflow.layout.applied`."""
    said = {name: event[name] for name in ("store_id", "device_id", "camera_id", "source", "config_version")}
    said |= {"layout_key": _key(event), "applied_at": event["captured_at"], "landed_at": event["ingested_at"]}
    yield said | {"kind": "layout"}
    for field, kind in _KINDS.items():
        for drawn in json.loads(event[field]):
            text = json.dumps(drawn, separators=(",", ":"))
            yield said | {"kind": kind, "id": drawn["id"], "object_class": drawn["object_class"], "drawn": text}


def lines_in_force(days: Days) -> str:
    """The lines of each camera from `since` until `until`, which is empty for the layout of today, in SQL.

    The next layout of a camera ends the one before also where its device moved to another store in between.
    """
    known = days.landed("landed_at")
    return f"""
SELECT l.source, l.store_id, l.device_id, l.camera_id, l.id AS line_id, l.object_class, l.config_version,
       s.applied_at AS since, s.until, l.landed_at
FROM (SELECT * FROM layouts WHERE kind = 'line' AND {days.known("landed_at")}) l
JOIN (
    SELECT layout_key, applied_at,
           LEAD(applied_at) OVER (PARTITION BY source ORDER BY applied_at, config_version, layout_key) AS until
    FROM layouts WHERE kind = 'layout' AND {known}
) s ON s.layout_key = l.layout_key
WHERE s.until IS NULL OR s.until >= {literal(min(days.dates))}
"""


def days_in_force(events: DeltaTable, layouts: DeltaTable, since: int) -> Iterator[tuple[str, date]]:
    """The stores and UTC days whose empty windows hang on layouts of commits after `since`: where their cameras looked.

    Of a layout that is in force today silver is read from the day on that it was applied; what a camera covers there
    later is new itself.
    """
    sql = f"SELECT MIN(event_date) AS day FROM events WHERE {_NEW.format(since=since)}"
    (first,) = query(sql, events=events)["day"].to_pylist()
    if first is None:
        return
    found = query(_LOOKED.format(since=since, first=literal(first)), events=events, layouts=layouts)
    for row in found.to_pylist():
        yield row["store_id"], row["day"]


def _key(event: dict[str, Any]) -> str:
    return f"{event['source']}/{event['id']}"
