"""From what the Functions host hands over to a `Batch`.

The host has the bodies one by one and what the hub says of them in arrays beside it, by the same order: `metadata` of
each event is that of all of them (azure.functions `EventHubEvent.metadata`). `SystemPropertiesArray` has, of each
message, the annotations (`iothub-connection-device-id` ...) and the AMQP properties that are set (`content-type` ...),
and the four names of `_OF_THE_HUB`; the extension's source is EventHubTriggerBindingStrategy.cs in azure-sdk-for-net.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import azure.functions as func

from cloud_functions.message import Batch, Message
from storeflow.errors import ContractError


def to_batch(events: Sequence[func.EventHubEvent]) -> Batch:
    """Return the messages of one invocation, which are of one partition.

    Raises:
        ContractError: the host left out what it has to say.
    """
    told: Mapping[str, Any] = events[0].metadata or {}
    try:
        context = told["PartitionContext"]
        system, properties = told["SystemPropertiesArray"], told["PropertiesArray"]
        return Batch(
            namespace=str(context["FullyQualifiedNamespace"]).partition(".")[0],
            hub=str(context["EventHubName"]),
            partition=str(context["PartitionId"]),
            messages=[_message(event, *beside) for event, *beside in zip(events, system, properties, strict=True)],
        )
    except (KeyError, ValueError) as error:
        raise ContractError(
            f"Event Hubs trigger: {error!r} is missing beside the events; is cardinality MANY?"
        ) from error


def _message(event: func.EventHubEvent, system: Mapping[str, Any], properties: Mapping[str, Any]) -> Message:
    return Message(
        body=event.get_body(),
        sequence_number=int(system["SequenceNumber"]),
        offset=str(system["Offset"]),
        enqueued_at=_moment(str(system["EnqueuedTimeUtc"])),
        device_id=system.get("iothub-connection-device-id"),
        module_id=system.get("iothub-connection-module-id"),
        content_type=str(system.get("content-type") or ""),
        content_encoding=str(system.get("content-encoding") or ""),
        store_id=properties.get("storeId"),
    )


def _moment(text: str) -> datetime:
    """.NET writes UTC with or without `Z` and with up to seven digits, of which Python reads six."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
