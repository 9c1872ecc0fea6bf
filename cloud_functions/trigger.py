"""From what the Functions host hands over to a `Batch`, and by whose word a message is of which device.

The host has the bodies one by one and what the hub says of them in arrays beside it, by the same order: `metadata` of
each event is that of all of them (azure.functions `EventHubEvent.metadata`). `SystemPropertiesArray` has, of each
message, *all* its AMQP message annotations (`iothub-connection-device-id`, `x-opt-publisher` ...), the AMQP properties
that are set (`content-type` ...), and `SequenceNumber`, `Offset`, `PartitionKey` and `EnqueuedTimeUtc`: the extension's
EventHubTriggerBindingStrategy.cs, and AmqpSystemProperties.cs beside it in azure-sdk-for-net.

Among the annotations may be those that a sender put there itself: the SDKs let it (`AmqpAnnotatedMessage`), and nothing
says that Event Hubs takes them away. So an annotation is worth what its event hub is worth:

- IoT Hub routes into one to which nobody else may send. There `iothub-connection-device-id` is IoT Hub's own word.
- Boxes send into another one themselves, each with a token for nothing but `{hub}/publishers/{device}`. There the
  service makes the publisher's name the partition key, and refuses another key (event-hubs-features, "Publisher
  policy"); `x-opt-publisher` says that it came by such an address (data-explorer/ingest-data-event-hub-overview,
  "Event system properties mapping"). Whoever has a key of the whole event hub may be any device: give none to a box.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import azure.functions as func

from cloud_functions.message import Batch, Message
from storeflow.errors import ContractError


class Senders(Enum):
    """Who may send into an event hub, so by whose word a message is of a device."""

    IOT_HUB = "IoT Hub, and nobody else"
    PUBLISHERS = "devices, each by its publisher's address"


def to_batch(events: Sequence[func.EventHubEvent], senders: Senders) -> Batch:
    """Return the messages of one invocation, which are of one partition.

    Args:
        events: as the host handed them over, one at least.
        senders: who may send into their event hub.

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
            messages=[
                _message(event, said, own, senders) for event, said, own in zip(events, system, properties, strict=True)
            ],
        )
    except (KeyError, ValueError) as error:
        raise ContractError(
            f"Event Hubs trigger: {error!r} is missing beside the events; is cardinality MANY?"
        ) from error


def _message(
    event: func.EventHubEvent, system: Mapping[str, Any], properties: Mapping[str, Any], senders: Senders
) -> Message:
    by_iot_hub = senders is Senders.IOT_HUB
    return Message(
        body=event.get_body(),
        sequence_number=int(system["SequenceNumber"]),
        offset=str(system["Offset"]),
        enqueued_at=_moment(str(system["EnqueuedTimeUtc"])),
        device_id=system.get("iothub-connection-device-id") if by_iot_hub else _publisher(system),
        module_id=system.get("iothub-connection-module-id") if by_iot_hub else None,
        content_type=str(system.get("content-type") or ""),
        content_encoding=str(system.get("content-encoding") or ""),
        store_id=properties.get("storeId"),
    )


def _publisher(system: Mapping[str, Any]) -> str | None:
    name = system.get("x-opt-publisher")
    return name if isinstance(name, str) and name == system["PartitionKey"] else None


def _moment(text: str) -> datetime:
    """.NET writes UTC with or without `Z` and with up to seven digits, of which Python reads six."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
