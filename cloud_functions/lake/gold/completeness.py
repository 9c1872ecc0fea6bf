# ruff: noqa: S608 - the engine takes no parameters; `literal` quotes every value
"""`fact_completeness`: whether what a source sent of a day is all here, and which numbers are missing.

A source numbers its events, and says from time to time (`storeflow.stream.heartbeat`) that nothing of the time before
`complete_until` is to come once every number below the heartbeat's own is here. So a quarter of an hour is final when
the `complete_until` of a heartbeat is its end or later, and no number is missing up to that heartbeat's (series.py). A
heartbeat with a `complete_from` vouches for nothing before that: sums may lack what the device never got.

Looked at are the numbers of the day and of the days beside it, whichever store the device was in, from the first
heartbeat there on. What is missing below that one is older than it, but of the time before it nothing is final unless
the source's number 1 is here and all that follow. So a number that never comes leaves that day and the next not final,
as does, for its last quarter, a device that was off for all of the day after. A device that lost its disk leaves the
time from its last heartbeat before to its first event after not final, if both are of one day or of two side by side.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable

from cloud_functions.lake.columns import MOMENT
from cloud_functions.lake.gold.series import ALWAYS, Heartbeat, Numbers, Series, final_windows
from cloud_functions.lake.gold.windows import MANY, Days, FinalWindows, beside, window_of
from cloud_functions.lake.silver import among, literals
from cloud_functions.lake.tables import TableForm, query

COMPLETENESS = TableForm(
    "gold/fact_completeness",
    pa.schema(
        [
            pa.field("source", pa.string()),
            pa.field("store_id", pa.string()),
            pa.field("device_id", pa.string()),
            pa.field("window_date", pa.date32()),
            pa.field("events", pa.int64()),
            pa.field("first_sequence", pa.int64()),
            pa.field("last_sequence", pa.int64()),
            pa.field("missing", pa.int64()),
            pa.field("complete_until", MOMENT),
            pa.field("final_windows", pa.int64()),
            pa.field("final_mask", pa.string()),
        ]
    ),
    "window_date",
    ("source", "store_id", "window_date"),
)
"""One row for each source, store and UTC day of `captured_at` that it has numbered events of. `missing` are the numbers
between the day's first and last that are not here; `final_windows` says how many quarters of an hour are final, and
`final_mask` which: 24 hexadecimal digits, whose lowest bit is the day's first."""

ALL_FINAL = "f" * 24

MOST_SERIES = 16
"""Of a source in three days. A device that numbers from 1 again more often is no device: its numbers are taken together
then, and tell nothing."""

Rows = list[dict[str, Any]]


@dataclass
class _Parts:
    """What a series is made of, as it is found."""

    here: list[tuple[int, int]] = field(default_factory=list)
    twice: list[tuple[int, int]] = field(default_factory=list)
    since: list[datetime] = field(default_factory=list)
    heartbeats: list[Heartbeat] = field(default_factory=list)
    broken: list[tuple[datetime, int]] = field(default_factory=list)

    def series(self) -> Series:
        return Series(Numbers(self.here), sorted(self.heartbeats), min(self.since), self.broken, self.twice)


def sources_of(events: DeltaTable, days: Days) -> str:
    """The condition that a row is of one of the sources that have an event in some days, or beside them, and stores.

    They are asked for by themselves: by what a question finds in another one the engine leaves out no files. Of more
    than `MANY` the condition asks all the same, of silver as the table `events`.
    """
    sql = f"SELECT DISTINCT source FROM events WHERE {days.any_events(and_beside=True)}"
    sources = query(sql, events=events)["source"].to_pylist()
    return among("source", sources) if len(sources) <= MANY else f"source IN ({sql})"


