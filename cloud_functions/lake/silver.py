# ruff: noqa: S608 - the engine takes no parameters; `literal` quotes every value
"""Silver: one row for each event, whatever came how often. Bronze in, Delta out.

The mark `<namespace>/<hub>/<partition>` says up to which file a partition is refined, and is committed with the rows: a
run that dies leaves both or neither. It leads only to the hour: of that one and the one before, files whose rows are
there already are left out, so that a file is still found that came late, or of an event hub that numbers anew.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from deltalake import DeltaTable

from cloud_functions import bronze
from cloud_functions.lake.columns import silver_columns
from cloud_functions.lake.rows import Refined
from cloud_functions.lake.tables import TableForm, append, mark, query
from cloud_functions.lake_port import Files
from cloud_functions.paths import BRONZE, LandedFile

EVENTS = TableForm(
    "silver/events",
    silver_columns(),
    partition_by="event_date",
    measured=("captured_at", "enqueued_at", "ingested_at", "refined_at"),
)
WAITING = TableForm(
    "silver/waiting",
    pa.schema(
        [
            pa.field("bronze_file", pa.string()),
            pa.field("type", pa.string()),
            pa.field("dataschema", pa.string()),
            pa.field("events", pa.int64()),
        ]
    ),
)
"""What landed and is not known yet: an upgrade refines it (refine.py)."""

RUNS = "runs"
"""The mark that says which run was the last: milliseconds since 1970."""

_SEQUENCES = 1 << 40
_LOOK_BACK_HOURS = 1
"""Files may land in an hour while the next is listed, and the hub's nodes disagree about the time by seconds."""
_HOUR = "%Y/%m/%d/%H"


def partitions(files: Files) -> list[str]:
    """The folders of all partitions in bronze."""
    return [
        partition
        for namespace in files.folders(BRONZE)
        for hub in files.folders(namespace)
        for partition in files.folders(hub)
    ]


def new_files(files: Files, partition: str, events: DeltaTable, refined: set[str]) -> list[LandedFile]:
    """The files of a partition that are to be refined, oldest first.

    A file may land in an hour that was just listed, and one of the next hour be seen: looking back finds it.

    Args:
        files: the lake.
        partition: its folder.
        events: silver.
        refined: paths that have been refined, of the mark's hour at least.
    """
    since = _hour(mark(events, mark_name(partition)))
    found: list[LandedFile] = []
    for hour in _hours(files, partition, since):
        landed = [file for path in files.files(f"{partition}/{hour}") if (file := LandedFile.at(path))]
        found += [file for file in landed if file.path not in refined]
    return sorted(found)


def refined_files(events: DeltaTable, folders: Iterable[str]) -> set[str]:
    """The files that have rows in silver, of the hours that `new_files` looks at."""
    hours = [hour for folder in folders if (hour := _hour(mark(events, mark_name(folder))))]
    if not hours:
        return set()
    since = datetime.strptime(min(hours), _HOUR).replace(tzinfo=UTC)
    found = query(f"SELECT DISTINCT bronze_file FROM events WHERE enqueued_at >= {literal(since)}", events=events)
    return set(found["bronze_file"].to_pylist())


def read(files: Files, landed: Sequence[LandedFile], refined_at: int) -> Refined:
    """Refine the lines of files."""
    refined = Refined()
    for file in landed:
        for line in bronze.read(files.read(file.path), file.path):
            refined.add(line, file.path, refined_at)
    return refined


def keep(events: DeltaTable, refined: Refined, partition: str, newest: LandedFile | None, refined_at: int) -> int:
    """Append what silver has not yet, with the marks; return how many rows.

    Args:
        events: silver; as of before the call it must be the newest version.
        refined: of one partition.
        partition: its folder.
        newest: the last of its files that are refined now; none leaves the mark.
        refined_at: the run.
    """
    rows = without_known(events, refined.table())
    name = mark_name(partition)
    marks = {RUNS: refined_at}
    if newest is not None:
        marks[name] = max(_number(newest), mark(events, name) or 0)
    append(events, rows, marks)
    return int(rows.num_rows)


def without_known(events: DeltaTable, rows: pa.Table) -> pa.Table:
    """The rows whose `source` and `id` silver does not have.

    All copies of an event say the same, so also the same `captured_at`: only files that reach over the rows' times are
    read, and a table that grows over the years makes this no slower.
    """
    if not rows.num_rows:
        return rows
    spans = rows.group_by("event_date").aggregate([("captured_at", "min"), ("captured_at", "max")]).to_pylist()
    where = " OR ".join(
        f"(event_date = {literal(span['event_date'])} AND captured_at >= {literal(span['captured_at_min'])}"
        f" AND captured_at <= {literal(span['captured_at_max'])})"
        for span in spans
    )
    known = query(f"SELECT source, id FROM events WHERE {where}", events=events)
    return rows.join(known, ["source", "id"], join_type="left anti")


def mark_name(partition: str) -> str:
    """The name of a partition's mark."""
    return partition.removeprefix(f"{BRONZE}/")


def literal(value: object) -> str:
    """A date, a moment or a text in SQL."""
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.astimezone(UTC).isoformat()}'"
    text = str(value).replace("'", "''")
    return f"'{text}'"


def literals(values: Iterable[object]) -> str:
    """Several of them, as `IN` takes them."""
    return ", ".join(map(literal, values))


def _number(file: LandedFile) -> int:
    """A file as a number that grows as files sort."""
    return _hours_since_1970(file.hour) * _SEQUENCES + file.last


def _hour(number: int | None) -> str:
    """The hour from which on a mark's files are looked at, as paths have it; empty before the first."""
    if number is None:
        return ""
    hours = number // _SEQUENCES - _LOOK_BACK_HOURS
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hours)).strftime(_HOUR)


def _hours_since_1970(hour: str) -> int:
    return int(datetime.strptime(hour, _HOUR).replace(tzinfo=UTC).timestamp()) // 3600


def _hours(files: Files, partition: str, since: str) -> list[str]:
    """The hours of a partition from `since` on, as `year/month/day/hour`, oldest first."""
    found = [""]
    for _ in range(4):
        found = [
            name
            for before in found
            for folder in files.folders(f"{partition}/{before}".rstrip("/"))
            if (name := folder.removeprefix(f"{partition}/")) >= since[: len(name)]
        ]
    return found
