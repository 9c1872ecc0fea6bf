"""createOptions: what a container may do, as an object in a template and as strings in a manifest.

IoT Hub once took strings of 512 bytes in a twin, and the IoT Edge tools still write `createOptions`,
`createOptions01` … `createOptions07`; edgeAgent puts them together again (Azure/iotedge, edge-agent,
Microsoft.Azure.Devices.Edge.Agent.Docker, `DockerConfig.cs`). What may be in them is said in `containers.py`.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from storeflow.errors import ConfigError

FIELD = "createOptions"
MAX_CHUNK, MAX_CHUNKS = 512, 8

_NUMBERED = re.compile(r"createOptions(\d\d)?")


def written(options: Mapping[str, Any]) -> str:
    """Options as one text."""
    return json.dumps(options, separators=(",", ":"))


def split(options: Mapping[str, Any]) -> dict[str, str]:
    """The strings that stand for createOptions in a manifest; always the same for the same options.

    Raises:
        ConfigError: they are too long.
    """
    text = written(options)
    chunks = [text[start : start + MAX_CHUNK] for start in range(0, len(text), MAX_CHUNK)] or [""]
    if len(chunks) > MAX_CHUNKS:
        message = f"{FIELD}: {len(text)} characters; edgeAgent takes {MAX_CHUNKS} strings of {MAX_CHUNK}: shorten them"
        raise ConfigError([message])
    return {FIELD if number == 0 else f"{FIELD}{number:02}": chunk for number, chunk in enumerate(chunks)}


def join(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Read createOptions from a module's `settings`, whichever way they are written; empty when there are none.

    Raises:
        ConfigError: they are no object of JSON, say something twice, or a string between two others is missing.
    """
    parts = {name: settings[name] for name in sorted(settings) if _NUMBERED.fullmatch(name)}
    options: Any = parts.get(FIELD, {})
    if parts and all(isinstance(part, str) for part in parts.values()):
        wanted = [FIELD if number == 0 else f"{FIELD}{number:02}" for number in range(len(parts))]
        if list(parts) != wanted:
            raise ConfigError([f"{FIELD}: has the strings {', '.join(parts)}; put in what is missing between them"])
        try:
            options = json.loads("".join(parts.values()) or "{}", object_pairs_hook=_object)
        except ValueError as error:
            raise ConfigError([f"{FIELD}: no JSON: {error}; render the manifest from its template again"]) from error
    if not isinstance(options, dict) or not isinstance(options.get("HostConfig", {}), dict):
        raise ConfigError([f"{FIELD}: expected an object; see docs/deployment.md"])
    return options


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """What one JSON object holds; of a name that is there twice, readers take one or the other."""
    names = [name for name, _ in pairs]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise ConfigError([f"{FIELD}: {name} is there twice in one object; take one out" for name in twice])
    return dict(pairs)