def rows_of(events: DeltaTable, days: Days, sources: str, near: Iterable[date] = ()) -> Rows:
    """The rows of every source that has an event in some days and stores, of whichever stores it was in.

    Beside the table's columns each has `in_doubt`: whether numbers of two series may be taken for those of one.

    Args:
        events: silver.
        days: the days.
        sources: of `sources_of`, of the same days and stores.
        near: further days to have the rows of these sources of.
    """
    dates = {*days.dates, *near}
    numbered = _numbered(days, dates, sources)
    if not query(_BEGUN_ANEW.format(numbered=numbered), events=events).num_rows:
        numbered = f"(SELECT *, 0 AS series FROM {numbered})"
    else:
        numbered = _SERIES.format(numbered=numbered, most=MOST_SERIES)
    parts = _parts(events, numbered)
    series = {key: {number: one.series() for number, one in sorted(found.items())} for key, found in parts.items()}
    rows: dict[tuple[str, str, date], dict[str, Any]] = {}
    for row in query(_DAYS.format(numbered=numbered), events=events).to_pylist():
        source, day = row["source"], row["window_date"]
        row["missing"] = series[source, day][row.pop("series")].numbers.missing(
            row["first_sequence"], row["last_sequence"]
        )
        other = rows.get((source, row["store_id"], day))
        rows[source, row["store_id"], day] = row if other is None else _both(row, other)
    masks = {(source, day): 0 for source, _, day in rows}
    for source, day in masks:
        masks[source, day] = final_windows(day, [*series[source, day].values()])
    for (source, _, day), row in rows.items():
        mask = masks[source, day]
        in_doubt = any(one.in_doubt for one in series[source, day].values())
        row |= {"final_windows": mask.bit_count(), "final_mask": f"{mask:024x}", "in_doubt": in_doubt}
    return [*rows.values()]


def final_of(rows: Rows) -> FinalWindows:
    """By source and UTC day, which of its windows are final."""
    return {(row["source"], row["window_date"]): int(row["final_mask"], 16) for row in rows}


def table_of(rows: Rows, days: Days) -> pa.Table:
    """Of the rows those of some days and stores."""
    dates, stores = set(days.dates), set(days.stores)
    own = [row for row in rows if row["window_date"] in dates and row["store_id"] in stores]
    return pa.Table.from_pylist(own, schema=COMPLETENESS.columns)


class Kept:
    """What the table says of some days and those beside them, of every source that has an event in them.

    Args:
        table: the table.
        events: silver.
        days: the days.
        sources: of `sources_of`, of the same days and stores.
    """

    def __init__(self, table: DeltaTable, events: DeltaTable, days: Days, sources: str) -> None:
        columns = ", ".join(COMPLETENESS.columns.names)
        where = f"window_date IN ({literals(sorted(beside(days.dates)))}) AND {sources}"
        self._rows: Rows = query(f"SELECT {columns} FROM kept WHERE {where}", kept=table, events=events).to_pylist()
        self._dates = set(days.dates)

    def near(self) -> set[date]:
        """Of the days beside, those whose rows may be others by what came of these.

        A day's numbers and heartbeats speak for the day after; for the day before as long as that is not wholly final,
        or where they throw doubt on it, which `others` finds.
        """
        after = {day + timedelta(days=1) for day in self._dates}
        days = {
            row["window_date"] for row in self._rows if row["window_date"] in after or row["final_mask"] != ALL_FINAL
        }
        return days - self._dates

    def others(self, rows: Rows, made: Days) -> set[tuple[str, date]]:
        """The stores and days, but for those that are being made, of which the table may be wrong by now.

        It says something else than rows; or it took a day for wholly final whose numbers are in doubt since.
        """
        old = {_key(row): row for row in self._rows}
        doubted = {(row["source"], row["window_date"] - timedelta(days=1)) for row in rows if row["in_doubt"]}
        found = {
            _key(row) for row in rows if old.get(_key(row)) != {name: row[name] for name in COMPLETENESS.columns.names}
        }
        found |= {key for key in old if (key[0], key[2]) in doubted and old[key]["final_mask"] == ALL_FINAL}
        stores = set(made.stores)
        return {(store_id, day) for _, store_id, day in found if not (day in self._dates and store_id in stores)}


def _key(row: Mapping[str, Any]) -> tuple[str, str, date]:
    return row["source"], row["store_id"], row["window_date"]


def _parts(events: DeltaTable, numbered: str) -> dict[tuple[str, date], dict[int, _Parts]]:
    """By source and day the parts of each series that is in sight of that day."""
    found: dict[tuple[str, date], dict[int, _Parts]] = defaultdict(lambda: defaultdict(_Parts))
    unbroken = query(_UNBROKEN.format(numbered=numbered), events=events).to_pylist()
    for row in unbroken:
        part = found[row["source"], row["day"]][row["series"]]
        part.here.append((row["first"], row["last"]))
        part.since.append(row["since"])
        if row["twice_first"] is not None:
            part.twice.append((row["twice_first"], row["twice_last"]))
    for row in query(_HEARTBEATS.format(numbered=numbered), events=events).to_pylist():
        part = found[row["source"], row["day"]][row["series"]]
        moments = row["captured_at"], row["complete_until"], row["complete_from"] or ALWAYS
        part.heartbeats.append(Heartbeat(row["number"], *moments))
    if any(row["broken"] for row in unbroken):
        for row in query(_BROKEN.format(numbered=numbered), events=events).to_pylist():
            found[row["source"], row["day"]][row["series"]].broken.append((row["window_start"], row["number"]))
    return found


