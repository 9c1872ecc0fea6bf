"""Answers to what clients ask a namespace: `put-token` of `$cbs`, `READ` of `$management`.

Source: AMQP Claims-Based Security (oasis-open.org, amqp-cbs-v1.0), AMQP Management (amqp-man-v1.0), and what
azure-eventhub 5.15 sends and reads (`_pyamqp/cbs.py`, `_client_base.py`); Azure/azure-sdk-for-net, sdk/eventhub/
Azure.Messaging.EventHubs/src/Amqp/AmqpManagement.cs; a token that is refused: Azure/azure-sdk-for-js, issue 26073.
"""

import time
from http import HTTPStatus
from typing import Any

from local_azure.event_hubs.amqp.errors import AmqpError
from local_azure.event_hubs.amqp.messages import Message
from local_azure.event_hubs.amqp.types import Array, Long, Timestamp
from local_azure.event_hubs.authentication import TOKEN_TYPE, Grant, TokenRefusedError, check
from local_azure.event_hubs.namespace import EventHub, Namespace
from local_azure.event_hubs.partition import Partition

HUB_TYPE = "com.microsoft:eventhub"
PARTITION_TYPE = "com.microsoft:partition"
AUTH_FAILED = "com.microsoft:auth-failed"


def put_token(namespace: Namespace, request: Message) -> tuple[Message, Grant | None]:
    """Answer a token; with a grant if it opens anything."""
    asked = request.application_properties
    if asked.get("type") != TOKEN_TYPE:
        text = f"InvalidToken: this stand-in takes tokens of type {TOKEN_TYPE}, not {asked.get('type')}."
        return _refused(request, text), None
    try:
        grant = check(str(request.body), str(asked.get("name")), namespace.rules, namespace.token_time(""))
    except TokenRefusedError as error:
        return _refused(request, str(error)), None
    return _answer(request, HTTPStatus.ACCEPTED, "Accepted"), grant


def read_properties(namespace: Namespace, request: Message, grants: list[Grant]) -> Message:
    """Answer what an event hub or a partition is, to whoever may send to it or listen to it."""
    asked = request.application_properties
    name, now = str(asked.get("name", "")), namespace.token_time("")
    if not any(grant.allows([name], right, now) for grant in grants for right in grant.rights):
        return _answer(request, HTTPStatus.UNAUTHORIZED, f"Unauthorized access to '{name}'.")
    try:
        hub = namespace.hub(name)
        if asked.get("type") == HUB_TYPE:
            return _answer(request, HTTPStatus.OK, "OK", _hub(hub))
        if asked.get("type") == PARTITION_TYPE:
            return _answer(request, HTTPStatus.OK, "OK", _partition(hub, hub.partition(str(asked.get("partition")))))
    except AmqpError as error:
        return _answer(request, HTTPStatus.NOT_FOUND, error.description)
    return _answer(request, HTTPStatus.BAD_REQUEST, f"'{asked.get('type')}' can't be read.")


def last_enqueued(partition: Partition) -> dict[str, Any]:
    """Return what the newest event of a partition is, in the words of `$management` and of delivery annotations."""
    return {
        "last_enqueued_sequence_number": Long(partition.committed - 1),
        "last_enqueued_offset": str(partition.last_offset),
        "last_enqueued_time_utc": Timestamp(partition.last_enqueued_at),
        "runtime_info_retrieval_time_utc": Timestamp(round(time.time() * 1000)),
    }


def _hub(hub: EventHub) -> dict[str, Any]:
    return {
        "name": hub.config.name,
        "type": HUB_TYPE,
        "created_at": Timestamp(hub.created_at),
        "partition_count": len(hub.partitions),
        "partition_ids": Array(partition.id for partition in hub.partitions),
    }


def _partition(hub: EventHub, partition: Partition) -> dict[str, Any]:
    return {
        "name": hub.config.name,
        "type": PARTITION_TYPE,
        "partition": partition.id,
        "begin_sequence_number": Long(partition.first_sequence),
        "is_partition_empty": partition.first_sequence == partition.committed,
        **last_enqueued(partition),
    }


def _refused(request: Message, text: str) -> Message:
    """The answer to a token that opens nothing; azure-eventhub tells its user no reason where there is a condition."""
    answer = _answer(request, HTTPStatus.UNAUTHORIZED, text)
    answer.application_properties["error-condition"] = AUTH_FAILED
    return answer


def _answer(request: Message, status: HTTPStatus, text: str, body: Any = None) -> Message:
    return Message(
        body,
        properties={"correlation_id": request.properties.get("message_id")},
        application_properties={"status-code": int(status), "status-description": text},
    )
