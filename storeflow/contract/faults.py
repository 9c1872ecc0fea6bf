"""What is wrong with a setting: its path in the document, and what is expected there, in our words.

Only names of settings are repeated here, nothing that was set: a password may have been typed where none belongs.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

SOME_TIME = "2026-01-05T09:00:00Z"

_FACTS = {
    "missing": "is missing",
    "extra_forbidden": "there is no such setting",
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "is {kind}, an object is expected"),
    "tuple_type": "is {kind}, a list is expected",
    "named_tuple_type": "is {kind}, a point [x, y] is expected",
    "too_short": "has {length} entries, at least {min_length} needed",
    "too_long": "has {length} entries, at most {max_length} possible",
    "string_type": "is {kind}, text is expected",
    "string_unicode": "has half a character in it (a lone surrogate)",
    "string_too_short": "has {length} characters, at least {min_length} needed",
    "string_too_long": "has {length} characters, at most {max_length:,} possible",
    "float_type": "is {kind}, a number is expected",
    "float_parsing": 'is text, a number is expected: 10, not "10"',
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size"), "is {kind}, a whole number is expected"),
    "int_from_float": "has a fraction, a whole number is expected",
    "finite_number": "is not a finite number",
    "greater_than": "more than {gt:,.15g} is expected",
    "greater_than_equal": "at least {ge:,.15g} is expected",
    "less_than": "less than {lt:,.15g} is expected",
    "less_than_equal": "at most {le:,.15g} is expected",
    **dict.fromkeys(("bool_type", "bool_parsing"), "is {kind}, true or false is expected"),
    **dict.fromkeys(
        ("datetime_type", "datetime_parsing", "datetime_from_date_parsing", "datetime_object_invalid"),
        f"is no time such as {SOME_TIME}",
    ),
    "timezone_aware": f"has no time zone: {SOME_TIME} has one, Z for UTC",
    "literal_error": "{expected} is expected",
    "union_tag_not_found": "{discriminator}: is missing",
    "union_tag_invalid": "{discriminator}: one of {expected_tags} is expected",
}
"""By pydantic's name of the error; in braces what pydantic knows of it, and `kind` and `length` of what was written."""

_OF_STRICT_NUMBERS = {("float_type", str): "float_parsing", ("int_type", float): "int_from_float"}
"""By what a number that is read strictly is called wrong, and what was written: what it is called where it isn't."""

_FORMS = {
    r"^[A-Za-z0-9_-]{1,64}$": "an id has 1 to 64 of the characters A-Z a-z 0-9 _ -",
    r"^[A-Za-z0-9_-]{1,64}\.ndjson$": "1 to 64 of the characters A-Z a-z 0-9 _ - and then .ndjson are expected",
    r"^[A-Za-z0-9_.-]{1,128}$": "a file name has 1 to 128 of the characters A-Z a-z 0-9 _ . -",
    r"^[A-Za-z0-9_+/-]{1,64}$": "a time zone has a name like Europe/Berlin",
    r"^([01][0-9]|2[0-3]):[0-5][0-9]$": "a time of day is expected, from 00:00 to 23:59",
    r"^storeflow(\.[A-Za-z0-9_-]+)*(\.\*)?$": "an event type is expected: storeflow.line.crossed, storeflow.zone.*",
    r"^[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?$": "a host name such as contoso.servicebus.windows.net is expected",
    r"^[A-Za-z0-9._-]{1,256}$": "an event hub has a name of 1 to 256 of the characters A-Z a-z 0-9 . _ -",
    r"^[0-9a-f]{64}$": "a SHA-256 is expected: 64 of the characters 0-9 a-f",
}
"""What a text has to look like, by its pattern."""

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (type(None), "null"),
    (bool, "true or false"),
    (str, "text"),
    ((int, float), "a number"),
    ((list, tuple), "a list"),
    (Mapping, "an object"),
)


def faults(error: ValidationError, document: Any, *prefix: str) -> list[str]:
    """Everything that is wrong with a document, one `path.to.field: fact` each; a list's first entry is `[0]`.

    Args:
        error: what pydantic says of it.
        document: as it was read.
        prefix: what every path begins with.
    """
    found = []
    for problem in error.errors(include_url=False):
        if problem["type"] == "too_short" and len(problem["input"]) >= problem["ctx"]["min_length"]:
            continue  # pydantic counts the good entries only, and has a fault for each of the others
        path, fact = [*prefix, *_path(problem["loc"], document)], _fact(problem)
        field, separator, rest = fact.partition(": ")
        # A model's own check names the field that it is about.
        if separator and re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", field):
            path, fact = [*path, field], rest
        found.append(f"{_joined(path)}: {fact}")
    return found


def first_fault(error: ValidationError, what: str) -> str:
    """The first fault of a message that no operator wrote: `what.path.to.field: fact`, in pydantic's words."""
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, (what, *first['loc'])))}: {first['msg']}"


def _fact(problem: Mapping[str, Any]) -> str:
    name, given, known = problem["type"], problem["input"], problem.get("ctx", {})
    if name == "value_error":
        return str(known["error"])
    if name == "string_pattern_mismatch":
        return _FORMS.get(known["pattern"], f"the form {known['pattern']} is expected")
    name = _OF_STRICT_NUMBERS.get((name, type(given)), name)
    words = {key: value.replace("'", "") if isinstance(value, str) else value for key, value in known.items()}
    length = len(given) if isinstance(given, Sequence | Mapping) else 0
    return _FACTS.get(name, f"is not what is expected ({name})").format(**words, kind=_kind(given), length=length)


def _joined(path: Sequence[int | str]) -> str:
    """As `twin_limits` and the command line write it: `zones.aisle.polygon[1]`."""
    return "".join(f"[{place}]" if isinstance(place, int) else f".{place}" for place in path).removeprefix(".")


def _path(places: Sequence[int | str], document: Any) -> Iterator[int | str]:
    """The places without those that only pydantic sees: which kind of a sink it read, and that a key is meant."""
    node = document
    for number, place in enumerate(places):
        inside = isinstance(node, Mapping) and place in node
        if inside or (isinstance(node, list | tuple) and isinstance(place, int) and place < len(node)):
            node = node[place]
            yield place
        elif number == len(places) - 1 and place != "[key]":
            yield place


def _kind(value: Any) -> str:
    return next((name for types, name in _KINDS if isinstance(value, types)), f"a {type(value).__name__}")
