"""What IoT Hub accepts in a module twin, and how it measures one.

Sources: "Understand and use device twins in IoT Hub" (learn.microsoft.com,
iot-hub-devguide-device-twins, sections "Device twin size" and "Tags and properties
format") and edgeHub's `ReportedPropertiesValidator.cs` (Azure/iotedge), which applies the
same figures on the device before a patch leaves it.
"""

import math
import unicodedata
from collections.abc import Iterator
from typing import Any

from storeflow.errors import ConfigError

MAX_DEPTH = 10
"""Objects and arrays inside one another; the document itself counts as level 0."""

MAX_KEY_BYTES = 1024
MAX_STRING_BYTES = 4096
MIN_INTEGER = -(2**52)
MAX_INTEGER = 2**52 - 1

MAX_SECTION_SIZE = 32 * 1024
"""Of `properties.desired` and of `properties.reported`, each, in the units of `twin_size`."""

_NUMBER_SIZE = 8
_BOOLEAN_SIZE = 4
_RESERVED = ".$#"


def twin_size(value: Any) -> int:
    """Return the size that IoT Hub counts for a twin section or a part of one.

    Keys and strings count their characters without control characters (C0 and C1), a
    number 8, true and false 4; objects and arrays are the sum of what they hold. What the
    service adds (`$version`, `$metadata`) is not counted.
    """
    if isinstance(value, dict):
        return sum(_characters(key) + twin_size(child) for key, child in value.items() if not key.startswith("$"))
    if isinstance(value, list):
        return sum(twin_size(child) for child in value)
    if isinstance(value, bool):
        return _BOOLEAN_SIZE
    if isinstance(value, int | float):
        return _NUMBER_SIZE
    return _characters(value) if isinstance(value, str) else 0


def problems(document: Any, path: str = "") -> list[str]:
    """List everything in a twin section or patch that IoT Hub would refuse.

    Args:
        document: decoded JSON.
        path: what to put before each path, such as `properties.desired`.

    Returns:
        One `path: fact` line per fault; empty when the document is acceptable.
    """
    if not isinstance(document, dict):
        return [f"{path or '(document)'}: expected an object, got {type(document).__name__}"]
    found = list(_problems(document, path, depth=0, inside_array=False))
    size = twin_size(document)
    if size > MAX_SECTION_SIZE:
        found.append(
            f"{path or '(document)'}: {size} bytes, IoT Hub takes {MAX_SECTION_SIZE} in a section; "
            "move what is large into a document of its own and refer to it by address"
        )
    return found


def validate_patch(patch: Any, path: str = "") -> None:
    """Refuse a twin section or patch that IoT Hub would refuse.

    Raises:
        ConfigError: with every fault that `problems` lists.
    """
    if found := problems(patch, path):
        raise ConfigError(found)


def _characters(text: str) -> int:
    return sum(1 for character in text if unicodedata.category(character) != "Cc")


def _problems(value: Any, path: str, *, depth: int, inside_array: bool) -> Iterator[str]:
    if isinstance(value, dict | list) and depth > MAX_DEPTH:
        yield f"{path}: nested {depth} levels deep, IoT Hub takes {MAX_DEPTH}"
    elif isinstance(value, dict):
        for key, child in value.items():
            child_path = f"{path}.{key}" if path else key
            yield from _key_problems(key, child_path)
            yield from _problems(child, child_path, depth=depth + 1, inside_array=inside_array)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _problems(child, f"{path}[{index}]", depth=depth + 1, inside_array=True)
    elif value is None:
        if inside_array:
            yield f"{path}: null inside an array; leave the element out"
    elif isinstance(value, str):
        length = len(value.encode(errors="surrogatepass"))
        if length > MAX_STRING_BYTES:
            yield f"{path}: string of {length} bytes, IoT Hub takes {MAX_STRING_BYTES}"
    else:
        yield from _number_problems(value, path)


def _key_problems(key: str, path: str) -> Iterator[str]:
    length = len(key.encode(errors="surrogatepass"))
    if length > MAX_KEY_BYTES:
        yield f"{path[:40]}…: key of {length} bytes, IoT Hub takes {MAX_KEY_BYTES}"
    for character in key:
        if character in _RESERVED or character.isspace() or unicodedata.category(character) == "Cc":
            yield f"{path}: {character!r} in a key; IoT Hub refuses '.', '$', '#', spaces and control characters"
            return


def _number_problems(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, bool):
        return
    if isinstance(value, int):
        if not MIN_INTEGER <= value <= MAX_INTEGER:
            yield f"{path}: {value} is outside -2^52 … 2^52-1; write it as a string"
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield f"{path}: {value} is not a JSON number"
    else:
        yield f"{path}: {type(value).__name__} is not a JSON value"
