"""What all facts have in common: quarters of an hour, the store's own days, and how they are asked for. Pure.

A fact is a pure function of silver: of the events of its UTC day and of the days beside it, as events near midnight may
speak of the other day (a U-turn, somebody who is recognised), and of the layouts that were in force (layouts.py). So a
day can be made anew at any time, and says the same.
"""

import zoneinfo
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from cloud_functions.lake.columns import MOMENT
from cloud_functions.lake.silver import among, literal, literals
from cloud_functions.lake.tables import TableForm
from cloud_functions.stores import Stores

WINDOW = timedelta(minutes=15)
SETTLE = timedelta(hours=6)
"""How long after the end of a store's day its figures may grow without being called restated: a night's catching up."""

MANY = 1_000
"""The most values that a list in SQL is given: the engine's stack ends at some 20,000, and the process with it."""

UNKNOWN_STORE = "UTC"
"""The time zone of a store that is not in the register."""

BEGIN = (
    pa.field("camera_key", pa.string()),
    pa.field("store_id", pa.string()),
    pa.field("device_id", pa.string()),
    pa.field("camera_id", pa.string()),
    pa.field("window_start", MOMENT),
)
END = (
    pa.field("window_date", pa.date32()),
    pa.field("local_date", pa.date32()),
    pa.field("local_time15", pa.string()),
    pa.field("utc_offset_minutes", pa.int64()),
    pa.field("is_final", pa.bool_()),
    pa.field("restated_at", MOMENT),
)
"""`window_date` is of `window_start`, in UTC; `local_…` in the store's time zone. An hour that its clock shows twice
has each time of day twice; `utc_offset_minutes` tells the two apart."""

FinalWindows = Mapping[tuple[str, date], int]
"""By `source` and UTC day: bit n says that all there is to say of the nth quarter of an hour is here."""


@dataclass(frozen=True)
class Days:
    """What a fact is asked for.

    Attributes:
        dates: of UTC, as the windows begin.
        stores: whose figures.
        as_of: as they were known then: without what landed later.

    Raises:
        ValueError: the stores are more than `MANY`.
    """

    dates: Sequence[date]
    stores: Sequence[str]
    as_of: datetime | None = None

    def __post_init__(self) -> None:
        if len(self.stores) > MANY:
            raise ValueError(f"stores: {len(self.stores)} are more than {MANY}; ask for some at a time")

    def events(self, event_type: str, *, and_beside: bool = False) -> str:
        """The condition that events of a type are of these days, or of these and the ones before and after each."""
        return f"type = {literal(event_type)} AND {self.any_events(and_beside=and_beside)}"

    def any_events(self, *, and_beside: bool = False) -> str:
        """The same of events of any type."""
        dates = beside(self.dates) if and_beside else self.dates
        return f"event_date IN ({literals(sorted(dates))}) AND {self.known('ingested_at')}"

    @property
    def rows(self) -> str:
        """The condition that a row of a fact is of one of these days and stores."""
        return f"window_date IN ({literals(self.dates)}) AND {self._of_stores}"

    def known(self, landed_at: str) -> str:
        """The condition that something is of one of the stores, and was known then.

        Args:
            landed_at: the column that says since when it is known.
        """
        return f"{self._of_stores} AND {self.landed(landed_at)}"

    def landed(self, landed_at: str) -> str:
        """The condition that something of any store was known then."""
        return "TRUE" if self.as_of is None else f"{landed_at} <= {literal(self.as_of)}"

    def begin_in(self, column: str) -> str:
        """The condition that a window begins on one of these days."""
        return f"CAST({column} AS DATE) IN ({literals(self.dates)})"

    @property
    def _of_stores(self) -> str:
        return stores_among(self.stores)


@dataclass(frozen=True)
class Fact:
    """A fact table.

    Attributes:
        name: its folder in gold.
        own: its columns between `window_start` and `window_date`.
        sql: the rows of some days, of silver as the table `events` and dim_layout as `layouts`: without the columns
            that `finished` adds, and with the `source` whose completeness makes them final, and `landed_at`, when the
            last of their events landed.
    """

    name: str
    own: tuple[pa.Field, ...]
    sql: Callable[[Days], str]

    @property
    def form(self) -> TableForm:
        """The table."""
        columns = pa.schema([*BEGIN, *self.own, *END])
        return TableForm(f"gold/{self.name}", columns, "window_date", ("window_start", "store_id", "local_date"))


