import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from cloud_functions.decode import MAX_UNPACKED_BYTES, decode
from cloud_functions.message import Message
from cloud_functions.stores import Stores

HUB = "contoso.azure-devices.net"


def changed(event: Any, **attributes: Any) -> bytes:
    """The event with other attributes; those of `data` by a name that begins so."""
    document = json.loads(event.to_json())
    for name, value in attributes.items():
        if name.startswith("data_"):
            document["data"][name.removeprefix("data_")] = value
        else:
            document[name] = value
    return json.dumps(document).encode()


def code_of(message: Message, stores: Stores) -> str:
    landing, quarantined = decode(message, stores)
    assert landing == []
    (one,) = quarantined
    assert one.body == message.body
    assert len(one.reason) > 10
    return one.code


def test_an_event_lands_character_by_character_as_it_came(shop: Any, stores: Stores) -> None:
    text = json.dumps(json.loads(shop.crossed().to_json()), indent=2)
    body = text.replace("\n}", ',\n "shopfront" : "Café \\u00e9\\n", "weight": 1.50e3, "weight": 1.5 }\r\n ').encode()
    landing, quarantined = decode(shop.message(body), stores)
    assert quarantined == []
    assert [one.text.encode() for one in landing] == [body]


def test_the_events_of_a_compressed_batch_land_each_as_it_was_written(shop: Any, stores: Stores) -> None:
    events = [shop.crossed(at).to_json() for at in (1.0, 2.0, 3.0)]
    spaced = b" [ " + b" ,\n".join(events) + b" ]\n"
    message = shop.message(
        gzip.compress(spaced), content_type="application/cloudevents-batch+json; charset=utf-8", content_encoding="GZIP"
    )
    landing, quarantined = decode(message, stores)
    assert quarantined == []
    assert [(one.place, one.text.encode()) for one in landing] == list(enumerate(events))


def test_one_event_of_a_batch_that_cannot_land_keeps_no_other_from_landing(shop: Any, stores: Stores) -> None:
    good, bad = shop.crossed(1.0), changed(shop.crossed(2.0), id=None)
    landing, quarantined = decode(shop.packed(good, bad, good), stores)
    assert [one.place for one in landing] == [0, 2]
    assert [(one.place, one.code, one.body) for one in quarantined] == [(1, "not_an_event", bad)]


def test_an_empty_batch_is_neither_landed_nor_refused(shop: Any, stores: Stores) -> None:
    assert decode(shop.packed(), stores) == ([], [])


POISON: dict[str, tuple[str, Callable[[Any], bytes], dict[str, Any]]] = {
    "malformed JSON": ("not_json", lambda shop: shop.crossed().to_json()[:-1], {}),
    "two documents": ("not_json", lambda shop: shop.crossed().to_json() * 2, {}),
    "a number that JSON has not": ("not_json", lambda shop: changed(shop.crossed(), n=float("nan")), {}),
    "nested beyond reason": ("not_json", lambda _: b"[" * 200_000, {}),
    "a number of 10,000 digits": ("not_json", lambda _: b"1" * 10_000, {}),
    "nothing": ("not_json", lambda _: b"", {}),
    "no object": ("not_an_event", lambda _: b"[]", {}),
    "300 KB": ("too_large", lambda shop: changed(shop.crossed(), pad="x" * 300_000), {}),
    "wrong content type": ("content_type", lambda shop: shop.crossed().to_json(), {"content_type": "text/plain"}),
    "no content type": ("content_type", lambda shop: shop.crossed().to_json(), {"content_type": ""}),
    "an encoding unknown": ("content_encoding", lambda shop: shop.crossed().to_json(), {"content_encoding": "br"}),
    "gzip that is none": ("content_encoding", lambda shop: shop.crossed().to_json(), {"content_encoding": "gzip"}),
    "gzip that breaks off": (
        "content_encoding",
        lambda shop: gzip.compress(shop.crossed().to_json())[:-9],
        {"content_encoding": "gzip"},
    ),
    "a bomb": (
        "too_large",
        lambda _: gzip.compress(b" " * (MAX_UNPACKED_BYTES + 1)),
        {"content_encoding": "gzip"},
    ),
    "not UTF-8": ("not_utf8", lambda shop: shop.crossed().to_json().replace(b"entrance", b"entr\xe9e"), {}),
    "a null id": ("not_an_event", lambda shop: changed(shop.crossed(), id=None), {}),
    "an empty id": ("not_an_event", lambda shop: changed(shop.crossed(), id=""), {}),
    "no data": ("not_an_event", lambda shop: changed(shop.crossed(), data=None), {}),
    "data that its type has not": ("data", lambda shop: changed(shop.crossed(), data_direction="up"), {}),
    "half a character": ("data", lambda shop: changed(shop.crossed(), data_track_id="\ud800"), {}),
    "a time that is none": ("data", lambda shop: changed(shop.crossed(), time="soon"), {}),
    "another store": ("store", lambda shop: changed(shop.crossed(), data_store_id="store-2"), {}),
    "no store": ("store", lambda shop: changed(shop.crossed(), data_store_id=None), {}),
    "another device": ("device", lambda shop: changed(shop.crossed(), source=f"//{HUB}/store-2-box/door"), {}),
    "another hub": ("device", lambda shop: changed(shop.crossed(), source="//evil.net/store-1-box/door"), {}),
    "a device whose name begins alike": (
        "device",
        lambda shop: changed(shop.crossed(), source=f"//{HUB}/store-1-box-2/door"),
        {},
    ),
    "no device": ("device", lambda shop: shop.crossed().to_json(), {"device_id": None}),
    "a device of no store": ("device", lambda shop: shop.crossed().to_json(), {"device_id": "store-9-box"}),
    "a batch that is no array": (
        "not_json",
        lambda shop: shop.crossed().to_json(),
        {"content_type": "application/cloudevents-batch+json"},
    ),
    "a batch that breaks off": (
        "not_json",
        lambda shop: b"[" + shop.crossed().to_json() + b",",
        {"content_type": "application/cloudevents-batch+json"},
    ),
    "a batch with something behind it": (
        "not_json",
        lambda shop: b"[" + shop.crossed().to_json() + b"]]",
        {"content_type": "application/cloudevents-batch+json"},
    ),
}


