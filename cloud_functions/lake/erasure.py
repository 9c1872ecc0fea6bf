# ruff: noqa: S608 - the engine takes no parameters; `literal` quotes every value
"""Erasure in the Delta tables: rows become what bronze has of them now, and no older version of a table is left.

Two things are asked of deltalake here, and not in tables.py, because nothing else may do either: a MERGE that gives
rows other ids, and a history of no length.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import DeltaError

from cloud_functions.anonymous import ERASED, is_of_people
from cloud_functions.erasure_wish import Wish
from cloud_functions.lake.columns import REFINED_MODELS, silver_columns
from cloud_functions.lake.gold.dimensions import DIMENSIONS, STORE
from cloud_functions.lake.ledger import FILES
from cloud_functions.lake.ledger import note_again as noted_again
from cloud_functions.lake.rows import Refined
from cloud_functions.lake.silver import EVENTS, RUNS, literal, literals
from cloud_functions.lake.tables import Lake, TableForm, append, mark, overwrite, query
from cloud_functions.rebuild import GOLD
from storeflow.contract.events import LineUTurn, PersonRecognised
from storeflow.errors import StorageError

NAMING = (LineUTurn.event_type, PersonRecognised.event_type)
"""Events that name others, of up to a day before."""

_COMMIT_HOURS = 1
"""No commit takes longer. What one has written and not committed yet looks like what one left that was refused."""
_LOG_RETENTION = "delta.logRetentionDuration"
_DELTAS_OWN = "interval 30 days"
"""What Delta takes where a table says nothing (delta.io, "Table properties"), as all of ours do."""


class Row(NamedTuple):
    """Which row of silver."""

    source: str
    id: str
    event_date: date


def condition(wish: Wish, groups: Iterable[tuple[str, str]]) -> str:
    """What is true of the rows that an erasure changes: those it erases, and those that name them."""
    where = [f"id NOT LIKE '{ERASED}%'", f"type IN ({literals(name for name in REFINED_MODELS if is_of_people(name))})"]
    if wish.track_id:
        names = literals({f"g{wish.track_id}", *(group for _, group in groups)})
        where += [
            f"source = {literal(wish.source)}",
            f"(track_id = {literal(wish.track_id)} OR group_id IN ({names}))",
        ]
    else:
        until = literal(wish.until)
        named = f"type IN ({literals(NAMING)}) AND captured_at < {until} + INTERVAL '1 day'"
        where += [
            f"store_id = {literal(wish.store_id)}",
            f"captured_at >= {literal(wish.since)}",
            f"(captured_at < {until} OR ({named}))",
        ]
    return " AND ".join(where)


def rows_to_erase(lake: Lake, where: str) -> dict[str, list[Row]]:
    """The rows of silver that a condition is true of, by the file of bronze that they were made of."""
    sql = f"SELECT bronze_file, source, id, event_date FROM events WHERE {where}"
    files: dict[str, list[Row]] = {}
    for row in query(sql, events=lake.open(EVENTS)).to_pylist():
        files.setdefault(row.pop("bronze_file"), []).append(Row(**row))
    return files


def rename(
    lake: Lake,
    files: Mapping[str, list[Row]],
    read: Callable[[str], bytes],
    new_id: Callable[[str, str], str],
    now: datetime,
) -> int:
    """Put what bronze has now in place of rows; return how many rows that are.

    A row whose event bronze has no more is deleted; so is one of which silver has the new form already, by a copy of
    the event that was refined after bronze was written anew.

    Args:
        lake: the tables.
        files: the rows, as `rows_to_erase` found them.
        read: the content of a file of bronze.
        new_id: the id that bronze has now, of a source and the old id.
        now: for `refined_at`.

    Raises:
        StorageError: the store refused, or somebody else was faster.
    """
    changed = 0
    for refined, rows in _pieces(files, read):
        events = lake.open(EVENTS)
        _merge(events, _renamed(events, refined.table(), rows, new_id), now)
        changed += len(rows)
    return changed


def fence(lake: Lake, now: datetime) -> None:
    """Commit nothing: who read bronze before it was written anew, and would commit only now, is refused."""
    events = lake.open(EVENTS)
    append(events, silver_columns().empty_table(), {RUNS: _next(events, now)})


def delete_store(lake: Lake, store_id: str) -> int:
    """Take a store out of silver and gold; return how many rows of silver that were."""
    where = f"store_id = {literal(store_id)}"
    events = lake.open(EVENTS)
    rows = query(f"SELECT COUNT(*) AS n FROM events WHERE {where}", events=events)["n"][0].as_py()
    for form in (EVENTS, *(form for form in GOLD if form is not STORE and "store_id" in form.columns.names)):
        table = lake.open(form)
        with _as_storage_error(form.name):
            table.delete(where, commit_properties=CommitProperties(max_commit_retries=0))
    return int(rows)


def forget_dimensions(lake: Lake, store_id: str) -> None:
    """Have refining find a store's cameras, lines and zones anew: when a line was first crossed is of somebody.

    Other stores' rows stay, as do all that say nothing of a moment.
    """
    for form in (form for form in DIMENSIONS if "first_seen" in form.columns.names):
        table = lake.open(form)
        rows = query(f"SELECT * FROM dimension WHERE store_id <> {literal(store_id)}", dimension=table)
        overwrite(table, rows, {RUNS: 0})


def forget_history(lake: Lake) -> None:
    """Delete every version of every table but the newest, and what commits left behind that were refused an hour ago.

    Whoever reads an older one meanwhile fails, and finds the newest when asking again.
    """
    for form in (EVENTS, FILES, *GOLD):
        _only_the_newest(lake.open(form), form)


def _only_the_newest(table: DeltaTable, form: TableForm) -> None:
    with _as_storage_error(form.name):
        table.alter.set_table_properties({_LOG_RETENTION: "interval 0 seconds"})
        table.create_checkpoint()
        table.cleanup_metadata()
        # Of the files that no version names only the old ones: who commits right now has written some already.
        table.vacuum(0, dry_run=False, enforce_retention_duration=False)
        table.vacuum(_COMMIT_HOURS, dry_run=False, enforce_retention_duration=False, full=True)
        table.alter.set_table_properties({_LOG_RETENTION: _DELTAS_OWN})


def note_again(lake: Lake, read: Callable[[str], bytes]) -> None:
    """Say anew what of bronze waits, or can't be a row: it may have been erased, and a reason may quote it."""
    ledger = lake.open(FILES)
    sql = "SELECT path FROM files WHERE unreadable_lines > 0 OR waiting_events > 0"
    paths = {path: list[Row]() for path in query(sql, files=ledger)["path"].to_pylist()}
    for refined, _ in _pieces(paths, read):
        noted_again(ledger, refined.notes, mark(lake.open(EVENTS), RUNS) or 0)


