"""Bytes to values (part 1, sections 1.2 and 1.6)."""

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

Buffer = bytes | bytearray | memoryview

_DESCRIBED = 0x00
_EMPTY_LIST = 0x45
_LISTS = (0xC0, 0xD0)
_MAPS = (0xC1, 0xD1)
_ARRAYS = (0xE0, 0xF0)
_WIDTHS = {0x4: 0, 0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}
"""Bytes of a fixed-width value, by the upper half of its constructor (figure 1.2)."""

_ONE_BYTE_SIZES = (0xA, 0xC, 0xE)
_FOUR_BYTE_SIZES = (0xB, 0xD, 0xF)
_MAX_DEPTH = 32
_length = struct.Struct(">I").unpack_from

_CONSTANTS: dict[int, Any] = {0x40: None, 0x41: True, 0x42: False, 0x43: UInt(0), 0x44: ULong(0)}

_NUMBERS: dict[int, tuple[Callable[..., tuple[Any, ...]], int, Callable[[Any], Any]]] = {
    code: (struct.Struct(f">{layout}").unpack_from, struct.calcsize(f">{layout}"), kind)
    for code, layout, kind in (
        (0x50, "B", UByte),
        (0x51, "b", Byte),
        (0x52, "B", UInt),
        (0x53, "B", ULong),
        (0x54, "b", int),
        (0x55, "b", Long),
        (0x56, "B", bool),
        (0x60, "H", UShort),
        (0x61, "h", Short),
        (0x70, "I", UInt),
        (0x71, "i", int),
        (0x72, "f", Float),
        (0x80, "Q", ULong),
        (0x81, "q", Long),
        (0x82, "d", float),
        (0x83, "q", Timestamp),
    )
}

_BYTES: dict[int, Callable[[bytes], Any]] = {
    0x73: lambda raw: Char(raw.decode("utf-32-be")),
    0x74: Decimal,
    0x84: Decimal,
    0x94: Decimal,
    0x98: lambda raw: uuid.UUID(bytes=raw),
    0xA0: bytes,
    0xB0: bytes,
    0xA1: lambda raw: raw.decode(),
    0xB1: lambda raw: raw.decode(),
    0xA3: lambda raw: Symbol(raw.decode("ascii")),
    0xB3: lambda raw: Symbol(raw.decode("ascii")),
}


def decode(buffer: Buffer, position: int = 0) -> tuple[Any, int]:
    """Decode the value that starts at a position.

    Returns:
        The value, and the position after it.

    Raises:
        AmqpValueError: there is none, or it ends too early.
    """
    try:
        return _value(buffer, position, _MAX_DEPTH)
    except (IndexError, struct.error, UnicodeDecodeError, ValueError, TypeError) as error:
        raise AmqpValueError(f"no AMQP value at byte {position}: {error}") from error


def skip(buffer: Buffer, position: int) -> int:
    """Return the position after the value that starts at one, without decoding it.

    Raises:
        AmqpValueError: there is none, or it ends too early.
    """
    try:
        end = _after(buffer, position)
    except (IndexError, struct.error, KeyError) as error:
        raise AmqpValueError(f"no AMQP value at byte {position}: {error!r}") from error
    if end > len(buffer):
        raise AmqpValueError(f"the value at byte {position} ends after the buffer does")
    return end


def map_entries(buffer: Buffer, position: int) -> tuple[bytes, int]:
    """Return the encoded entries of the map at a position, and how many keys and values they are."""
    end = skip(buffer, position)
    if buffer[position] == _MAPS[0]:
        return bytes(buffer[position + 3 : end]), buffer[position + 2]
    if buffer[position] == _MAPS[1]:
        return bytes(buffer[position + 9 : end]), _length(buffer, position + 5)[0]
    raise AmqpValueError(f"expected a map at byte {position}, got constructor {buffer[position]:#x}")


def _after(buffer: Buffer, position: int) -> int:
    while buffer[position] == _DESCRIBED:
        position = _after(buffer, position + 1)
    family = buffer[position] >> 4
    if family in _ONE_BYTE_SIZES:
        return position + 2 + buffer[position + 1]
    if family in _FOUR_BYTE_SIZES:
        return position + 5 + int(_length(buffer, position + 1)[0])
    return position + 1 + _WIDTHS[family]


def _value(buffer: Buffer, position: int, depth: int) -> tuple[Any, int]:
    code = buffer[position]
    if code == _DESCRIBED:
        _check_depth(depth)
        descriptor, position = _value(buffer, position + 1, depth - 1)
        value, position = _value(buffer, position, depth - 1)
        return Described(descriptor, value), position
    return _of(code, buffer, position + 1, depth)


def _of(code: int, buffer: Buffer, position: int, depth: int) -> tuple[Any, int]:
    """Decode the value of a constructor that has been read."""
    if number := _NUMBERS.get(code):
        unpack, width, kind = number
        return kind(unpack(buffer, position)[0]), position + width
    if code in _CONSTANTS:
        return _CONSTANTS[code], position
    start, end = _content(code, buffer, position)
    if convert := _BYTES.get(code):
        return convert(bytes(buffer[start:end])), end
    _check_depth(depth)
    return _compound(code, buffer, position, end, depth), end


def _compound(code: int, buffer: Buffer, position: int, end: int, depth: int) -> list[Any] | dict[Any, Any]:
    if code == _EMPTY_LIST:
        return []
    if code in _ARRAYS:
        return _array(code, buffer, position, depth)
    if code not in _LISTS and code not in _MAPS:
        raise AmqpValueError(f"no such constructor: {code:#x}")
    items = _items(code, buffer, position, end, depth)
    return items if code in _LISTS else dict(zip(items[::2], items[1::2], strict=True))


def _content(code: int, buffer: Buffer, position: int) -> tuple[int, int]:
    """Return where the content of a constructor that has been read begins, after its size if it has one, and ends."""
    family = code >> 4
    if family in _WIDTHS:
        start, end = position, position + _WIDTHS[family]
    elif family in _ONE_BYTE_SIZES:
        start, end = position + 1, position + 1 + buffer[position]
    elif family in _FOUR_BYTE_SIZES:
        start, end = position + 4, position + 4 + int(_length(buffer, position)[0])
    else:
        raise AmqpValueError(f"no such constructor: {code:#x}")
    if end > len(buffer):
        raise AmqpValueError(f"a value of {end - start} bytes where {len(buffer) - start} are left")
    return start, end


def _items(code: int, buffer: Buffer, position: int, end: int, depth: int) -> list[Any]:
    count, position = _count(code, buffer, position)
    items = []
    for _ in range(count):
        item, position = _value(buffer, position, depth - 1)
        items.append(item)
        if position > end:
            raise AmqpValueError("a list or map whose items are longer than it")
    return items


def _array(code: int, buffer: Buffer, position: int, depth: int) -> Array:
    count, position = _count(code, buffer, position)
    constructor, position = buffer[position], position + 1
    items = Array()
    if count > len(buffer):
        raise AmqpValueError(f"an array of {count} items in {len(buffer)} bytes")
    for _ in range(count):
        item, position = _of(constructor, buffer, position, depth - 1)
        items.append(item)
    return items


def _count(code: int, buffer: Buffer, position: int) -> tuple[int, int]:
    if code >> 4 in _ONE_BYTE_SIZES:
        return buffer[position + 1], position + 2
    return _length(buffer, position + 4)[0], position + 8


def _check_depth(depth: int) -> None:
    if depth <= 0:
        raise AmqpValueError(f"values are nested deeper than {_MAX_DEPTH} levels")
