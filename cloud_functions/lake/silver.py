# ruff: noqa: S608 - the engine takes no parameters; `literal` quotes every value
"""Silver: one row for each event, whatever came how often and in whatever order. Bronze in, Delta out."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from cloud_functions.lake.columns import silver_columns
from cloud_functions.lake.copies import KEY, ORDER, first_copies, judged, spans
from cloud_functions.lake.tables import TableForm, append, mark, merge, query

EVENTS = TableForm(
    "silver/events",
    silver_columns(),
    partition_by="event_date",
    measured=("captured_at", "enqueued_at", "ingested_at", "refined_at", "source"),
)

RUNS = "runs"
"""The mark that says the newest `refined_at`, and is set by every commit that adds or changes rows.

In each it is greater than in all before it, whichever runs they are of: `rows with refined_at > what I saw last`, asked
of one version of the table, are exactly those that are new since.
"""


_SOURCES_AT_ONCE = 1000
"""The engine takes a list of twenty thousand for a program so deep that the process dies of it."""


def keep(events: DeltaTable, rows: pa.Table, now: datetime) -> int:
    """Bring silver up with rows, in one commit or, where it has them all, in none; return how many rows it has more.

    Args:
        events: silver; the commit is made against the version that this is, and is refused where there is a newer one.
        rows: copies of one event may be among them.
        now: for `refined_at`, unless that of the commit before is as late.
    """
    rows = first_copies(rows)
    fresh, better = judged(rows, known_copies(events, rows))
    commit = next_commit(events, now)
    if better.num_rows:
        both = _refined_at(pa.concat_tables([fresh, better]), commit)
        merge(events, both, KEY, _near(better), {RUNS: commit})
    elif fresh.num_rows:
        by_store = _refined_at(fresh, commit).sort_by("store_id")  # who asks for some leaves out parts of the file
        append(events, by_store, {RUNS: commit})
    return int(fresh.num_rows)


def next_commit(events: DeltaTable, now: datetime) -> int:
    """The `refined_at` of a commit to silver that is made now, against the version that this is."""
    return max(round(now.timestamp() * 1000), (mark(events, RUNS) or 0) + 1)


def known_copies(events: DeltaTable, rows: pa.Table) -> pa.Table:
    """The rows of silver, as far as `copies.judged` needs them, that may be copies of these.

    They are of the sources of these, and of their times: neither a table that grows over the years nor more stores make
    this slower, and a store that comes back after a day brings no other store's day into memory.
    """
    sources = sorted(set(rows["source"].to_pylist()))
    some = [sources[first : first + _SOURCES_AT_ONCE] for first in range(0, len(sources), _SOURCES_AT_ONCE)]
    found = [_copies_of(events, rows, of) for of in some or [[]]]
    return pa.concat_tables(found)


def _copies_of(events: DeltaTable, rows: pa.Table, sources: list[str]) -> pa.Table:
    of = rows.filter(pc.is_in(rows["source"], pa.array(sources, pa.string())))
    times = " OR ".join(
        f"(event_date >= {literal(first.date())} AND event_date <= {literal(last.date())}"
        f" AND captured_at >= {literal(first)} AND captured_at <= {literal(last)})"
        for first, last in spans(of["captured_at"].to_pylist())
    )
    where = f"{among('source', sources)} AND ({times or 'FALSE'})"
    return query(f"SELECT {', '.join((*KEY, *ORDER))} FROM events WHERE {where}", events=events)


def literal(value: object) -> str:
    """A date, a moment or a text in SQL."""
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.astimezone(UTC).isoformat()}'"
    text = str(value).replace("'", "''")
    return f"'{text}'"


def literals(values: Iterable[object]) -> str:
    """Several of them, as `IN` takes them."""
    return ", ".join(map(literal, values))


def among(column: str, values: Collection[str]) -> str:
    """The condition that a column has one of some values.

    It says besides from which to which they are: by a list of more than twenty the engine leaves out no files
    (DataFusion, `MAX_LIST_VALUE_SIZE_REWRITE`), by a range it does.
    """
    if not values:
        return "FALSE"
    within = f"{column} >= {literal(min(values))} AND {column} <= {literal(max(values))}"
    return f"{within} AND {column} IN ({literals(sorted(values))})"


def _refined_at(rows: pa.Table, commit: int) -> pa.Table:
    place = rows.schema.get_field_index("refined_at")
    return rows.set_column(place, rows.schema.field(place), pa.array([commit] * rows.num_rows, pa.int64()))


def _near(rows: pa.Table) -> str:
    """What is true of all rows in whose place these may come, so that not all files are read."""
    dates, times = rows["event_date"].to_pylist(), rows["captured_at"].to_pylist()
    return (
        f"target.event_date >= {literal(min(dates))} AND target.event_date <= {literal(max(dates))}"
        f" AND target.captured_at >= {literal(min(times))} AND target.captured_at <= {literal(max(times))}"
    )
