# ruff: noqa: S608 - the engine takes no parameters; `literal` quotes every value
"""`fact_device_health`: how long each camera looked in each window, and how often it failed.

`longest_gap_seconds` alone does not add up: take the greatest. `is_final` speaks of what coverage says; failures have
a series of their own, without heartbeats.
"""

import pyarrow as pa

from cloud_functions.lake.gold.windows import Days, Fact, camera_of, plausible_seconds, window_of

MOST_FRAMES = 1_000_000
"""Of one camera in a quarter of an hour, a thousand a second; what says more is counted as this, so that sums fit."""


def _frames(column: str) -> str:
    return f"GREATEST(0, LEAST({MOST_FRAMES}, {column}))"


def sql(days: Days) -> str:
    """The cameras of some days."""
    return f"""
WITH every AS (
    SELECT store_id, source, device_id, camera_id, {window_of("window_start")} AS window_start,
           {plausible_seconds("observed_seconds")} AS observed_seconds, {_frames("frames_analysed")} AS frames_analysed,
           {_frames("frames_missed")} AS frames_missed, longest_gap_seconds, 0 AS failures, ingested_at
    FROM events
    WHERE {days.events("storeflow.camera.coverage", and_beside=True)} AND {days.begin_in("window_start")}
    UNION ALL
    SELECT store_id, {camera_of("source")} AS source, device_id, camera_id, {window_of("captured_at")} AS window_start,
           0.0 AS observed_seconds, 0 AS frames_analysed, 0 AS frames_missed, 0.0 AS longest_gap_seconds,
           CASE WHEN state = 'failed' THEN 1 ELSE 0 END AS failures, ingested_at
    FROM events
    WHERE {days.events("storeflow.camera.state")}
)
SELECT store_id, source, device_id, camera_id, window_start,
       SUM(observed_seconds) AS observed_seconds, SUM(frames_analysed) AS frames_analysed,
       SUM(frames_missed) AS frames_missed, SUM(failures) AS failures,
       MAX(longest_gap_seconds) AS longest_gap_seconds, MAX(ingested_at) AS landed_at
FROM every
GROUP BY store_id, source, device_id, camera_id, window_start
"""


FACT = Fact(
    "fact_device_health",
    (
        pa.field("observed_seconds", pa.float64()),
        pa.field("frames_analysed", pa.int64()),
        pa.field("frames_missed", pa.int64()),
        pa.field("failures", pa.int64()),
        pa.field("longest_gap_seconds", pa.float64()),
    ),
    sql,
)
