# ruff: noqa: S608 - the engine takes no parameters; `literal` quotes every value
"""`fact_footfall_15m`: crossings of each line, in and out, by the three figures of docs/figures.md and units.

A row is one line in the picture of one camera, one layout version and one class of object. A line has a row for every
window in which its camera looked while a layout with it was in force, so that an empty window can be told from one in
which nobody looked. `observed_seconds` is the camera's, and stands in one row of each line and window: it adds up over
time, cameras, classes and layout versions, not over lines.

The figures are those of the single crossings; where these stay in the store, of the sums that the device sends of them
(`storeflow.footfall.window`), of which the highest revision counts. `source_of_figures` says which.
"""

import pyarrow as pa

from cloud_functions.lake.gold.layouts import lines_in_force
from cloud_functions.lake.gold.windows import Days, Fact, camera_of, key_of, plausible_seconds, window_of

FIGURES = ("raw", "net", "shopper", "units")
_CONDITIONS = {
    "raw": "TRUE",
    "net": "t.id IS NULL",
    "shopper": "t.id IS NULL AND r.id IS NULL AND NOT COALESCE(c.staff, FALSE)",
    "units": "t.id IS NULL AND r.id IS NULL AND NOT COALESCE(c.staff, FALSE) AND COALESCE(c.buying_unit, TRUE)",
}
_COLUMNS = [f"{direction}_{figure}" for direction in ("in", "out") for figure in FIGURES]
_CAMERA = "store_id, source, device_id, camera_id"
_KEY = f"{_CAMERA}, line_id, config_version, object_class, window_start"


def sql(days: Days) -> str:
    """The figures of some days."""
    figures = ", ".join(_COLUMNS)
    return f"""
WITH {_counted(days)},
sums AS (
    SELECT * FROM (
        SELECT store_id, {camera_of("source")} AS source, device_id, camera_id, line_id, config_version, object_class,
               window_start, details_sent, {figures}, ingested_at AS landed_at, source AS told_by,
               {plausible_seconds("observed_seconds")} AS observed_seconds,
               ROW_NUMBER() OVER (
                   PARTITION BY store_id, {camera_of("source")}, line_id, config_version, object_class, window_start
                   ORDER BY revision DESC, ingested_at, id) AS place
        FROM events
        WHERE {days.events("storeflow.footfall.window", and_beside=True)} AND {days.begin_in("window_start")}
    )
    WHERE place = 1 AND NOT details_sent
),
looked AS (
    SELECT {_CAMERA}, {window_of("window_start")} AS window_start,
           SUM({plausible_seconds("observed_seconds")}) AS observed_seconds, MAX(ingested_at) AS landed_at
    FROM events
    WHERE {days.events("storeflow.camera.coverage", and_beside=True)} AND {days.begin_in("window_start")}
    GROUP BY {_CAMERA}, {window_of("window_start")}
),
crossed AS (
    SELECT {_KEY}, {figures}, landed_at, source AS told_by, NULL AS observed_seconds, 'events' AS source_of_figures
    FROM counted LEFT ANTI JOIN sums ON {_same("counted", "sums", _KEY)}
    UNION ALL
    SELECT {_KEY}, {figures}, landed_at, told_by, observed_seconds, 'windows' AS source_of_figures FROM sums
),
not_crossed AS (
    SELECT DISTINCT l.store_id, l.source, l.device_id, l.camera_id, f.line_id, f.config_version, f.object_class,
           l.window_start, {", ".join(f"0 AS {name}" for name in _COLUMNS)}
    FROM looked l
    JOIN ({lines_in_force(days)}) f
      ON f.source = l.source AND f.store_id = l.store_id AND f.since < l.window_start + INTERVAL '15 minutes'
     AND (f.until IS NULL OR f.until > l.window_start)
),
every AS (
    SELECT {_KEY}, {figures}, landed_at, told_by, observed_seconds, source_of_figures FROM crossed
    UNION ALL
    SELECT {_KEY}, {figures}, NULL AS landed_at, source AS told_by, NULL AS observed_seconds,
           'events' AS source_of_figures
    FROM not_crossed LEFT ANTI JOIN crossed
      ON {_same("crossed", "not_crossed", "store_id, source, line_id, config_version, window_start")}
)
SELECT e.store_id, e.told_by AS source, e.device_id, e.camera_id,
       e.window_start, e.line_id, e.config_version, e.object_class,
       {key_of("'line'", "e.line_id")} AS line_key,
       {", ".join(f"e.{name}" for name in _COLUMNS)},
       CASE WHEN ROW_NUMBER() OVER (
                     PARTITION BY e.store_id, e.source, e.line_id, e.window_start
                     ORDER BY e.config_version, e.object_class) = 1
            THEN COALESCE(l.observed_seconds, e.observed_seconds, 0) ELSE 0 END AS observed_seconds,
       e.source_of_figures, GREATEST(e.landed_at, l.landed_at) AS landed_at
FROM every e
LEFT JOIN looked l ON {_same("e", "l", "store_id, source, window_start")}
"""


def _counted(days: Days) -> str:
    """The single crossings, added up, as `counted`; a device that is in another store now says nothing of the first."""
    sums = ", ".join(
        f"COUNT(*) FILTER (WHERE c.direction = '{direction}' AND {_CONDITIONS[figure]}) AS {direction}_{figure}"
        for direction in ("in", "out")
        for figure in FIGURES
    )
    key = ", ".join(f"c.{name}" for name in _KEY.split(", "))
    turned = days.events("storeflow.line.u_turn", and_beside=True)
    return f"""
crossings AS (
    SELECT {_CAMERA}, line_id, config_version, object_class, {window_of("captured_at")} AS window_start,
           direction, staff, buying_unit, id, ingested_at
    FROM events WHERE {days.events("storeflow.line.crossed")}
),
turned AS (
    SELECT store_id, source, id, MAX(ingested_at) AS landed_at
    FROM (
        SELECT store_id, source, first_crossing_id AS id, ingested_at FROM events WHERE {turned}
        UNION ALL
        SELECT store_id, source, second_crossing_id AS id, ingested_at FROM events WHERE {turned}
    )
    GROUP BY store_id, source, id
),
recognised AS (
    SELECT store_id, source, id, MAX(ingested_at) AS landed_at
    FROM (
        SELECT store_id, source, ingested_at,
               UNNEST(string_to_array(regexp_replace(crossing_ids, '[\\[\\]"]', '', 'g'), ',')) AS id
        FROM events WHERE {days.events("storeflow.person.recognised", and_beside=True)}
    )
    GROUP BY store_id, source, id
),
counted AS (
    SELECT {key}, {sums}, MAX(GREATEST(c.ingested_at, t.landed_at, r.landed_at)) AS landed_at
    FROM crossings c
    LEFT JOIN turned t ON {_same("t", "c", "store_id, source, id")}
    LEFT JOIN recognised r ON {_same("r", "c", "store_id, source, id")}
    GROUP BY {key}
)"""


def _same(one: str, other: str, columns: str) -> str:
    return " AND ".join(f"{one}.{name} = {other}.{name}" for name in columns.split(", "))


FACT = Fact(
    "fact_footfall_15m",
    (
        pa.field("line_id", pa.string()),
        pa.field("config_version", pa.int64()),
        pa.field("object_class", pa.string()),
        pa.field("line_key", pa.string()),
        *(pa.field(name, pa.int64()) for name in _COLUMNS),
        pa.field("observed_seconds", pa.float64()),
        pa.field("source_of_figures", pa.string()),
    ),
    sql,
)
