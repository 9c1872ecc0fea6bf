# ruff: noqa: S608 - the engine takes no parameters; `literal` quotes every value
"""`fact_zone_dwell_15m` and `fact_queue`: visits and waits by the window they ended in, without those of staff.

A visit or wait that was seen from beginning to end is whole, and only whole ones have their seconds summed and binned:
divide by their number. Those with an end that nobody saw are counted beside.
"""

import pyarrow as pa

from cloud_functions.lake.gold.histogram import bins, counts
from cloud_functions.lake.gold.windows import Days, Fact, key_of, window_of

_OUTCOMES = ("served", "abandoned", "lost")
_CAMERA = "e.store_id, e.source, e.device_id, e.camera_id"
_WHOLE_WAIT = "e.outcome = 'served' AND e.censored IS NULL"


def _without_staff(days: Days, event_type: str) -> str:
    """FROM finished visits or waits `e`, beside `r` where whoever it was turned out to work here."""
    return f"""
FROM (SELECT *, {window_of("captured_at")} AS quarter FROM events WHERE {days.events(event_type)}) e
LEFT JOIN (
    SELECT store_id, source, track_id, MAX(ingested_at) AS landed_at
    FROM events WHERE {days.events("storeflow.person.recognised", and_beside=True)}
    GROUP BY store_id, source, track_id
) r ON r.store_id = e.store_id AND r.source = e.source AND r.track_id = e.track_id
"""


def dwell_sql(days: Days) -> str:
    """The visits of some days."""
    shopper = "r.source IS NULL AND NOT COALESCE(e.staff, FALSE)"
    whole = f"{shopper} AND e.censored IS NULL"
    return f"""
SELECT {_CAMERA}, e.quarter AS window_start, e.zone_id, e.config_version, e.object_class,
       {key_of("'zone'", "e.zone_id")} AS zone_key,
       COUNT(*) FILTER (WHERE {shopper}) AS visits,
       COUNT(*) FILTER (WHERE {whole}) AS whole_visits,
       COALESCE(SUM(e.dwell_seconds) FILTER (WHERE {whole}), 0) AS dwell_seconds,
       {counts("dwell", "e.dwell_seconds", whole)},
       MAX(GREATEST(e.ingested_at, r.landed_at)) AS landed_at
{_without_staff(days, "storeflow.zone.exited")}
GROUP BY {_CAMERA}, e.quarter, e.zone_id, e.config_version, e.object_class
"""


def queue_sql(days: Days) -> str:
    """The waits of some days."""
    shopper = "r.source IS NULL"
    outcomes = ",\n".join(f"COUNT(*) FILTER (WHERE {shopper} AND e.outcome = '{name}') AS {name}" for name in _OUTCOMES)
    whole = f"{shopper} AND {_WHOLE_WAIT}"
    return f"""
SELECT {_CAMERA}, e.quarter AS window_start, e.queue_id, e.config_version,
       {key_of("'queue'", "e.queue_id")} AS zone_key,
       {outcomes},
       COUNT(*) FILTER (WHERE {whole}) AS whole_waits,
       COALESCE(SUM(e.wait_seconds) FILTER (WHERE {whole}), 0) AS wait_seconds,
       {counts("wait", "e.wait_seconds", whole)},
       MAX(GREATEST(e.ingested_at, r.landed_at)) AS landed_at
{_without_staff(days, "storeflow.queue.left")}
GROUP BY {_CAMERA}, e.quarter, e.queue_id, e.config_version
"""


DWELL = Fact(
    "fact_zone_dwell_15m",
    (
        pa.field("zone_id", pa.string()),
        pa.field("config_version", pa.int64()),
        pa.field("object_class", pa.string()),
        pa.field("zone_key", pa.string()),
        pa.field("visits", pa.int64()),
        pa.field("whole_visits", pa.int64()),
        pa.field("dwell_seconds", pa.float64()),
        *(pa.field(name, pa.int64()) for name in bins("dwell")),
    ),
    dwell_sql,
)
QUEUE = Fact(
    "fact_queue",
    (
        pa.field("queue_id", pa.string()),
        pa.field("config_version", pa.int64()),
        pa.field("zone_key", pa.string()),
        *(pa.field(name, pa.int64()) for name in _OUTCOMES),
        pa.field("whole_waits", pa.int64()),
        pa.field("wait_seconds", pa.float64()),
        *(pa.field(name, pa.int64()) for name in bins("wait")),
    ),
    queue_sql,
)
