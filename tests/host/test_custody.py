import pytest

from storeflow.errors import ContractError
from storeflow.host.custody import MAX_EVENTS, Arrived, Receipt, decode, encode, events_in


def test_receipts_survive_the_way() -> None:
    receipts = [
        Receipt("//hub/a", "1"),
        Receipt("//hub/b", "1"),
        Receipt("//hub/a", "2"),
        Receipt("//hub/a", "3", True),
    ]

    assert set(decode(encode(receipts))) == set(receipts)
    assert encode(receipts[:1]) == b'{"kept":{"//hub/a":["1"]},"refused":{}}'


def test_a_newer_neighbour_may_say_more() -> None:
    assert list(decode(b'{"kept":{"s":["1"]},"delayed":{"s":["2"]}}')) == [Receipt("s", "1")]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"kept": ["1"]}', b"\xff"])
def test_what_is_no_message_of_receipts_is_refused(body: bytes) -> None:
    with pytest.raises(ContractError, match="receipts"):
        list(decode(body))


def test_a_receipt_needs_a_source_and_an_id_and_nothing_else() -> None:
    one = b'{"source": "s", "id": "1", "data": 7}'
    assert events_in(one) == [Arrived(one, Receipt("s", "1"))]
    for body in (
        b"",
        b"7",
        b'{"source": "s"}',
        b'{"source": "s", "id": 1}',
        b'{"source": 7, "id": "1"}',
        b"\xff",
        b'{"a":' * 100_000,
        b'{"source": "s", "id": "\\ud800"}',
        b'{"source": "\\udfff", "id": "1"}',
    ):
        assert events_in(body) == [Arrived(body, None)]


def test_an_event_whose_name_no_receipt_can_spell_spoils_no_receipt_beside_it() -> None:
    found = events_in(b'[{"source": "s", "id": "\\ud800"}, {"source": "s", "id": "\\ud83d\\ude00"}]')

    receipts = [event.receipt for event in found if event.receipt]

    assert receipts == [Receipt("s", "\N{GRINNING FACE}")]
    assert list(decode(encode(receipts))) == receipts


def test_a_message_may_have_many_events_each_in_the_characters_it_was_written_in() -> None:
    events = [b'{"source": "s", "id": "1", "n": 1.50}', b'{\n"id":"2", "source":"\xc3\xa4,]"}', b"7"]

    found = events_in(b" [" + b" ,\n".join(events) + b"\t]\r\n")

    assert [event.body for event in found] == events
    assert [event.receipt for event in found] == [Receipt("s", "1"), Receipt("\u00e4,]", "2"), None]
    assert events_in(b" [ ] ") == []


@pytest.mark.parametrize(
    "body",
    [
        b"[",
        b"[1",
        b"[1,",
        b"[1,]",
        b"[1 2]",
        b"[1]]",
        b"[1] 2",
        b"[NaN]",
        b"[\xff]",
        b'[{"a":]',
        b"[" * 100_000,
        b"[,1]",
    ],
)
def test_an_array_that_is_none_is_refused_whole(body: bytes) -> None:
    with pytest.raises(ContractError, match="events"):
        events_in(body)


def test_one_message_has_so_many_events_and_no_more() -> None:
    assert len(events_in(b"[" + b"1," * (MAX_EVENTS - 1) + b"1]")) == MAX_EVENTS
    with pytest.raises(ContractError, match="more than 5000"):
        events_in(b"[" + b"1," * MAX_EVENTS + b"1]")
