"""AMQP's primitive types that Python has no word of its own for (part 1, section 1.6).

A value that was decoded is encoded as the same type again: that is what the subclasses are for. Python's own `bool`,
`int` (AMQP's 32-bit int), `float` (double), `str`, `bytes`, `list`, `dict`, `uuid.UUID` and None stand for themselves.
"""

from dataclasses import dataclass
from typing import Any

from storeflow.errors import ContractError


class AmqpValueError(ContractError):
    """Bytes that are no AMQP, or a value that AMQP has no room for."""


class Symbol(str):
    """ASCII text from a constrained domain, such as an error condition (1.6.21)."""

    __slots__ = ()


class UByte(int):
    """0 to 255 (1.6.3)."""


class UShort(int):
    """16 bits without a sign (1.6.4)."""


class UInt(int):
    """32 bits without a sign (1.6.5)."""


class ULong(int):
    """64 bits without a sign (1.6.6)."""


class Byte(int):
    """8 bits with a sign (1.6.7)."""


class Short(int):
    """16 bits with a sign (1.6.8)."""


class Long(int):
    """64 bits with a sign (1.6.10)."""


class Timestamp(int):
    """Milliseconds since the epoch (1.6.17)."""


class Float(float):
    """32 bits of IEEE 754 (1.6.11)."""


class Char(str):
    """One Unicode character (1.6.16)."""

    __slots__ = ()


class Decimal(bytes):
    """IEEE 754 decimal of 4, 8 or 16 bytes, carried as it came (1.6.13 to 1.6.15)."""

    __slots__ = ()


class Array(list[Any]):
    """Values of one type (1.6.24)."""


@dataclass(frozen=True)
class Described:
    """A value and the descriptor that says what it means (1.3.2): a code (ULong) or a name (Symbol)."""

    descriptor: Any
    value: Any
