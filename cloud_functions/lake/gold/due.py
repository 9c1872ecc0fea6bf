"""`days_due`: which stores' days are still to be made anew. Empty once a run has come to its end.

The mark `runs` says up to which commit of silver it was asked what is due. So what a run has made stays made, wherever
it dies and however much there is to do: the next one goes on with what is left.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date

import pyarrow as pa

from cloud_functions.lake.gold.days import StoreDays
from cloud_functions.lake.gold.windows import Days
from cloud_functions.lake.silver import RUNS
from cloud_functions.lake.tables import Lake, TableForm, mark, overwrite, query

DUE = TableForm("gold/days_due", pa.schema([pa.field("store_id", pa.string()), pa.field("window_date", pa.date32())]))


class Due:
    """The table as it was when it was opened here, and what this run changes of it.

    Every change is one commit, which is refused with StorageError where somebody else was faster.

    Args:
        lake: where it is.
    """

    def __init__(self, lake: Lake) -> None:
        self._table = lake.open(DUE)
        self._days: defaultdict[date, set[str]] = defaultdict(set)
        self.asked = mark(self._table, RUNS) or 0
        """Up to which commit of silver."""
        rows = query("SELECT store_id, window_date FROM due", due=self._table).to_pylist()
        self._note((row["store_id"], row["window_date"]) for row in rows)

    @property
    def days(self) -> Mapping[date, Collection[str]]:
        """What is left to do: days, each with its stores."""
        return self._days

    def add(self, found: StoreDays, asked: int) -> None:
        """Note what is due besides, having asked up to a commit of silver."""
        self._note(found)
        self.asked = asked
        self._commit()

    def done(self, made: Days, found: StoreDays) -> None:
        """Note that some days of some stores are made, and which others are due because of it.

        Args:
            made: these; all of the days are due, though not each of all the stores.
            found: the others.
        """
        for day in made.dates:
            self._days[day].difference_update(made.stores)
            if not self._days[day]:
                del self._days[day]
        self._note(found)
        self._commit()

    def _note(self, found: StoreDays) -> None:
        for store_id, day in found:
            self._days[day].add(store_id)

    def _commit(self) -> None:
        left = [(name, day) for day, stores in self._days.items() for name in stores]
        names, days = [name for name, _ in left], [day for _, day in left]
        overwrite(self._table, pa.table([names, days], schema=DUE.columns), {RUNS: self.asked})
