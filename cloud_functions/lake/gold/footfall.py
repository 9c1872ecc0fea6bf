# ruff: noqa: S608 - the engine takes no parameters; `literal` quotes every value
"""`fact_footfall_15m`: crossings of each line, in and out, by the three figures of docs/figures.md and units.

A row is one line in the picture of one camera, one layout version and one class of object. A line that was crossed on a
day has a row for every window of that day in which its camera looked, so that an empty window can be told from one in
which nobody looked. `observed_seconds` is the camera's: it adds up over time and cameras, not over lines.
"""

import pyarrow as pa

from cloud_functions.lake.gold.windows import Days, Fact, window_of

FIGURES = ("raw", "net", "shopper", "units")
_CONDITIONS = {
    "raw": "TRUE",
    "net": "t.id IS NULL",
    "shopper": "t.id IS NULL AND r.id IS NULL AND NOT COALESCE(c.staff, FALSE)",
    "units": "t.id IS NULL AND r.id IS NULL AND NOT COALESCE(c.staff, FALSE) AND COALESCE(c.buying_unit, TRUE)",
}
_COLUMNS = [f"{direction}_{figure}" for direction in ("in", "out") for figure in FIGURES]


def sql(days: Days) -> str:
    """The figures of some days."""
    counts = ",\n".join(
        f"COUNT(*) FILTER (WHERE c.direction = '{direction}' AND {_CONDITIONS[figure]}) AS {direction}_{figure}"
        for direction in ("in", "out")
        for figure in FIGURES
    )
    zeros = ", ".join(f"0 AS {name}" for name in _COLUMNS)
    return f"""
WITH crossings AS (
    SELECT store_id, camera_id, line_id, config_version, object_class, direction, staff, buying_unit, source, id,
           ingested_at, {window_of("captured_at")} AS window_start
    FROM events WHERE {days.events("storeflow.line.crossed")}
),
turned AS (
    SELECT source, id, MAX(ingested_at) AS landed_at
    FROM (
        SELECT source, first_crossing_id AS id, ingested_at
        FROM events WHERE {days.events("storeflow.line.u_turn", and_the_next=True)}
        UNION ALL
        SELECT source, second_crossing_id AS id, ingested_at
        FROM events WHERE {days.events("storeflow.line.u_turn", and_the_next=True)}
    )
    GROUP BY source, id
),
recognised AS (
    SELECT source, id, MAX(ingested_at) AS landed_at
    FROM (
        SELECT source, ingested_at,
               UNNEST(string_to_array(regexp_replace(crossing_ids, '[\\[\\]"]', '', 'g'), ',')) AS id
        FROM events WHERE {days.events("storeflow.person.recognised", and_the_next=True)}
    )
    GROUP BY source, id
),
counted AS (
    SELECT c.store_id, c.camera_id, c.line_id, c.config_version, c.object_class, c.window_start,
           {counts},
           MAX(GREATEST(c.ingested_at, t.landed_at, r.landed_at)) AS landed_at
    FROM crossings c
    LEFT JOIN turned t ON t.source = c.source AND t.id = c.id
    LEFT JOIN recognised r ON r.source = c.source AND r.id = c.id
    GROUP BY c.store_id, c.camera_id, c.line_id, c.config_version, c.object_class, c.window_start
),
looked AS (
    SELECT store_id, camera_id, {window_of("window_start")} AS window_start,
           SUM(observed_seconds) AS observed_seconds, MAX(ingested_at) AS landed_at
    FROM events
    WHERE {days.events("storeflow.camera.coverage", and_the_next=True)}
    GROUP BY 1, 2, 3
),
every AS (
    SELECT store_id, camera_id, line_id, config_version, object_class, window_start, {", ".join(_COLUMNS)}, landed_at
    FROM counted
    UNION ALL
    SELECT l.store_id, l.camera_id, n.line_id, NULL AS config_version, n.object_class, l.window_start, {zeros},
           l.landed_at
    FROM looked l
    JOIN (SELECT DISTINCT store_id, camera_id, line_id, object_class, CAST(window_start AS DATE) AS day FROM counted) n
      ON n.store_id = l.store_id AND n.camera_id = l.camera_id AND n.day = CAST(l.window_start AS DATE)
    LEFT JOIN (SELECT DISTINCT store_id, camera_id, line_id, object_class, window_start FROM counted) c
      ON c.store_id = l.store_id AND c.camera_id = l.camera_id AND c.line_id = n.line_id
     AND c.object_class = n.object_class AND c.window_start = l.window_start
    WHERE c.store_id IS NULL AND {days.begin_in("l.window_start")}
),
versioned AS (
    SELECT *,
           COALESCE(
               config_version,
               MAX(config_version) OVER (
                   PARTITION BY store_id, camera_id, line_id, object_class, CAST(window_start AS DATE)
                   ORDER BY window_start ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
               MIN(config_version) OVER (
                   PARTITION BY store_id, camera_id, line_id, object_class, CAST(window_start AS DATE))
           ) AS version
    FROM every
)
SELECT v.store_id, v.camera_id, v.window_start, v.line_id, v.version AS config_version, v.object_class,
       v.store_id || '/' || v.camera_id || '/' || v.line_id || '/' || CAST(v.version AS TEXT) AS line_key,
       {", ".join(f"v.{name}" for name in _COLUMNS)},
       CASE WHEN v.version = MIN(v.version) OVER (
                     PARTITION BY v.store_id, v.camera_id, v.line_id, v.object_class, v.window_start)
            THEN COALESCE(l.observed_seconds, 0) ELSE 0 END AS observed_seconds,
       GREATEST(v.landed_at, l.landed_at) AS landed_at
FROM versioned v
LEFT JOIN looked l
  ON l.store_id = v.store_id AND l.camera_id = v.camera_id AND l.window_start = v.window_start
"""


FACT = Fact(
    "fact_footfall_15m",
    (
        pa.field("line_id", pa.string()),
        pa.field("config_version", pa.int64()),
        pa.field("object_class", pa.string()),
        pa.field("line_key", pa.string()),
        *(pa.field(name, pa.int64()) for name in _COLUMNS),
        pa.field("observed_seconds", pa.float64()),
    ),
    sql,
)
