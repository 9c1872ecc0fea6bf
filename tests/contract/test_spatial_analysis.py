"""The documents' model, held against every field that Microsoft documents (`spatial_analysis_fields.json`)."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import ValidationError

from storeflow.contract.spatial_analysis import SpatialAnalysisDocument

FIELDS = Path(__file__).with_name("spatial_analysis_fields.json")
TOLD = ("personCountEvent", "personLineEvent", "personZoneEnterExitEvent", "personZoneDwellTimeEvent")
NEVER_TOLD = ("personDistanceEvent", "cameraCalibrationEvent")
JSON_TYPES = {"array": list, "integer": int, "number": float, "object": dict, "string": str}


class Row(NamedTuple):
    """One documented field."""

    path: str
    json_type: str
    example: Any
    told: bool


Rows = dict[str, list[Row]]


@pytest.fixture(scope="module")
def sample() -> Rows:
    return read("sample")


@pytest.fixture(scope="module")
def tables() -> Rows:
    return read("tables")


def read(where: str) -> Rows:
    events = json.loads(FIELDS.read_text())["events"]
    return {name: [Row(*row) for row in event[where]] for name, event in events.items()}


def document_of(rows: list[Row]) -> dict[str, Any]:
    """A document with every field of the table, one element in every array but two corners in a region."""
    document: dict[str, Any] = {}
    for row in rows:
        places: list[Any] = [document]
        *way, last = row.path.split(".")
        for step in way:
            places = [child for place in places for child in _into(place, step)]
        for place in places:
            if last.endswith("[]"):
                place[last[:-2]].append(row.example)
            else:
                place[last] = list(row.example) if row.json_type == "array" else row.example
    return document


def _into(place: dict[str, Any], step: str) -> list[Any]:
    if not step.endswith("[]"):
        return [place.setdefault(step, {})]
    children = place[step[:-2]]
    if not children:
        children.extend({} for _ in range(2 if step == "points[]" else 1))
    return list(children)


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Path and JSON type of every leaf and every array."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from flat(child, f"{path}.{key}".lstrip("."))
        return
    yield path, next(name for name, kind in JSON_TYPES.items() if type(value) is kind)
    if isinstance(value, list):
        for child in value:
            yield from flat(child, f"{path}[]")


def test_the_table_knows_every_type_of_event_that_is_documented(sample: Rows) -> None:
    assert tuple(sample) == (*TOLD, *NEVER_TOLD)
    assert not any(row.told for name in NEVER_TOLD for row in sample[name])


@pytest.mark.parametrize("event_type", [*TOLD, *NEVER_TOLD])
def test_the_examples_of_the_table_have_the_types_that_it_says(event_type: str, sample: Rows, tables: Rows) -> None:
    rows = sample[event_type] + tables[event_type]
    assert [row.path for row in rows if type(row.example) is not JSON_TYPES[row.json_type]] == []
    assert len({row.path for row in rows}) == len(rows)


@pytest.mark.parametrize("event_type", TOLD)
def test_a_documented_sample_is_read_and_written_again_without_what_storeflow_does_not_know(
    event_type: str, sample: Rows
) -> None:
    documented = document_of([row for row in sample[event_type] if "attributes[]" not in row.path])
    assert set(flat(documented)) == {
        (row.path, row.json_type) for row in sample[event_type] if "attributes[]" not in row.path
    }

    written = json.loads(SpatialAnalysisDocument.model_validate(documented).model_dump_json(exclude_none=True))

    assert set(flat(written)) == {(row.path, row.json_type) for row in sample[event_type] if row.told}
    told = document_of([row for row in sample[event_type] if row.told])
    assert written == told


def changed(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        *way, last = path.split(".")
        for step in way:
            place = place[int(step)] if step.isdigit() else place[step]
        place[last] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        changed("events.0.type", "personDistanceEvent"),
        changed("events.0.properties.status", "Cross"),
        changed("events.0.properties.side", "first"),
        changed("sourceInfo.frameId", 7),
        changed("detections.0.metadata.footprintX", 0.5),
        changed("detections.0.attributes", [{"label": "face_mask", "confidence": 0.5, "task": ""}]),
        changed("schemaVersion", "1.0"),
        changed("events", []),
    ],
)
def test_what_no_sample_has_is_refused(change: Callable[[dict[str, Any]], None], sample: Rows) -> None:
    document = document_of([row for row in sample["personZoneEnterExitEvent"] if row.told])
    assert SpatialAnalysisDocument.model_validate(document)

    change(document)

    with pytest.raises(ValidationError):
        SpatialAnalysisDocument.model_validate(document)


def test_the_page_says_of_every_documented_field_whether_it_is_told(
    repository: Path, sample: Rows, tables: Rows
) -> None:
    page = (repository / "docs" / "spatial-analysis.md").read_text()
    lines = re.findall(r"^\| `([^`]+)` \| (\w+) \| (yes|no) \| .+ \|$", page, re.MULTILINE)
    rows = [row for name in TOLD for row in sample[name] + tables[name]]
    documented = {row.path: (row.json_type, "no") for row in rows}
    documented |= {row.path: (row.json_type, "yes") for row in rows if row.told}
    assert {path: (json_type, told) for path, json_type, told in lines} == documented
    assert len(lines) == len(documented)
    assert all(f"`{name}`" in page for name in (*TOLD, *NEVER_TOLD))
