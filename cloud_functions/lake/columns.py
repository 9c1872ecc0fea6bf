"""The columns of silver, made of the contract: one for each field of the envelope and of every event's data. Pure.

The table is the `events` of docs/figures.md, whose queries run on it as they are. Lists are their JSON text. `time` is
`captured_at` and has no column of its own; constants have none, nor has `document`: it says once more what another
event says, and stays in bronze.

Each column carries the privacy class of its field, as the metadata `x-privacy` of the Delta column.
"""

from functools import cache
from typing import Any

import pyarrow as pa

from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import EVENT_MODELS, SpatialAnalysis

MOMENT = pa.timestamp("us", "UTC")

ENVELOPE = ("id", "source", "type", "subject", "sequence", "dataschema", "traceparent")

_LAKE = {
    "event_date": pa.date32(),  # of captured_at, UTC; the table's partition
    "device_id": pa.string(),  # by IoT Hub's own word
    "module_id": pa.string(),
    "enqueued_at": MOMENT,  # by the event hub
    "ingested_at": MOMENT,  # when it landed
    "refined_at": pa.int64(),  # its commit: milliseconds since 1970, in each commit more than in all before it
    "bronze_file": pa.string(),  # where the bytes are
    "sequence_number": pa.int64(),  # of its message in the partition
    "place": pa.int64(),  # of the event in its message
}

_SCALARS = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}

PRIVACY = "x-privacy"
_CLASSES = ("none", "pseudonymous", "personal")
"""From the mildest: a column that several events have is of the strictest class that one of them gives it."""

REFINED_MODELS = {name: model for name, model in EVENT_MODELS.items() if model is not SpatialAnalysis}


@cache
def silver_columns() -> pa.Schema:
    """All columns, each of which may be empty.

    Raises:
        TypeError: two events have a field of one name and of different types.
        KeyError: a field has no privacy class.
    """
    kinds: dict[str, pa.DataType] = dict.fromkeys(ENVELOPE, pa.string())
    envelope = CloudEvent.model_json_schema()["properties"]
    classes = {name: envelope[name][PRIVACY] for name in ENVELOPE} | dict.fromkeys(_LAKE, _CLASSES[0])
    for model in REFINED_MODELS.values():
        schema = model.model_json_schema()
        for name, field in schema["properties"].items():
            kind = _arrow_type(field, schema.get("$defs", {}))
            if kinds.setdefault(name, kind) != kind:
                raise TypeError(f"{name} is {kinds[name]} in one event and {kind} in {model.event_type}")
            classes[name] = strictest(classes.get(name, _CLASSES[0]), field[PRIVACY])
    return pa.schema(
        [pa.field(name, kind, metadata={PRIVACY: classes[name]}) for name, kind in (kinds | _LAKE).items()]
    )


def strictest(*classes: str) -> str:
    """Of privacy classes the one by which all data of them may be kept."""
    return max(classes, key=_CLASSES.index)


@cache
def columns_of(event_type: str) -> pa.Schema:
    """The columns that rows of one type can have a value in."""
    names = {*ENVELOPE, *_LAKE, *REFINED_MODELS[event_type].model_fields}
    return pa.schema([field for field in silver_columns() if field.name in names])


@cache
def lists_of(event_type: str) -> tuple[str, ...]:
    """The fields of an event whose column has their JSON text."""
    schema = REFINED_MODELS[event_type].model_json_schema()
    fields = schema["properties"].items()
    return tuple(name for name, field in fields if _described(field, schema.get("$defs", {})).get("type") == "array")


def _arrow_type(field: dict[str, Any], definitions: dict[str, Any]) -> pa.DataType:
    described = _described(field, definitions)
    if described.get("format") == "date-time":
        return MOMENT
    return _SCALARS.get(described["type"], pa.string())


def _described(field: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The part of a field's schema that says its type: without null, and with what it refers to."""
    for choice in field.get("anyOf", [field]):
        if choice.get("type") != "null":
            reference = str(choice.get("$ref", "")).rpartition("/")[2]
            return definitions[reference] if reference else dict(choice)
    return field
