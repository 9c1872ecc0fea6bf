"""What the service side sees: IoT Hub's service API, and `/local/…`.

`/twins/…`, `/devices/…` and `/configurations…` have the shape of IoT Hub's API (groups Modules, Devices and
Configuration of learn.microsoft.com/rest/api/iothub/service), so that an admin's script works on both: `api-version`
must be there (400 `InvalidProtocolVersion`), ETags are minded, errors have IoT Hub's codes. What is left out is in
README.md.

`/local/…` is the stand-in's own: `stats`, `faults`, `upstream`, `routes`, `drop`, `cloud`.
"""

import base64
import datetime as dt
import re
from http import HTTPStatus
from typing import Any

from local_azure.edge_hub.hub import EdgeHub
from local_azure.edge_hub.methods import MethodCall, not_online
from local_azure.edge_hub.preconditions import etag_matches
from local_azure.edge_hub.service_access import ServiceAccess
from local_azure.edge_hub.store import UpstreamMessage
from local_azure.edge_hub.twin_operations import DEVICE
from local_azure.edge_hub.twin_views import module_view, twin_view
from local_azure.http_server import HttpError, Request, Response
from storeflow.errors import ConfigError
from storeflow.iot_hub.routes import Route

MAX_UPSTREAM_PAGE = 1000

_MODULE_ID = re.compile(r"[A-Za-z0-9\-.+%_#*?!(),:=@$']{1,128}")
"""learn.microsoft.com/azure/iot-hub/iot-hub-devguide-module-twins, "Module identity properties"."""


