# ruff: noqa: S608 - the engine takes no parameters; `literal` quotes every value
"""Which stores' days are to be made anew, and how many of them at once."""

from bisect import bisect
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import Self

import pyarrow as pa
from deltalake import DeltaTable

from cloud_functions.lake.gold.windows import MANY, UNKNOWN_STORE, Days, beside, stores_among, zone_of
from cloud_functions.lake.silver import literals
from cloud_functions.lake.tables import query
from cloud_functions.stores import Stores

EVENTS_AT_ONCE = 500_000
"""Of silver, in a piece, which takes most of a gigabyte then, and an instance has 1.5 (rows.py). One store's day is a
piece however many it has."""

DAYS_AT_ONCE = 31
"""Of these, and the ones beside each, there may be a list of stores in memory."""

StoreDays = Iterable[tuple[str, date]]
"""Stores, each with a UTC day."""

_ByStore = Mapping[date, Mapping[str, int]]

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


class Sizes:
    """How many events silver has of a day; of which stores they are is counted only where that decides.

    Args:
        days: events by day.
        count: events by day and store, of some days.
    """

    def __init__(self, days: Mapping[date, int], count: Callable[[Collection[date]], _ByStore]) -> None:
        self._days, self._count = days, count
        self._counted: _ByStore = {}

    @classmethod
    def of_silver(cls, events: DeltaTable) -> Self:
        """Those of silver, as it is in `events`."""

        def count(days: Collection[date]) -> _ByStore:
            where = f"event_date IN ({literals(sorted(days))})"
            sql = f"SELECT event_date, store_id, COUNT(*) AS n FROM events WHERE {where} GROUP BY event_date, store_id"
            found: dict[date, dict[str, int]] = {day: {} for day in days}
            for row in query(sql, events=events).to_pylist():
                found[row["event_date"]][row["store_id"]] = row["n"]
            return found

        return cls(sizes(events), count)

    def fit(self, dates: Collection[date], stores: Collection[str]) -> bool:
        """Whether days of some stores are no more than a piece.

        Each counts as the greatest of itself and the days beside it, as its numbers are looked at with those of both.
        """
        if _looked_at(dates, lambda day: self._days.get(day, 0)) <= EVENTS_AT_ONCE:
            return True
        if unknown := beside(dates) - self._counted.keys():
            self._counted = {**self._counted, **self._count(unknown)}
        of_stores = {day: sum(self._counted[day].get(name, 0) for name in stores) for day in beside(dates)}
        return _looked_at(dates, of_stores.__getitem__) <= EVENTS_AT_ONCE

    def forget_all_but(self, days: Iterable[date]) -> None:
        """Forget of which stores the events of all but some days are: those of years would fill the memory."""
        near = beside(days)
        self._counted = {day: found for day, found in self._counted.items() if day in near}


def _looked_at(dates: Iterable[date], events: Callable[[date], int]) -> int:
    return sum(max(events(one) for one in beside([day])) for day in dates)


def newest(due: Mapping[date, Collection[str]], events: Sizes) -> Days:
    """Of what is due a piece that has a bounded number of events: one store's day, and as much more as fits.

    More is: other stores of that day, which is the newest; then the days before it. Of several days each is made with
    the stores of all: a store may so be made anew on a day that nothing is new of, and is the same afterwards.

    Args:
        due: at least one day, with its stores.
        events: how many each has.
    """
    events.forget_all_but(due)
    day, *earlier = sorted(due, reverse=True)[:DAYS_AT_ONCE]
    ordered = sorted(due[day])[:MANY]
    fitting = bisect(range(1, len(ordered) + 1), x=False, key=lambda number: not events.fit([day], ordered[:number]))
    dates, stores = [day], {*ordered[: max(fitting, 1)]}
    for other in earlier:
        all_stores = stores.union(due[other])
        if len(all_stores) > MANY or not events.fit([*dates, other], all_stores):
            break
        dates, stores = [*dates, other], all_stores
    return Days(sorted(dates), sorted(stores))
