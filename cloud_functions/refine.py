"""From bronze to silver to gold: what a timer does every few minutes, and what a rebuild does from the beginning."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
from deltalake import DeltaTable

from cloud_functions.envelope import is_known
from cloud_functions.lake import silver
from cloud_functions.lake.gold import dimensions, facts
from cloud_functions.lake.rows import Refined
from cloud_functions.lake.silver import EVENTS, RUNS, WAITING
from cloud_functions.lake.tables import Lake, append, delete, mark, query
from cloud_functions.lake_port import Files
from cloud_functions.paths import LandedFile
from cloud_functions.stores import Stores

LOG = logging.getLogger(__name__)

FILES_A_COMMIT = 200
"""Of bronze; of 500 messages each at most, so a commit is of bounded size."""


@dataclass(frozen=True)
class Run:
    """What a run made.

    Attributes:
        events: rows that silver has more.
        waiting: events that landed and are not known yet.
        figures: rows of gold that were made, by fact.
    """

    events: int
    waiting: int
    figures: dict[str, int]


def refine(files: Files, lake: Lake, stores: Stores, now: datetime) -> Run:
    """Bring silver up with bronze, and gold up with silver.

    Raises:
        StorageError: the store refused, or somebody else refines; what is done stays, and the next run goes on.
    """
    events, waiting = lake.open(EVENTS), lake.open(WAITING)
    refined_at = max(round(now.timestamp() * 1000), (mark(events, RUNS) or 0) + 1)
    rows = _upgraded(files, events, waiting, refined_at)
    left = 0
    folders = silver.partitions(files)
    known = silver.refined_files(events, folders) | _paths(waiting)
    for folder in folders:
        for some in _pieces(silver.new_files(files, folder, events, known)):
            refined = silver.read(files, some, refined_at)
            left += sum(refined.waiting.values())
            _wait(waiting, refined)
            rows += silver.keep(events, refined, folder, some[-1], refined_at)
    made = facts.catch_up(lake, stores)
    dimensions.catch_up(lake, stores)
    LOG.info("refined %d events; %d are not known yet; made %s", rows, left, made)
    return Run(rows, left, made)


def _pieces(files: Sequence[LandedFile]) -> Iterator[Sequence[LandedFile]]:
    for begin in range(0, len(files), FILES_A_COMMIT):
        yield files[begin : begin + FILES_A_COMMIT]


def _wait(waiting: DeltaTable, refined: Refined) -> None:
    """Note what is not known, before the mark goes past it."""
    if refined.waiting:
        rows = [
            {"bronze_file": file, "type": event_type, "dataschema": schema, "events": number}
            for (file, event_type, schema), number in refined.waiting.items()
        ]
        append(waiting, pa.Table.from_pylist(rows, schema=WAITING.columns), {})


def _paths(waiting: DeltaTable) -> set[str]:
    return set(query("SELECT DISTINCT bronze_file FROM waiting", waiting=waiting)["bronze_file"].to_pylist())


def _upgraded(files: Files, events: DeltaTable, waiting: DeltaTable, refined_at: int) -> int:
    """Refine what waited for a version that knows it, and is known now."""
    rows = 0
    found = query("SELECT DISTINCT bronze_file, type, dataschema FROM waiting", waiting=waiting).to_pylist()
    paths = sorted({row["bronze_file"] for row in found if is_known(row["type"], row["dataschema"])})
    for path in paths:
        file = LandedFile.at(path)
        if file is None:
            continue
        refined = silver.read(files, [file], refined_at)
        partition = "/".join(path.split("/")[:4])
        rows += silver.keep(events, refined, partition, None, refined_at)
        delete(waiting, f"bronze_file = {silver.literal(path)}")
        _wait(waiting, refined)
    return rows
