from typing import Any

import pytest
from pydantic import ValidationError

from storeflow.contract import envelope
from storeflow.contract.envelope import Envelope, is_known
from storeflow.contract.events import SCHEMA_VERSION

CROSSED = "storeflow.line.crossed"
LEAST = {"specversion": "1.0", "id": "1", "source": "//hub/box/door", "type": CROSSED}
TRACE = "00-b78aae38df27529c2c088829dad52afb-5007785ec3cdf3ca-01"


def test_an_event_needs_no_more_than_cloudevents_asks_for() -> None:
    read = Envelope.model_validate(LEAST)
    assert (read.data, read.store_id, read.trace, read.schema_version, read.is_known) == (None, None, None, None, True)


@pytest.mark.parametrize("name", LEAST)
def test_what_cloudevents_asks_for_must_be_there(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Envelope.model_validate({key: value for key, value in LEAST.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("specversion", "2.0"),
        ("id", ""),
        ("source", None),
        ("source", "x" * 1025),
        ("type", "storeflow"),
        ("type", "com.example.camera"),
        ("type", "storeflow." + "x" * 128),
        ("time", "2026-01-01T00:00:00"),
        ("dataschema", "no address"),
        ("subject", ""),
    ],
)
def test_an_attribute_that_is_there_is_what_it_should_be(name: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=name):
        Envelope.model_validate(LEAST | {name: value})


@pytest.mark.parametrize(
    ("data", "store_id"), [({"store_id": "store-1"}, "store-1"), ({"store_id": 7}, None), ({}, None), ("store-1", None)]
)
def test_the_store_is_the_one_that_the_data_name(data: Any, store_id: str | None) -> None:
    assert Envelope.model_validate(LEAST | {"data": data}).store_id == store_id


@pytest.mark.parametrize(("given", "read"), [(TRACE, TRACE), (TRACE.replace("00-b", "ff-b"), None), ("", None)])
def test_a_broken_trace_is_none(given: str, read: str | None) -> None:
    assert Envelope.model_validate(LEAST | {"traceparent": given}).trace == read


@pytest.mark.parametrize(
    ("event_type", "version", "known"),
    [
        (CROSSED, "2.10", True),
        (CROSSED, "2.9", True),
        (CROSSED, "1.11", True),
        (CROSSED, "2.11", False),
        (CROSSED, "3.0", False),
        ("storeflow.shelf.touched", "2.10", False),
    ],
)
def test_what_is_known_is_an_event_of_ours_of_a_schema_that_is_no_newer(
    event_type: str, version: str, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(envelope, "SCHEMA_VERSION", "2.10")
    schema = f"urn:storeflow:schema:{version}:{event_type}"
    assert is_known(event_type, schema) is known
    assert Envelope.model_validate(LEAST | {"type": event_type, "dataschema": schema}).is_known is known


def test_an_event_whose_schema_is_not_named_as_ours_is_judged_by_todays() -> None:
    read = Envelope.model_validate(LEAST | {"dataschema": f"urn:storeflow:schema:{SCHEMA_VERSION}:storeflow.other"})
    assert (read.schema_version, read.is_known) == (None, True)