def stores_among(stores: Collection[str]) -> str:
    """The condition that a row is of one of some stores; where they are more than `MANY`, it is true of all rows."""
    return among("store_id", stores) if len(stores) <= MANY else "TRUE"


def beside(dates: Iterable[date]) -> set[date]:
    """Days, and the ones before and after each."""
    return {day + timedelta(days=days) for day in dates for days in (-1, 0, 1)}


def window_of(column: str) -> str:
    """The beginning of the quarter of an hour that a moment is in, in SQL."""
    bin_ = f"date_bin(INTERVAL '15 minutes', {column})"
    return f"arrow_cast({bin_}, 'Timestamp(Microsecond, Some(\"UTC\"))')"


def plausible_seconds(column: str) -> str:
    """Seconds of a quarter of an hour, in SQL: who says more than there are is taken to mean all of it."""
    return f"GREATEST(0.0, LEAST({WINDOW.total_seconds()}, {column}))"


def camera_of(source: str) -> str:
    """The `source` of a camera, in SQL, of that of any series of it: `//hub/device/camera/state` has one more part."""
    return f"regexp_replace({source}, '^(//[^/]+/[^/]+/[^/]+)/.*$', '\\1')"


def key_of(kind: str, name: str) -> str:
    """The key of a line, zone or queue, in SQL: one for each camera and layout version that it was drawn for.

    Args:
        kind: in SQL, which of the three it is: a queue may be called as a zone is.
        name: the column with its name, of the same row as the camera's.
    """
    row = f"{name.rpartition('.')[0]}.".lstrip(".")
    parts = [f"{row}store_id", f"{row}device_id", f"{row}camera_id", kind, name, f"CAST({row}config_version AS TEXT)"]
    return " || '/' || ".join(parts)


def finished(rows: pa.Table, fact: Fact, stores: Stores, final: FinalWindows) -> pa.Table:
    """The rows of a fact with their keys, the store's own day and time, and how much they are to be relied upon.

    `restated_at` is when the last event landed that a row is made of, where that was later than `SETTLE` after the
    store's day was over; else empty.
    """
    windows, landed = rows["window_start"].to_pylist(), rows["landed_at"].to_pylist()
    zones = [zone_of(store_id, stores) for store_id in rows["store_id"].to_pylist()]
    local = [_local(zone, window) for zone, window in zip(zones, windows, strict=True)]
    restated = [at if at > settled else None for at, (*_, settled) in zip(landed, local, strict=True)]
    sources = rows["source"].to_pylist()
    is_final = [_bit(final, source, window) for source, window in zip(sources, windows, strict=True)]
    camera = pc.binary_join_element_wise(rows["store_id"], rows["device_id"], rows["camera_id"], "/")
    added = {
        "camera_key": camera,
        "window_date": pc.cast(rows["window_start"], pa.date32()),
        "local_date": pa.array([day for day, *_ in local], pa.date32()),
        "local_time15": pa.array([at for _, at, *_ in local], pa.string()),
        "utc_offset_minutes": pa.array([offset for *_, offset, _ in local], pa.int64()),
        "is_final": pa.array(is_final, pa.bool_()),
        "restated_at": pa.array(restated, MOMENT),
    }
    for name, column in added.items():
        rows = rows.append_column(name, column)
    return rows.select(fact.form.columns.names).cast(fact.form.columns)


def zone_of(store_id: str, stores: Stores) -> str:
    """By whose days a store's figures go."""
    store = stores.stores.get(store_id)
    return store.time_zone if store else UNKNOWN_STORE


def _bit(final: FinalWindows, source: str, window: datetime) -> bool:
    number = (window.hour * 60 + window.minute) // 15
    return bool(final.get((source, window.date()), 0) >> number & 1)


@lru_cache(maxsize=100_000)
def _local(time_zone: str, window: datetime) -> tuple[date, str, int, datetime]:
    """By a store's clock: a window's day, time and minutes ahead of UTC; and when that day's figures have settled."""
    zone = zoneinfo.ZoneInfo(time_zone)
    local = window.astimezone(zone)
    tomorrow = datetime.combine(local.date() + timedelta(days=1), time(), zone)
    offset = round((local.utcoffset() or timedelta()).total_seconds() / 60)
    return local.date(), local.strftime("%H:%M"), offset, tomorrow.astimezone(UTC) + SETTLE
