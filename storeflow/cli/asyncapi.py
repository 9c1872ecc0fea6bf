"""The AsyncAPI 3.0 document of what arrives on the event hub: which messages, in which forms, with which schemas. Pure.

It says nothing of its own about an event: each message's payload refers to the schema that lies beside the document.
"""

import json
from typing import Any

from storeflow.contract.events import EVENT_MODELS, SCHEMA_VERSION, SpatialAnalysis
from storeflow.contract.schema import event_schema
from storeflow.contract.spatial_analysis import SpatialAnalysisDocument

FILE = "asyncapi.json"
SINGLE, STRUCTURED, BATCH = "application/json", "application/cloudevents+json", "application/cloudevents-batch+json"
"""The content types of one event as IoT Hub hands it on, of one event sent to Event Hubs directly, and of several."""
GZIP = "gzip"

_JSON_SCHEMA = "application/schema+json;version=draft-2020-12"
_CHANNEL, _BATCH_MESSAGE = "storeEvents", "storeflow.batch"


def asyncapi_text() -> str:
    """The document as it is committed in `schemas/v1/`."""
    return json.dumps(asyncapi_document(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def asyncapi_document() -> dict[str, Any]:
    """The document. Its operation is storeflow's: it sends, and whoever reads the document receives."""
    messages = {event_type: _event(event_type) for event_type in _sent()}
    messages |= {SpatialAnalysis.event_type: _spatial_analysis(), _BATCH_MESSAGE: _batch()}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "storeflow store events",
            "version": SCHEMA_VERSION,
            "description": "What the cameras of shops counted and measured, each fact in a CloudEvent 1.0. A fact may"
            " come more than once and late: keep one event for each `source` and `id`, and sort by `data.captured_at`."
            f" Beside them come `{SpatialAnalysis.event_type}` without an envelope, where a store sends these.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": SINGLE,
        "servers": {
            "eventHubs": {
                "host": "{namespace}.servicebus.windows.net:5671",
                "protocol": "amqps",
                "protocolVersion": "1.0",
                "description": "An Event Hubs namespace, or IoT Hub's endpoint that is compatible with it. A reader"
                " needs the right to listen: the role Azure Event Hubs Data Receiver, or a policy with Listen.",
                "variables": {"namespace": {"description": "The name of the Event Hubs namespace."}},
            }
        },
        "channels": {
            _CHANNEL: {
                "address": "{eventHub}",
                "title": "Store events",
                "description": "The event hub that the events of all stores arrive on. Those of one device are in one"
                " partition, so that they come in the order they were sent; there is no order between devices.",
                "parameters": {"eventHub": {"description": "The name of the event hub.", "default": "store-events"}},
                "servers": [{"$ref": "#/servers/eventHubs"}],
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": {
            "sendStoreEvents": {
                "action": "send",
                "title": "Send store events",
                "channel": {"$ref": f"#/channels/{_CHANNEL}"},
                "messages": [{"$ref": f"#/channels/{_CHANNEL}/messages/{name}"} for name in messages],
            }
        },
        "components": {"messages": messages},
    }


def _sent() -> list[str]:
    """The types that come as CloudEvents: documents of Azure Spatial Analysis leave without their envelope."""
    return [event_type for event_type, model in EVENT_MODELS.items() if model is not SpatialAnalysis]


def _event(event_type: str) -> dict[str, Any]:
    about = str(event_schema(event_type)["properties"]["data"]["description"])
    return {
        "name": event_type,
        "title": event_type,
        "summary": about,
        "contentType": SINGLE,
        "description": f"One event. Sent to Event Hubs directly its content type is `{STRUCTURED}`.",
        "headers": _headers(event_type),
        "payload": {"schemaFormat": _JSON_SCHEMA, "schema": {"$ref": f"{event_type}.json"}},
    }


def _headers(event_type: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": "The sender's own words, for routing: believe the event's, or the hub's annotations.",
        "properties": {
            "eventType": {"type": "string", "const": event_type},
            "schemaVersion": {"type": "string", "description": "Version of the schema of `data`."},
            "storeId": {"type": "string", "description": "The store."},
            "traceparent": {"type": "string", "description": "The trace that the event begins."},
        },
    }


def _spatial_analysis() -> dict[str, Any]:
    """A document of that service; it is a part of the event that it travels in within the store."""
    event_type = SpatialAnalysis.event_type
    return {
        "name": event_type,
        "title": "A document of Azure Spatial Analysis",
        "summary": "An event once more, as Azure Spatial Analysis 2.0 would have sent it: don't count both.",
        "contentType": SINGLE,
        "description": "Only a sink of kind `spatial_analysis` sends it, and only to IoT Hub, never in a batch. It has"
        f" no envelope: it is what `data.document` of `{event_type}.json` is, and it is known by `eventType`.",
        "headers": _headers(event_type),
        "payload": {
            "schemaFormat": _JSON_SCHEMA,
            "schema": {"$ref": f"{event_type}.json#/properties/data/$defs/{SpatialAnalysisDocument.__name__}"},
        },
    }


def _batch() -> dict[str, Any]:
    """Several events in one message; what is inside is the same."""
    return {
        "name": _BATCH_MESSAGE,
        "title": "Several events",
        "summary": "A JSON array of events (CloudEvents 1.0, JSON Batch Format).",
        "contentType": BATCH,
        "description": f"Its content encoding is `{GZIP}`, or none. Each event in it may be of another type.",
        "payload": {
            "schemaFormat": _JSON_SCHEMA,
            "schema": {
                "type": "array",
                "items": {"anyOf": [{"$ref": f"{event_type}.json"} for event_type in _sent()]},
            },
        },
    }