class RestApi:
    """Serves the service side of one hub."""

    def __init__(self, hub: EdgeHub, access: ServiceAccess) -> None:
        self._hub = hub
        self._access = access

    async def handle(self, request: Request) -> Any:
        """Answer one request.

        Raises:
            HttpError: 404 for unknown paths, devices and modules, 400 for what a limit or a type forbids, 401 for a
                token that doesn't fit, 412 where something changed since.
        """
        try:
            if request.parts[:1] == ("local",):
                return self._local(request.parts[1:], request)
            self._access.check(request)
            if not request.query.get("api-version"):
                raise HttpError(HTTPStatus.BAD_REQUEST, "api-version: missing in the address", "InvalidProtocolVersion")
            return await self._service(request)
        except ConfigError as error:
            raise HttpError(HTTPStatus.BAD_REQUEST, str(error), "ArgumentInvalid") from error

    async def _service(self, request: Request) -> Any:
        match (request.method, *request.parts):
            case (method, "twins", device_id, *rest):
                self._check_device(device_id)
                return await self._twins(method, rest, request)
            case ("GET", "devices", device_id, "modules"):
                self._check_device(device_id)
                return [module_view(self._hub, module_id) for module_id in sorted(self._hub.twins.known())]
            case ("PUT", "devices", device_id, "modules", module_id):
                self._check_device(device_id)
                return self._make(module_id)
            case ("POST", "devices", device_id, "applyConfigurationContent"):
                self._check_device(device_id)
                self._hub.deployments.apply(request.fields())
                return Response(None, HTTPStatus.NO_CONTENT)
            case (_, "configurations", *name) if len(name) <= 1:
                status, body = self._hub.deployments.handle(request, *name)
                return Response(body, status)
            case _:
                raise _not_served(request)

    async def _twins(self, method: str, rest: list[str], request: Request) -> Any:
        match method, rest:
            case "POST", ["modules", module_id, "methods"]:
                call = MethodCall.from_json(request.fields())
                if self._hub.queues.cloud_away:
                    raise not_online()
                return await self._hub.methods.invoke(self._hub.session(module_id), call)
            case (("GET" | "PATCH" | "PUT"), [] | ["modules", _]):
                module_id = rest[-1] if rest else DEVICE
                self._check_module(module_id)
                if method != "GET":
                    self._change(module_id, request)
            case _:
                raise _not_served(request)
        view = twin_view(self._hub, module_id)
        return Response(view, headers={"ETag": f'"{view["etag"]}"'})

    def _change(self, module_id: str, request: Request) -> None:
        etag = self._hub.twins.twin(module_id).etag
        if not etag_matches(request.headers.get("if-match", ""), etag):
            fact = f"the twin was changed: its etag is {etag}"
            raise HttpError(HTTPStatus.PRECONDITION_FAILED, fact, "PreconditionFailed")
        body = request.fields()
        properties, tags = _object(body, "properties"), _object(body, "tags")
        desired = _object(properties or {}, "properties.desired")
        if desired is None and tags is None:
            raise ConfigError(["expected properties.desired or tags"])
        replace = request.method == "PUT"
        if replace:
            desired, tags = desired or {}, tags or {}
        self._hub.twins.change(module_id, desired=desired, tags=tags, replace=replace)
        if module_id == DEVICE:
            self._hub.deployments.evaluate()

    def _make(self, module_id: str) -> Response:
        if not _MODULE_ID.fullmatch(module_id):
            raise ConfigError(
                [f"moduleId: expected up to 128 of A-Z, a-z, 0-9 and -.+%_#*?!(),:=@$', got {module_id!r}"]
            )
        if module_id in self._hub.twins.known():
            fact = f"{self._hub.device_id} has a module {module_id!r} already"
            raise HttpError(HTTPStatus.CONFLICT, fact, "ModuleAlreadyExistsOnDevice")
        self._hub.twins.register(module_id)
        return Response(module_view(self._hub, module_id), HTTPStatus.CREATED)

    def _check_module(self, module_id: str) -> None:
        if module_id != DEVICE and module_id not in self._hub.twins.known():
            fact = f"{self._hub.device_id} has no module {module_id!r}"
            raise HttpError(HTTPStatus.NOT_FOUND, fact, "ModuleNotFound")

    def _check_device(self, device_id: str) -> None:
        if device_id != self._hub.device_id:
            fact = f"there is no device {device_id!r} here, only {self._hub.device_id!r}"
            raise HttpError(HTTPStatus.NOT_FOUND, fact, "DeviceNotFound")

    def _local(self, parts: tuple[str, ...], request: Request) -> Any:
        match (request.method, *parts):
            case "GET", "stats":
                answer: Any = self._stats()
            case "GET", "faults":
                answer = self._hub.faults.as_json()
            case "POST", "faults":
                self._hub.faults.update(request.fields())
                answer = self._hub.faults.as_json()
            case "GET", "routes":
                answer = {route.name: _route_json(route) for route in self._hub.twins.routes}
            case "GET", "upstream":
                answer = self._upstream(request.query)
            case "POST", "drop":
                answer = {"dropped": self._hub.drop_connections(str(request.fields().get("module", "")))}
            case "POST", "cloud":
                answer = self._cloud(request.fields().get("away"))
            case _:
                raise _not_served(request)
        return answer

    def _cloud(self, away: Any) -> dict[str, bool]:
        if not isinstance(away, bool):
            raise ConfigError([f"away: expected true or false, got {away!r}"])
        self._hub.queues.cloud_away = away
        self._hub.queues.forward()
        return {"away": away}

    def _stats(self) -> dict[str, Any]:
        waiting = self._hub.store.queue_lengths()
        return {
            "counts": dict(self._hub.queues.counts),
            "modules": {
                session.module_id: {
                    "connected": session.connection is not None,
                    "subscriptions": sorted(session.filters),
                    "queued": waiting.get(session.module_id, 0),
                    "in_flight": len(session.in_flight),
                }
                for session in self._hub.sessions()
            },
            "waiting": waiting,
            "routing": self._hub.routing.stats() if self._hub.routing else {},
        }

    def _upstream(self, query: dict[str, str]) -> list[dict[str, Any]]:
        try:
            after, limit = int(query.get("after", "0")), int(query.get("limit", MAX_UPSTREAM_PAGE))
        except ValueError as error:
            raise ConfigError([f"after, limit: {error}"]) from error
        messages = self._hub.store.upstream_after(after, min(limit, MAX_UPSTREAM_PAGE))
        return [_upstream_json(message) for message in messages]


def _object(parent: dict[str, Any], path: str) -> dict[str, Any] | None:
    """What the parent has under the last name of a path, None if nothing.

    Raises:
        ConfigError: something else than an object.
    """
    value = parent.get(path.rpartition(".")[2])
    if value is not None and not isinstance(value, dict):
        raise ConfigError([f"{path}: expected an object, got {value!r}"])
    return value


def _not_served(request: Request) -> HttpError:
    fact = f"{request.method} /{'/'.join(request.parts)} is not served"
    return HttpError(HTTPStatus.NOT_FOUND, fact, "NotFound")


def _route_json(route: Route) -> dict[str, Any]:
    return {
        "route": route.text,
        "priority": route.priority,
        "timeToLiveSecs": route.time_to_live_seconds,
    }


def _upstream_json(message: UpstreamMessage) -> dict[str, Any]:
    """Show a message as IoT Hub's routing writes one to storage, and where to go on from."""
    enqueued_at = dt.datetime.fromtimestamp(message.enqueued_at, dt.UTC).isoformat()
    return {
        "sequence": message.sequence,
        "source": message.source,
        "enqueuedTime": enqueued_at,
        "properties": message.properties,
        "systemProperties": {**message.system, "enqueuedTime": enqueued_at},
        "body": base64.b64encode(message.body).decode(),
    }
