"""Values to bytes (part 1, sections 1.2 and 1.6), each in the shortest form that AMQP has for it."""

import struct
import uuid
from collections.abc import Callable
from typing import Any

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

_ONE_BYTE = 256

Encoder = Callable[[Any], bytes]


def encode(value: Any) -> bytes:
    """Encode one value.

    Raises:
        AmqpValueError: AMQP has no type for it, or it doesn't fit into its type.
    """
    encoder = _ENCODERS.get(type(value))
    if encoder is None:
        raise AmqpValueError(f"AMQP has no type for {type(value).__name__}")
    try:
        return encoder(value)
    except (struct.error, UnicodeEncodeError) as error:
        raise AmqpValueError(f"{value!r} is no AMQP {type(value).__name__}: {error}") from error


def encode_map(entries: bytes, count: int) -> bytes:
    """Encode a map of entries that are encoded already.

    Args:
        entries: keys and values in turn.
        count: keys plus values.
    """
    return _sequence(0xC1, 0xD1, count, entries)


def _variable(short: int, long: int, raw: bytes) -> bytes:
    if len(raw) < _ONE_BYTE:
        return bytes((short, len(raw))) + raw
    return struct.pack(">BI", long, len(raw)) + raw


def _sequence(short: int, long: int, count: int, items: bytes) -> bytes:
    # The size counts the count as well.
    if count < _ONE_BYTE and len(items) < _ONE_BYTE - 1:
        return bytes((short, len(items) + 1, count)) + items
    return struct.pack(">BII", long, len(items) + 4, count) + items


def _fixed(code: int, layout: str) -> Encoder:
    pack = struct.Struct(f">B{layout}").pack
    return lambda value: pack(code, value)


def _small(zero: int | None, small: int, full: int, layout: str) -> Encoder:
    """Unsigned numbers, which have shorter forms for 0 and for one byte."""
    pack = struct.Struct(f">B{layout}").pack

    def encoder(value: int) -> bytes:
        if value == 0 and zero is not None:
            return bytes((zero,))
        return bytes((small, value)) if 0 <= value < _ONE_BYTE else pack(full, value)

    return encoder


def _small_signed(small: int, full: int, layout: str) -> Encoder:
    pack_small, pack = struct.Struct(">Bb").pack, struct.Struct(f">B{layout}").pack
    return lambda value: pack_small(small, value) if -128 <= value <= 127 else pack(full, value)  # noqa: PLR2004 - a byte


def _string(value: str) -> bytes:
    return _variable(0xA1, 0xB1, value.encode())


def _decimal(value: bytes) -> bytes:
    codes = {4: 0x74, 8: 0x84, 16: 0x94}
    if len(value) not in codes:
        raise AmqpValueError(f"a decimal has 4, 8 or 16 bytes, not {len(value)}")
    return bytes((codes[len(value)],)) + value


def _array(value: list[Any]) -> bytes:
    """Only what Event Hubs writes and reads: arrays of strings or of symbols."""
    kinds = {type(item) for item in value}
    if kinds - {str} and kinds - {Symbol}:
        raise AmqpValueError(f"arrays are of strings or of symbols here, not of {kinds}")
    code = 0xB3 if kinds == {Symbol} else 0xB1
    texts = [item.encode() for item in value]
    items = b"".join(struct.pack(">I", len(text)) + text for text in texts)
    return struct.pack(">BIIB", 0xF0, len(items) + 5, len(texts), code) + items


def _list(value: list[Any]) -> bytes:
    return _sequence(0xC0, 0xD0, len(value), b"".join(map(encode, value))) if value else b"\x45"


def _map(value: dict[Any, Any]) -> bytes:
    return encode_map(b"".join(encode(key) + encode(item) for key, item in value.items()), 2 * len(value))


_ENCODERS: dict[type, Encoder] = {
    type(None): lambda _: b"\x40",
    bool: lambda value: b"\x41" if value else b"\x42",
    UByte: _fixed(0x50, "B"),
    UShort: _fixed(0x60, "H"),
    UInt: _small(0x43, 0x52, 0x70, "I"),
    ULong: _small(0x44, 0x53, 0x80, "Q"),
    Byte: _fixed(0x51, "b"),
    Short: _fixed(0x61, "h"),
    int: _small_signed(0x54, 0x71, "i"),
    Long: _small_signed(0x55, 0x81, "q"),
    Float: _fixed(0x72, "f"),
    float: _fixed(0x82, "d"),
    Timestamp: _fixed(0x83, "q"),
    Decimal: _decimal,
    Char: lambda value: b"\x73" + value.encode("utf-32-be"),
    uuid.UUID: lambda value: b"\x98" + value.bytes,
    bytes: lambda value: _variable(0xA0, 0xB0, value),
    str: _string,
    Symbol: lambda value: _variable(0xA3, 0xB3, value.encode("ascii")),
    list: _list,
    Array: _array,
    dict: _map,
    Described: lambda value: b"\x00" + encode(value.descriptor) + encode(value.value),
}
