import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from modules.upstream_router import windows
from modules.upstream_router.windows import COLUMNS, Said, Window, window_event
from modules.upstream_router.windows import Row as SumRow
from modules.zone_analytics import stream_events
from modules.zone_analytics.camera_view import CameraView
from modules.zone_analytics.decisions import Crossing, Origin, StaffRecognised, VisitEnded, WaitEnded
from modules.zone_analytics.module import SILENT_SECONDS
from modules.zone_analytics.parameters import DECISIONS
from modules.zone_analytics.staff import MOST_CROSSINGS
from modules.zone_analytics.store_events import to_events
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import (
    EVENT_MODELS,
    AreaOccupancy,
    CameraEvent,
    DecidedEvent,
    LineCrossed,
    LineUTurn,
    PersonEvent,
    StoreEvent,
)
from storeflow.contract.geometry import BoundingBox, Point
from storeflow.contract.messages import Detections, Track
from storeflow.contract.schema import event_schema
from storeflow.contract.twins import read_section

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
    "list of objects": "array",
    "two fractions": "array",
    "object": "object",
}


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "events.md").read_text()


@pytest.fixture(scope="module")
def figures(repository: Path) -> str:
    return (repository / "docs" / "figures.md").read_text()


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
    base = next(base for base in (PersonEvent, DecidedEvent, CameraEvent, StoreEvent) if issubclass(model, base))
    described = names(rows_of(tables(chapters[event_type]), "field"))
    assert sorted(described) == sorted(model.model_fields.keys() - base.model_fields.keys())


def test_what_all_events_have_is_described(chapters: dict[str, str], tables: Tables) -> None:
    envelope = rows_of(tables(chapters["The envelope"]), "field")
    assert names(envelope) == list(CloudEvent.model_fields)
    common = rows_of(tables(chapters["What every event says"]), "field")
    assert names(common) == list(PersonEvent.model_fields)


def described(event_type: str, chapters: dict[str, str], tables: Tables) -> Iterator[tuple[Row, dict[str, Any]]]:
    """What the page says of every field of an event, and what the schema does."""
    schema = event_schema(event_type)
    data = schema["properties"]["data"]
    wire = {**schema["properties"], **data["properties"], "data": data}
    here = "\n".join(chapters[name] for name in ("The envelope", "What every event says", event_type))
    for row in rows_of(tables(here), "field"):
        field = wire.get(row["field"].strip("`"))
        if field is not None:
            target = data["$defs"][field["$ref"].rpartition("/")[2]] if "$ref" in field else {}
            yield row, {**target, **field}


@pytest.mark.parametrize("event_type", EVENT_MODELS)
def test_every_field_has_the_type_that_is_written(event_type: str, chapters: dict[str, str], tables: Tables) -> None:
    for row, field in described(event_type, chapters, tables):
        assert field["type"] == JSON_TYPES[row["type"]], row
        assert (field.get("format") == "date-time") == (row["type"] == "UTC time"), row
        assert ("enum" in field) == (row["type"] in {"code", "`in` or `out`"}), row


@pytest.mark.parametrize("event_type", EVENT_MODELS)
def test_the_page_and_the_schemas_say_the_same_of_every_field(
    event_type: str, chapters: dict[str, str], tables: Tables
) -> None:
    """Either may go on where the other ends: the schema with codes and "UTC", the page with where more is said."""
    for row, field in described(event_type, chapters, tables):
        page = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", row["meaning"])
        schema = "What happened" if row["field"] == "`data`" else field["description"].removesuffix(".")
        schema = schema.removesuffix(". UTC")
        shorter = min(len(page), len(schema))
        assert shorter
        assert page[:shorter].casefold() == schema[:shorter].casefold(), row


@pytest.mark.parametrize("event_type", EVENT_MODELS)
def test_the_page_and_the_schemas_give_every_field_one_privacy_class(
    event_type: str, chapters: dict[str, str], tables: Tables
) -> None:
    is_of_one_person = bool({"track_id", "document"} & EVENT_MODELS[event_type].model_fields.keys())
    for row, field in described(event_type, chapters, tables):
        if row["field"] == "`data`":
            continue
        told = row["privacy"]
        if row["field"] in {"`captured_at`", "`time`"}:
            assert told in {"personal beside a `track_id` or a `document`, else none", "as `data.captured_at`"}
            told = "personal" if is_of_one_person else "none"
        assert field["x-privacy"] == told, row


@pytest.mark.parametrize("event_type", EVENT_MODELS)
def test_every_code_is_explained(event_type: str, chapters: dict[str, str], tables: Tables) -> None:
    for field, schema in event_schema(event_type)["properties"]["data"]["properties"].items():
        if field == "direction":
            assert schema["enum"] == ["in", "out"]
        elif "enum" in schema:
            assert names(rows_of(tables(chapters[event_type]), field), field) == schema["enum"]


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
    assert written[1] == turned.model_copy(update={"sequence": None})


