"""Delta tables by name, and what was done to them. But for an erasure nothing else commits to one.

Every commit is made against the version that was read: where somebody else has committed meanwhile it is refused, and
the run is tried again by the next tick. So there is one writer at a time, whatever the platform starts twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Field, QueryBuilder, Transaction, write_deltalake
from deltalake.exceptions import DeltaError

from cloud_functions.lake_port import DeltaPlace
from storeflow.errors import StorageError

_SMALL_FILES = 8
_SMALL_BYTES = 16 * 1024 * 1024
_LARGE_BYTES = 128 * 1024 * 1024
_SORTED_BYTES = 64 * 1024 * 1024
"""Of a partition that is sorted as a whole, which takes fifteen times as much memory; a larger one is not sorted."""
_REPLACED_BYTES = 512 * 1024
"""After which a file ends where rows are replaced. Delta writes anew all of a file of which a row goes, and puts what
stays of it together with what is new: were there no end, each piece of a day (gold/days.py) would write the whole day.
The largest fact of a piece is about as large."""


@dataclass(frozen=True)
class TableForm:
    """A table as this version of the software writes it.

    Attributes:
        name: its folder in the lake, as `silver/events`.
        columns: those of an older lake that are missing are added, empty.
        partition_by: the column whose values have a folder each; empty for none.
        measured: the columns by whose least and greatest value a reader leaves files out; empty for the first 32.
    """

    name: str
    columns: pa.Schema
    partition_by: str = ""
    measured: tuple[str, ...] = field(default=())


class Lake:
    """The tables of one lake.

    Each method raises StorageError where the store refuses, or somebody else was faster.
    """

    def __init__(self, place: DeltaPlace) -> None:
        self._place = place

    def open(self, form: TableForm) -> DeltaTable:
        """Return a table as it is now; it is made where there is none."""
        address = self._address(form)
        with _as_storage_error(form.name):
            if not DeltaTable.is_deltatable(address, self._place.options):
                measured = {"delta.dataSkippingStatsColumns": ",".join(form.measured)} if form.measured else {}
                DeltaTable.create(
                    address,
                    form.columns,
                    mode="ignore",
                    partition_by=[form.partition_by] if form.partition_by else None,
                    configuration=measured,
                    storage_options=self._place.options,
                )
            table = DeltaTable(address, storage_options=self._place.options)
            if missing := _missing(table, form):
                table.alter.add_columns([Field.from_arrow(form.columns.field(name)) for name in missing])
            return table

    def there(self, form: TableForm) -> DeltaTable:
        """Return a table as it is now, for who only reads: nothing is made, and nothing is changed.

        Raises:
            StorageError: besides, there is none, or it lacks columns, as no version with these has written it yet.
        """
        address = self._address(form)
        with _as_storage_error(form.name):
            if not DeltaTable.is_deltatable(address, self._place.options):
                raise StorageError(f"{form.name}: there is no table in {self._place.root}; is LAKE_TABLES right?")
            table = DeltaTable(address, storage_options=self._place.options)
        if missing := _missing(table, form):
            raise StorageError(
                f"{form.name}: it has no {', '.join(missing)}, as an older version of this software keeps it:"
                " ask with that version, or once the function app has this one"
            )
        return table

    def _address(self, form: TableForm) -> str:
        return f"{self._place.root}/{form.name}"


def append(table: DeltaTable, rows: pa.Table, marks: Mapping[str, int]) -> None:
    """Add rows, and with them set the table's marks, in one commit."""
    with _as_storage_error(table.table_uri):
        write_deltalake(table, _fitted(rows, table), mode="append", commit_properties=_commit(marks))


def replace(table: DeltaTable, rows: pa.Table, where: str, marks: Mapping[str, int]) -> None:
    """Put rows in place of those that `where` is true of, and set marks, in one commit."""
    with _as_storage_error(table.table_uri):
        write_deltalake(
            table,
            _fitted(rows, table),
            mode="overwrite",
            predicate=where,
            target_file_size=_REPLACED_BYTES,
            commit_properties=_commit(marks),
        )


def overwrite(table: DeltaTable, rows: pa.Table, marks: Mapping[str, int]) -> None:
    """Put rows in place of all, and set marks, in one commit."""
    with _as_storage_error(table.table_uri):
        write_deltalake(table, _fitted(rows, table), mode="overwrite", commit_properties=_commit(marks))


