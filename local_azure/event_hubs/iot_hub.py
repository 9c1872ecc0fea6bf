"""A device-to-cloud message as IoT Hub hands it to an event hub: what readers see as system properties. Pure.

Source: iot-hub/iot-hub-devguide-messages-construct (names). What azure-eventhub shows of such a message is printed in
iot-develop/concepts-developer-guide-service, Python, "Read device telemetry": the annotations are system properties,
`iothub-enqueuedtime` a number and the others text; a partition key there is none. `iothub-creation-time-utc` is an
application property (MicrosoftDocs/azure-docs, issue 114510).
"""

from collections.abc import Mapping
from typing import Any

from local_azure.event_hubs.amqp.messages import Message
from local_azure.event_hubs.amqp.types import Symbol, Timestamp

DEVICE_ID = "iothub-connection-device-id"
MODULE_ID = "iothub-connection-module-id"
AUTH_METHOD = "iothub-connection-auth-method"
GENERATION_ID = "iothub-connection-auth-generation-id"
ENQUEUED_TIME = "iothub-enqueuedtime"
MESSAGE_SOURCE = "iothub-message-source"
CREATION_TIME = "iothub-creation-time-utc"

_SAS = '{{"scope":"{scope}","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}}'


def device_to_cloud(
    body: bytes,
    properties: Mapping[str, str],
    system: Mapping[str, str],
    enqueued_at: float,
    *,
    generation_id: str = "",
) -> Message:
    """Return the message that an event hub gets.

    Args:
        body: as the module sent it.
        properties: application properties, as the module sent them; they go on as they are.
        system: system properties by edgeHub's names: `connectionDeviceId`, `connectionModuleId`, `messageId`, `cid`,
            `userId`, `contentType`, `contentEncoding`, `creationTime`.
        enqueued_at: when IoT Hub took it in, seconds since the epoch.
        generation_id: of the identity; empty leaves it out.
    """
    module_id = system.get("connectionModuleId", "")
    annotations: dict[str, Any] = {DEVICE_ID: system["connectionDeviceId"]}
    if module_id:
        annotations[MODULE_ID] = module_id
    annotations[AUTH_METHOD] = _SAS.format(scope="module" if module_id else "device")
    if generation_id:
        annotations[GENERATION_ID] = generation_id
    annotations[ENQUEUED_TIME] = Timestamp(round(enqueued_at * 1000))
    annotations[MESSAGE_SOURCE] = "Telemetry"
    named = {
        "message_id": system.get("messageId"),
        "user_id": system["userId"].encode() if "userId" in system else None,
        "correlation_id": system.get("cid"),
        "content_type": _symbol(system.get("contentType")),
        "content_encoding": _symbol(system.get("contentEncoding")),
    }
    application = dict(properties)
    if "creationTime" in system:
        application[CREATION_TIME] = system["creationTime"]
    return Message(body, {name: value for name, value in named.items() if value}, application, annotations)


def _symbol(text: str | None) -> Symbol | None:
    return Symbol(text) if text else None
