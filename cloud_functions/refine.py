"""From bronze to silver to gold: what a timer does every few minutes, and what a rebuild does from the beginning."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from deltalake import DeltaTable

from cloud_functions.lake import ledger, listing, silver
from cloud_functions.lake.gold import dimensions, facts
from cloud_functions.lake.ledger import FILES
from cloud_functions.lake.reading import Reader
from cloud_functions.lake.rows import FileNote, Refined
from cloud_functions.lake.silver import EVENTS, RUNS
from cloud_functions.lake.tables import Lake, mark
from cloud_functions.lake_port import Files
from cloud_functions.paths import LandedFile
from cloud_functions.stores import Stores
from storeflow.errors import StorageError

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Silver:
    """What a run made of bronze.

    Attributes:
        events: rows that silver has more.
        waiting: events that landed and are not known yet.
        unreadable: lines of bronze that can't become a row, and files that can't be read; each is noted and logged.
    """

    events: int
    waiting: int
    unreadable: int


@dataclass(frozen=True)
class Run(Silver):
    """What a run made.

    Attributes:
        figures: rows of gold that were made, by fact.
    """

    figures: dict[str, int]


def refine(files: Files, lake: Lake, stores: Stores, now: datetime, *, again: bool = False) -> Run:
    """Bring silver up with bronze, and gold up with silver.

    Args:
        files: where bronze is.
        lake: where the tables are.
        stores: the register.
        now: the time.
        again: read also those files again that this version could not read: they may have been mended.

    Raises:
        StorageError: the store refused, or somebody else refines; what is done stays, and the next run goes on.
    """
    made = refine_silver(files, lake, now, again=again)
    figures = facts.catch_up(lake, stores)
    dimensions.catch_up(lake, stores)
    LOG.info("refined: %s; figures: %s", made, figures)
    return Run(made.events, made.waiting, made.unreadable, figures)


def refine_silver(files: Files, lake: Lake, now: datetime, *, again: bool = False) -> Silver:
    """Bring silver up with bronze: first the files that an older version could not make all rows of, then the new ones.

    Every piece is two commits, rows before note: between the two it is safe to die.

    Raises:
        StorageError: as of `refine`.
    """
    # Opened before any file is read: where an erasure writes bronze anew meanwhile, the next commit is refused.
    events, noted = lake.open(EVENTS), lake.open(FILES)
    rows = waiting = unreadable = 0
    with Reader(files) as reader:
        for refined in _pieces(files, reader, ledger.readable_now(noted, unreadable=again)):
            rows += silver.keep(events, refined.table(), now)
            ledger.note_again(noted, refined.notes, mark(events, RUNS) or 0)
            unreadable += _told(refined.notes)
        for refined in _pieces(files, reader, _new(files, noted, now)):
            rows += silver.keep(events, refined.table(), now)
            ledger.note(noted, refined.notes, mark(events, RUNS) or 0)
            waiting += sum(note.waiting.total() for note in refined.notes)
            unreadable += _told(refined.notes)
    return Silver(rows, waiting, unreadable)


def _new(files: Files, noted: DeltaTable, now: datetime) -> list[LandedFile]:
    folders = listing.partitions(files)
    first = listing.first_hours(ledger.newest_hours(noted, folders), folders, now)
    refined = ledger.refined(noted, first)
    return [file for file in listing.landed_since(files, first) if file.path not in refined]


def _pieces(files: Files, reader: Reader, landed: Iterable[LandedFile]) -> Iterator[Refined]:
    """What is made of files, in pieces for one commit each."""
    refined = Refined()
    for path, content in reader.read(file.path for file in landed):
        _add(files, path, content, refined)
        if refined.full:
            yield refined
            refined = Refined()
    if refined.notes:
        yield refined


def _add(files: Files, path: str, content: Callable[[], bytes], refined: Refined) -> None:
    """Refine a file; one that is gone since it was listed or noted holds nothing up."""
    try:
        found = content()
    except StorageError as error:
        if path in files.files(path.rpartition("/")[0]):
            raise
        refined.add_unreadable(path, f"it is gone: {error}")
    else:
        refined.add(path, found)


def _told(notes: Iterable[FileNote]) -> int:
    """Say which files have what can't become a row; return how many that are."""
    unreadable = 0
    for note in notes:
        if note.unreadable:
            unreadable += note.unreadable
            line, reason = note.reasons[0]
            LOG.error(
                "%s: %d of %d lines can't become rows, the first is %s: %s; they stay in bronze, silver/files has them",
                note.path,
                note.unreadable,
                note.events,
                "the whole file" if line is None else f"line {line}",
                reason,
            )
    return unreadable
