"""The WHERE language of edgeHub routes: text in, a function of a message out.

Sources, Azure/iotedge, edge-hub/core/src/Microsoft.Azure.Devices.Routing.Core:
`grammar/GrammarLexer.g4` (tokens, and that the longest one wins), `query/ConditionVisitor.cs`
(operators, their operand types, which functions exist), `query/builtins/Args.cs` (types are
checked when a route is read) and `query/Bool.cs` (three-valued logic). Operators bind in the
order of the visitor's methods.

Operand types are checked as edgeHub checks them: a property is a string, so `count > 3` is
refused (`as_number(count) > 3` is meant), while `$body.count > 3` takes its type from the body.
Ours is the bound on how long a condition may be, `MAX_TOKENS`: each word and sign may nest, far below where Python
would give up. Not covered: the functions `twin_change_includes` and `index_of`, hexadecimal numbers, comments.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from storeflow.errors import ConfigError
from storeflow.iot_hub.condition_values import FUNCTIONS, UNDEFINED, Kind, arithmetic, body_value, compare, lookup
from storeflow.iot_hub.message import Message

MAX_TOKENS = 250

_TOKENS = [
    ("string", re.compile(r'"(?:\\.|[^"\\])*"|' + r"'(?:\\.|[^'\\])*'", re.DOTALL)),
    ("unterminated string", re.compile(r'"(?:\\.|[^"\\])*|' + r"'(?:\\.|[^'\\])*", re.DOTALL)),
    ("number", re.compile(r"-?\d*\.\d+(?:[Ee][+-]?\d+)?|-?\d+(?:[Ee][+-]?\d+)?")),
    ("operator", re.compile(r"<=|>=|!=|<>|\|\||\?\?|[-+*/%<>=(),{}]")),
    ("system", re.compile(r'\$[^()<>@,;:\\"/?={}\s]+')),
    ("name", re.compile(r'[^()<>@,;:\\"/\[\]?={}\s]+')),
]
_PRECEDENCE = {
    "??": 1,
    "or": 2,
    "and": 3,
    **dict.fromkeys(("=", "!=", "<>"), 4),
    **dict.fromkeys(("<", "<=", ">", ">="), 5),
    **dict.fromkeys(("+", "-", "||"), 6),
    **dict.fromkeys(("*", "/", "%"), 7),
}
_UNARY_PRECEDENCE = 8
_LITERALS = {
    "true": (Kind.BOOLEAN, True),
    "false": (Kind.BOOLEAN, False),
    "null": (Kind.NULL, None),
    "undefined": (Kind.UNDEFINED, UNDEFINED),
}

Evaluate = Callable[[Message], Any]


@dataclass(frozen=True)
class Expression:
    """A part of a condition: the kind of value it gives and how to get it from a message."""

    kind: Kind
    evaluate: Evaluate


def parse_condition(text: str) -> Callable[[Message], bool]:
    """Turn a condition into a predicate; only a value of true matches.

    Raises:
        ConfigError: the text is no condition, is too long, or an operator is given what it cannot take.
    """
    tokens = _tokens(text)
    if len(tokens) > MAX_TOKENS:
        raise ConfigError([f"WHERE: {len(tokens)} words and signs; {MAX_TOKENS} at most: make two routes of it"])
    parser = _Parser(tokens)
    expression = parser.expression(0)
    parser.expect_end()
    return lambda message: expression.evaluate(message) is True


def _tokens(text: str) -> list[tuple[str, str]]:
    """Split into (type, text). Of several tokens that fit, the longest wins, then the first.

    So `kind!='a'` compares a property named `kind!`, as it does in edgeHub: put spaces.
    """
    found: list[tuple[str, str]] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        fits = [(kind, match[0]) for kind, pattern in _TOKENS if (match := pattern.match(text, position))]
        if not fits:
            raise ConfigError([f"WHERE: cannot read {text[position : position + 20]!r}"])
        token = max(fits, key=lambda fit: len(fit[1]))
        found.append(token)
        position += len(token[1])
    return found


class _Parser:
    """Precedence climbing over the tokens."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._position = 0

    def expect_end(self) -> None:
        if self._position < len(self._tokens):
            raise ConfigError([f"WHERE: {self._peek()[1]!r} was not expected"])

    def expression(self, binding: int) -> Expression:
        left = self._operand()
        while True:
            kind, text = self._peek()
            operator = text.lower() if kind in ("operator", "name") else ""
            precedence = _PRECEDENCE.get(operator, 0)
            if precedence <= binding:
                return left
            self._position += 1
            left = _binary(operator, left, self.expression(precedence))

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._position] if self._position < len(self._tokens) else ("end", "the end")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._position += 1
        return token

    def _expect(self, text: str) -> None:
        if (found := self._next()) != ("operator", text):
            raise ConfigError([f"WHERE: expected {text!r}, got {found[1]!r}"])

    def _operand(self) -> Expression:
        kind, text = self._next()
        match kind, text:
            case "number", _:
                operand = _constant(Kind.NUMBER, float(text))
            case "string", _:
                operand = _constant(Kind.STRING, re.sub(r"\\([\"'\\])", r"\1", text[1:-1]))
            case "system", _:
                operand = _system_property(text, application_first=True)
            case "operator", "{":
                operand = _system_property(self._next()[1], application_first=False)
                self._expect("}")
            case "operator", "(":
                operand = self.expression(0)
                self._expect(")")
            case "operator", "-":
                operand = _negate(self.expression(_UNARY_PRECEDENCE))
            case "name", _:
                operand = self._name(text)
            case _:
                raise ConfigError([f"WHERE: {text!r} was not expected"])
        return operand

    def _name(self, text: str) -> Expression:
        if text.lower() == "not":
            return _not(self.expression(_UNARY_PRECEDENCE))
        if text in _LITERALS:
            return _constant(*_LITERALS[text])
        if self._peek() == ("operator", "("):
            return self._call(text)
        return Expression(Kind.STRING, lambda message: lookup(message.properties, text))

    def _call(self, name: str) -> Expression:
        self._expect("(")
        arguments: list[Expression] = []
        while self._peek() != ("operator", ")"):
            if arguments:
                self._expect(",")
            arguments.append(self.expression(0))
        self._expect(")")
        return _call(name, arguments)


