import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from cloud_functions import decode
from local_azure.azurite.node import find_node
from storeflow.cli.asyncapi import BATCH, GZIP, SINGLE, STRUCTURED, asyncapi_document
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import EVENT_MODELS, CameraState
from storeflow.contract.schema import schema_files
from storeflow.contract.spatial_analysis import CountProperties, PersonCountEvent, SourceInfo, SpatialAnalysisDocument
from storeflow.errors import StorageError
from storeflow.host.packet import BATCH_TYPE, STRUCTURED_TYPE
from storeflow.transport.port import JSON
from tests.conftest import skip_or_fail
from tools.published.installation import install

DOCUMENT = asyncapi_document()
DOCUMENTS = "storeflow.spatial_analysis"
"""Of Azure Spatial Analysis: what has no envelope."""
STATE = CameraState(
    store_id="s", camera_id="door", captured_at=datetime(2026, 11, 20, tzinfo=UTC), state="ended", detail=""
)


@pytest.fixture(scope="session")
def specification() -> Draft7Validator:
    """AsyncAPI's own schema of a document, as published."""
    try:
        folder = install(find_node())
    except StorageError as error:
        skip_or_fail(str(error))
    return Draft7Validator(json.loads((folder / "@asyncapi/specs/schemas/3.0.0.json").read_text()))


def at(reference: str) -> Any:
    """What a reference within the document leads to."""
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [name for child in node for name in references(child)]
    if isinstance(node, dict):
        here = [node["$ref"]] if "$ref" in node else []
        return here + [name for child in node.values() for name in references(child)]
    return []


def validator(message: str) -> Draft202012Validator:
    """Validates a payload, with the schemas beside the document."""
    files = {
        name: Resource.from_contents(json.loads(text), default_specification=DRAFT202012)
        for name, text in schema_files().items()
    }
    schema = DOCUMENT["components"]["messages"][message]["payload"]["schema"]
    return Draft202012Validator(schema, registry=Registry().with_resources(files.items()))


def test_the_document_is_what_asyncapi_says_one_is(specification: Draft7Validator) -> None:
    assert [error.message for error in specification.iter_errors(DOCUMENT)] == []


@pytest.mark.parametrize("broken", [{"asyncapi": "2.6.0"}, {"servers": {"x": {}}}, {"operations": {"x": {}}}])
def test_asyncapi_is_really_asked(broken: dict[str, Any], specification: Draft7Validator) -> None:
    assert list(specification.iter_errors(DOCUMENT | broken))


def test_every_reference_leads_to_a_part_of_the_document_or_a_schema_beside_it(repository: Path) -> None:
    found = references(DOCUMENT)
    beside = {name for name in found if not name.startswith("#")}
    assert all(at(name) for name in set(found) - beside)
    files = {name.partition("#")[0] for name in beside}
    assert {name for name in files if not (repository / "schemas" / "v1" / name).is_file()} == set()


def test_every_event_has_its_message_and_one_that_is_sent_in_an_envelope_its_place_in_a_batch() -> None:
    assert set(DOCUMENT["components"]["messages"]) == {*EVENT_MODELS, "storeflow.batch"}
    types = set(EVENT_MODELS) - {DOCUMENTS}
    (channel,) = DOCUMENT["channels"].values()
    (operation,) = DOCUMENT["operations"].values()
    assert set(channel["messages"]) == set(DOCUMENT["components"]["messages"])
    assert len(operation["messages"]) == len(channel["messages"])
    items = DOCUMENT["components"]["messages"]["storeflow.batch"]["payload"]["schema"]["items"]["anyOf"]
    assert {item["$ref"] for item in items} == {f"{name}.json" for name in types}


def test_what_is_written_is_a_payload_alone_and_in_a_batch() -> None:
    event = json.loads(CloudEvent.of(STATE, source="//h/d/door/state", id="0" * 32, subject="door").to_json())
    alone, batch = validator(CameraState.event_type), validator("storeflow.batch")
    assert alone.is_valid(event)
    assert batch.is_valid([event, event])
    broken = event | {"data": event["data"] | {"state": "asleep"}}
    assert not alone.is_valid(broken)
    assert not batch.is_valid([event, broken])
    assert not batch.is_valid(event)


def test_a_document_of_azure_spatial_analysis_is_a_payload_without_its_envelope() -> None:
    event = PersonCountEvent(
        id="1", detection_ids=(), zone="queue", properties=CountProperties(person_count=0), trigger="event"
    )
    source = SourceInfo(id="door", timestamp="2026-01-01T00:00:00.000Z", width=640, height=360, frame_id="7")
    document = SpatialAnalysisDocument(events=(event,), source_info=source, detections=()).model_dump(mode="json")
    payload = validator(DOCUMENTS)
    assert payload.is_valid(document)
    assert not payload.is_valid(document | {"schemaVersion": "1.0"})
    assert not payload.is_valid({"data": {"document": document}})


def test_the_forms_are_those_that_the_router_sends_and_the_landing_reads() -> None:
    """The sender and the cloud's own reader are asked, so that the three can't drift apart."""
    assert (JSON.content_type, STRUCTURED_TYPE, BATCH_TYPE) == (SINGLE, STRUCTURED, BATCH)
    assert {SINGLE, STRUCTURED, BATCH} == {*decode.ONE, decode.MANY}
    messages = DOCUMENT["components"]["messages"]
    assert {message["contentType"] for message in messages.values()} == {SINGLE, BATCH}
    assert GZIP in messages["storeflow.batch"]["description"]
    straight = {
        name
        for name, message in messages.items()
        if f"directly its content type is `{STRUCTURED}`" in message["description"]
    }
    assert straight == set(messages) - {DOCUMENTS, "storeflow.batch"}
