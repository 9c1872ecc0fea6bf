import gzip
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.upstream_router.packing import MAX_UNPACKED_BYTES, pack
from storeflow.host.outbox import Row
from storeflow.host.packet import PACKED_BATCH, PLAIN_BATCH
from storeflow.transport.port import JSON, MAX_BODY_BYTES

ALIKE = {"eventType": "t", "schemaVersion": "1.0", "storeId": "s"}


def row(number: int, size: int = 20, **properties: str) -> Row:
    body = b'{"n":%d,"x":"%s"}' % (number, random.Random(number).randbytes(size // 2).hex().encode())  # noqa: S311 - noise
    return Row(number, number.to_bytes(16, "big"), ALIKE | {"traceparent": str(number)} | properties, body)


def test_a_message_of_one_is_the_event_itself_with_its_own_properties_and_id() -> None:
    first, second = row(1), row(2)

    packets = pack([first, second], 1, compress=True)

    assert [packet.rows for packet in packets] == [(first,), (second,)]
    assert packets[0][1:] == (first.body, JSON, first.properties, first.key.hex())


@pytest.mark.parametrize(("compress", "form"), [(True, PACKED_BATCH), (False, PLAIN_BATCH)])
def test_a_message_of_several_is_an_array_with_what_all_share(compress: bool, form: object) -> None:
    rows = [row(1), row(2, eventType="other"), row(3)]

    (packet,) = pack(rows, 10, compress=compress)

    body = gzip.decompress(packet.body) if compress else packet.body
    assert json.loads(body) == [json.loads(each.body) for each in rows]
    assert packet.form == form
    assert packet.properties == {"schemaVersion": "1.0", "storeId": "s"}
    assert packet.message_id not in {each.key.hex() for each in rows}


def test_a_property_that_one_of_them_lacks_is_not_shared() -> None:
    bare = row(2)._replace(properties={})
    assert pack([row(1), bare], 2, compress=True)[0].properties == {}
    assert pack([bare, row(1)], 2, compress=True)[0].properties == {}


def test_the_same_events_make_the_same_message_and_others_another(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(1), row(2)]
    before = pack(rows, 5, compress=True)
    with monkeypatch.context() as patch:
        patch.setattr("gzip.time.time", lambda: 1e9)
        assert pack(list(rows), 5, compress=True) == before, "whatever the time is"
    ids = {pack(some, 5, compress=True)[0].message_id for some in (rows, rows[::-1], rows[:1], [row(1), row(3)])}
    assert len(ids) == 4


@given(sizes=st.lists(st.integers(0, 3000), max_size=40), max_events=st.integers(1, 50), compress=st.booleans())
def test_each_event_is_in_one_message_in_order_and_no_message_is_too_large(
    sizes: list[int], max_events: int, compress: bool
) -> None:
    rows = [row(number, size) for number, size in enumerate(sizes)]

    packets = pack(rows, max_events, compress=compress, max_bytes=4000)

    assert [each for packet in packets for each in packet.rows] == rows
    assert all(len(packet.body) <= 4000 and len(packet.rows) <= max_events for packet in packets)
    for packet in packets:
        body = gzip.decompress(packet.body) if packet.form == PACKED_BATCH else packet.body
        single = packet.form == JSON
        assert (b"[%s]", b"%s")[single] % b",".join(each.body for each in packet.rows) == body


def test_an_event_that_fits_alone_but_not_in_brackets_goes_without_them() -> None:
    largest = Row(1, b"k" * 16, ALIKE, random.Random(1).randbytes(MAX_BODY_BYTES))  # noqa: S311 - noise
    for compress in (True, False):
        packets = pack([row(2), largest, row(3)], 10, compress=compress)
        assert [packet.form for packet in packets][1] == JSON
        assert max(len(packet.body) for packet in packets) == MAX_BODY_BYTES


def test_no_message_becomes_more_than_its_reader_unpacks() -> None:
    dull = [Row(number, bytes([number]) * 16, ALIKE, b" " * MAX_BODY_BYTES) for number in range(25)]

    packets = pack(dull, 1000, compress=True)

    assert [len(packet.rows) for packet in packets] == [10, 10, 5]
    assert all(len(gzip.decompress(packet.body)) <= MAX_UNPACKED_BYTES + 1000 for packet in packets)