def _constant(kind: Kind, value: Any) -> Expression:
    return Expression(kind, lambda _: value)


def _system_property(name: str, *, application_first: bool) -> Expression:
    """Read `$name`: an application property of that name wins unless it is written `{$name}`."""
    path = name[len("$body.") :] if name.lower().startswith("$body.") else None

    def evaluate(message: Message) -> Any:
        if application_first and (own := lookup(message.properties, name)) is not UNDEFINED:
            return own
        return lookup(message.system, name[1:]) if path is None else body_value(message, path)

    return Expression(Kind.STRING if path is None else Kind.BODY, evaluate)


def _not(operand: Expression) -> Expression:
    _require("NOT", Kind.BOOLEAN, operand)

    def evaluate(message: Message) -> Any:
        value = operand.evaluate(message)
        return not value if isinstance(value, bool) else UNDEFINED

    return Expression(Kind.BOOLEAN, evaluate)


def _negate(operand: Expression) -> Expression:
    _require("-", Kind.NUMBER, operand)
    return Expression(Kind.NUMBER, lambda message: arithmetic("-", 0.0, operand.evaluate(message)))


def _binary(operator: str, left: Expression, right: Expression) -> Expression:
    if operator in ("and", "or"):
        _require(operator.upper(), Kind.BOOLEAN, left, right)
        decisive = operator == "or"
        return Expression(Kind.BOOLEAN, lambda message: _logic(decisive, left, right, message))
    if operator == "??":
        _require(operator, left.kind, right)
        return Expression(left.kind, lambda message: _first_defined(left, right, message))
    if operator in ("=", "!=", "<>", "<", "<=", ">", ">="):
        _require(operator, left.kind, right)
        return Expression(
            Kind.BOOLEAN,
            lambda message: compare(operator, left.evaluate(message), right.evaluate(message)),
        )
    if operator == "||":
        return _call("concat", [left, right])
    _require(operator, Kind.NUMBER, left, right)
    return Expression(
        Kind.NUMBER,
        lambda message: arithmetic(operator, left.evaluate(message), right.evaluate(message)),
    )


def _logic(decisive: bool, left: Expression, right: Expression, message: Message) -> Any:
    """AND is decided by one false, OR by one true; else an undefined operand leaves it undefined."""
    values = (left.evaluate(message), right.evaluate(message))
    if any(value is decisive for value in values):
        return decisive
    return not decisive if all(isinstance(value, bool) for value in values) else UNDEFINED


def _first_defined(left: Expression, right: Expression, message: Message) -> Any:
    value = left.evaluate(message)
    return right.evaluate(message) if value is UNDEFINED else value


def _call(name: str, arguments: list[Expression]) -> Expression:
    function = FUNCTIONS.get(name.lower())
    if function is None:
        raise ConfigError([f"WHERE: edgeHub has no function {name!r}, or it is not covered here"])
    expected = function.arguments * len(arguments) if function.variadic else function.arguments
    if len(expected) != len(arguments):
        raise ConfigError([f"WHERE: {name} takes {len(expected)} arguments, got {len(arguments)}"])
    for kind, argument in zip(expected, arguments, strict=True):
        if kind is not Kind.ANY:
            _require(name, kind, argument)

    def evaluate(message: Message) -> Any:
        return function(*(argument.evaluate(message) for argument in arguments))

    return Expression(function.result, evaluate)


def _require(operator: str, kind: Kind, *operands: Expression) -> None:
    for operand in operands:
        if operand.kind is not kind and Kind.BODY not in (operand.kind, kind):
            mixed = {operand.kind, kind} == {Kind.STRING, Kind.NUMBER}
            hint = "; a property is a string: use as_number(…)" if mixed else ""
            fact = f"{operator} takes a {kind.value} here, got a {operand.kind.value}"
            raise ConfigError([f"WHERE: {fact}{hint}"])
