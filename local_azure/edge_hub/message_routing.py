"""IoT Hub's message routing: which endpoints a message goes to. Pure, but for reading the document.

Sources: iot-hub-devguide-messages-d2c (routes, the built-in endpoint, the fallback route, one copy for an endpoint),
iot-hub-devguide-routing-query-syntax (queries), iot-hub-devguide-quotas-throttling (100 routes, 10 endpoints). The
document has the form of the property `routing` of a hub in a template (templates/microsoft.devices/iothubs):

    {"endpoints": {"eventHubs": [{"name": "alerts", "entityPath": "alerts"}]},
     "routes": [{"name": "alerts", "source": "DeviceMessages", "condition": "$body.severity = 'high'",
                 "endpointNames": ["alerts"], "isEnabled": true}],
     "fallbackRoute": {"source": "DeviceMessages", "endpointNames": ["events"], "isEnabled": true}}

Queries are edgeHub's conditions: both came from the same library (Azure/iotedge, Microsoft.Azure.Devices.Routing.Core).
"""

import datetime as dt
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from local_azure.edge_hub.store import UpstreamMessage
from storeflow.errors import ConfigError
from storeflow.iot_hub.conditions import parse_condition
from storeflow.iot_hub.message import Message

BUILT_IN = "events"
"""The endpoint that every hub has."""

MESSAGE_SOURCE = "deviceMessages"
"""What queries find as `$iothub-message-source`; in an event hub the annotation of that name reads `Telemetry`."""

_TWIN = re.compile(r"\$twin\b", re.IGNORECASE)

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class _Document(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class EventHubEndpoint(_Document):
    """An event hub that routes lead to.

    Attributes:
        entity_path: the event hub's name.
        endpoint_uri: of its namespace. Not looked at, nor is `authentication_type`: the namespace is the one whose
            connection string the hub was started with.
    """

    name: Name
    entity_path: str = Field(min_length=1)
    endpoint_uri: str = ""
    authentication_type: Literal["identityBased", "keyBased"] = "identityBased"


class RouteProperties(_Document):
    """A route; other sources than messages of devices have nothing to route here."""

    name: Name
    source: Literal["DeviceMessages"]
    condition: str = "true"
    endpoint_names: tuple[str] = Field(description="IoT Hub takes one only")
    is_enabled: bool


class FallbackRoute(_Document):
    """The route of what no other takes; it can lead to the built-in endpoint only."""

    name: str = "$fallback"
    source: Literal["DeviceMessages"] = "DeviceMessages"
    condition: str = "true"
    endpoint_names: tuple[Literal["events"]] = ("events",)
    is_enabled: bool = True


class _Endpoints(_Document):
    event_hubs: tuple[EventHubEndpoint, ...] = Field(default=(), max_length=10)


class RoutingProperties(_Document):
    """The whole document; a hub without one keeps everything at its built-in endpoint."""

    endpoints: _Endpoints = _Endpoints()
    routes: tuple[RouteProperties, ...] = Field(default=(), max_length=100)
    fallback_route: FallbackRoute = FallbackRoute()


@dataclass(frozen=True)
class _Route:
    matches: Callable[[Message], bool]
    endpoint: str


class MessageRouting:
    """The routes of a hub, ready for messages.

    Attributes:
        event_hubs: the event hub behind each endpoint that a route leads to.

    Raises:
        ConfigError: a query can't be read, an endpoint isn't there, or a name is there twice.
    """

    def __init__(self, properties: RoutingProperties, built_in: str) -> None:
        """Read the queries.

        Args:
            properties: the document.
            built_in: the event hub that stands for the built-in endpoint.
        """
        known = {BUILT_IN: built_in}
        problems = []
        for endpoint in properties.endpoints.event_hubs:
            if endpoint.name in known:
                problems.append(f"routing.endpoints.eventHubs.{endpoint.name}: this name is taken")
            known[endpoint.name] = endpoint.entity_path
        names = [route.name for route in properties.routes]
        problems += [f"routing.routes.{name}: this name is taken" for name in sorted({*names}) if names.count(name) > 1]
        self._routes: list[_Route] = []
        for route in properties.routes:
            (endpoint_name,) = route.endpoint_names
            if endpoint_name not in known:
                problems.append(f"routing.routes.{route.name}.endpointNames: there is no endpoint {endpoint_name!r}")
            if matches := _read(f"routing.routes.{route.name}", route.condition, problems):
                self._routes += [_Route(matches, endpoint_name)] * route.is_enabled
        fallback = properties.fallback_route
        condition = fallback.condition if fallback.is_enabled else "false"
        self._falls_back = _read("routing.fallbackRoute", condition, problems)
        if problems:
            raise ConfigError(problems)
        in_use = {route.endpoint for route in self._routes} | ({BUILT_IN} if fallback.is_enabled else set())
        self.event_hubs = {name: hub for name, hub in known.items() if name in in_use}

    def endpoints_of(self, message: Message) -> frozenset[str]:
        """Return where a message goes: once to each endpoint, nowhere if no route takes it.

        Args:
            message: as `as_queried` makes it.
        """
        taken = frozenset(route.endpoint for route in self._routes if route.matches(message))
        if not taken and self._falls_back is not None and self._falls_back(message):
            return frozenset({BUILT_IN})
        return taken


def load_routing(path: Path) -> RoutingProperties:
    """Read the document from a file.

    Raises:
        ConfigError: naming each field that is wrong.
    """
    try:
        return RoutingProperties.model_validate(json.loads(path.read_text()))
    except ValidationError as error:
        raise ConfigError([f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]) from error
    except (OSError, ValueError) as error:
        raise ConfigError([f"{path}: {error}"]) from error


def as_queried(message: UpstreamMessage) -> Message:
    """Return a message as queries see it: with what IoT Hub stamped, and `$name` a system property first.

    edgeHub looks for an application property of that name first; IoT Hub the other way about.
    """
    system = {
        **message.system,
        "enqueuedTime": dt.datetime.fromtimestamp(message.enqueued_at, dt.UTC).isoformat(),
        "iothub-message-source": MESSAGE_SOURCE,
    }
    hidden = {f"${name}".lower() for name in system}
    properties = {name: value for name, value in message.properties.items() if name.lower() not in hidden}
    return Message(message.source, message.body, properties, system)


def _read(path: str, condition: str, problems: list[str]) -> Callable[[Message], bool] | None:
    if _TWIN.search(condition):
        problems.append(f"{path}.condition: {condition!r} asks for a twin; only properties and the body are looked at")
        return None
    try:
        return parse_condition(condition)
    except ConfigError as error:
        problems += [f"{path}.condition: {problem}" for problem in error.problems]
        return None
