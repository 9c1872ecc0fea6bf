"""Keeps the facts up with silver: the days of the stores that something new speaks of are made anew, whole.

The mark `runs` of each fact says up to which run of silver it is made; it is committed with the last of its rows, so a
run that dies is made up for by the next.
"""

from collections.abc import Mapping
from datetime import date

import pyarrow as pa
from deltalake import DeltaTable

from cloud_functions.lake.gold import footfall, health, visits
from cloud_functions.lake.gold.windows import Days, Fact, finished
from cloud_functions.lake.silver import EVENTS, RUNS, literals
from cloud_functions.lake.tables import Lake, mark, query, replace
from cloud_functions.stores import Stores

FACTS = (footfall.FACT, visits.DWELL, visits.QUEUE, health.FACT)
_DAYS_AT_ONCE = 31

_SPOKEN_OF = """
SELECT DISTINCT store_id, day FROM (
    SELECT store_id, event_date AS day FROM events WHERE {new}
    UNION ALL
    SELECT store_id, CAST(window_start AS DATE) AS day FROM events
    WHERE {new} AND type = 'storeflow.camera.coverage'
    UNION ALL
    SELECT store_id, CAST(captured_at - INTERVAL '1 day' AS DATE) AS day FROM events
    WHERE {new} AND type IN ('storeflow.line.u_turn', 'storeflow.person.recognised')
)
"""
"""Coverage is of the window that it names; the other two may speak of the day before."""


def catch_up(lake: Lake, stores: Stores) -> dict[str, int]:
    """Bring every fact up with silver; return how many rows were made, by fact."""
    return {fact.name: _catch_up(lake, fact, stores) for fact in FACTS}


def figures(events: DeltaTable, fact: Fact, days: Days, stores: Stores) -> pa.Table:
    """A fact of some days: of today's knowledge, or of that of `days.as_of`, however long ago that was."""
    return finished(query(fact.sql(days), events=events), fact, stores)


def days_spoken_of(events: DeltaTable, since: int) -> dict[date, list[str]]:
    """The stores that have events of runs after `since`, by the UTC days that these speak of."""
    found = query(_SPOKEN_OF.format(new=f"refined_at > {since}"), events=events)
    days: dict[date, list[str]] = {}
    for row in found.sort_by([("day", "ascending"), ("store_id", "ascending")]).to_pylist():
        days.setdefault(row["day"], []).append(row["store_id"])
    return days


def _catch_up(lake: Lake, fact: Fact, stores: Stores) -> int:
    events, table = lake.open(EVENTS), lake.open(fact.form)
    made, newest = mark(table, RUNS) or 0, mark(events, RUNS) or 0
    if made >= newest:
        return 0
    pieces = _pieces(days_spoken_of(events, made))
    rows = 0
    for number, days in enumerate(pieces, start=1):
        found = figures(events, fact, days, stores)
        marks = {RUNS: newest} if number == len(pieces) else {}
        where = f"window_date IN ({literals(days.dates)}) AND store_id IN ({literals(days.stores or ())})"
        replace(table, found, where, marks)
        rows += found.num_rows
    return rows


def _pieces(spoken_of: Mapping[date, list[str]]) -> list[Days]:
    """Days that the same stores are spoken of on, together: most often those are today, and all stores."""
    days_of: dict[tuple[str, ...], list[date]] = {}
    for day, of in spoken_of.items():
        days_of.setdefault(tuple(of), []).append(day)
    return [
        Days(days[begin : begin + _DAYS_AT_ONCE], of)
        for of, days in days_of.items()
        for begin in range(0, len(days), _DAYS_AT_ONCE)
    ]
