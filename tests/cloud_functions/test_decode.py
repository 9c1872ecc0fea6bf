import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from cloud_functions.decode import MAX_REFUSED, MAX_UNPACKED_BYTES, decode
from cloud_functions.message import Message
from cloud_functions.stores import Stores
from storeflow.contract.envelope import MAX_EVENTS

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


def with_number(event: Any, name: str, digits: str) -> bytes:
    """The event with a number in its data, digit by digit as it is given."""
    return bytes(changed(event, **{f"data_{name}": "HERE"}).replace(b'"HERE"', digits.encode()))


def code_of(message: Message, stores: Stores) -> str:
    landing, quarantined = decode(message, stores)
    assert landing == []
    (one,) = quarantined
    assert one.body == message.body
    assert len(one.reason) > 10
    return one.code


def test_an_event_lands_character_by_character_as_it_came(shop: Any, stores: Stores) -> None:
    text = json.dumps(json.loads(shop.crossed().to_json()), indent=2)
    body = text.replace("\n}", ',\n "shopfront" : "Café \\u00e9\\n", "weight": 1.50e3, "height": 1.5 }\r\n ').encode()
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


ONE_OF_MANY: dict[str, tuple[str, bytes]] = {
    "a number that JSON has not": ("not_json", b'{"a": NaN}'),
    "such a number with brackets about it": ("not_json", b'{"a": "]}\\"]}", "b": [-Infinity, {"c": "["}]}'),
    "such a number alone": ("not_json", b"NaN"),
    "a name that is there twice": ("not_json", b'{"deep": [{"a": 1, "a": 1}]}'),
    "a number of 5,000 digits": ("not_json", b'{"a": ' + b"1" * 5000 + b"}"),
    "5,000 digits alone": ("not_json", b"1" * 5000),
    "nested beyond reason": ("not_json", b'{"a": ' + b"[" * 3000 + b"]" * 3000 + b"}"),
    "no event": ("not_an_event", b'{"a": 1}'),
}


@pytest.mark.parametrize("name", ONE_OF_MANY)
def test_one_event_of_a_batch_that_cannot_be_read_is_refused_alone(name: str, shop: Any, stores: Stores) -> None:
    code, bad = ONE_OF_MANY[name]
    good = [shop.crossed(at).to_json() for at in range(4)]
    landing, quarantined = decode(shop.packed(*good[:2], bad, *good[2:]), stores)
    assert [(one.place, one.text.encode()) for one in landing] == list(zip((0, 1, 3, 4), good, strict=True))
    assert [(one.place, one.code, one.body) for one in quarantined] == [(2, code, bad)]
    assert len(quarantined[0].reason) > 10


@pytest.mark.parametrize("depth", [100, 300, 700, 960])
def test_an_event_that_is_nested_deeper_than_one_of_its_readers_can_follow_is_refused_alone(
    depth: int, shop: Any, stores: Stores
) -> None:
    good, bad = shop.crossed(1).to_json(), with_number(shop.crossed(2), "more", "[" * depth + "]" * depth)
    landing, quarantined = decode(shop.packed(good, bad, good), stores)
    assert [one.place for one in landing if one.text.encode() == good] == [0, 2]
    assert {one.place for one in landing} | {one.place for one in quarantined} == {0, 1, 2}
    assert {one.code for one in quarantined} <= {"not_json", "data"}


def test_what_breaks_the_grammar_of_the_array_itself_takes_all_of_it_along(shop: Any, stores: Stores) -> None:
    for bad in (b'{"a": tru}', b'{"a": NaN', b'{"a": NaN} 7'):
        assert code_of(shop.packed(shop.crossed(), bad, shop.crossed()), stores) == "not_json"


