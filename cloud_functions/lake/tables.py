"""Delta tables by name, and what was done to them. The only file that imports deltalake.

Every commit is made against the version that was read: where somebody else has committed meanwhile it is refused, and
the run is tried again by the next tick. So there is one writer at a time, whatever the platform starts twice.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Field, QueryBuilder, Transaction, write_deltalake
from deltalake.exceptions import DeltaError

from cloud_functions.lake_port import DeltaPlace
from storeflow.errors import StorageError

_SMALL_FILES = 8


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
        address = f"{self._place.root}/{form.name}"
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
            missing = {field.name for field in form.columns} - {field.name for field in table.schema().fields}
            if missing:
                table.alter.add_columns([Field.from_arrow(form.columns.field(name)) for name in sorted(missing)])
            return table


def append(table: DeltaTable, rows: pa.Table, marks: Mapping[str, int]) -> None:
    """Add rows, and with them set the table's marks, in one commit."""
    with _as_storage_error(table.table_uri):
        write_deltalake(table, rows, mode="append", commit_properties=_commit(marks))


def replace(table: DeltaTable, rows: pa.Table, where: str, marks: Mapping[str, int]) -> None:
    """Put rows in place of those that `where` is true of, and set marks, in one commit."""
    with _as_storage_error(table.table_uri):
        write_deltalake(table, rows, mode="overwrite", predicate=where, commit_properties=_commit(marks))


def overwrite(table: DeltaTable, rows: pa.Table, marks: Mapping[str, int]) -> None:
    """Put rows in place of all, and set marks, in one commit."""
    with _as_storage_error(table.table_uri):
        write_deltalake(table, rows, mode="overwrite", commit_properties=_commit(marks))


def delete(table: DeltaTable, where: str) -> None:
    """Take out the rows that `where` is true of."""
    with _as_storage_error(table.table_uri):
        table.delete(where, commit_properties=_commit({}))


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


def tidy(table: DeltaTable, form: TableForm, order: Sequence[str]) -> int:
    """Make few files of many, sorted, partition by partition; return how many were taken together.

    A partition of fewer than `_SMALL_FILES` files is left as it is. No row is another one after it, and no mark.
    """
    taken = 0
    with _as_storage_error(table.table_uri):
        actions = pa.table(table.get_add_actions(flatten=True))
        column = f"partition.{form.partition_by}"
        values = actions[column].to_pylist() if form.partition_by else [None] * actions.num_rows
        for value, files in sorted(Counter(values).items(), key=str):
            if files >= _SMALL_FILES:
                only = [(form.partition_by, "=", str(value))] if form.partition_by else None
                taken += table.optimize.z_order(list(order), only)["numFilesRemoved"] if order else 0
                taken += 0 if order else table.optimize.compact(only)["numFilesRemoved"]
    return taken


def vacuum(table: DeltaTable, keep_hours: int) -> int:
    """Delete the files that no version of the last hours needs; return how many."""
    with _as_storage_error(table.table_uri):
        table.create_checkpoint()
        table.cleanup_metadata()
        return len(table.vacuum(keep_hours, dry_run=False, enforce_retention_duration=False))


def _commit(marks: Mapping[str, int]) -> CommitProperties:
    return CommitProperties(
        max_commit_retries=0, app_transactions=[Transaction(name, version) for name, version in marks.items()]
    )


@contextmanager
def _as_storage_error(what: str) -> Iterator[None]:
    try:
        yield
    except (DeltaError, OSError) as error:
        raise StorageError(f"{what}: {error}") from error
