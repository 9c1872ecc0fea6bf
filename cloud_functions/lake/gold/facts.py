"""Keeps the facts up with silver: the days of the stores that something new speaks of are made anew, whole.

What is due is noted first (due.py), then made in pieces, each of which is struck off once all of its facts and its
completeness are written. So after a run that died the next one goes on where it was.

Silver is opened after every table that is written here: so it is as new as that of whoever wrote to them before, and
who writes to them later is the only one of the two that goes on. Were it opened first, figures of an older silver could
come after those of a newer one.
"""

from dataclasses import dataclass
from typing import Self

import pyarrow as pa
from deltalake import DeltaTable

from cloud_functions.lake.gold import completeness, days, dimensions, footfall, health, layouts, visits
from cloud_functions.lake.gold.completeness import COMPLETENESS
from cloud_functions.lake.gold.dimensions import STORE
from cloud_functions.lake.gold.due import Due
from cloud_functions.lake.gold.layouts import LAYOUT
from cloud_functions.lake.gold.windows import Days, Fact, FinalWindows, finished
from cloud_functions.lake.silver import EVENTS, RUNS
from cloud_functions.lake.tables import Lake, mark, query, replace
from cloud_functions.stores import Stores
from storeflow.errors import StorageError

FACTS = (footfall.FACT, visits.DWELL, visits.QUEUE, health.FACT)


@dataclass(frozen=True)
class Source:
    """What facts are made of: silver and dim_layout, each of one version."""

    events: DeltaTable
    layouts: DeltaTable

    @classmethod
    def there(cls, lake: Lake) -> Self:
        """As a lake has them, to be read alone.

        Silver is opened last, so that dim_layout can't be ahead of it; where it is behind, windows may be missing.

        Raises:
            StorageError: dim_layout is behind, or as of `Lake.there`.
        """
        drawn, events = lake.there(LAYOUT), lake.there(EVENTS)
        if (mark(drawn, RUNS) or 0) < (mark(events, RUNS) or 0):
            raise StorageError(
                f"{LAYOUT.name} is behind {EVENTS.name}: a run is under way, or did not come to its end; ask again once"
                " one has (by hand: python -m cloud_functions refine)"
            )
        return cls(events, drawn)

    def figures(self, fact: Fact, asked: Days, stores: Stores, final: FinalWindows) -> pa.Table:
        """A fact of some days, where it is known which windows are final."""
        rows = query(fact.sql(asked), events=self.events, layouts=self.layouts)
        return finished(rows, fact, stores, final)


def figures(source: Source, fact: Fact, asked: Days, stores: Stores) -> pa.Table:
    """A fact of some days: of today's knowledge, or of that of `asked.as_of`, however long ago that was."""
    rows = completeness.rows_of(source.events, asked, completeness.sources_of(source.events, asked))
    final = completeness.final_of(rows)
    return source.figures(fact, asked, stores, final)


def catch_up(lake: Lake, stores: Stores) -> dict[str, int]:
    """Bring every fact up with silver and the register; return how many rows were made, by fact."""
    due, tables = Due(lake), {fact.name: lake.open(fact.form) for fact in FACTS}
    complete, known = lake.open(COMPLETENESS), lake.open(STORE)
    events = lake.open(EVENTS)
    source = Source(events, layouts.catch_up(lake, events))
    newest = mark(events, RUNS) or 0
    found = [*days.of_moved_clocks(known, stores, tables.values())]
    if due.asked < newest:
        found += days.spoken_of(events, due.asked)
        found += layouts.days_in_force(events, source.layouts, due.asked)
    if found or due.asked < newest:
        due.add(found, newest)
    dimensions.put_stores(lake, stores)
    made_rows = dict.fromkeys(tables, 0)
    sizes = days.Sizes.of_silver(events)
    while due.days:
        piece = days.newest(due.days, sizes)
        sources = completeness.sources_of(events, piece)
        kept = completeness.Kept(complete, events, piece, sources)
        rows = completeness.rows_of(events, piece, sources, kept.near())
        final = completeness.final_of(rows)
        for fact in FACTS:
            figures_ = source.figures(fact, piece, stores, final)
            replace(tables[fact.name], figures_, piece.rows, {})
            made_rows[fact.name] += figures_.num_rows
        replace(complete, completeness.table_of(rows, piece), piece.rows, {})
        due.done(piece, kept.others(rows, piece))
    return made_rows
