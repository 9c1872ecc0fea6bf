import contextlib
import math
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_azure.event_hubs.amqp.decoding import decode, map_entries, skip
from local_azure.event_hubs.amqp.encoding import encode
from local_azure.event_hubs.amqp.types import (
    AmqpValueError,
    Array,
    Byte,
    Char,
    Decimal,
    Described,
    Float,
    Long,
    Short,
    Symbol,
    Timestamp,
    UByte,
    UInt,
    ULong,
    UShort,
)


def whole(kind: type, bits: int, *, signed: bool) -> st.SearchStrategy[Any]:
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return st.integers(low, high).map(kind)


SYMBOLS = st.text(st.characters(max_codepoint=127), max_size=300).map(Symbol)
PRIMITIVES = st.one_of(
    st.none(),
    st.booleans(),
    whole(UByte, 8, signed=False),
    whole(UShort, 16, signed=False),
    whole(UInt, 32, signed=False),
    whole(ULong, 64, signed=False),
    whole(Byte, 8, signed=True),
    whole(Short, 16, signed=True),
    whole(int, 32, signed=True),
    whole(Long, 64, signed=True),
    whole(Timestamp, 64, signed=True),
    st.floats(allow_nan=False),
    st.floats(width=32, allow_nan=False).map(Float),
    st.characters(exclude_categories=["Cs"]).map(Char),
    st.sampled_from([4, 8, 16]).flatmap(lambda size: st.binary(min_size=size, max_size=size)).map(Decimal),
    st.uuids(),
    st.binary(max_size=300),
    st.text(max_size=300),
    SYMBOLS,
    st.lists(st.text(max_size=20), min_size=1, max_size=20).map(Array),
    st.lists(st.text(st.characters(max_codepoint=127), max_size=20).map(Symbol), min_size=1, max_size=20).map(Array),
)
KEYS = st.one_of(st.text(max_size=20), SYMBOLS)
VALUES = st.recursive(
    PRIMITIVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(KEYS, inner, max_size=5),
        st.builds(Described, whole(ULong, 64, signed=False), inner),
    ),
    max_leaves=10,
)


def typed(value: Any) -> Any:
    """Say of what type each part of a value is: 1 == True == UInt(1) in Python, and not in AMQP."""
    if isinstance(value, Described):
        return (Described, typed(value.descriptor), typed(value.value))
    if isinstance(value, list):
        return (type(value), [typed(item) for item in value])
    if isinstance(value, dict):
        return (dict, [(typed(key), typed(item)) for key, item in value.items()])
    return (type(value), value)


@settings(max_examples=60)
@given(VALUES)
def test_a_value_comes_back_as_it_was_of_the_same_type(value: Any) -> None:
    encoded = encode(value)
    decoded, end = decode(encoded)
    assert typed(decoded) == typed(value)
    assert end == len(encoded)


@given(VALUES, st.binary(max_size=5), st.binary(max_size=5))
def test_skipping_ends_where_decoding_does(value: Any, before: bytes, after: bytes) -> None:
    buffer = before + encode(value) + after
    assert skip(buffer, len(before)) == decode(buffer, len(before))[1] == len(buffer) - len(after)


@given(VALUES)
def test_a_value_that_is_cut_short_is_an_error(value: Any) -> None:
    encoded = encode(value)
    for length in range(min(len(encoded), 40)):
        with pytest.raises(AmqpValueError):
            decode(encoded[:length])
        with pytest.raises(AmqpValueError):
            skip(encoded[:length], 0)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_an_error_of_ours(data: bytes) -> None:
    for read in (decode, skip):
        with contextlib.suppress(AmqpValueError):
            read(data, 0)


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        # The examples and the shortest forms of part 1, section 1.6.
        (None, "40"),
        (True, "41"),
        (UInt(0), "43"),
        (UInt(255), "52ff"),
        (UInt(256), "7000000100"),
        (ULong(0x10), "5310"),
        (Long(-1), "55ff"),
        (-129, "71ffffff7f"),
        ([], "45"),
        ([True], "c0020141"),
        ({}, "c10100"),
        (Symbol("a"), "a30161"),
        (b"\x01", "a00101"),
        (Timestamp(1), "830000000000000001"),
        (uuid.UUID(int=1), "98" + "00" * 15 + "01"),
        (Described(ULong(0x24), []), "00532445"),
        (Array(["a", "b"]), "f00000000f00000002b10000000161" + "0000000162"),
    ],
)
def test_the_wire_is_the_specifications(value: Any, encoded: str) -> None:
    assert encode(value).hex() == encoded


def test_forms_that_others_write_are_read() -> None:
    assert decode(bytes.fromhex("5600"))[0] is False
    assert decode(bytes.fromhex("e00a02700000000100000002"))[0] == [1, 2]
    assert math.isnan(decode(encode(math.nan))[0])


@pytest.mark.parametrize(
    "value", [UByte(256), 1 << 31, Long(1 << 63), Decimal(b"abc"), object(), Symbol("ü"), Array([1])]
)
def test_a_value_that_amqp_has_no_room_for_is_an_error(value: Any) -> None:
    with pytest.raises(AmqpValueError):
        encode(value)


def test_values_nested_without_end_are_an_error() -> None:
    with pytest.raises(AmqpValueError):
        decode(b"\x00" * 100_000)
    nested: Any = []
    for _ in range(100):
        nested = [nested]
    with pytest.raises(AmqpValueError, match="deeper"):
        decode(encode(nested))


@given(st.dictionaries(KEYS, PRIMITIVES, max_size=200))
def test_the_entries_of_a_map_can_be_taken_as_they_are(entries: dict[Any, Any]) -> None:
    raw, count = map_entries(encode(entries), 0)
    assert count == 2 * len(entries)
    assert raw == b"".join(encode(key) + encode(value) for key, value in entries.items())
