"""JSON files that people edit: read strictly, written so that a point is one line.

Python's reader keeps the last of two values with one key without a word, so that of two cameras with one id the first
would be gone; and it takes NaN and Infinity, which no other reader does.
"""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from storeflow.errors import ConfigError


class _Object(dict[str, Any]):
    """A JSON object that knows which of its keys were there twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        keys = [key for key, _ in pairs]
        self.twice = sorted({key for key in keys if keys.count(key) > 1})


class UnreadableError(ConfigError):
    """A file that is not there, can't be opened, or is no JSON: nothing can be said about what is in it."""


def read_json(path: Path, option: str = "") -> Any:
    """Read a JSON file.

    Args:
        path: of the file; every problem begins with it.
        option: by which the file was named, to stand before it.

    Raises:
        UnreadableError: it can't be read, or is no JSON.
        ConfigError: it has a key twice in one object, or a number that is none.
    """
    name = f"{option} {path}".lstrip()
    try:
        document = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_Object)
    except OSError as error:
        raise UnreadableError([f"{name}: {error.strerror}"]) from error
    except ValueError as error:
        raise UnreadableError([f"{name}: not JSON: {error}"]) from error
    if problems := [f"{name}: {problem}" for problem in _problems(document, "")]:
        raise ConfigError(problems)
    return document


def json_text(document: Any) -> str:
    """A document as JSON for people, a line break at its end: two spaces a level, a list of numbers on one line."""
    return f"{_text(document, 0)}\n"


def _text(value: Any, depth: int) -> str:
    """A value whose first character stands `depth` levels deep."""
    if isinstance(value, Mapping):
        opening, parts, closing = "{", [f"{_scalar(key)}: {_text(one, depth + 1)}" for key, one in value.items()], "}"
    elif isinstance(value, list | tuple):
        if all(isinstance(one, int | float) and not isinstance(one, bool) for one in value):
            return f"[{', '.join(map(_scalar, value))}]"
        opening, parts, closing = "[", [_text(one, depth + 1) for one in value], "]"
    else:
        return _scalar(value)
    if not parts:
        return opening + closing
    break_inside, break_after = (f"\n{'  ' * level}" for level in (depth + 1, depth))
    return f"{opening}{break_inside}{f',{break_inside}'.join(parts)}{break_after}{closing}"


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _problems(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, _Object):
        for key in value.twice:
            yield f"{_join(path, key)}: is there twice in one object; only the last one would count"
        for key, child in value.items():
            yield from _problems(child, _join(path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _problems(child, f"{path}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{path or '(document)'}: {value} is not a JSON number"


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
