"""What the service side sees: IoT Hub's REST API for twins and methods, and `/local/…`.

`/twins/{device}/modules/{module}` (GET, PATCH, PUT) and `…/methods` (POST) have the shape of IoT
Hub's service API (learn.microsoft.com/rest/api/iothub/service/modules and `…/devices/invoke-method`), so that an
admin's script works on both. Left out: authorisation (the server listens on loopback only),
ETags, tags, `$metadata`; and every module id of the device exists without being created.

`/local/…` is the stand-in's own: `stats`, `faults`, `upstream`, `routes`, `drop`.
"""

import base64
import datetime as dt
from http import HTTPStatus
from typing import Any

from local_azure.edge_hub.http_server import HttpError, Request
from local_azure.edge_hub.hub import EdgeHub
from local_azure.edge_hub.methods import MethodCall
from local_azure.edge_hub.routes import Route
from local_azure.edge_hub.store import UpstreamMessage
from storeflow.errors import ConfigError

MAX_UPSTREAM_PAGE = 1000


class RestApi:
    """Serves the service side of one hub."""

    def __init__(self, hub: EdgeHub) -> None:
        self._hub = hub

    async def handle(self, request: Request) -> Any:
        """Answer one request.

        Raises:
            HttpError: 404 for unknown paths and devices, 400 for what a limit or a type forbids.
        """
        try:
            return await self._dispatch(request)
        except ConfigError as error:
            raise HttpError(HTTPStatus.BAD_REQUEST, f"ErrorCode:ArgumentInvalid;{error}") from error

    async def _dispatch(self, request: Request) -> Any:
        match request.parts:
            case ("twins", device_id, "modules", module_id, *rest):
                self._check_device(device_id)
                return await self._module(module_id, rest, request)
            case ("local", name):
                return self._local(name, request)
            case _:
                raise _not_served(request)

    def _local(self, name: str, request: Request) -> Any:
        match request.method, name:
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
            case _:
                raise _not_served(request)
        return answer

    def _check_device(self, device_id: str) -> None:
        if device_id != self._hub.device_id:
            fact = f"there is no device {device_id!r} here, only {self._hub.device_id!r}"
            raise HttpError(HTTPStatus.NOT_FOUND, f"ErrorCode:DeviceNotFound;{fact}")

    async def _module(self, module_id: str, rest: list[str], request: Request) -> Any:
        method = request.method
        if (method, rest) == ("POST", ["methods"]):
            call = MethodCall.from_json(request.fields())
            return await self._hub.methods.invoke(self._hub.session(module_id), call)
        if method in ("PATCH", "PUT") and not rest:
            desired = _desired(request.fields())
            self._hub.twins.change_desired(module_id, desired, replace=method == "PUT")
        elif method != "GET" or rest:
            raise _not_served(request)
        return self._twin(module_id)

    def _twin(self, module_id: str) -> dict[str, Any]:
        connected = self._hub.session(module_id).connection is not None
        return {
            "deviceId": self._hub.device_id,
            "moduleId": module_id,
            "connectionState": "Connected" if connected else "Disconnected",
            "properties": self._hub.twins.twin(module_id).document(),
        }

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
        }

    def _upstream(self, query: dict[str, str]) -> list[dict[str, Any]]:
        try:
            after, limit = int(query.get("after", "0")), int(query.get("limit", MAX_UPSTREAM_PAGE))
        except ValueError as error:
            raise ConfigError([f"after, limit: {error}"]) from error
        messages = self._hub.store.upstream_after(after, min(limit, MAX_UPSTREAM_PAGE))
        return [_upstream_json(message) for message in messages]


def _not_served(request: Request) -> HttpError:
    fact = f"{request.method} /{'/'.join(request.parts)} is not served"
    return HttpError(HTTPStatus.NOT_FOUND, f"ErrorCode:NotFound;{fact}")


def _desired(body: dict[str, Any]) -> dict[str, Any]:
    properties = body.get("properties")
    if not isinstance(properties, dict) or not isinstance(properties.get("desired"), dict):
        raise ConfigError(["properties.desired: expected an object"])
    desired: dict[str, Any] = properties["desired"]
    return desired


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
