"""The MQTT topics that carry a message and its properties.

Sources, Azure/iotedge, edge-hub/core/src: topic templates in `mqttSettings` of
appsettings_hub.json; property names on the wire in
`Microsoft.Azure.Devices.Edge.Hub.Core/SystemProperties.cs` (`IncomingSystemPropertiesMap`,
`OutgoingSystemPropertiesMap`).
"""

from urllib.parse import quote, unquote

from storeflow.iot_hub.message import Message

_INCOMING = {
    "$.exp": "absolute-expiry-time",
    "$.cid": "cid",
    "$.mid": "messageId",
    "$.to": "to",
    "$.uid": "userId",
    "ack": "ack",
    "$.on": "outputName",
    "$.ct": "contentType",
    "$.ce": "contentEncoding",
    "$.schema": "messageSchema",
    "iothub-operation": "operation",
    "$.ctime": "creationTime",
    "$.ifid": "iothub-interface-id",
    "$.sub": "dt-subject",
}
_NOT_FORWARDED = {"outputName", "iothub-interface-id"}
_OUTGOING = {name: wire for wire, name in _INCOMING.items() if name not in _NOT_FORWARDED} | {
    "connectionDeviceId": "$.cdid",
    "connectionModuleId": "$.cmid",
}


def events_topic(device_id: str, module_id: str) -> str:
    """Return the topic under which a module publishes its messages."""
    return f"devices/{device_id}/modules/{module_id}/messages/events/"


def inputs_filter(device_id: str, module_id: str) -> str:
    """Return the filter by which a module subscribes to its inputs."""
    return f"devices/{device_id}/modules/{module_id}/inputs/#"


def read_event(device_id: str, module_id: str, topic: str, body: bytes) -> Message | None:
    """Interpret a publish of `module_id`, or return None where the topic is not its own."""
    prefix = events_topic(device_id, module_id)
    if not f"{topic}/".startswith(prefix):
        return None
    properties: dict[str, str] = {}
    system = {"connectionDeviceId": device_id, "connectionModuleId": module_id}
    for pair in filter(None, topic[len(prefix) :].strip("/").split("&")):
        key, _, value = (unquote(part) for part in pair.partition("="))
        if key in _INCOMING:
            system[_INCOMING[key]] = value
        else:
            properties[key] = value
    source = f"/messages/modules/{module_id}"
    if "outputName" in system:
        source += f"/outputs/{system['outputName']}"
    return Message(source, body, properties, system)


def input_topic(device_id: str, module_id: str, input_name: str, message: Message) -> str:
    """Return the topic that brings `message` to a module's input, properties and all."""
    system = {_OUTGOING[name]: value for name, value in message.system.items() if name in _OUTGOING}
    pairs = {**message.properties, **system}.items()
    bag = "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in pairs)
    return f"devices/{device_id}/modules/{module_id}/inputs/{input_name}/{bag}"
