"""The values that a route's condition computes with: kinds, look-ups, comparisons, functions.

Sources as in `conditions.py`, with `query/builtins/*.cs` for the functions and
`query/builtins/ComparisonOperators.cs` for the comparisons.
"""

import json
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from storeflow.iot_hub.message import Message


class Kind(Enum):
    """The type of an expression, known when a route is read."""

    NUMBER = "number"
    STRING = "string"
    BOOLEAN = "boolean"
    NULL = "null"
    UNDEFINED = "undefined"
    BODY = "value of the body"
    """Known only when a message comes; fits every operator."""
    ANY = "value"


class _Undefined(Enum):
    """The value of what is not there; no comparison with it is true."""

    UNDEFINED = "undefined"


UNDEFINED = _Undefined.UNDEFINED

_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": math.fmod,
}


def lookup(properties: Mapping[str, str], name: str) -> Any:
    """Find a property; names are compared without case, as edgeHub's dictionaries are built."""
    wanted = name.lower()
    return next((value for key, value in properties.items() if key.lower() == wanted), UNDEFINED)


def body_value(message: Message, path: str) -> Any:
    """Find `a.b[0].c` in a JSON body.

    Undefined unless the message says `application/json` in UTF-8, -16 or -32, where the body
    is no JSON, and for whole objects and arrays (`BodyQuery.cs`); null where nothing is there.
    """
    encoding = message.system.get("contentEncoding", "").lower()
    if message.system.get("contentType", "").lower() != "application/json":
        return UNDEFINED
    if encoding not in ("utf-8", "utf-16", "utf-32"):
        return UNDEFINED
    try:
        value = json.loads(message.body.decode(encoding))
    except ValueError:
        return UNDEFINED
    for step in path.replace("[", ".[").split("."):
        try:
            value = value[int(step[1:-1])] if step.startswith("[") else value[step]
        except (LookupError, TypeError, ValueError):
            return None
    if isinstance(value, dict | list):
        return UNDEFINED
    return float(value) if _is_number(value) else value


def compare(symbol: str, left: Any, right: Any) -> Any:
    """Compare two values of one kind; of different kinds, or undefined, the answer is undefined."""
    same = _is_number(left) and _is_number(right)
    same |= any(isinstance(left, kind) and isinstance(right, kind) for kind in (str, bool))
    if not same:
        return UNDEFINED
    order = (left > right) - (left < right)
    return {
        "=": order == 0,
        "!=": order != 0,
        "<>": order != 0,
        "<": order < 0,
        "<=": order <= 0,
        ">": order > 0,
        ">=": order >= 0,
    }[symbol]


def arithmetic(symbol: str, left: Any, right: Any) -> Any:
    """Compute with two numbers; anything else, and a division by zero, is undefined."""
    if not (_is_number(left) and _is_number(right)):
        return UNDEFINED
    if symbol in ("/", "%") and right == 0:
        return UNDEFINED
    result: float = _ARITHMETIC[symbol](left, right)
    return result


@dataclass(frozen=True)
class Function:
    """One built-in: the kinds it takes and gives, and what it computes.

    Attributes:
        accepts: the Python types that every argument must have; the call is undefined otherwise.
    """

    arguments: tuple[Kind, ...]
    result: Kind
    compute: Callable[..., Any]
    accepts: tuple[type, ...]
    variadic: bool = False

    def __call__(self, *values: Any) -> Any:
        """Compute, or give undefined for values of the wrong type and outside the domain."""
        if self.accepts and not all(isinstance(value, self.accepts) for value in values):
            return UNDEFINED
        try:
            return self.compute(*values)
        except (ValueError, OverflowError):
            return UNDEFINED


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number_function(compute: Callable[..., float], arity: int = 1) -> Function:
    return Function((Kind.NUMBER,) * arity, Kind.NUMBER, lambda *values: float(compute(*values)), (float,))


def _string_function(compute: Callable[..., Any], arity: int, result: Kind) -> Function:
    return Function((Kind.STRING,) * arity, result, compute, (str,))


def _test(compute: Callable[[Any], bool]) -> Function:
    return Function((Kind.ANY,), Kind.BOOLEAN, compute, ())


FUNCTIONS: Mapping[str, Function] = {
    "abs": _number_function(abs),
    "ceiling": _number_function(math.ceil),
    "exp": _number_function(math.exp),
    "floor": _number_function(math.floor),
    "power": _number_function(math.pow, 2),
    "sign": _number_function(lambda value: (value > 0) - (value < 0)),
    "sqrt": _number_function(math.sqrt),
    "square": _number_function(lambda value: value * value),
    "as_number": _string_function(float, 1, Kind.NUMBER),
    "is_bool": _test(lambda value: isinstance(value, bool)),
    "is_defined": _test(lambda value: value is not UNDEFINED),
    "is_null": _test(lambda value: value is None),
    "is_number": _test(_is_number),
    "is_string": _test(lambda value: isinstance(value, str)),
    "concat": Function((Kind.STRING,), Kind.STRING, lambda *parts: "".join(parts), (str,), variadic=True),
    "contains": _string_function(lambda text, part: part in text, 2, Kind.BOOLEAN),
    "ends_with": _string_function(str.endswith, 2, Kind.BOOLEAN),
    "length": _string_function(lambda text: float(len(text)), 1, Kind.NUMBER),
    "lower": _string_function(str.lower, 1, Kind.STRING),
    "starts_with": _string_function(str.startswith, 2, Kind.BOOLEAN),
    "substring": Function(
        (Kind.STRING, Kind.NUMBER),
        Kind.STRING,
        lambda text, start: text[int(start) :],
        (str, float),
    ),
    "upper": _string_function(str.upper, 1, Kind.STRING),
}
