# ruff: noqa: S608 - the engine takes no parameters; `literal` quotes every value
"""The figures of some days as they were known at a moment: of what had landed by then, and of nothing that came later.

They are made anew from silver, as this version of the software and today's register read it. What gold itself said at
that moment may differ: where an older version made it, or where a run had not come to it yet. Who was erased since
counts from the next quarter of an hour on after landing (erase.py); a store that was, not at all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import IO

import pyarrow as pa
from deltalake import DeltaTable
from pyarrow import csv

from cloud_functions.lake.gold.days import Sizes, newest
from cloud_functions.lake.gold.facts import FACTS, Source, figures
from cloud_functions.lake.gold.windows import beside
from cloud_functions.lake.silver import literals
from cloud_functions.lake.tables import Lake, query
from cloud_functions.stores import Stores

NAMES = {fact.name: fact for fact in FACTS}


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        moment: what landed later is not known.
        fact: one of `NAMES`.
        since: the first day, of UTC, as windows begin.
        until: the first day that is not asked for.
        stores: whose figures; none for all.
    """

    moment: datetime
    fact: str
    since: date
    until: date
    stores: Sequence[str] | None = None

    @property
    def days(self) -> Iterator[date]:
        """Each day that is asked for."""
        return (self.since + timedelta(days=number) for number in range((self.until - self.since).days))


def rows_of(source: Source, stores: Stores, question: Question) -> Iterator[pa.Table]:
    """The rows by day, store and then the other columns from the first on, in pieces of a bounded size (days.py).

    Raises:
        StorageError: the store refused.
    """
    fact, sizes = NAMES[question.fact], Sizes.of_silver(source.events)
    order = [(name, "ascending") for name in dict.fromkeys(["store_id", *fact.form.columns.names])]
    for day in question.days:
        left = {day: _stores_of(source.events, day, question)}
        while left[day]:
            piece = newest(left, sizes)
            yield figures(source, fact, replace(piece, as_of=question.moment), stores).sort_by(order)
            left[day].difference_update(piece.stores)


def _stores_of(events: DeltaTable, day: date, question: Question) -> set[str]:
    """The stores that may have figures of a day."""
    if question.stores is not None:
        return set(question.stores)
    sql = f"SELECT DISTINCT store_id FROM events WHERE event_date IN ({literals(sorted(beside([day])))})"
    return set(query(sql, events=events)["store_id"].to_pylist())


def write(lake: Lake, stores: Stores, question: Question, out: IO[bytes]) -> None:
    """Write the rows as CSV, whose first line has the columns' names; moments are in UTC. The lake is only read.

    Raises:
        StorageError: there is no such lake, or it can't be asked now (facts.py): nothing is written; or the store
            refused later: what is written until then is cut short.
    """
    source = Source.there(lake)
    with csv.CSVWriter(out, NAMES[question.fact].form.columns) as writer:
        for rows in rows_of(source, stores, question):
            writer.write_table(rows)
