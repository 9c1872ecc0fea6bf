import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from modules.zone_analytics.decisions import Crossing, PersonRecognised
from modules.zone_analytics.staff import MOST_CROSSINGS
from modules.zone_analytics.store_events import Origin, to_events
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import EVENT_MODELS, CameraEvent, DecidedEvent, LineCrossed, LineUTurn, StoreEvent
from storeflow.contract.geometry import Point
from storeflow.contract.parameters import DECISIONS
from storeflow.contract.schema import event_schema

Row = dict[str, str]
Tables = Callable[[str], list[list[Row]]]
JSON_TYPES = {
    "text": "string",
    "code": "string",
    "`in` or `out`": "string",
    "UTC time": "string",
    "seconds": "number",
    "whole number": "integer",
    "yes or no": "boolean",
    "list of texts": "array",
    "two fractions": "array",
    "object": "object",
}
PSEUDONYMOUS = {
    *("id", "traceparent", "track_id", "group_id", "first_crossing_id", "second_crossing_id", "crossing_ids"),
    *("staff", "qualifier", "document"),
}


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "events.md").read_text()


@pytest.fixture(scope="module")
def chapters(page: str) -> dict[str, str]:
    """Headings and what is below them."""
    return _chapters(page)


@pytest.fixture(scope="module")
def examples(repository: Path) -> dict[str, dict[str, Any]]:
    chapters = _chapters((repository / "docs" / "event-examples.md").read_text())
    assert sorted(chapters) == sorted(EVENT_MODELS)
    return {event_type: _example(chapters[event_type]) for event_type in EVENT_MODELS}


def _chapters(page: str) -> dict[str, str]:
    parts = re.split(r"^##+ (.+)\n", page, flags=re.MULTILINE)[1:]
    return {heading.strip("`"): text for heading, text in zip(parts[::2], parts[1::2], strict=True)}


def _example(chapter: str) -> dict[str, Any]:
    (block,) = re.findall(r"^```json\n(.*?)^```", chapter, re.MULTILINE | re.DOTALL)
    document: dict[str, Any] = json.loads(block)
    return document


def rows_of(tables: list[list[Row]], heading: str) -> list[Row]:
    return [row for table in tables for row in table if heading in row]


def names(rows: list[Row], heading: str = "field") -> list[str]:
    return [row[heading].strip("`") for row in rows]


def test_every_event_has_its_chapter_and_no_other_has(chapters: dict[str, str], page: str, tables: Tables) -> None:
    assert {heading for heading in chapters if heading.startswith("storeflow.")} == set(EVENT_MODELS)
    glance = rows_of(tables(page), "event")
    assert {re.sub(r"\[`(.+)`\].*", r"\1", row["event"]) for row in glance} == set(EVENT_MODELS)


@pytest.mark.parametrize("event_type", EVENT_MODELS)
def test_every_field_of_an_event_is_described_once_and_none_that_it_has_not(
    event_type: str, chapters: dict[str, str], tables: Tables
) -> None:
    model = EVENT_MODELS[event_type]
    base = next(base for base in (DecidedEvent, CameraEvent, StoreEvent) if issubclass(model, base))
    described = names(rows_of(tables(chapters[event_type]), "field"))
    assert sorted(described) == sorted(model.model_fields.keys() - base.model_fields.keys())


def test_what_all_events_have_is_described(chapters: dict[str, str], tables: Tables) -> None:
    envelope = rows_of(tables(chapters["The envelope"]), "field")
    assert names(envelope) == list(CloudEvent.model_fields)
    common = rows_of(tables(chapters["What every event says"]), "field")
    assert names(common) == list(DecidedEvent.model_fields)


@pytest.mark.parametrize("event_type", EVENT_MODELS)
def test_every_field_has_the_type_that_is_written(event_type: str, chapters: dict[str, str], tables: Tables) -> None:
    schema = event_schema(event_type)
    data = schema["properties"]["data"]
    wire = {**schema["properties"], **data["properties"], "data": data}
    here = "\n".join(chapters[name] for name in ("The envelope", "What every event says", event_type))
    for row in rows_of(tables(here), "field"):
        field = wire.get(row["field"].strip("`"))
        if field is None:
            continue
        field = data["$defs"][field["$ref"].rpartition("/")[2]] if "$ref" in field else field
        assert field["type"] == JSON_TYPES[row["type"]], row
        assert (field.get("format") == "date-time") == (row["type"] == "UTC time"), row
        assert ("enum" in field) == (row["type"] in {"code", "`in` or `out`"}), row


@pytest.mark.parametrize("event_type", EVENT_MODELS)
def test_every_code_is_explained(event_type: str, chapters: dict[str, str], tables: Tables) -> None:
    for field, schema in event_schema(event_type)["properties"]["data"]["properties"].items():
        if field == "direction":
            assert schema["enum"] == ["in", "out"]
        elif "enum" in schema:
            assert names(rows_of(tables(chapters[event_type]), field), field) == schema["enum"]


def test_every_field_has_its_privacy_class(page: str, tables: Tables) -> None:
    rows = rows_of(tables(page), "field")
    told = {row["field"].strip("`"): row["privacy"].partition(":")[0] for row in rows}
    assert told.pop("data") == "as its fields"
    assert {field for field, privacy in told.items() if privacy == "pseudonymous"} == PSEUDONYMOUS
    assert {field for field, privacy in told.items() if privacy == "none"} == told.keys() - PSEUDONYMOUS


