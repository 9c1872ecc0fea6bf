"""Write the golden files of the schema version of today: `python tests/cloud_functions/golden/write.py`.

Once a version is released its files stay as they are, and whatever reads the lake later has to read them. So this
refuses to write over files; delete the folder of a version that is not released yet.
"""

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from cloud_functions.bronze import BronzeLine, pack
from cloud_functions.decode import Quarantined
from cloud_functions.lake.rows import Refined
from cloud_functions.message import Message
from cloud_functions.quarantine import QuarantineLine
from storeflow.contract.cloudevents import CloudEvent, camera_source, event_id
from storeflow.contract.events import EVENT_MODELS, SCHEMA_VERSION

PATH = "bronze/contoso/telemetry/0/2026/11/20/09/000000000001-000000000099.ndjson.gz"
_NOW = "2026-11-20T09:00:01.500Z"
_TRIANGLE = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]
_POLYGONS = {"polygon": _TRIANGLE, "service": _TRIANGLE}
_DEVICE = "store-0042-box"


def main() -> int:
    """Write them; return 1 where they are there."""
    folder = Path(__file__).parent / SCHEMA_VERSION
    if folder.exists():
        sys.stderr.write(f"{folder} is there: a released version never changes\n")
        return 1
    lines = [bronze_line(number, name) for number, name in enumerate(sorted(EVENT_MODELS), start=1)]
    refined = Refined()
    refined.add(PATH, pack(lines))
    rows = refined.table().sort_by("sequence_number").to_pylist()
    folder.mkdir()
    _write(folder / "bronze.ndjson", [line._asdict() for line in lines])
    _write(folder / "quarantine.ndjson", [line._asdict() for line in quarantine_lines()])
    filled = [{name: value for name, value in row.items() if value is not None} for row in rows]
    (folder / "silver.json").write_text(json.dumps(filled, indent=1, default=text_of, ensure_ascii=False) + "\n")
    return 0


def text_of(value: date) -> str:
    """A moment or a day of a row, as the files have it."""
    return value.isoformat()


def bronze_line(number: int, event_type: str) -> BronzeLine:
    """An event of a type, with every field that it may have."""
    model = EVENT_MODELS[event_type]
    schema = model.model_json_schema(mode="serialization")
    source = camera_source("contoso.azure-devices.net", _DEVICE, "a-name")
    event = CloudEvent.of(
        model.model_validate(_sample(schema, schema.get("$defs", {}))),
        source=source,
        id=event_id(source, event_type, number),
        subject="door",
    ).model_copy(update={"sequence": f"{number:012d}"})
    offset, text = str(number * 512), event.to_json().decode()
    return BronzeLine("0", number, 0, offset, "2026-11-20T09:00:01Z", _DEVICE, "upstream_router", _NOW, text)


def quarantine_lines() -> list[QuarantineLine]:
    """A message as a whole, and one event out of a batch."""
    message = Message(
        body=b"poison",
        sequence_number=7,
        offset="3584",
        enqueued_at=datetime(2026, 11, 20, 9, tzinfo=UTC),
        device_id=_DEVICE,
        module_id="upstream_router",
        content_type="application/json",
        content_encoding="utf-8",
        store_id="store-0042",
    )
    now = datetime.fromisoformat(_NOW)
    refused = (
        Quarantined(None, b"poison", "not_json", "no JSON"),
        Quarantined(3, b"{}", "not_an_event", "id is missing"),
    )
    return [QuarantineLine.of(one, message, "0", now) for one in refused]


def _sample(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    """Something that a schema allows, with all that may be absent."""
    choices = schema.get("anyOf") or schema.get("oneOf") or [schema]
    described = next(one for one in choices if one.get("type") != "null")
    described = definitions.get(str(described.get("$ref", "")).rpartition("/")[2], described)
    fixed = [described["const"]] if "const" in described else described.get("enum")
    kind = described.get("type", "string")
    if fixed:
        found = fixed[0]
    elif kind == "object":
        fields = described["properties"].items()
        found = {name: _POLYGONS.get(name) or _sample(field, definitions) for name, field in fields}
    elif kind == "array":
        items = described.get("prefixItems") or [described.get("items", {})] * max(described.get("minItems", 1), 1)
        found = [] if described.get("maxItems") == 0 else [_sample(item, definitions) for item in items]
    elif described.get("format") == "date-time":
        found = "2026-11-20T09:00:00.250Z"
    else:
        found = {"string": "a-name", "boolean": True, "number": 0.5, "integer": 7}[kind]
    return found


def _write(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


if __name__ == "__main__":
    raise SystemExit(main())