def merge(table: DeltaTable, rows: pa.Table, key: Sequence[str], where: str, marks: Mapping[str, int]) -> None:
    """Put each row in place of the one of its key, or add it where there is none, and set marks, in one commit.

    Args:
        table: to change.
        rows: each of another key.
        key: the columns that say which row is which.
        where: what is true of all rows that have one of these keys, as `target.<column>`, so that not all are read.
        marks: to set.
    """
    same = " AND ".join([where, *(f"target.{name} = source.{name}" for name in key)])
    with _as_storage_error(table.table_uri):
        merging = table.merge(
            _fitted(rows, table), same, source_alias="source", target_alias="target", commit_properties=_commit(marks)
        )
        merging.when_matched_update_all().when_not_matched_insert_all().execute()


def _fitted(rows: pa.Table, table: DeltaTable) -> pa.Table:
    """The rows with the columns that the table has: a newer version of this software may have added some."""
    columns = pa.schema(table.schema().to_arrow())
    of = {name: rows[name] for name in rows.column_names}
    return pa.table(
        [of.get(field.name, pa.nulls(rows.num_rows, field.type)) for field in columns], names=columns.names
    ).cast(columns)


def _missing(table: DeltaTable, form: TableForm) -> list[str]:
    """The columns that a table of an older version lacks."""
    return sorted({field.name for field in form.columns} - {field.name for field in table.schema().fields})


def mark(table: DeltaTable, name: str) -> int | None:
    """A number that was committed together with the rows it speaks of; none before the first."""
    return table.transaction_version(name)


def query(sql: str, **tables: DeltaTable) -> pa.Table:
    """The answer to a question in SQL (DataFusion's) of these tables, as they are in `tables`."""
    builder = QueryBuilder()
    with _as_storage_error(", ".join(tables)):
        for name, table in tables.items():
            builder = builder.register(name, table)
        return _plain(pa.table(builder.execute(sql)))


def _plain(rows: pa.Table) -> pa.Table:
    """The same with texts as `string`: the engine's own `string_view` can't be sorted or joined by pyarrow."""
    fields = [field.with_type(pa.string()) if field.type == pa.string_view() else field for field in rows.schema]
    return rows.cast(pa.schema(fields))


def tidy(table: DeltaTable, form: TableForm, order: str) -> int:
    """Make few files of many, partition by partition; return how many were taken together.

    A partition is left as it is until `_SMALL_FILES` of its files are small. Then those are put together; and where
    they are a quarter of it or more, all of it is sorted anew. So upkeep writes no more than a few times what was
    written before it, and leaves alone a day that nothing comes to any more. No row is another one after it, and no
    mark.

    Args:
        table: to tidy.
        form: its form.
        order: the column to sort by; empty for none. It is one alone: a Z-order is made of the bits of each column's
            first 14 bytes (delta-rs, `zorder_key`), so that it sorts by one column, but of two by whichever has others
            in its first bits; and of texts that begin alike not at all.
    """
    taken = 0
    with _as_storage_error(table.table_uri):
        for value, sizes in sorted(_sizes(table, form).items(), key=str):
            small = [size for size in sizes if size < _SMALL_BYTES]
            if len(small) < _SMALL_FILES:
                continue
            only = [(form.partition_by, "=", str(value))] if form.partition_by else None
            if order and sum(sizes) < _SORTED_BYTES and 4 * sum(small) >= sum(sizes):
                taken += table.optimize.z_order([order], only, target_size=_LARGE_BYTES)["numFilesRemoved"]
            else:
                taken += table.optimize.compact(only, target_size=_LARGE_BYTES)["numFilesRemoved"]
    return taken


def vacuum(table: DeltaTable, keep_hours: int) -> int:
    """Delete the files that no version of the last hours needs, or that were never of any; return how many.

    A commit that was refused leaves its files behind, and no log names them. They are told by their age from those of a
    commit that is being made.
    """
    with _as_storage_error(table.table_uri):
        table.create_checkpoint()
        table.cleanup_metadata()
        return len(table.vacuum(keep_hours, dry_run=False, enforce_retention_duration=False, full=True))


def _sizes(table: DeltaTable, form: TableForm) -> dict[object, list[int]]:
    """The bytes of each file, by partition."""
    actions = pa.table(table.get_add_actions(flatten=True))
    values = actions[f"partition.{form.partition_by}"].to_pylist() if form.partition_by else [None] * actions.num_rows
    sizes: dict[object, list[int]] = {}
    for value, size in zip(values, actions["size_bytes"].to_pylist(), strict=True):
        sizes.setdefault(value, []).append(size)
    return sizes


def _commit(marks: Mapping[str, int]) -> CommitProperties:
    return CommitProperties(
        max_commit_retries=0, app_transactions=[Transaction(name, version) for name, version in marks.items()]
    )


@contextmanager
def _as_storage_error(what: str) -> Iterator[None]:
    try:
        yield
    except (DeltaError, OSError, pa.ArrowInvalid) as error:  # the last: a file went while it was read
        raise StorageError(f"{what}: {error}") from error
