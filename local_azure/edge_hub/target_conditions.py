"""Target conditions of deployments: which devices a deployment is for.

Sources, learn.microsoft.com: azure/iot-edge/module-deployment-monitoring ("Target condition": tags and `deviceId`,
single quotes only, doubled inside a value), azure/iot-hub/iot-hub-automatic-device-management (`*` for all),
azure/iot-hub/iot-hub-devguide-query-language (AND, OR, NOT, comparisons, IN and NIN with a list, `is_defined`),
cli/azure/iot/edge/deployment (an empty condition is for no device). What a device doesn't have is undefined, and no
comparison with it is true.

Left out: conditions on reported properties, and the other functions of the query language. How deeply IoT Hub lets
conditions be nested isn't documented; `MAX_DEPTH` is ours, far below where Python would give up.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from storeflow.errors import ConfigError
from storeflow.iot_hub.condition_values import UNDEFINED, compare

MAX_DEPTH = 32
"""Brackets and NOTs within one another."""

Device = Mapping[str, Any]
"""`deviceId` and `tags`."""

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>'(?:[^']|'')*')
            | (?P<number>-?\d+(?:\.\d+)?)
            | (?P<operator><=|>=|!=|<>|[=<>()\[\],])
            | (?P<name>[A-Za-z_$][\w$.-]*))""",
    re.VERBOSE,
)
_COMPARISONS = ("=", "!=", "<>", "<", "<=", ">", ">=")
_KEYWORDS = ("and", "or", "not", "in", "nin", "is_defined", "true", "false")
_LITERALS = {"true": True, "false": False}

Evaluate = Callable[[Device], Any]


def parse_target_condition(text: str) -> Callable[[Device], bool]:
    """Turn a condition into a predicate; only a value of true matches.

    Raises:
        ConfigError: the text is no such condition.
    """
    if not text.strip():
        return lambda _: False
    if text.strip() == "*":
        return lambda _: True
    parser = _Parser(_tokens(text))
    evaluate = parser.alternatives()
    parser.expect("")
    return lambda device: evaluate(device) is True


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise ConfigError([f"targetCondition: cannot read {text[position:].strip()[:20]!r}; quotes are single"])
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        position = match.end()
    return found


class _Parser:
    """OR binds least, then AND, then NOT."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = [*tokens, ("end", "")]
        self._depth = 0

    def alternatives(self) -> Evaluate:
        found = [self._all()]
        while self._take("or"):
            found.append(self._all())
        return lambda device: _any(part(device) for part in found)

    def expect(self, text: str) -> None:
        if not self._take(text):
            raise ConfigError([f"targetCondition: expected {text or 'the end'!r}, got {self._tokens[0][1]!r}"])

    def _all(self) -> Evaluate:
        found = [self._one()]
        while self._take("and"):
            found.append(self._one())
        return lambda device: _not(_any(_not(part(device)) for part in found))

    def _one(self) -> Evaluate:
        if self._take("not"):
            operand = self._within(self._one)
            return lambda device: _not(operand(device))
        if self._take("("):
            inside = self._within(self.alternatives)
            self.expect(")")
            return inside
        if self._take("is_defined"):
            self.expect("(")
            path = self._path()
            self.expect(")")
            return lambda device: _lookup(device, path) is not UNDEFINED
        return self._comparison(self._path())

    def _within(self, part: Callable[[], Evaluate]) -> Evaluate:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ConfigError([f"targetCondition: is nested more than {MAX_DEPTH} deep; take brackets and NOTs out"])
        evaluate = part()
        self._depth -= 1
        return evaluate

    def _comparison(self, path: str) -> Evaluate:
        kind, text = self._tokens.pop(0)
        if kind == "operator" and text in _COMPARISONS:
            value = self._value()
            return lambda device: compare(text, _lookup(device, path), value)
        if kind != "name" or text.lower() not in ("in", "nin"):
            raise ConfigError([f"targetCondition: expected a comparison after {path}, got {text or 'the end'!r}"])
        values = self._list()

        def inside(device: Device) -> Any:
            return _any(compare("=", _lookup(device, path), value) for value in values)

        return inside if text.lower() == "in" else lambda device: _not(inside(device))

    def _list(self) -> list[Any]:
        self.expect("[")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        self.expect("]")
        return values

    def _path(self) -> str:
        kind, text = self._tokens.pop(0)
        known = text == "deviceId" or (text.startswith("tags.") and all(text.split(".")))
        if kind != "name" or not known:
            raise ConfigError([f"targetCondition: expected deviceId or tags.…, got {text or 'the end'!r}"])
        return text

    def _value(self) -> Any:
        kind, text = self._tokens.pop(0)
        if kind == "string":
            return text[1:-1].replace("''", "'")
        if kind == "number":
            return float(text)
        if text.lower() not in _LITERALS:
            raise ConfigError([f"targetCondition: expected 'text', a number, true or false, got {text or 'the end'!r}"])
        return _LITERALS[text.lower()]

    def _take(self, text: str) -> bool:
        kind, found = self._tokens[0]
        if kind == "string" or (found.lower() if text in _KEYWORDS else found) != text:
            return False
        del self._tokens[: 1 if text else 0]
        return True


def _not(value: Any) -> Any:
    return not value if isinstance(value, bool) else UNDEFINED


def _any(values: Iterable[Any]) -> Any:
    """OR: one true decides; else an undefined operand leaves it undefined."""
    found = list(values)
    if any(value is True for value in found):
        return True
    return False if all(value is False for value in found) else UNDEFINED


def _lookup(device: Device, path: str) -> Any:
    value: Any = device
    for step in path.split("."):
        if not isinstance(value, Mapping) or step not in value:
            return UNDEFINED
        value = value[step]
    return value
