# ruff: noqa: S608 - the engine takes no parameters; `literal` quotes every value
"""Which stores' days are to be made anew, and how many of them at once."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date

import pyarrow as pa
from deltalake import DeltaTable

from cloud_functions.lake.gold.windows import MANY, UNKNOWN_STORE, Days, stores_among, zone_of
from cloud_functions.lake.tables import query
from cloud_functions.stores import Stores

EVENTS_AT_ONCE = 2_000_000
"""Of silver, in the days that are made together; one day is made at once however many it has."""

DAYS_AT_ONCE = MANY // 3
"""A question is about these days and the ones beside each."""

StoreDays = Iterable[tuple[str, date]]
"""Stores, each with a UTC day."""

_SPOKEN_OF = """
SELECT DISTINCT store_id, day FROM (
    SELECT store_id, event_date AS day FROM events WHERE {new}
    UNION ALL
    SELECT store_id, CAST(window_start AS DATE) AS day FROM events
    WHERE {new} AND type IN ('storeflow.camera.coverage', 'storeflow.footfall.window')
    UNION ALL
    SELECT store_id, CAST(captured_at + other.days AS DATE) AS day
    FROM events CROSS JOIN (VALUES (INTERVAL '-1 day'), (INTERVAL '1 day')) AS other (days)
    WHERE {new} AND type IN ('storeflow.line.u_turn', 'storeflow.person.recognised')
)
"""
"""Coverage and sums are of the window that they name; the last two speak of the days beside theirs as well."""


def spoken_of(events: DeltaTable, since: int) -> Iterator[tuple[str, date]]:
    """The stores and days that events of commits after `since` speak of."""
    found = query(_SPOKEN_OF.format(new=f"refined_at > {since}"), events=events).to_pylist()
    return ((row["store_id"], row["day"]) for row in found)


def of_moved_clocks(known: DeltaTable, stores: Stores, facts: Iterable[DeltaTable]) -> Iterator[tuple[str, date]]:
    """All days of the stores whose time zone is another one in the register than in dim_store.

    Args:
        known: dim_store, which is brought up to date once these days are noted as due.
        stores: the register.
        facts: the tables of all facts.
    """
    rows = query("SELECT store_id, time_zone FROM known", known=known).to_pylist()
    zones = {row["store_id"]: row["time_zone"] for row in rows}
    both = zones.keys() | stores.stores.keys()
    moved = {name for name in both if zones.get(name, UNKNOWN_STORE) != zone_of(name, stores)}
    if moved:
        sql = f"SELECT DISTINCT store_id, window_date FROM fact WHERE {stores_among(moved)}"
        for table in facts:
            for row in query(sql, fact=table).to_pylist():
                if row["store_id"] in moved:
                    yield row["store_id"], row["window_date"]


def sizes(events: DeltaTable) -> Mapping[date, int]:
    """How many events each day has: the log says so, and no row is read."""
    files = pa.table(events.get_add_actions(flatten=True))
    found: Counter[date] = Counter()
    for day, number in zip(files["partition.event_date"].to_pylist(), files["num_records"].to_pylist(), strict=True):
        found[day] += number or 0
    return found


def newest(due: Mapping[date, Iterable[str]], events: Mapping[date, int]) -> Days:
    """Of the days that are due the newest, as many as have a bounded number of events; with the stores of all of them.

    A store may so be made anew on a day that nothing is new of; it is the same afterwards.

    Args:
        due: at least one day, with its stores.
        events: how many each day has.
    """
    dates: list[date] = []
    total = 0
    for day in sorted(due, reverse=True)[:DAYS_AT_ONCE]:
        total += events.get(day, 0)
        if dates and total > EVENTS_AT_ONCE:
            break
        dates.append(day)
    stores = {store_id for day in dates for store_id in due[day]}
    return Days(sorted(dates), sorted(stores) if len(stores) <= MANY else None)
