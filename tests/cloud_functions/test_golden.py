"""What landed under a released schema is refined to the same rows for ever: tests/cloud_functions/golden."""

import json
from pathlib import Path
from typing import Any

import pytest

from cloud_functions import bronze, quarantine
from cloud_functions.bronze import BronzeLine
from cloud_functions.lake.columns import silver_columns
from cloud_functions.lake.rows import Refined
from cloud_functions.quarantine import QuarantineLine
from storeflow.contract.events import EVENT_MODELS, SCHEMA_VERSION

GOLDEN = Path(__file__).parent / "golden"
PATH = "bronze/contoso/telemetry/0/2026/11/20/09/000000000001-000000000099.ndjson.gz"
VERSIONS = sorted(path.name for path in GOLDEN.iterdir() if (path / "bronze.ndjson").is_file())


def lines(version: str, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (GOLDEN / version / name).read_text().splitlines()]


def silver(version: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((GOLDEN / version / "silver.json").read_text())
    return found


def as_json(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def test_every_released_schema_version_has_golden_files() -> None:
    major, minor = map(int, SCHEMA_VERSION.split("."))
    assert sorted(f"{major}.{number}" for number in range(minor + 1)) == VERSIONS


def test_the_golden_files_of_the_newest_version_have_every_event_with_every_field() -> None:
    data = {event["type"]: event["data"] for event in map(json.loads, (line["event"] for line in golden_lines()))}
    assert {name: set(one) for name, one in data.items()} == {
        name: set(model.model_fields) for name, model in EVENT_MODELS.items()
    }


def golden_lines() -> list[dict[str, Any]]:
    return lines(SCHEMA_VERSION, "bronze.ndjson")


@pytest.mark.parametrize("version", VERSIONS)
def test_what_landed_under_a_version_becomes_the_same_rows_with_columns_that_came_later_empty(version: str) -> None:
    refined = Refined()
    refined.add(PATH, bronze.pack(BronzeLine(**line) for line in lines(version, "bronze.ndjson")))
    (note,) = refined.notes
    assert (note.unreadable, note.waiting.total(), note.events) == (0, 0, len(lines(version, "bronze.ndjson")))
    rows = refined.table().sort_by("sequence_number").to_pylist()
    filled = [{name: as_json(value) for name, value in row.items() if value is not None} for row in rows]
    assert filled == silver(version)
    assert set(rows[0]) == set(silver_columns().names)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_version_put_into_quarantine_can_be_judged_again(version: str) -> None:
    kept = lines(version, "quarantine.ndjson")
    read = list(quarantine.read(bronze.pack(QuarantineLine(**line) for line in kept), PATH))
    assert [line._asdict() for line in read] == kept
    whole, one = (line.message() for line in read)
    assert (whole.body, whole.content_type) == (b"poison", "application/json")
    assert (read[1].place, one.body) == (3, b"{}")
