"""What can't become a row is set aside with its reason, and holds nothing else up."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from cloud_functions import bronze
from cloud_functions.bronze import BronzeLine
from cloud_functions.lake import rows
from cloud_functions.lake.columns import silver_columns
from cloud_functions.lake.rows import Refined

PATH = "bronze/contoso/store-events/0/2026/11/20/09/000000000000-000000000009.ndjson.gz"
LANDED = "2026-11-20T09:00:00.000Z"


def line(event: Any, number: int = 0) -> BronzeLine:
    text = event if isinstance(event, str) else event.to_json().decode()
    return BronzeLine("0", number, 0, str(number), LANDED, "store-1-box", "upstream_router", LANDED, text)


def refined(*events: Any) -> Refined:
    found = Refined()
    found.add(PATH, bronze.pack(line(event, number) for number, event in enumerate(events)))
    return found


def with_data(event: Any, **data: Any) -> str:
    document = json.loads(event.to_json())
    time = {"time": data["captured_at"]} if "captured_at" in data else {}
    return json.dumps(document | {"data": document["data"] | data} | time).replace("Infinity", "1e999")


POISON: dict[str, Callable[[Any], str]] = {
    "a number above 64 bits": lambda shop: with_data(shop.crossed(), config_version=1 << 63),
    "a number below 64 bits": lambda shop: with_data(shop.crossed(), config_version=-(1 << 63) - 1),
    "a number of a thousand digits": lambda shop: with_data(shop.crossed(), config_version=10**1000),
    "an endless dwell": lambda shop: with_data(shop.visited(60, 9), dwell_seconds=float("inf")),
    "an endless position": lambda shop: with_data(shop.crossed(), position=[float("inf"), 0]),
    "the year 9999": lambda shop: with_data(shop.crossed(), captured_at="9999-12-31T23:59:59.999Z"),
    "the year 1, by a clock east of Greenwich": lambda shop: with_data(
        shop.crossed(), captured_at="0001-01-01T00:00:00.000+14:00"
    ),
    "a visit that began in 1970": lambda shop: with_data(shop.visited(60, 9), entered_at="1970-01-01T00:00:00.000Z"),
    "a known type without its data": lambda shop: json.dumps(json.loads(shop.crossed().to_json()) | {"data": {}}),
    "half a character": lambda shop: shop.crossed().to_json().decode().replace('"entrance"', '"\\ud800"'),
    "another camera than its source's": lambda shop: with_data(shop.crossed(), camera_id="till"),
    "no JSON": lambda _: "{",
    "no event": lambda _: '["specversion"]',
    "nesting without end": lambda _: '{"specversion":"1.0","data":' + "[" * 5000,
}


@pytest.mark.parametrize("name", POISON)
def test_a_line_that_no_column_takes_is_set_aside_and_its_neighbours_are_rows(name: str, shop: Any) -> None:
    before, after = shop.crossed(1), shop.visited(30, 20)
    found = refined(before, POISON[name](shop), after)
    assert set(found.table()["id"].to_pylist()) == {before.id, after.id}
    (note,) = found.notes
    assert (note.events, note.rows, note.unreadable, note.waiting) == (3, 2, 1, {})
    ((number, reason),) = note.reasons
    assert number == 2
    assert 3 < len(reason) <= 200


def test_the_greatest_numbers_that_a_column_takes_are_rows(shop: Any) -> None:
    found = refined(*(with_data(shop.crossed(), config_version=number) for number in ((1 << 63) - 1, 0)))
    assert sorted(found.table()["config_version"].to_pylist()) == [0, (1 << 63) - 1]


@pytest.mark.parametrize("poison", [b"{", b'{"event": "{}"}', b"\xff", b"null"], ids=["cut", "short", "bytes", "null"])
def test_a_line_that_landing_did_not_write_is_set_aside(poison: bytes, shop: Any) -> None:
    good = gzip.decompress(bronze.pack([line(shop.crossed())]))
    found = Refined()
    found.add(PATH, gzip.compress(poison + b"\n" + good))
    assert [(note.rows, note.reasons[0][0]) for note in found.notes] == [(1, 1)]


WHOLE = bronze.pack([line("x" * 500)])
CORRUPT = {
    "empty": b"",
    "no gzip": b"nothing",
    "cut short": WHOLE[:-9],
    "a block that is none": WHOLE[:10] + b"\xff" + WHOLE[11:],
    "another sum": WHOLE[:-8] + b"12345678",
}


@pytest.mark.parametrize("name", CORRUPT)
def test_a_file_that_cannot_be_unpacked_is_set_aside_as_a_whole(name: str, shop: Any) -> None:
    found = Refined()
    found.add(PATH, CORRUPT[name])
    found.add(PATH, bronze.pack([line(shop.crossed())]))
    assert [(note.unreadable, [number for number, _ in note.reasons]) for note in found.notes] == [(1, [None]), (0, [])]
    assert found.table().num_rows == 1


def test_of_a_file_of_poison_all_lines_are_counted_and_twenty_have_their_reason(shop: Any) -> None:
    (note,) = refined(*(["{"] * 50), shop.crossed()).notes
    assert (note.unreadable, len(note.reasons), note.rows) == (50, 20, 1)


def test_documents_of_azure_spatial_analysis_are_no_rows_and_nothing_is_said_of_them(shop: Any) -> None:
    found = refined(json.dumps({"sourceInfo": {"id": "door"}, "events": []}), shop.crossed())
    (note,) = found.notes
    assert (note.events, note.rows, note.unreadable, note.waiting) == (2, 1, 0, {})


def test_what_is_not_known_is_counted_by_type_and_schema(shop: Any) -> None:
    document = json.loads(shop.crossed().to_json())
    newer = json.dumps(document | {"dataschema": "urn:storeflow:schema:9.1:storeflow.line.crossed"})
    other = json.dumps(document | {"type": "storeflow.shelf.touched"})
    (note,) = refined(newer, other, other).notes
    assert note.waiting == {
        ("storeflow.line.crossed", "urn:storeflow:schema:9.1:storeflow.line.crossed"): 1,
        ("storeflow.shelf.touched", document["dataschema"]): 2,
    }


def test_rows_of_many_types_are_one_table_with_all_columns(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_ROWS_A_TABLE", 2)
    events = [shop.crossed(1), shop.covered(0), shop.crossed(2), shop.crossed(3), shop.visited(30, 20)]
    table = refined(*events).table()
    assert table.schema.equals(silver_columns())
    assert sorted(table["id"].to_pylist()) == sorted(event.id for event in events)


def test_a_piece_is_full_by_rows_or_by_bytes(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    some = refined(shop.crossed(1), shop.crossed(2))
    assert not some.full
    monkeypatch.setattr(rows, "MAX_ROWS", 2)
    assert some.full
    monkeypatch.setattr(rows, "MAX_ROWS", 3)
    monkeypatch.setattr(rows, "MAX_BYTES", 1000)
    assert some.full


def test_a_piece_is_full_by_files_too_of_which_none_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_FILES", 2)
    some = refined()
    assert not some.full
    some.add_unreadable(PATH, "it is gone")
    assert some.full
