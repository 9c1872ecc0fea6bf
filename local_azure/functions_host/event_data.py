"""Events as a function reads them: bodies, and metadata beside them, through the library's own converter. Pure.

Sources: Azure/azure-sdk-for-net, Microsoft.Azure.WebJobs.Extensions.EventHubs, `EventHubTriggerBindingStrategy.cs`
(which metadata there is, and its names), `TriggerPartitionContext.cs`; azure-functions 1.26, `eventhub.py` (what Python
makes of it).
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from azure.eventhub import EventData
from azure.functions import meta

from local_azure.functions_host.app import Function

_TIMES = {"x-opt-enqueued-time", "iothub-enqueuedtime"}
"""System properties that are moments; the Python SDK gives them as milliseconds since the epoch."""


@dataclass(frozen=True)
class _Bytes:
    """A list of bodies in the form in which the worker hands it to the converter."""

    bytes: list[bytes]


@dataclass(frozen=True)
class PartitionContext:
    """Where events come from.

    Attributes:
        checkpointing: whether a checkpoint follows this invocation.
    """

    namespace: str
    hub: str
    group: str
    partition: str
    checkpointing: bool

    def document(self) -> dict[str, Any]:
        """Return it as a function reads it: `metadata["PartitionContext"]`."""
        return {
            "FullyQualifiedNamespace": self.namespace,
            "EventHubName": self.hub,
            "ConsumerGroup": self.group,
            "PartitionId": self.partition,
            "IsCheckpointingAfterInvocation": self.checkpointing,
        }


def takes_many(function: Function) -> bool:
    """Return whether a function is given a list of events: cardinality `many`."""
    return str(function.trigger.get("cardinality") or "").lower().endswith("many")


def many_events(function: Function, events: Sequence[EventData], context: PartitionContext) -> Any:
    """Return a batch as a function with cardinality `many` is given it."""
    system = [_system_properties(event) for event in events]
    metadata = {
        "PartitionContext": _json(context.document()),
        "SystemPropertiesArray": _json(system),
        "PropertiesArray": _json([_plain(event.properties or {}) for event in events]),
    }
    for name in ("PartitionKey", "Offset", "SequenceNumber", "EnqueuedTimeUtc"):
        metadata[f"{name}Array"] = _json([properties[name] for properties in system])
    return function.decode(meta.Datum(_Bytes([body(event) for event in events]), "collection_bytes"), metadata)


def one_event(function: Function, event: EventData, context: PartitionContext) -> Any:
    """Return an event as a function with cardinality `one` is given it."""
    system = _system_properties(event)
    metadata = {
        "PartitionContext": _json(context.document()),
        "SystemProperties": _json(system),
        "Properties": _json(_plain(event.properties or {})),
        "PartitionKey": meta.Datum(system["PartitionKey"], None if system["PartitionKey"] is None else "string"),
        "Offset": meta.Datum(system["Offset"], "string"),
        "SequenceNumber": meta.Datum(system["SequenceNumber"], "int"),
        "EnqueuedTimeUtc": meta.Datum(system["EnqueuedTimeUtc"], "string"),
    }
    return function.decode(meta.Datum(body(event), "bytes"), metadata)


def body(event: EventData) -> bytes:
    """Return an event's body."""
    content: Any = event.body
    return content if isinstance(content, bytes) else b"".join(content)


def _system_properties(event: EventData) -> dict[str, Any]:
    plain: dict[str, Any] = _plain(event.system_properties)
    for name in _TIMES & plain.keys():
        if isinstance(plain[name], int):
            plain[name] = _iso(dt.datetime.fromtimestamp(plain[name] / 1000, dt.UTC))
    return plain | {
        "SequenceNumber": event.sequence_number,
        "Offset": event.offset,
        "PartitionKey": _plain(event.partition_key),
        "EnqueuedTimeUtc": _iso(event.enqueued_time) if event.enqueued_time else None,
    }


def _plain(value: Any) -> Any:
    """Return a value of AMQP as one of JSON."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return {_plain(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dt.datetime):
        return _iso(value)
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _iso(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(value: Any) -> "meta.Datum":
    return meta.Datum(json.dumps(value), "json")
