import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator

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
    event = CloudEvent.of(data, source="//h/d/c", id="0" * 32, subject="x")
    document: dict[str, Any] = json.loads(event.to_json())
    return document | envelope


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
        ({"dataschema": "urn:storeflow:schema:2.0:storeflow.zone.exited"}, {}, "$.dataschema"),
        ({"dataschema": "urn:storeflow:schema:1.0:storeflow.zone.entered"}, {}, "$.dataschema"),
        ({"id": "0" * 31}, {}, "$.id"),
        ({"id": "G" * 32}, {}, "$.id"),
        ({"sequence": None}, {}, "$.sequence"),
        ({"sequence": "7"}, {}, "$.sequence"),
        ({"time": "2026-11-20T09:00:00Z"}, {}, "$.time"),
        ({"time": "2026-11-20T09:00:00.000000Z"}, {}, "$.time"),
        ({}, {"entered_at": "2026-11-20T10:00:00.000+01:00"}, "$.data.entered_at"),
        ({}, {"censored": "middle"}, "$.data.censored"),
        ({}, {"side": None}, "$.data.side"),
        ({}, {"dwell_seconds": -1}, "$.data.dwell_seconds"),
        ({}, {"side": -1}, "$.data.side"),
        ({}, {"track_id": 7}, "$.data.track_id"),
        ({}, {"track_id": ""}, "$.data.track_id"),
    ],
)
def test_what_is_never_written_is_not_valid(envelope: dict[str, Any], data: dict[str, Any], where: str) -> None:
    document = written(EXITED, **envelope)
    document["data"] |= data
    assert faults(event_schema("storeflow.zone.exited"), document) == [where]


@pytest.mark.parametrize("position", [[-0.1, 0.5], [0.5, 1.1], [0.5], [0.5, 0.5, 0.5]])
def test_a_position_is_two_fractions_of_the_picture(position: list[float]) -> None:
    document = written(CROSSED)
    document["data"]["position"] = position
    assert {error.partition("[")[0] for error in faults(event_schema("storeflow.line.crossed"), document)} == {
        "$.data.position"
    }


def test_an_event_of_a_newer_minor_version_is_valid() -> None:
    schema, newer = event_schema("storeflow.line.crossed"), written(CROSSED)
    newer["dataschema"] = "urn:storeflow:schema:1.2:storeflow.line.crossed"
    newer["data"]["shoe_size"] = 43
    newer["lens"] = "wide"
    assert faults(schema, newer) == []


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


def fields(schema: dict[str, Any], path: str = "$") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property of a schema and of what it refers to, by its place."""
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field
        yield from fields(field, f"{path}.{name}")
    for name, definition in schema.get("$defs", {}).items():
        yield from fields(definition, f"{path}.{name}")


UNITS = {
    "integer": r"[Hh]ow many|[Nn]umber|`\$version`|milliseconds|pixels",
    "number": r"[Ss]econds|milliseconds|[Ff]raction|0 to 1",
}


@pytest.mark.parametrize("event_type", EVENT_MODELS)
def test_every_field_of_an_event_has_a_description_and_every_figure_and_time_its_unit(event_type: str) -> None:
    found = dict(fields(event_schema(event_type)))
    assert found
    assert [place for place, field in found.items() if not field.get("description", "").endswith(".")] == []
    for place, field in found.items():
        unit = "UTC" if field.get("format") == "date-time" else UNITS.get(str(field.get("type")), "")
        assert re.search(unit, field["description"]), place


@pytest.mark.parametrize("event_type", EVENT_MODELS)
def test_every_field_of_an_event_has_a_privacy_class(event_type: str) -> None:
    envelope = event_schema(event_type)["properties"]
    data = envelope.pop("data")["properties"]
    classes = {name: field.get("x-privacy") for name, field in (envelope | data).items()}
    assert set(classes.values()) <= {"none", "pseudonymous", "personal"}
    # The moment is somebody's, and so is its copy, wherever a field beside it tells whose.
    moment = "personal" if {"track_id", "document"} & data.keys() else "none"
    assert classes["time"] == classes["captured_at"] == moment
