"""A client of the service side: IoT Hub's twins and methods, and the stand-in's own paths.

`twin`, `patch_twin`, `replace_twin` and `invoke_method` speak IoT Hub's REST API and so work on a
real hub too, given its URL and a shared access signature; the rest is the stand-in's.
"""

import base64
import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from storeflow.errors import ConfigError, TransportError

API_VERSION = "2021-04-12"


class HubError(TransportError):
    """The hub answered with an error.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


@dataclass(frozen=True)
class MethodAnswer:
    """What a module answered to a direct method: its own status and payload."""

    status: int
    payload: Any


@dataclass(frozen=True)
class Upstreamed:
    """A message that left the store.

    Attributes:
        sequence: ask for what comes `after` it.
        system: system properties: `connectionDeviceId`, `connectionModuleId`, `enqueuedTime`,
            `messageId`, `contentType`, …
    """

    sequence: int
    source: str
    body: bytes
    properties: dict[str, str]
    system: dict[str, str]

    def json(self) -> Any:
        """Decode the body."""
        return json.loads(self.body)


class HubClient:
    """Talks to one device's hub.

    Args:
        base_url: `http://127.0.0.1:15580`, or `https://<hub>.azure-devices.net` for a real one.
        authorization: the `Authorization` header that a real hub asks for.
        timeout: seconds to wait for an answer, beyond a method's own time.
    """

    def __init__(self, base_url: str, device_id: str, *, authorization: str = "", timeout: float = 10) -> None:
        self.base_url = base_url
        self.device_id = device_id
        self._headers = {"Content-Type": "application/json"}
        if authorization:
            self._headers["Authorization"] = authorization
        self._timeout = timeout

    def twin(self, module_id: str) -> dict[str, Any]:
        """Return a module's twin as IoT Hub shows it: `connectionState`, `properties`."""
        twin: dict[str, Any] = self._call("GET", self._module(module_id))
        return twin

    def desired(self, module_id: str) -> dict[str, Any]:
        """Return a module's desired properties without what the service adds."""
        section = self.twin(module_id)["properties"]["desired"]
        return {key: value for key, value in section.items() if not key.startswith("$")}

    def reported(self, module_id: str) -> dict[str, Any]:
        """Return a module's reported properties without what the service adds."""
        section = self.twin(module_id)["properties"]["reported"]
        return {key: value for key, value in section.items() if not key.startswith("$")}

    def patch_twin(self, module_id: str, desired: dict[str, Any]) -> dict[str, Any]:
        """Merge desired properties; null removes a key. Returns the twin."""
        return self._change("PATCH", module_id, desired)

    def replace_twin(self, module_id: str, desired: dict[str, Any]) -> dict[str, Any]:
        """Replace desired properties. Returns the twin."""
        return self._change("PUT", module_id, desired)

    def invoke_method(
        self,
        module_id: str,
        name: str,
        payload: Any = None,
        *,
        response_timeout: int = 30,
        connect_timeout: int = 0,
    ) -> MethodAnswer:
        """Call a direct method.

        Raises:
            HubError: 404 when the module is not there, 504 when it does not answer in time.
        """
        body = {
            "methodName": name,
            "payload": payload,
            "responseTimeoutInSeconds": response_timeout,
            "connectTimeoutInSeconds": connect_timeout,
        }
        wait = response_timeout + connect_timeout
        answer = self._call("POST", f"{self._module(module_id)}/methods", body, wait=wait)
        return MethodAnswer(answer["status"], answer["payload"])

    def set_routes(self, routes: dict[str, Any], time_to_live_seconds: int | None = None) -> None:
        """Deploy routes to the hub, as a deployment's `$edgeHub` section does.

        Raises:
            ConfigError: the hub could not read them and kept the ones it had.
        """
        desired: dict[str, Any] = {"schemaVersion": "1.1", "routes": routes}
        if time_to_live_seconds is not None:
            desired["storeAndForwardConfiguration"] = {"timeToLiveSecs": time_to_live_seconds}
        self.replace_twin("$edgeHub", desired)
        status = self.reported("$edgeHub")["lastDesiredStatus"]
        if status["code"] != http.HTTPStatus.OK:
            raise ConfigError([str(status["description"])])

    def upstream(self, after: int = 0) -> list[Upstreamed]:
        """Return up to 1,000 messages that left the store, oldest first, later than `after`."""
        return [
            Upstreamed(
                entry["sequence"],
                entry["source"],
                base64.b64decode(entry["body"]),
                entry["properties"],
                entry["systemProperties"],
            )
            for entry in self._call("GET", f"/local/upstream?after={after}")
        ]

    def stats(self) -> dict[str, Any]:
        """Return the hub's counters (`counts`) and what it knows of each module (`modules`)."""
        stats: dict[str, Any] = self._call("GET", "/local/stats")
        return stats

    def routes(self) -> dict[str, Any]:
        """Return the routes in force."""
        routes: dict[str, Any] = self._call("GET", "/local/routes")
        return routes

    def faults(self, **changes: Any) -> dict[str, Any]:
        """Set fault switches (see `local_azure.edge_hub.faults.Faults`) and return them all."""
        faults: dict[str, Any] = self._call("POST", "/local/faults", changes)
        return faults

    def drop(self, module_id: str = "") -> int:
        """Cut a module's connection, or all; returns how many there were."""
        return int(self._call("POST", "/local/drop", {"module": module_id})["dropped"])

    def _module(self, module_id: str) -> str:
        return f"/twins/{quote(self.device_id, safe='')}/modules/{quote(module_id, safe='$')}"

    def _change(self, method: str, module_id: str, desired: dict[str, Any]) -> dict[str, Any]:
        twin: dict[str, Any] = self._call(method, self._module(module_id), {"properties": {"desired": desired}})
        return twin

    def _call(self, method: str, path: str, body: Any = None, *, wait: float = 0) -> Any:
        url = urlsplit(self.base_url)
        timeout = self._timeout + wait
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        connection = kind(url.netloc, timeout=timeout)
        separator = "&" if "?" in path else "?"
        try:
            connection.request(
                method,
                f"{path}{separator}api-version={API_VERSION}",
                body=None if body is None else json.dumps(body),
                headers=self._headers,
            )
            response = connection.getresponse()
            data = response.read()
        except OSError as error:
            raise TransportError(f"{method} {self.base_url}{path}: {error}") from error
        finally:
            connection.close()
        answer = json.loads(data) if data else None
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            message = answer.get("Message", "") if isinstance(answer, dict) else str(answer)
            raise HubError(response.status, message)
        return answer
