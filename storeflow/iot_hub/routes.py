"""edgeHub's routes: which messages go where.

`FROM <source> [WHERE <condition>] INTO $upstream | BrokeredEndpoint("/modules/m/inputs/i")`,
as text or as `{"route": …, "priority": 0-9, "timeToLiveSecs": n}` (edgeHub schema 1.1).

Sources: learn.microsoft.com/azure/iot-edge/module-composition ("Declare routes"); in
Azure/iotedge, edge-hub/core/src: `Microsoft.Azure.Devices.Routing.Core/grammar/Route.g4`,
class `CustomMessageSource` of Routing.Core.MessageSources (prefix match without case),
`Microsoft.Azure.Devices.Edge.Hub.Core/routing/EndpointFactory.cs` (sinks; an endpoint is a
module's input), `Microsoft.Azure.Devices.Routing.Core/Evaluator.cs` (every route is tried, each
endpoint gets one copy, by the route of highest priority).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from storeflow.errors import ConfigError
from storeflow.iot_hub.conditions import parse_condition
from storeflow.iot_hub.message import Message

DEFAULT_PRIORITY = 2_000_000_000
"""Of a route that names none: after every route that does (class `RouteFactory`)."""

_MAX_NAMED_PRIORITY = 9
_ROUTE = re.compile(
    r"""\s*(?:SELECT\s+\*\s+)? FROM\s+(?P<source>/\S*)
        (?:\s+WHERE\s+(?P<condition>.+?))?
        \s+INTO\s+(?:(?P<system>\$\w+)
          | (?P<function>\w+)\s*\(\s*(?P<quote>["'])(?P<endpoint>[^"']*)(?P=quote)\s*\))\s*""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_ENDPOINT = re.compile(r"/?modules/(?P<module>[^/]+)/inputs/(?P<input>[^/]+)/?", re.IGNORECASE)


@dataclass(frozen=True)
class Endpoint:
    """Where a message goes: `$upstream` (both fields empty) or one input of one module."""

    module_id: str = ""
    input_name: str = ""

    @property
    def is_upstream(self) -> bool:
        """The way to IoT Hub."""
        return not self.module_id


@dataclass(frozen=True)
class Route:
    """One parsed route.

    Attributes:
        text: as it was written.
        source: the prefix of the sources it takes, lower case, with a closing slash.
        matches: the condition.
        priority: 0 (first) to 9, or `DEFAULT_PRIORITY`.
        time_to_live_seconds: 0 stands for the hub's own.
    """

    name: str
    text: str
    source: str
    matches: Callable[[Message], bool]
    endpoint: Endpoint
    priority: int = DEFAULT_PRIORITY
    time_to_live_seconds: int = 0


def parse_route(name: str, spec: Any) -> Route:
    """Read one entry of `routes`.

    Raises:
        ConfigError: naming the route and what is wrong with it.
    """
    path = f"routes.{name}"
    if isinstance(spec, str):
        spec = {"route": spec}
    if not isinstance(spec, Mapping) or not isinstance(spec.get("route"), str):
        raise ConfigError([f'{path}: expected text or {{"route": text, …}}, got {spec!r}'])
    if unknown := sorted(set(spec) - {"route", "priority", "timeToLiveSecs"}):
        raise ConfigError([f"{path}.{key}: edgeHub knows no such field" for key in unknown])
    priority = _whole_number(path, spec, "priority", DEFAULT_PRIORITY)
    if priority > _MAX_NAMED_PRIORITY and priority != DEFAULT_PRIORITY:
        raise ConfigError([f"{path}.priority: {priority} is outside 0-{_MAX_NAMED_PRIORITY}"])
    match = _ROUTE.fullmatch(spec["route"])
    if match is None:
        fact = "is not FROM <source> [WHERE <condition>] INTO <sink>"
        raise ConfigError([f"{path}: {spec['route']!r} {fact}"])
    try:
        matches = parse_condition(match["condition"]) if match["condition"] else _always
        endpoint = _endpoint(match)
    except ConfigError as error:
        raise ConfigError([f"{path}: {problem}" for problem in error.problems]) from error
    source = match["source"].rstrip("*").rstrip("/").lower() + "/"
    seconds = _whole_number(path, spec, "timeToLiveSecs", 0)
    return Route(name, spec["route"], source, matches, endpoint, priority, seconds)


def parse_routes(specs: Any) -> list[Route]:
    """Read all routes; one set to null was removed by a patch.

    Raises:
        ConfigError: with the faults of every route, so that they can be fixed at once.
    """
    if not isinstance(specs, Mapping):
        raise ConfigError([f"routes: expected an object, got {type(specs).__name__}"])
    routes, problems = [], []
    for name, spec in specs.items():
        if spec is None:
            continue
        try:
            routes.append(parse_route(name, spec))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return routes


def select(routes: Iterable[Route], message: Message) -> list[Route]:
    """Return the routes that `message` takes: one for each endpoint, the highest priority wins."""
    source = message.source.rstrip("/").lower() + "/"
    taken: dict[Endpoint, Route] = {}
    for route in routes:
        if not source.startswith(route.source) or not route.matches(message):
            continue
        rival = taken.get(route.endpoint)
        if rival is None or route.priority < rival.priority:
            taken[route.endpoint] = route
    return list(taken.values())


def _always(message: Message) -> bool:
    del message
    return True


def _endpoint(match: re.Match[str]) -> Endpoint:
    if match["system"]:
        if match["system"].lower() != "$upstream":
            raise ConfigError([f"INTO {match['system']}: the only system endpoint is $upstream"])
        return Endpoint()
    if match["function"].lower() != "brokeredendpoint":
        raise ConfigError([f"INTO {match['function']}(…): the only function is BrokeredEndpoint"])
    address = _ENDPOINT.fullmatch(match["endpoint"])
    if address is None:
        raise ConfigError([f"INTO {match['endpoint']!r}: expected /modules/<module>/inputs/<input>"])
    return Endpoint(address["module"], address["input"])


def _whole_number(path: str, spec: Mapping[str, Any], key: str, default: int) -> int:
    value = spec.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigError([f"{path}.{key}: expected a whole number from 0, got {value!r}"])
    return value