@pytest.mark.parametrize("name", POISON)
def test_poison_goes_into_quarantine_with_its_reason(name: str, shop: Any, stores: Stores) -> None:
    code, body, how = POISON[name]
    assert code_of(shop.message(body(shop), **how), stores) == code


NEWER: dict[str, dict[str, Any]] = {
    "a type that is not known yet": {"type": "storeflow.shelf.touched", "dataschema": "urn:storeflow:schema:1.3:x"},
    "a newer minor version": {
        "dataschema": "urn:storeflow:schema:1.9:storeflow.line.crossed",
        "data_direction": "sideways",
    },
    "a newer major version": {"dataschema": "urn:storeflow:schema:2.0:storeflow.line.crossed", "data_line_id": 7},
}


@pytest.mark.parametrize("name", NEWER)
def test_what_a_newer_sender_says_lands_unread(name: str, shop: Any, stores: Stores) -> None:
    body = changed(shop.crossed(), **NEWER[name])
    landing, quarantined = decode(shop.message(body), stores)
    assert ([one.text.encode() for one in landing], quarantined) == ([body], [])


def test_a_newer_sender_is_trusted_no_more_than_another(shop: Any, stores: Stores) -> None:
    body = changed(shop.crossed(), type="storeflow.shelf.touched", data_store_id="store-2")
    assert code_of(shop.message(body), stores) == "store"


DOCUMENT = {
    "events": [
        {
            "id": "0" * 32,
            "type": "personCountEvent",
            "detectionIds": [],
            "zone": "aisle",
            "properties": {"personCount": 0},
            "trigger": "event",
        }
    ],
    "sourceInfo": {
        "id": "door",
        "timestamp": "2026-11-20T09:00:00.000Z",
        "width": 640,
        "height": 360,
        "frameId": "7",
        "imagePath": "",
    },
    "detections": [],
    "schemaVersion": "2.0",
}


def test_a_document_of_azure_spatial_analysis_lands(shop: Any, stores: Stores) -> None:
    body = json.dumps(DOCUMENT).encode()
    landing, quarantined = decode(shop.message(body), stores)
    assert ([one.text.encode() for one in landing], quarantined) == ([body], [])


def test_a_document_of_another_store_does_not(shop: Any, stores: Stores) -> None:
    assert code_of(shop.message(json.dumps(DOCUMENT).encode(), store_id="store-2"), stores) == "store"


def test_a_document_that_is_none_does_not(shop: Any, stores: Stores) -> None:
    assert code_of(shop.message(json.dumps(DOCUMENT | {"events": []}).encode()), stores) == "data"


def test_a_fault_of_ours_is_a_reason_like_others(shop: Any, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("nobody thought of it")

    monkeypatch.setattr("cloud_functions.decode.check", broken)
    assert code_of(shop.message(shop.crossed()), stores) == "fault"