def test_the_example_of_an_area_has_the_bound_that_the_page_reckons(examples: dict[str, Any]) -> None:
    event = CloudEvent.from_json(json.dumps(examples[AreaOccupancy.event_type]).encode())
    assert isinstance(event.data, AreaOccupancy)
    data = event.data
    seen = (data.captured_at - data.began_at).total_seconds() - data.unseen_seconds
    missed = ceil(data.crossings / seen * data.unseen_seconds)
    assert data.drift_bound == data.clamped + ceil(DECISIONS.miscount_share * data.crossings) + missed


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


DOOR = Origin("//hub/store-1/door", "store-1", "door", 1, "m@1")


def answer(figures: str, heading: str, events: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What the query under a heading of docs/figures.md says of events that all came twice."""
    (query,) = re.findall(r"^```sql\n(.*?)^```", _chapters(figures)[heading], re.MULTILINE | re.DOTALL)
    rows = [event["data"] | {name: value for name, value in event.items() if name != "data"} for event in events]
    columns = sorted({*CloudEvent.model_fields, *(name for one in EVENT_MODELS.values() for name in one.model_fields)})
    database = sqlite3.connect(":memory:")
    database.execute(f"CREATE TABLE events ({', '.join(columns)})")
    insert = "INSERT INTO events VALUES (?)".replace("?", ", ".join("?" for _ in columns))
    for row in [*rows, *rows]:
        values = [json.dumps(value) if isinstance(value := row.get(name), list) else value for name in columns]
        database.execute(insert, values)
    found = database.execute(query).fetchall()
    database.close()
    return found


def events_of(*decisions: Any) -> list[dict[str, Any]]:
    return [json.loads(event.to_json()) for decision in decisions for event in to_events(decision, DOOR)]


def test_the_query_counts_raw_net_shoppers_and_units_whatever_came_twice(figures: str) -> None:
    first = Crossing("door", "1", "person", 100.0, "in", "settled", Point(0.5, 0.5))
    events = events_of(
        first,
        replace(first, person_id="2", at=200.0),
        replace(first, person_id="2", at=205.0, direction="out", u_turn_of=200.0),
        replace(first, person_id="3", at=300.0, direction="out"),
        replace(first, person_id="4", at=310.0, group_id="g4"),
        replace(first, person_id="5", at=311.0, group_id="g4", buying_unit=False),
        replace(first, person_id="6", at=320.0),
        replace(first, person_id="7", at=321.0),
        StaffRecognised("6", "behind_till", 330.0, (("door", 320.0),)),
        replace(first, person_id="6", at=340.0, direction="out", staff=True),
    )
    assert len(events) == 11
    without_defaults = next(event for event in events if event["data"]["track_id"] == "7")
    for name in ("staff", "buying_unit"):
        del without_defaults["data"][name]
    assert answer(figures, "Footfall", events) == [("door", "in", 6, 5, 4, 3), ("door", "out", 3, 2, 1, 1)]


def test_the_query_of_sums_takes_the_highest_revision_of_each_row_once(figures: str) -> None:
    window = Window(DOOR.source, "store-1", "door", 900, 1000.0)
    columns = dict.fromkeys(COLUMNS, 2)
    first, second = Said(0, columns, 900.0), Said(1, columns | {"in_raw": 3}, 900.0)
    row = SumRow("door", 1, "person")
    sums = [
        window_event(window, row, first, reason=None, details_sent=False),
        window_event(window, row, second, reason="late_events", details_sent=False),
        window_event(window._replace(start=1800), row, first, reason=None, details_sent=False),
        window_event(window, SumRow("gate", 1, "person"), first, reason=None, details_sent=False),
    ]
    events = [json.loads(event.to_json()) for event in sums]
    found = answer(figures, "Sums that the device makes", events)
    assert found == [("door", 5, 4, 4, 4), ("gate", 2, 2, 2, 2)]


def test_the_query_of_visits_leaves_out_who_turned_out_to_work_here_before_or_after(figures: str) -> None:
    first = VisitEnded("aisle", "1", "person", 110.0, None, 100.0, None)
    events = events_of(
        first,
        replace(first, person_id="2", at=130.5),
        replace(first, person_id="3", censored="end"),
        replace(first, person_id="4", staff=True),
        replace(first, person_id="5"),
        replace(first, person_id="5", zone_id="till"),
        replace(first, person_id="6", zone_id="till"),
        StaffRecognised("5", "behind_till", 330.0, ()),
    )
    elsewhere = replace(DOOR, source="//hub/store-1/yard")
    events += [json.loads(event.to_json()) for event in to_events(replace(first, person_id="5"), elsewhere)]
    assert answer(figures, "Visits and dwell", events) == [("aisle", 4, 3, 50.5), ("till", 1, 1, 10.0)]


def test_the_query_of_waits_leaves_out_who_turned_out_to_work_here_before_or_after(figures: str) -> None:
    first = WaitEnded("till", "1", 110.0, "served", 100.0, None)
    events = events_of(
        first,
        replace(first, person_id="2", at=130.5),
        replace(first, person_id="3", censored="start"),
        replace(first, person_id="4", outcome="abandoned"),
        replace(first, person_id="5", outcome="lost", censored="end"),
        replace(first, person_id="6", outcome="staff"),
        replace(first, person_id="7"),
        StaffRecognised("7", "behind_till", 330.0, ()),
    )
    assert answer(figures, "Queues", events) == [("till", 3, 1, 1, 2, 40.5)]


def test_the_query_of_occupancy_counts_who_was_there_together_and_the_live_number_does_not(figures: str) -> None:
    """One leaves for good as another comes: for `reentry_seconds` the live number has both."""
    zone = {"polygon": [[0, 0.5], [1, 0.5], [1, 1], [0, 1]], "reentry_seconds": 2}
    view = CameraView("door", read_section("layout", {"zones": {"aisle": zone}}), DECISIONS)
    decisions = []
    for step in range(60):
        ways = {"1": (0.2, 0.7 if 5 <= step < 20 else 0.4), "2": (0.8, 0.7 if step >= 22 else 0.4)}
        decisions += view.observe(_frame(step / 10, ways))
    events = events_of(*decisions, *view.end())
    live = [event["data"]["occupancy"] for event in events if event["type"] == "storeflow.zone.occupancy"]
    assert max(live) == 2
    assert answer(figures, "Occupancy", events) == [("aisle", DOOR.source, 1)]


def _frame(at: float, feet: dict[str, tuple[float, float]]) -> Detections:
    boxes = {who: BoundingBox(x - 0.02, y - 0.1, x + 0.02, y) for who, (x, y) in feet.items()}
    return Detections(
        camera_id="door",
        sequence=round(at * 10),
        captured_at=at,
        frame_width=1000,
        frame_height=1000,
        model_version="m@1",
        tracks=tuple(Track(track_id=who, box=box, confidence=0.9, confirmed=True) for who, box in boxes.items()),
    )


def test_the_query_of_occupancy_finds_the_moment_with_the_most(figures: str) -> None:
    first = VisitEnded("aisle", "1", "person", 110.0, None, 100.0, None)
    events = events_of(
        first,
        replace(first, person_id="2", entered_at=105.0, at=105.5),
        replace(first, person_id="3", entered_at=105.5, at=120.0),
        replace(first, person_id="4", entered_at=110.001, at=130.0),
        replace(first, person_id="5", entered_at=105.2, at=130.0, staff=True),
        replace(first, person_id="6", zone_id="till"),
    )
    assert answer(figures, "Occupancy", events) == [("aisle", DOOR.source, 3), ("till", DOOR.source, 1)]


def test_the_page_states_the_figures_that_decide(page: str) -> None:
    said = " ".join(page.split())
    assert f"within {DECISIONS.u_turn_seconds:g} s without having left view" in said
    assert f"`vanished` is sent when the person has been gone for {DECISIONS.forget_seconds:g} s" in said
    assert f"`edge` of who came in once they have been in view for {DECISIONS.velocity_seconds:g} s" in said
    assert f"no frame of it was analysed for {SILENT_SECONDS:g} s" in said
    assert DECISIONS.edge_seconds == 1
    assert "up to a second before the person came into view" in said
    metre = f"within {DECISIONS.group_distance:g} of a body's height of each other, at one pace, for "
    assert f"{metre}{DECISIONS.group_seconds:g} s in all" in said
    assert f"no more than {DECISIONS.largest_group} are" in said
    assert f"drift_bound = clamped + {DECISIONS.miscount_share:g} x crossings" in said
    assert f"pieces of more than {DECISIONS.coverage_gap_seconds:g} s without a frame" in said
    assert f"crossed more than {MOST_CROSSINGS} times before" in said
    assert stream_events.HEARTBEAT_SECONDS == 5 * 60
    assert "passes another five minutes" in said
    assert (stream_events.AWAY_SECONDS, stream_events.LIVE_SECONDS) == (86_400, 2 * 60)
    assert "for up to a day, the device's clock moves it on, two minutes behind" in said
    assert DECISIONS.edge_seconds == 1
    assert "`complete_until` is a second before the newest frame" in said
    assert windows.SEND_WITHIN_SECONDS == 60
    assert "Sent within a minute after its [coverage]" in said
    assert windows.CORRECT_AFTER_SECONDS == 5 * 60
    assert "five minutes after the first cause" in said
    assert f"Corrections are made for {windows.KEEP_SECONDS / 3600:g} h" in said
