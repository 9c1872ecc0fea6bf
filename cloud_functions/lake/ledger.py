# ruff: noqa: S608 - the engine takes no parameters; `literal` quotes every value
"""`silver/files`: which files of bronze are refined, and what of them is no row yet. One row for each file.

A file is refined where it has a row here, and nothing else says so. Its row is committed once all that it has is in
silver: a run that dies in between reads the file again, finds that silver has it, and notes it then. The mark
`<namespace>/<hub>/<partition>` is the hour of the last file that is noted of a partition, in hours since 1970; it leads
only to where listing begins.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import pyarrow as pa
from deltalake import DeltaTable

from cloud_functions.lake.columns import MOMENT, PRIVACY
from cloud_functions.lake.rows import FileNote
from cloud_functions.lake.silver import literal
from cloud_functions.lake.tables import TableForm, append, mark, merge, query
from cloud_functions.paths import BRONZE, LandedFile
from storeflow.contract.envelope import is_known
from storeflow.contract.events import SCHEMA_VERSION

_TEXT, _NUMBER = pa.string(), pa.int64()
_HOUR = "%Y/%m/%d/%H"
_1970 = datetime(1970, 1, 1, tzinfo=UTC)

FILES = TableForm(
    "silver/files",
    pa.schema(
        [
            pa.field("path", _TEXT),
            pa.field("partition", _TEXT),  # <namespace>/<hub>/<partition>
            pa.field("hour", MOMENT),  # of its folder
            pa.field("hour_date", pa.date32()),  # of `hour`; the table's partition
            pa.field("events", _NUMBER),  # its lines
            pa.field("rows", _NUMBER),  # of them make a row, though silver may have the event by another copy
            pa.field("waiting_events", _NUMBER),  # of them are not known yet
            pa.field("waiting", _TEXT),  # their types and schemas: JSON, [[type, dataschema], …], sorted
            pa.field("unreadable_lines", _NUMBER),  # of them can't become a row; 1 for a file that can't be read at all
            # Why, of the first twenty: JSON, [[line, reason], …]. A reason may quote what the event says of a person.
            pa.field("unreadable", _TEXT, metadata={PRIVACY: "personal"}),
            pa.field("read_by", _TEXT),  # the schema version that the software which read it knows
            pa.field("refined_at", _NUMBER),  # silver's newest when it was noted: its rows have this or less
        ]
    ),
    partition_by="hour_date",
    measured=("hour", "waiting_events", "unreadable_lines"),
)


def newest_hours(ledger: DeltaTable, partitions: Iterable[str]) -> dict[str, int]:
    """The mark of each partition that has one, by its folder in bronze."""
    found = {partition: mark(ledger, name_of(partition)) for partition in partitions}
    return {partition: hours for partition, hours in found.items() if hours is not None}


def refined(ledger: DeltaTable, since: Mapping[str, str]) -> set[str]:
    """The files that are refined.

    Args:
        ledger: the table.
        since: of which partitions' folders, and from which hour on of each, as `year/month/day/hour`.
    """
    asked = [
        f"(partition = {literal(name_of(partition))} AND hour >= {literal(_moment(hour))})"
        for partition, hour in since.items()
        if hour
    ]
    if not asked:
        return set()
    return set(query(f"SELECT path FROM files WHERE {' OR '.join(asked)}", files=ledger)["path"].to_pylist())


def readable_now(ledger: DeltaTable, *, unreadable: bool) -> list[LandedFile]:
    """The files of which this version may make more rows than the one that read them, oldest first.

    Args:
        ledger: the table.
        unreadable: also files of which this very version could make nothing: they may have been mended.
    """
    sql = """SELECT DISTINCT waiting, read_by, unreadable_lines > 0 AS unreadable
             FROM files WHERE waiting_events > 0 OR unreadable_lines > 0"""
    conditions = []
    for row in query(sql, files=ledger).to_pylist():
        older = _version(row["read_by"]) < _version(SCHEMA_VERSION)
        if any(is_known(*one) for one in json.loads(row["waiting"])) or (row["unreadable"] and (unreadable or older)):
            conditions.append((row["waiting"], row["read_by"], row["unreadable"]))
    found: list[str] = []
    for waiting, read_by, is_unreadable in conditions:
        where = f"waiting = {literal(waiting)} AND read_by = {literal(read_by)}"
        where += " AND unreadable_lines > 0" if is_unreadable else " AND unreadable_lines = 0 AND waiting_events > 0"
        found += query(f"SELECT path FROM files WHERE {where}", files=ledger)["path"].to_pylist()
    return sorted(file for path in found if (file := LandedFile.at(path)))


def note(ledger: DeltaTable, notes: Sequence[FileNote], refined_at: int) -> None:
    """Note files that were not noted before, and with them how far their partitions are, in one commit."""
    marks: dict[str, int] = {}
    for one in notes:
        partition, hour = _place(one.path)
        before = marks.get(partition, mark(ledger, partition) or 0)
        marks[partition] = max(int((hour - _1970).total_seconds()) // 3600, before)
    rows = [_row(one, refined_at) for one in notes]
    append(ledger, pa.Table.from_pylist(rows, schema=FILES.columns), marks)


def note_again(ledger: DeltaTable, notes: Sequence[FileNote], refined_at: int) -> None:
    """Put what is now to be said of files in place of what was, in one commit."""
    rows = pa.Table.from_pylist([_row(one, refined_at) for one in notes], schema=FILES.columns)
    dates = rows["hour_date"].to_pylist()
    near = f"target.hour_date >= {literal(min(dates))} AND target.hour_date <= {literal(max(dates))}"
    merge(ledger, rows, ("hour_date", "path"), near, {})


def name_of(partition: str) -> str:
    """A partition's folder in bronze without what all have in common."""
    return partition.removeprefix(f"{BRONZE}/")


def _row(one: FileNote, refined_at: int) -> dict[str, object]:
    partition, hour = _place(one.path)
    return {
        "path": one.path,
        "partition": partition,
        "hour": hour,
        "hour_date": hour.date(),
        "events": one.events,
        "rows": one.rows,
        "waiting_events": one.waiting.total(),
        "waiting": json.dumps(sorted(one.waiting)),
        "unreadable_lines": one.unreadable,
        "unreadable": json.dumps(one.reasons),
        "read_by": SCHEMA_VERSION,
        "refined_at": refined_at,
    }


def _place(path: str) -> tuple[str, datetime]:
    """The partition and the hour of a file."""
    *folders, year, month, day, hour, _ = path.split("/")
    return name_of("/".join(folders)), _moment(f"{year}/{month}/{day}/{hour}")


def _moment(hour: str) -> datetime:
    return datetime.strptime(hour, _HOUR).replace(tzinfo=UTC)


def _version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))