@pytest.mark.parametrize("event_type", EVENT_MODELS)
def test_every_example_is_valid_and_is_read_without_loss(event_type: str, examples: dict[str, Any]) -> None:
    document = examples[event_type]
    assert list(Draft202012Validator(event_schema(event_type)).iter_errors(document)) == []
    assert json.loads(CloudEvent.from_json(json.dumps(document).encode()).to_json()) == document


def test_every_example_is_a_cloudevent_as_cloudevents_defines_it(
    examples: dict[str, Any], public_schemas: Path
) -> None:
    validator = Draft7Validator(json.loads((public_schemas / "cloudevents-1.0.json").read_text()))
    for document in examples.values():
        assert list(validator.iter_errors(document)) == []
    broken = {**examples["storeflow.line.crossed"], "id": ""}
    assert [error.json_path for error in validator.iter_errors(broken)] == ["$.id"]


def test_the_examples_are_what_the_code_writes(examples: dict[str, Any]) -> None:
    crossed, turned = (
        CloudEvent.from_json(json.dumps(examples[model.event_type]).encode()) for model in (LineCrossed, LineUTurn)
    )
    assert isinstance(crossed.data, LineCrossed)
    assert isinstance(turned.data, LineUTurn)
    first = _crossing(crossed.data)
    back = replace(
        first, direction="out", at=turned.data.captured_at.timestamp(), u_turn_of=crossed.data.captured_at.timestamp()
    )
    origin = _origin(crossed)
    written = [*to_events(first, origin), to_events(back, origin)[1]]
    assert [event.id for event in written] == [crossed.id, turned.id]
    assert written[0] == crossed.model_copy(update={"sequence": None})
    # The moments in the example are rounded to milliseconds, the time between was measured before.
    between = written[1].data.model_dump()["seconds_between"]
    assert between == pytest.approx(turned.data.seconds_between, abs=0.0011)
    exact = turned.data.model_copy(update={"seconds_between": between})
    assert written[1] == turned.model_copy(update={"sequence": None, "data": exact})


def _crossing(data: LineCrossed) -> Crossing:
    return Crossing(
        line_id=data.line_id,
        person_id=data.track_id,
        object_class=data.object_class,
        at=data.captured_at.timestamp(),
        direction=data.direction,
        reason=data.reason,
        position=data.position,
    )


def _origin(event: CloudEvent) -> Origin:
    assert isinstance(event.data, DecidedEvent)
    data = event.data
    return Origin(event.source, data.store_id, data.camera_id, data.config_version, data.model_version)


def test_the_query_counts_raw_net_shoppers_and_units_whatever_came_twice(page: str) -> None:
    origin = Origin("//hub/store-1/door", "store-1", "door", 1, "m@1")
    first = Crossing("door", "1", "person", 100.0, "in", "settled", Point(0.5, 0.5))
    decisions = (
        first,
        replace(first, person_id="2", at=200.0),
        replace(first, person_id="2", at=205.0, direction="out", u_turn_of=200.0),
        replace(first, person_id="3", at=300.0, direction="out"),
        replace(first, person_id="4", at=310.0, group_id="g4"),
        replace(first, person_id="5", at=311.0, group_id="g4", buying_unit=False),
        replace(first, person_id="6", at=320.0),
        replace(first, person_id="7", at=321.0),
        PersonRecognised("6", "behind_till", 330.0, (("door", 320.0),)),
        replace(first, person_id="6", at=340.0, direction="out", staff=True),
    )
    events = [json.loads(event.to_json()) for decision in decisions for event in to_events(decision, origin)]
    assert len(events) == 11
    of_schema_1_0 = next(event for event in events if event["data"]["track_id"] == "7")
    for name in ("staff", "buying_unit"):
        del of_schema_1_0["data"][name]
    columns = (
        *("source", "id", "type", "line_id", "direction", "first_crossing_id", "second_crossing_id"),
        *("staff", "buying_unit", "crossing_ids"),
    )
    database = sqlite3.connect(":memory:")
    database.execute(f"CREATE TABLE events ({', '.join(columns)})")
    for event in [*events, *events]:
        flat = event["data"] | event
        flat |= {"crossing_ids": json.dumps(flat["crossing_ids"])} if "crossing_ids" in flat else {}
        values = [flat.get(column) for column in columns]
        database.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    (query,) = re.findall(r"^```sql\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert database.execute(query).fetchall() == [("door", "in", 6, 5, 4, 3), ("door", "out", 3, 2, 1, 1)]
    database.close()


def test_the_page_states_the_figures_that_decide(page: str) -> None:
    said = " ".join(page.split())
    assert f"within {DECISIONS.u_turn_seconds:g} s without having left view" in said
    assert f"sent when the person has been gone for {DECISIONS.forget_seconds:g} s" in said
    assert DECISIONS.edge_seconds == 1
    assert "up to a second before the person came into view" in said
    metre = f"within {DECISIONS.group_distance:g} of a body's height of each other, at one pace, for "
    assert f"{metre}{DECISIONS.group_seconds:g} s in all" in said
    assert f"no more than {DECISIONS.largest_group} are" in said
    assert f"drift_bound = clamped + {DECISIONS.miscount_share:g} x crossings" in said
    assert f"pieces of more than {DECISIONS.coverage_gap_seconds:g} s without a frame" in said
    assert f"crossed more than {MOST_CROSSINGS} times before" in said