def test_a_fault_of_ours_with_one_event_takes_no_other_along(
    shop: Any, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(document: Any, *_: Any) -> None:
        if document["sequence"] == "000000000002":
            raise ZeroDivisionError("nobody thought of it")

    monkeypatch.setattr("cloud_functions.decode.check", breaks)
    landing, (quarantined,) = decode(shop.packed(*(shop.crossed(at) for at in range(3))), stores)
    assert [one.place for one in landing] == [0, 2]
    assert (quarantined.place, quarantined.code) == (1, "fault")


def test_a_number_in_its_series_that_is_none_is_no_reason_to_refuse_an_event(shop: Any, stores: Stores) -> None:
    """The contract has its form for those who write (storeflow/contract/cloudevents.py); nothing counts by it."""
    bodies = [changed(shop.crossed(), sequence=text) for text in (str(2**63 - 1), str(-(2**63)), "first", "7")]
    landing, quarantined = decode(shop.packed(*bodies), stores)
    assert ([one.text.encode() for one in landing], quarantined) == (bodies, [])


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
    "a type that can be none of ours": ("not_an_event", lambda shop: changed(shop.crossed(), type="com.example.a"), {}),
    "a time that is none": ("not_an_event", lambda shop: changed(shop.crossed(), time="soon"), {}),
    "a whole number of 65 bits": ("data", lambda shop: with_number(shop.crossed(), "config_version", str(2**63)), {}),
    "a negative one of 65 bits": (
        "data",
        lambda shop: with_number(shop.crossed(), "config_version", str(-(2**63) - 1)),
        {},
    ),
    "a whole number of 65 bits as text": (
        "data",
        lambda shop: changed(shop.crossed(), data_config_version="9" * 19),
        {},
    ),
    "a whole number of 65 bits in a field unknown": (
        "data",
        lambda shop: with_number(shop.crossed(), "more", f'{{"of": [1, {2**63}]}}'),
        {},
    ),
    "a time of more than a century": (
        "data",
        lambda shop: with_number(shop.covered(0), "observed_seconds", "3162240000.5"),
        {},
    ),
    "more frames than a sum has room for": (
        "data",
        lambda shop: with_number(shop.covered(0), "frames_analysed", str(2**63 - 1)),
        {},
    ),
    "as many as text": ("data", lambda shop: changed(shop.covered(0), data_frames_analysed="1000000001"), {}),
    "a number without end": ("data", lambda shop: with_number(shop.covered(0), "observed_seconds", "1e999"), {}),
    "a number without end as text": (
        "data",
        lambda shop: changed(shop.covered(0), data_observed_seconds="1e999"),
        {},
    ),
    "a number without end in a field unknown": ("data", lambda shop: with_number(shop.crossed(), "more", "-1e999"), {}),
    "the year 9999": ("data", lambda shop: changed(shop.crossed(), data_captured_at="9999-12-31T23:59:59.999Z"), {}),
    "the year 1": ("data", lambda shop: changed(shop.crossed(), data_captured_at="0001-01-01T00:00:00.000Z"), {}),
    "a year before the first": (
        "data",
        lambda shop: changed(shop.crossed(), data_captured_at="0001-01-01T00:00:00+05:00"),
        {},
    ),
    "a clock that was never set": (
        "data",
        lambda shop: changed(shop.crossed(), data_captured_at="1970-01-01T00:00:07.000Z"),
        {},
    ),
    "a visit from 1999 on": (
        "data",
        lambda shop: changed(shop.visited(9, 3), data_entered_at="1999-12-31T23:59:59.999Z"),
        {},
    ),
    "the year 2100 in the envelope": ("data", lambda shop: changed(shop.crossed(), time="2100-01-01T00:00:00Z"), {}),
    "a name that is there twice": (
        "not_json",
        lambda shop: shop.crossed().to_json().replace(b'"store_id":', b'"store_id":"store-2","store_id":'),
        {},
    ),
    "a name that is there twice at the top": (
        "not_json",
        lambda shop: shop.crossed().to_json().replace(b'{"specversion":', b'{"id":"x","specversion":'),
        {},
    ),
    "another camera": ("camera", lambda shop: changed(shop.crossed(), data_camera_id="till"), {}),
    "another camera in how a camera fares": (
        "camera",
        lambda shop: changed(shop.covered(0), data_camera_id="till", source=f"//{HUB}/store-1-box/door/state"),
        {},
    ),
    "a camera that is called as what follows another": (
        "camera",
        lambda shop: changed(shop.covered(0), data_camera_id="state", source=f"//{HUB}/store-1-box/door/state"),
        {},
    ),
    "more events than a message may have": (
        "too_large",
        lambda shop: gzip.compress(b"[" + b",".join([shop.crossed().to_json()] * (MAX_EVENTS + 1)) + b"]"),
        {"content_type": "application/cloudevents-batch+json", "content_encoding": "gzip"},
    ),
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


def test_what_is_wrong_with_a_number_is_said_by_its_name(shop: Any, stores: Stores) -> None:
    body = with_number(shop.crossed(), "more", f'{{"of": [1, {2**63}]}}')
    _, (quarantined,) = decode(shop.message(body), stores)
    assert quarantined.reason == "event.data.more.of.1: is larger than any whole number of 64 bits"
    _, (quarantined,) = decode(shop.message(changed(shop.crossed(), time="2100-01-01T00:00:00Z")), stores)
    assert quarantined.reason == "event.time: 2100-01-01 is not between 2000-01-01 and 2100-01-01"


@pytest.mark.parametrize(
    "body",
    [
        b'{"%s": 1, "%s": 2}' % ((b"x" * 100_000,) * 2),
        b'{"specversion": "1.0", "id": "1", "source": "//%s/store-1-box/door", "type": "storeflow.a",'
        b' "data": {"store_id": "%s"}}' % (HUB.encode(), b"x" * 100_000),
    ],
)
def test_a_reason_is_short_whatever_was_sent(body: bytes, shop: Any, stores: Stores) -> None:
    _, (quarantined,) = decode(shop.message(body), stores)
    assert 400 < len(quarantined.reason) < 600


def test_a_reason_is_one_line(shop: Any, stores: Stores) -> None:
    for source in (f"//{HUB}/a\nb/door", "//a\nb/store-1-box/door"):
        _, (quarantined,) = decode(shop.message(changed(shop.crossed(), source=source)), stores)
        assert len(quarantined.reason.splitlines()) == 1


EDGES: dict[str, Callable[[Any], bytes]] = {
    "the largest whole number": lambda shop: with_number(shop.crossed(), "config_version", str(2**63 - 1)),
    "the least whole number": lambda shop: with_number(shop.crossed(), "config_version", str(-(2**63))),
    "the largest number": lambda shop: with_number(shop.crossed(), "more", "1.7976931348623157e308"),
    "the longest time": lambda shop: with_number(shop.covered(0), "observed_seconds", "3162240000"),
    "the most frames": lambda shop: with_number(shop.covered(0), "frames_analysed", "1000000000"),
    "the first moment": lambda shop: changed(shop.crossed(), data_captured_at="2000-01-01T00:00:00.000Z"),
    "the last moment": lambda shop: changed(shop.crossed(), data_captured_at="2099-12-31T23:59:59.999Z"),
    "how its camera fares": lambda shop: changed(shop.covered(0), source=f"//{HUB}/store-1-box/door/state"),
}


@pytest.mark.parametrize("name", EDGES)
def test_what_just_fits_lands(name: str, shop: Any, stores: Stores) -> None:
    body = EDGES[name](shop)
    landing, quarantined = decode(shop.message(body), stores)
    assert ([one.text.encode() for one in landing], quarantined) == ([body], [])


def test_a_message_of_as_many_events_as_may_be_lands(shop: Any, stores: Stores) -> None:
    landing, quarantined = decode(shop.packed(*[shop.crossed().to_json()] * MAX_EVENTS), stores)
    assert (len(landing), quarantined) == (MAX_EVENTS, [])


def test_a_message_with_very_many_wrong_events_is_refused_once_as_it_came_and_its_good_ones_land(
    shop: Any, stores: Stores
) -> None:
    good, bad = shop.crossed(1.0), changed(shop.crossed(2.0), data_direction="up")
    few = decode(shop.packed(good, *[bad] * MAX_REFUSED), stores)
    assert ([one.place for one in few[0]], [one.place for one in few[1]]) == ([0], list(range(1, MAX_REFUSED + 1)))
    message = shop.packed(good, *[bad] * (MAX_REFUSED + 1), good)
    landing, (quarantined,) = decode(message, stores)
    assert [(one.place, one.text.encode()) for one in landing] == [(place, good.to_json()) for place in (0, 22)]
    assert (quarantined.place, quarantined.body, quarantined.code) == (None, message.body, "data")
    assert quarantined.reason.startswith("21 of its 23 events are refused; the first: data: event.direction")


NEWER: dict[str, dict[str, Any]] = {
    "a type that is not known yet": {"type": "storeflow.shelf.touched", "dataschema": "urn:storeflow:schema:1.3:x"},
    "a newer minor version": {
        "dataschema": "urn:storeflow:schema:1.9:storeflow.line.crossed",
        "data_direction": "sideways",
    },
    "a number of 65 bits of a newer sender": {"type": "storeflow.shelf.touched", "data_number": 2**64},
    "a time of a newer sender": {"type": "storeflow.shelf.touched", "data_captured_at": "9999-01-01T00:00:00Z"},
    "another camera of a newer sender": {"type": "storeflow.shelf.touched", "data_camera_id": "till"},
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


DOCUMENT: dict[str, Any] = {
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


def test_a_document_of_the_year_9999_does_not(shop: Any, stores: Stores) -> None:
    source = DOCUMENT["sourceInfo"] | {"timestamp": "9999-11-20T09:00:00.000Z"}
    assert code_of(shop.message(json.dumps(DOCUMENT | {"sourceInfo": source}).encode()), stores) == "data"


def test_a_document_that_is_none_does_not(shop: Any, stores: Stores) -> None:
    assert code_of(shop.message(json.dumps(DOCUMENT | {"events": []}).encode()), stores) == "data"


def test_a_fault_of_ours_is_a_reason_like_others(shop: Any, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("nobody thought of it")

    monkeypatch.setattr("cloud_functions.decode.check", broken)
    assert code_of(shop.message(shop.crossed()), stores) == "fault"
