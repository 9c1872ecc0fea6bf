"""From lines of bronze to rows of silver. Pure."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from cloud_functions.bronze import BronzeLine
from cloud_functions.envelope import is_known
from cloud_functions.lake.columns import ENVELOPE, lists_of, silver_columns
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import SpatialAnalysis


@dataclass
class Refined:
    """What was made of lines.

    Attributes:
        rows: one for each event that this software knows.
        waiting: how many events of which type and schema it does not know yet, by bronze file, type and schema.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    waiting: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def add(self, line: BronzeLine, file: str, refined_at: int) -> None:
        """Refine one line."""
        try:
            event = CloudEvent.model_validate_json(line.event)
        except ValidationError:
            document = json.loads(line.event)
            if "specversion" in document:
                self._wait(file, str(document["type"]), str(document.get("dataschema", "")))
            return  # a document of Azure Spatial Analysis says once more what an event says
        if not is_known(event.type, event.dataschema):
            self._wait(file, event.type, event.dataschema)
        elif event.type != SpatialAnalysis.event_type:
            self.rows.append(_row(event, line, file, refined_at))

    def _wait(self, file: str, event_type: str, schema: str) -> None:
        key = (file, event_type, schema)
        self.waiting[key] = self.waiting.get(key, 0) + 1

    def table(self) -> pa.Table:
        """The rows, each event once: of copies, the first."""
        once = {(row["source"], row["id"]): row for row in reversed(self.rows)}
        return pa.Table.from_pylist(list(reversed(once.values())), schema=silver_columns())


def _row(event: CloudEvent, line: BronzeLine, file: str, refined_at: int) -> dict[str, Any]:
    row = event.data.model_dump()
    for name in lists_of(event.type):
        row[name] = json.dumps(row[name], separators=(",", ":"))
    for name in ENVELOPE:
        row[name] = getattr(event, name)
    row["event_date"] = event.data.captured_at.date()
    row["device_id"], row["module_id"] = line.device_id, line.module_id
    row["enqueued_at"] = datetime.fromisoformat(line.enqueued_at)
    row["ingested_at"] = datetime.fromisoformat(line.ingested_at)
    row["refined_at"], row["bronze_file"], row["sequence_number"] = refined_at, file, line.sequence_number
    return row