def _pieces(files: Mapping[str, list[Row]], read: Callable[[str], bytes]) -> Iterator[tuple[Refined, list[Row]]]:
    refined, rows = Refined(), list[Row]()
    for path in sorted(files):
        refined.add(path, read(path))
        rows += files[path]
        if refined.full:
            yield refined, rows
            refined, rows = Refined(), []
    if refined.notes:
        yield refined, rows


def _renamed(events: DeltaTable, made: pa.Table, rows: Iterable[Row], new_id: Callable[[str, str], str]) -> pa.Table:
    """What to merge: for each row `old_id`, what it becomes, and whether it is `gone`."""
    found = {(row["source"], row["id"]): row for row in made.to_pylist()}
    known = _erased_before(events, made)
    merged: list[dict[str, Any]] = []
    for row in rows:
        name = row.source, new_id(row.source, row.id)
        becomes = found.get(name) or found.get(row[:2])
        gone = becomes is None or (name in known and name != row[:2])
        merged.append((becomes or row._asdict()) | {"old_id": row.id, "event_date": row.event_date, "gone": gone})
    columns = [*silver_columns(), pa.field("old_id", pa.string()), pa.field("gone", pa.bool_())]
    return pa.Table.from_pylist(merged, schema=pa.schema(columns))


def _erased_before(events: DeltaTable, made: pa.Table) -> set[tuple[str, str]]:
    """The erased events that silver has, of the times of some rows."""
    if not made.num_rows:
        return set()
    span = pc.min_max(made["captured_at"]).as_py()
    sql = f"""SELECT source, id FROM events WHERE id LIKE '{ERASED}%'
              AND captured_at >= {literal(span["min"])} AND captured_at <= {literal(span["max"])}"""
    return {(row["source"], row["id"]) for row in query(sql, events=events).to_pylist()}


def _merge(events: DeltaTable, rows: pa.Table, now: datetime) -> None:
    commit = _next(events, now)
    place = rows.schema.get_field_index("refined_at")
    rows = rows.set_column(place, rows.schema.field(place), pa.array([commit] * rows.num_rows, pa.int64()))
    dates = rows["event_date"].to_pylist()
    where = f"target.event_date >= {literal(min(dates))} AND target.event_date <= {literal(max(dates))}"
    where += " AND target.source = source.source AND target.id = source.old_id"
    marks = CommitProperties(max_commit_retries=0, app_transactions=[Transaction(RUNS, commit)])
    with _as_storage_error(EVENTS.name):
        merging = events.merge(rows, where, source_alias="source", target_alias="target", commit_properties=marks)
        merging.when_matched_delete("source.gone").when_matched_update(
            {name: f"source.{name}" for name in silver_columns().names}
        ).execute()


def _next(events: DeltaTable, now: datetime) -> int:
    return max(round(now.timestamp() * 1000), (mark(events, RUNS) or 0) + 1)


@contextmanager
def _as_storage_error(what: str) -> Iterator[None]:
    try:
        yield
    except (DeltaError, OSError) as error:
        raise StorageError(f"{what}: {error}; do it again") from error
