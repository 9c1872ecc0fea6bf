"""From files of bronze to rows of silver. Pure.

A line that can't become a row is set aside with its reason: it stays in bronze, `silver/files` says so, and all else
goes on.
"""

import gzip
import json
import zlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
from pydantic import ValidationError
from pydantic_core import from_json

from cloud_functions import bounds
from cloud_functions.bronze import BronzeLine
from cloud_functions.envelope import camera_fault
from cloud_functions.lake.columns import ENVELOPE, columns_of, lists_of, silver_columns
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.envelope import is_known
from storeflow.contract.events import SpatialAnalysis
from storeflow.contract.faults import first_fault

MAX_ROWS = 50_000
MAX_BYTES = 64 * 1024 * 1024
"""What one commit is made of, give or take a file: in memory a row takes some kilobytes, and an instance has 1.5 GB
(Microsoft Learn, "Azure Functions hosting options", Consumption plan)."""
MAX_FILES = 1000
"""Likewise: each is a request of its own, and what a run that is cut short has not committed it did in vain."""

_ROWS_A_TABLE = 4096
_REASONS_A_FILE = 20
_REASON_CHARACTERS = 200


@dataclass
class FileNote:
    """What became of one file.

    Attributes:
        path: of the file.
        events: its lines.
        rows: how many of them make a row, though silver may have the event by another copy.
        waiting: how many this software does not know yet, by type and schema.
        unreadable: how many can't become a row.
        reasons: why, of the first of these: number of the line, none for the file as a whole; and what is wrong.
    """

    path: str
    events: int = 0
    rows: int = 0
    waiting: Counter[tuple[str, str]] = field(default_factory=Counter)
    unreadable: int = 0
    reasons: list[tuple[int | None, str]] = field(default_factory=list)

    def set_aside(self, line: int | None, reason: str) -> None:
        """Note what can't become a row."""
        self.unreadable += 1
        if len(self.reasons) < _REASONS_A_FILE:
            self.reasons.append((line, reason[:_REASON_CHARACTERS]))


@dataclass
class Refined:
    """What was made of files, as much as one commit takes.

    Attributes:
        notes: one for each file.
    """

    notes: list[FileNote] = field(default_factory=list)
    _bytes: int = field(default=0, init=False)
    _made: int = field(default=0, init=False)
    _rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict, init=False)
    _tables: list[pa.Table] = field(default_factory=list, init=False)
    _known: dict[tuple[str, str], bool] = field(default_factory=dict, init=False)

    @property
    def full(self) -> bool:
        """Whether it is time for a commit."""
        return self._made >= MAX_ROWS or self._bytes >= MAX_BYTES or len(self.notes) >= MAX_FILES

    def add(self, path: str, content: bytes) -> None:
        """Refine the lines of a file. Nothing is raised."""
        try:
            lines = gzip.decompress(content).splitlines()
        except (OSError, EOFError, zlib.error) as error:
            self.add_unreadable(path, f"no gzip: {error}")
            return
        if not content:
            self.add_unreadable(path, "it is empty; no file is that landing wrote")
            return
        note = FileNote(path, len(lines))
        self.notes.append(note)
        for number, line in enumerate(lines, start=1):
            self._bytes += len(line)
            try:
                self._add(line, note)
            except ValidationError as error:
                note.set_aside(number, first_fault(error, "event"))
            except Exception as error:  # noqa: BLE001 - one line of one sender must not stop all stores
                note.set_aside(number, f"{type(error).__name__}: {error}")

    def add_unreadable(self, path: str, reason: str) -> None:
        """Note a file none of which can be read."""
        note = FileNote(path)
        note.set_aside(None, reason)
        self.notes.append(note)

    def table(self) -> pa.Table:
        """All rows, copies of one event among them; `refined_at` is empty."""
        for event_type in self._rows:
            self._settle(event_type)
        return pa.concat_tables([silver_columns().empty_table(), *self._tables], promote_options="default")

    def _add(self, text: bytes, note: FileNote) -> None:
        line = BronzeLine(**from_json(text))
        try:
            event = CloudEvent.model_validate_json(line.event)
        except ValidationError:
            document = from_json(line.event)
            if "sourceInfo" in document and "specversion" not in document:
                return  # a document of Azure Spatial Analysis says once more what an event says
            event_type, schema = str(document["type"]), str(document.get("dataschema") or "")
            if self._is_known(event_type, schema):
                raise
            note.waiting[event_type, schema] += 1
            return
        if not self._is_known(event.type, event.dataschema):
            note.waiting[event.type, event.dataschema] += 1
        elif event.type != SpatialAnalysis.event_type:
            rows = self._rows.setdefault(event.type, [])
            rows.append(_row(event, line, note.path))
            note.rows += 1
            self._made += 1
            if len(rows) >= _ROWS_A_TABLE:
                self._settle(event.type)

    def _is_known(self, event_type: str, schema: str) -> bool:
        """Remember the answer: there are few types, and a day has millions of events."""
        of = event_type, schema
        if of not in self._known:
            self._known[of] = is_known(*of)
        return self._known[of]

    def _settle(self, event_type: str) -> None:
        """Turn rows of one type into a table, which takes less memory."""
        self._tables.append(pa.Table.from_pylist(self._rows[event_type], schema=columns_of(event_type)))
        self._rows[event_type] = []


def _row(event: CloudEvent, line: BronzeLine, file: str) -> dict[str, Any]:
    if found := camera_fault(event):  # landing judges no event of a newer schema
        raise ValueError(found)
    row = event.data.model_dump() | {name: getattr(event, name) for name in ENVELOPE}
    row["device_id"], row["module_id"] = line.device_id, line.module_id
    row["enqueued_at"] = datetime.fromisoformat(line.enqueued_at)
    row["ingested_at"] = datetime.fromisoformat(line.ingested_at)
    row["bronze_file"], row["sequence_number"], row["place"] = file, line.sequence_number, line.place
    if found := bounds.fault(row, "row"):
        raise ValueError(found)
    for name in lists_of(event.type):
        row[name] = json.dumps(row[name], separators=(",", ":"))
    row["event_date"] = event.data.captured_at.date()
    return row