def _both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The row of a day that has two series."""
    until = [row["complete_until"] for row in (one, other) if row["complete_until"] is not None]
    return one | {
        "device_id": max(one["device_id"], other["device_id"]),
        "events": one["events"] + other["events"],
        "first_sequence": min(one["first_sequence"], other["first_sequence"]),
        "last_sequence": max(one["last_sequence"], other["last_sequence"]),
        "missing": one["missing"] + other["missing"],
        "complete_until": max(until, default=None),
    }


def _numbered(days: Days, dates: set[date], sources: str) -> str:
    """The numbered events of sources, once for each of some days that they are of or beside; as `day`.

    A `sequence` that is not of its form is no number.
    """
    where = f"event_date IN ({literals(sorted(beside(dates)))}) AND {days.landed('ingested_at')} AND {sources}"
    return f"""(
    SELECT source, store_id, device_id, event_date, type, captured_at, complete_until, complete_from, number,
           CAST(event_date + other.days AS DATE) AS day
    FROM (
        SELECT source, store_id, device_id, event_date, type, captured_at, complete_until, complete_from,
               TRY_CAST(sequence AS BIGINT) AS number
        FROM events WHERE {where} AND sequence ~ '^[0-9]{{12}}$'
    )
    CROSS JOIN (VALUES (INTERVAL '-1 day'), (INTERVAL '0 day'), (INTERVAL '1 day')) AS other (days)
    WHERE CAST(event_date + other.days AS DATE) IN ({literals(sorted(dates))})
)"""


_BEGINS = "number = 1 OR type = 'storeflow.stream.heartbeat'"
_BEGUN_ANEW = f"""
SELECT source, day FROM {{numbered}} GROUP BY source, day
HAVING MAX(captured_at) FILTER (WHERE number = 1) > MIN(captured_at) FILTER (WHERE {_BEGINS})
"""
"""A number 1 that was captured after a heartbeat, or after another number 1, begins a new series."""
_SERIES = f"""(
    SELECT *, LEAST({{most}}, SUM(CASE WHEN number = 1 AND captured_at > begun THEN 1 ELSE 0 END)
                              OVER (PARTITION BY source, day ORDER BY captured_at)) AS series
    FROM (
        SELECT *, MIN(CASE WHEN {_BEGINS} THEN captured_at END) OVER (PARTITION BY source, day) AS begun
        FROM {{numbered}}
    )
)"""
_IN_ORDER = "PARTITION BY source, day, series ORDER BY number"
_PROMISED = f"""(
    SELECT source, day, series, number, captured_at,
           number - DENSE_RANK() OVER ({_IN_ORDER}) AS unbroken, number = LAG(number) OVER ({_IN_ORDER}) AS twice,
           captured_at < MAX(complete_until) OVER ({_IN_ORDER} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
               AS broken
    FROM {{numbered}}
)"""
"""Of each event whether another one has its number, and whether a heartbeat had said that it would not come."""
_UNBROKEN = f"""
SELECT source, day, series, MIN(number) AS first, MAX(number) AS last, MIN(captured_at) AS since,
       MIN(number) FILTER (WHERE twice) AS twice_first, MAX(number) FILTER (WHERE twice) AS twice_last,
       BOOL_OR(broken) AS broken
FROM {_PROMISED}
GROUP BY source, day, series, unbroken
"""
_HEARTBEATS = """
SELECT source, day, series, number, captured_at, complete_until, complete_from
FROM {numbered} WHERE type = 'storeflow.stream.heartbeat'
"""
_BROKEN = f"""
SELECT source, day, series, {window_of("captured_at")} AS window_start, MAX(number) AS number
FROM {_PROMISED} WHERE broken
GROUP BY source, day, series, {window_of("captured_at")}
"""
_DAYS = """
SELECT source, store_id, MAX(device_id) AS device_id, event_date AS window_date, series, COUNT(*) AS events,
       MIN(number) AS first_sequence, MAX(number) AS last_sequence, MAX(complete_until) AS complete_until
FROM {numbered} WHERE event_date = day
GROUP BY source, store_id, event_date, series
"""
