"""What all facts have in common: quarters of an hour, the store's own days, and how they are asked for. Pure.

A fact is a pure function of silver: of the events of its UTC day and the day after, as what comes later may speak of
the day before (a U-turn over midnight, somebody who is recognised after it). So a day can be made anew at any time, and
says the same.
"""

import zoneinfo
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from cloud_functions.lake.columns import MOMENT
from cloud_functions.lake.silver import literal, literals
from cloud_functions.lake.tables import TableForm
from cloud_functions.stores import Stores

WINDOW = timedelta(minutes=15)
SETTLE = timedelta(hours=6)
"""How long after the end of a store's day its figures may grow without being called restated: a night's catching up."""

_UNKNOWN_STORE = "UTC"

BEGIN = (
    pa.field("camera_key", pa.string()),
    pa.field("store_id", pa.string()),
    pa.field("camera_id", pa.string()),
    pa.field("window_start", MOMENT),
)
END = (
    pa.field("window_date", pa.date32()),
    pa.field("local_date", pa.date32()),
    pa.field("local_time15", pa.string()),
    pa.field("restated_at", MOMENT),
)
"""`window_date` is of `window_start`, in UTC; `local_…` in the store's time zone."""


@dataclass(frozen=True)
class Days:
    """What a fact is asked for.

    Attributes:
        dates: of UTC, as the windows begin.
        stores: whose figures; none for all.
        as_of: as they were known then: without what landed later.
    """

    dates: Sequence[date]
    stores: Sequence[str] | None = None
    as_of: datetime | None = None

    def events(self, event_type: str, *, and_the_next: bool = False) -> str:
        """The condition that events of a type are of these days, or of these and the day after each."""
        following = {day + timedelta(days=1) for day in self.dates} if and_the_next else set()
        where = [f"type = {literal(event_type)}", f"event_date IN ({literals(sorted({*self.dates, *following}))})"]
        if self.stores is not None:
            where.append(f"store_id IN ({literals(self.stores)})")
        if self.as_of is not None:
            where.append(f"ingested_at <= {literal(self.as_of)}")
        return " AND ".join(where)

    def begin_in(self, column: str) -> str:
        """The condition that a window begins on one of these days."""
        return f"CAST({column} AS DATE) IN ({literals(self.dates)})"


@dataclass(frozen=True)
class Fact:
    """A fact table.

    Attributes:
        name: its folder in gold.
        own: its columns between `window_start` and `window_date`.
        sql: the rows of some days, of silver as the table `events`, and in `landed_at` when the last of their events
            landed.
    """

    name: str
    own: tuple[pa.Field, ...]
    sql: Callable[[Days], str]

    @property
    def form(self) -> TableForm:
        """The table."""
        columns = pa.schema([*BEGIN, *self.own, *END])
        return TableForm(f"gold/{self.name}", columns, "window_date", ("window_start", "store_id", "local_date"))


def window_of(column: str) -> str:
    """The beginning of the quarter of an hour that a moment is in, in SQL."""
    bin_ = f"date_bin(INTERVAL '15 minutes', {column})"
    return f"arrow_cast({bin_}, 'Timestamp(Microsecond, Some(\"UTC\"))')"


def finished(rows: pa.Table, fact: Fact, stores: Stores) -> pa.Table:
    """The rows of a fact with the store's own day and time, and when they were restated.

    `restated_at` is when the last event landed that a row is made of, where that was later than `SETTLE` after the
    store's day was over; else empty.
    """
    zones = [_zone_of(store_id, stores) for store_id in rows["store_id"].to_pylist()]
    windows, landed = rows["window_start"].to_pylist(), rows["landed_at"].to_pylist()
    local = [_local(zone, window) for zone, window in zip(zones, windows, strict=True)]
    restated = [at if at > settled else None for at, (_, _, settled) in zip(landed, local, strict=True)]
    camera = pc.binary_join_element_wise(rows["store_id"], rows["camera_id"], "/")
    rows = rows.append_column("camera_key", camera)
    rows = rows.append_column("window_date", pc.cast(rows["window_start"], pa.date32()))
    rows = rows.append_column("local_date", pa.array([day for day, _, _ in local], pa.date32()))
    rows = rows.append_column("local_time15", pa.array([at for _, at, _ in local], pa.string()))
    rows = rows.append_column("restated_at", pa.array(restated, MOMENT))
    return rows.select(fact.form.columns.names).cast(fact.form.columns)


def _zone_of(store_id: str, stores: Stores) -> str:
    store = stores.stores.get(store_id)
    return store.time_zone if store else _UNKNOWN_STORE


@lru_cache(maxsize=100_000)
def _local(time_zone: str, window: datetime) -> tuple[date, str, datetime]:
    """The day and time of a window by a store's clock, and when the figures of that day have settled."""
    zone = zoneinfo.ZoneInfo(time_zone)
    local = window.astimezone(zone)
    tomorrow = datetime.combine(local.date() + timedelta(days=1), time(), zone)
    return local.date(), local.strftime("%H:%M"), tomorrow.astimezone(UTC) + SETTLE
