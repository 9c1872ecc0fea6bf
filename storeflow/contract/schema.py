"""JSON Schema (2020-12) of every event and twin section, for `schemas/v1/`. What is optional is absent, never null."""

import json
import re
from typing import Any

from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import EVENT_MODELS, SCHEMA_VERSION, schema_urn
from storeflow.contract.twins import SECTION_NAMES, section_schema

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_files() -> dict[str, str]:
    """The text of every schema by its file name: `<event type>.json`, `twin.<section>.json`."""
    documents = {event_type: event_schema(event_type) for event_type in EVENT_MODELS}
    documents |= {f"twin.{name}": twin_schema(name) for name in SECTION_NAMES}
    return {
        f"{name}.json": json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for name, document in sorted(documents.items())
    }


def event_schema(event_type: str) -> dict[str, Any]:
    """The schema of one event in its envelope; its `data` bears the `$id` that `dataschema` names.

    Events of every minor version are valid: an older one lacks optional fields, a newer one has some that are unknown.
    """
    name = schema_urn(event_type)
    envelope = CloudEvent.model_json_schema()
    del envelope["$defs"]
    envelope["title"] = event_type
    envelope["properties"]["type"]["const"] = event_type
    any_minor = re.escape(SCHEMA_VERSION.partition(".")[0]) + r"\.\d+"
    pattern = re.escape(name).replace(re.escape(SCHEMA_VERSION), any_minor)
    envelope["properties"]["dataschema"]["pattern"] = f"^{pattern}$"
    data = EVENT_MODELS[event_type].model_json_schema() | {"$id": name}
    envelope["properties"]["data"] = data
    envelope["properties"]["time"]["x-privacy"] = data["properties"]["captured_at"]["x-privacy"]
    return {"$schema": _DIALECT, "$id": f"urn:storeflow:cloudevent:{SCHEMA_VERSION}:{event_type}", **_strict(envelope)}


def twin_schema(section: str) -> dict[str, Any]:
    """The schema of one section of a module's desired properties."""
    name = schema_urn(f"twin.{section}")
    return {"$schema": _DIALECT, "$id": name, **_strict(section_schema(section))}


def _strict(node: Any) -> Any:
    """The same schema without null, whose maps have no keys but those described and whose constants are required.

    Only in Python a constant has a default; in JSON a reader knows by the constant what the document is.
    Only in Python a description has lines.
    """
    if isinstance(node, list):
        return [_strict(child) for child in node if child != {"type": "null"}]
    if not isinstance(node, dict):
        return node
    strict = {key: _strict(child) for key, child in node.items() if child is not None}
    if isinstance(text := strict.get("description"), str):
        strict["description"] = " ".join(text.split())
    if "patternProperties" in strict:
        strict["additionalProperties"] = False
    if len(strict.get("anyOf", ())) == 1:
        strict |= strict.pop("anyOf")[0]
    constants = [name for name, child in strict.get("properties", {}).items() if "const" in child]
    if required := sorted({*strict.get("required", ()), *constants}):
        strict["required"] = required
    return strict
