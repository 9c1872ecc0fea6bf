import json

import pytest

from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import (
    EVENT_MODELS,
    SCHEMA_VERSION,
    AreaOccupancy,
    CameraEvent,
    LineCrossed,
    StoreEvent,
    ZoneExited,
)

CROSSED_1_0 = """{
  "specversion": "1.0",
  "id": "4063e583138fa770ec594716f5bd5ae5",
  "source": "//contoso-retail.azure-devices.net/store-0042/entrance",
  "type": "storeflow.line.crossed",
  "time": "2026-11-20T09:00:36.421000Z",
  "datacontenttype": "application/json",
  "dataschema": "urn:storeflow:schema:1.0:storeflow.line.crossed",
  "subject": "entrance",
  "sequence": "000000000007",
  "data": {
    "store_id": "store-0042",
    "camera_id": "entrance",
    "captured_at": "2026-11-20T09:00:36.421000Z",
    "config_version": 7,
    "model_version": "rtmdet_nano@4720eda18a18",
    "line_id": "entrance",
    "direction": "in",
    "track_id": "18a9b2c4d00-9",
    "object_class": "person",
    "reason": "settled",
    "position": [0.20897959641210703, 0.6042413530898415]
  }
}"""
EXITED_1_0 = """{
  "specversion": "1.0",
  "id": "5abc96585da7479536b2270275b8d46d",
  "source": "//contoso-retail.azure-devices.net/store-0042/entrance",
  "type": "storeflow.zone.exited",
  "time": "2026-11-20T09:00:26.100000Z",
  "datacontenttype": "application/json",
  "dataschema": "urn:storeflow:schema:1.0:storeflow.zone.exited",
  "subject": "aisle_pantry",
  "data": {
    "store_id": "store-0042",
    "camera_id": "entrance",
    "captured_at": "2026-11-20T09:00:26.100000Z",
    "config_version": 7,
    "model_version": "rtmdet_nano@4720eda18a18",
    "zone_id": "aisle_pantry",
    "track_id": "18a9b2c4d00-4",
    "object_class": "person",
    "entered_at": "2026-11-20T09:00:09.600000Z",
    "dwell_seconds": 16.5
  }
}"""


def test_a_crossing_of_schema_1_0_is_read_as_that_of_someone_alone_who_does_not_work_here() -> None:
    event = CloudEvent.from_json(CROSSED_1_0.encode())
    assert isinstance(event.data, LineCrossed)
    assert (event.data.staff, event.data.group_id, event.data.buying_unit) == (False, None, True)
    assert event.dataschema.startswith("urn:storeflow:schema:1.0:")


def test_a_visit_of_schema_1_0_is_read_as_a_shoppers() -> None:
    event = CloudEvent.from_json(EXITED_1_0.encode())
    assert isinstance(event.data, ZoneExited)
    assert event.data.staff is False


def test_a_reader_of_1_0_finds_every_field_that_it_knows_in_an_event_of_today() -> None:
    before = json.loads(CROSSED_1_0)["data"]
    today = json.loads(CloudEvent.from_json(CROSSED_1_0.encode()).to_json())["data"]
    assert {name: today[name] for name in before} == before
    assert today.keys() - before.keys() == {"staff", "buying_unit"}


def test_new_fields_are_a_minor_version() -> None:
    assert SCHEMA_VERSION == "1.1"
    event = CloudEvent.from_json(CROSSED_1_0.encode())
    anew = CloudEvent.of(event.data, source=event.source, id=event.id, subject=event.subject)
    assert anew.dataschema == "urn:storeflow:schema:1.1:storeflow.line.crossed"


@pytest.mark.parametrize("model", EVENT_MODELS.values(), ids=EVENT_MODELS)
def test_every_event_is_of_one_camera_but_that_of_an_area(model: type[StoreEvent]) -> None:
    assert issubclass(model, CameraEvent) == (model is not AreaOccupancy)
