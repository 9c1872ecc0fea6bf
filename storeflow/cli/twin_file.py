"""Reading a JSON file that somebody wrote by hand, strictly.

Python's reader keeps the last of two values with one key without a word, so that of two cameras with one id the first
would be gone; and it takes NaN and Infinity, which no other reader does.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from storeflow.errors import ConfigError


class _Object(dict[str, Any]):
    """A JSON object that knows which of its keys were there twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        keys = [key for key, _ in pairs]
        self.twice = sorted({key for key in keys if keys.count(key) > 1})


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ConfigError: it can't be read, is no JSON, has a key twice in one object, or a number that is none.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_Object)
    except OSError as error:
        raise ConfigError([f"(file): {error.strerror}"]) from error
    except ValueError as error:
        raise ConfigError([f"(file): not JSON: {error}"]) from error
    if problems := list(_problems(document, "")):
        raise ConfigError(problems)
    return document


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
