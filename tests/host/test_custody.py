import pytest

from storeflow.errors import ContractError
from storeflow.host.custody import Receipt, decode, encode, receipt_for


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
    assert receipt_for(b'{"source": "s", "id": "1", "data": 7}', refused=True) == Receipt("s", "1", refused=True)
    for body in (
        b"",
        b"7",
        b"[]",
        b'{"source": "s"}',
        b'{"source": "s", "id": 1}',
        b'{"source": 7, "id": "1"}',
        b"\xff",
    ):
        assert receipt_for(body, refused=True) is None
