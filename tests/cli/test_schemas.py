import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from storeflow.cli.main import main
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import EVENT_MODELS, CameraState, LineCrossed, StoreEvent, ZoneExited
from storeflow.contract.geometry import Point
from storeflow.contract.schema import event_schema, schema_files, twin_schema
from storeflow.contract.twins import SECTION_NAMES, read_section
from storeflow.errors import ConfigError

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
SAID: dict[str, Any] = {
    "store_id": "s",
    "camera_id": "c",
    "captured_at": NOW,
    "config_version": 1,
    "model_version": "m",
}
CROSSED = LineCrossed(
    **SAID,
    line_id="door",
    direction="in",
    track_id="1",
    object_class="person",
    reason="settled",
    position=Point(0.5, 0.5),
)
EXITED = ZoneExited(**SAID, zone_id="a", track_id="1", object_class="person", entered_at=NOW, dwell_seconds=0)


def faults(schema: dict[str, Any], document: Any) -> list[str]:
    return [error.json_path for error in Draft202012Validator(schema).iter_errors(document)]


def written(data: StoreEvent, **envelope: Any) -> dict[str, Any]:
    event = CloudEvent.of(data, source="//h/d/c", id="1", subject="x")
    document: dict[str, Any] = json.loads(event.to_json())
    return document | envelope


def test_the_committed_schemas_are_those_of_today(repository: Path) -> None:
    committed = {path.name: path.read_text() for path in (repository / "schemas" / "v1").iterdir()}
    assert committed == schema_files(), "run `make schemas` and commit what it wrote"


def test_there_is_a_schema_for_every_event_and_every_section() -> None:
    expected = {*EVENT_MODELS, *(f"twin.{name}" for name in SECTION_NAMES)}
    assert {name.removesuffix(".json") for name in schema_files()} == expected


def test_every_schema_is_one_and_has_a_name_of_its_own() -> None:
    documents = [json.loads(text) for text in schema_files().values()]
    for document in documents:
        Draft202012Validator.check_schema(document)
    assert len({document["$id"] for document in documents}) == len(documents)


@pytest.mark.parametrize("data", [CROSSED, EXITED, CameraState(**SAID, state="ended", detail="")])
def test_what_is_written_is_valid_and_its_dataschema_names_the_schema_of_its_data(data: StoreEvent) -> None:
    schema, document = event_schema(data.event_type), written(data)
    assert faults(schema, document) == []
    assert document["dataschema"] == schema["properties"]["data"]["$id"]


@pytest.mark.parametrize(
    ("envelope", "data", "where"),
    [
        ({"type": "storeflow.line.u_turn"}, {}, "$.type"),
        ({"dataschema": "urn:storeflow:schema:0.9:storeflow.zone.exited"}, {}, "$.dataschema"),
        ({"sequence": None}, {}, "$.sequence"),
        ({}, {"censored": "middle"}, "$.data.censored"),
        ({}, {"side": None}, "$.data.side"),
        ({}, {"dwell_seconds": -1}, "$.data.dwell_seconds"),
        ({}, {"track_id": 7}, "$.data.track_id"),
    ],
)
def test_what_is_never_written_is_not_valid(envelope: dict[str, Any], data: dict[str, Any], where: str) -> None:
    document = written(EXITED, **envelope)
    document["data"] |= data
    assert faults(event_schema("storeflow.zone.exited"), document) == [where]


@pytest.mark.parametrize("missing", ["specversion", "id", "source", "type", "time", "datacontenttype", "data"])
def test_no_part_of_the_envelope_may_be_missing(missing: str) -> None:
    document = written(EXITED)
    del document[missing]
    assert faults(event_schema("storeflow.zone.exited"), document) == ["$"]


@pytest.mark.parametrize(
    ("section", "document"),
    [
        ("cameras", {"my door": {"url": "file:a.mp4"}}),
        ("cameras", {"door": {"url": "file:a.mp4", "fsp": 10}}),
        ("cameras", {"door": {"url": "file:a.mp4", "masks": {"till": [[0, 0], [1, 1]]}}}),
        ("models", {"dog": {"name": "m"}}),
        ("layout", {"lines": {"door": {"start": [0, 0], "end": [1, 1], "in": "up"}}}),
        ("layout", {"zones": {"a": {"polygon": [[0, 0], [1, 0], [1, 1]], "min_visit_seconds": -1}}}),
        ("telemetry", {"sinks": {"cloud": {}}}),
        ("telemetry", {"sinks": {"cloud": {"kind": "upstream", "file": "events.ndjson"}}}),
    ],
)
def test_a_twin_that_a_schema_refuses_is_refused_by_the_module(section: str, document: dict[str, Any]) -> None:
    assert faults(twin_schema(section), document)
    with pytest.raises(ConfigError):
        read_section(section, document)


def test_the_command_replaces_its_own_files_and_no_others(tmp_path: Path) -> None:
    for name in ("storeflow.line.gone.json", "twin.gone.json", "package.json"):
        (tmp_path / name).write_text("{}")
    assert main(["schemas", "--out", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {*schema_files(), "package.json"}
    assert {name: (tmp_path / name).read_text() for name in schema_files()} == schema_files()
