"""IoT Hub's service API, as far as an admin of stores needs it: twins, direct methods, deployments.

Source: learn.microsoft.com/rest/api/iothub/service (groups Devices, Modules, Configuration), api-version 2021-04-12.
Nothing in here knows whether a real hub or a stand-in answers. An ETag is sent in double quotes: IoT Hub ignores one
without them on a twin (Azure/azure-iot-sdk-python, pull request 754) and answers 409 on a configuration.
"""

import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, urlsplit

from storeflow.errors import TransportError
from storeflow.iot_hub.shared_access import ServiceConnection
from storeflow.iot_hub.twin_documents import without_service_keys

API_VERSION = "2021-04-12"

_TOKEN_SECONDS = 600
_DESIRED = "desired"


class HubError(TransportError):
    """The hub answered with an error.

    Attributes:
        status: the HTTP status.
        code: IoT Hub's name for it, such as `DeviceNotFound`, from the header `iothub-errorcode`; or empty.
    """

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.code = code


@dataclass(frozen=True)
class MethodAnswer:
    """What a module answered to a direct method: its own status and payload."""

    status: int
    payload: Any


class IotHubClient:
    """Talks to the service side of an IoT Hub about one device.

    Args:
        base_url: `https://<hub>.azure-devices.net`.
        device_id: the device that all calls are about.
        authorization: gives the `Authorization` header of the next request; empty for none.
        timeout: seconds to wait for an answer, beyond a method's own time.
    """

    def __init__(
        self, base_url: str, device_id: str, *, authorization: Callable[[], str] = str, timeout: float = 10
    ) -> None:
        self.base_url = base_url
        self.device_id = device_id
        self._authorization = authorization
        self._timeout = timeout

    @classmethod
    def of(cls, connection: ServiceConnection, device_id: str, *, timeout: float = 60) -> Self:
        """Make a client that signs a fresh token for every request."""

        def token() -> str:
            return connection.token(int(time.time()) + _TOKEN_SECONDS)

        return cls(connection.url, device_id, authorization=token, timeout=timeout)

    # Twins.

    def twin(self, module_id: str = "") -> dict[str, Any]:
        """Return a module's twin, or the device's own: `tags`, `properties`, `etag`, `connectionState`.

        Raises:
            HubError: from this and all other calls; TransportError when the hub can't be reached.
        """
        twin: dict[str, Any] = self.call("GET", self._twin(module_id))
        return twin

    def desired(self, module_id: str) -> dict[str, Any]:
        """Return a module's desired properties without what the service adds."""
        return without_service_keys(self.twin(module_id)["properties"][_DESIRED])

    def reported(self, module_id: str) -> dict[str, Any]:
        """Return a module's reported properties without what the service adds."""
        return without_service_keys(self.twin(module_id)["properties"]["reported"])

    def patch_twin(self, module_id: str, desired: dict[str, Any], *, etag: str = "") -> dict[str, Any]:
        """Merge desired properties; null removes a key. Returns the twin.

        Args:
            module_id: whose.
            desired: the patch.
            etag: of the twin as it was read: 412 if somebody changed it since. Empty for whatever it is.
        """
        body = {"properties": {_DESIRED: desired}}
        twin: dict[str, Any] = self.call("PATCH", self._twin(module_id), body, etag=etag)
        return twin

    def replace_twin(self, module_id: str, desired: dict[str, Any]) -> dict[str, Any]:
        """Replace desired properties, which takes the twin's tags away too. Returns the twin."""
        twin: dict[str, Any] = self.call("PUT", self._twin(module_id), {"properties": {_DESIRED: desired}})
        return twin

    def modules(self) -> list[dict[str, Any]]:
        """Return the device's modules: each with its `moduleId` and `connectionState`."""
        modules: list[dict[str, Any]] = self.call("GET", f"/devices/{quote(self.device_id, safe='')}/modules")
        return modules

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
        answer = self.call("POST", f"{self._twin(module_id)}/methods", body, wait=wait)
        return MethodAnswer(answer["status"], answer["payload"])

    # Deployments.

    def deployments(self) -> list[dict[str, Any]]:
        """Return all automatic deployments of the hub."""
        deployments: list[dict[str, Any]] = self.call("GET", "/configurations")
        return deployments

    def put_deployment(self, deployment: dict[str, Any], *, etag: str = "") -> dict[str, Any]:
        """Create a deployment, or, given its `etag`, change its priority, target condition or labels."""
        path = f"/configurations/{quote(deployment['id'], safe='')}"
        answer: dict[str, Any] = self.call("PUT", path, deployment, etag=etag)
        return answer

    def delete_deployment(self, deployment_id: str) -> None:
        """Delete a deployment."""
        self.call("DELETE", f"/configurations/{quote(deployment_id, safe='')}", etag="*")

    def call(self, method: str, path: str, body: Any = None, *, etag: str = "", wait: float = 0) -> Any:
        """Send one request and return the decoded body of the answer."""
        url = urlsplit(self.base_url)
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        connection = kind(url.netloc, timeout=self._timeout + wait)
        separator = "&" if "?" in path else "?"
        try:
            connection.request(
                method,
                f"{path}{separator}api-version={API_VERSION}",
                body=None if body is None else json.dumps(body),
                headers=self._headers(etag),
            )
            response = connection.getresponse()
            data = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise TransportError(f"{method} {self.base_url}{path}: {error or type(error).__name__}") from error
        finally:
            connection.close()
        answer = _decoded(data)
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            raise HubError(response.status, message_of(answer), response.headers.get("iothub-errorcode", ""))
        return answer

    def _headers(self, etag: str) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if token := self._authorization():
            headers["Authorization"] = token
        if etag:
            headers["If-Match"] = etag if etag == "*" else f'"{etag}"'
        return headers

    def _twin(self, module_id: str) -> str:
        device = f"/twins/{quote(self.device_id, safe='')}"
        return f"{device}/modules/{quote(module_id, safe='$')}" if module_id else device


def message_of(answer: Any) -> str:
    """Return what an error says, whichever of IoT Hub's envelopes it comes in.

    They are `{"Message": "ErrorCode:…;text"}`, `{"message": text}`, and for direct methods the second as text
    inside the first.
    """
    if not isinstance(answer, dict):
        return str(answer)
    text = str(answer.get("Message") or answer.get("message") or answer)
    try:
        inner = json.loads(text)
    except ValueError:
        return text
    return str(inner["message"]) if isinstance(inner, dict) and "message" in inner else text


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data) if data.strip() else None
    except ValueError:
        return data.decode(errors="replace")
