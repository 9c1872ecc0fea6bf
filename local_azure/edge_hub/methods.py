"""Direct methods: a call from the service to a module and its answer.

Sources: learn.microsoft.com/azure/iot-hub/iot-hub-devguide-direct-methods (payload up to
128 KiB, 404 for a device that is not online, 504 for one that does not answer, time limits);
the ranges are those of the request's validator in Azure/iotedge, Microsoft.Azure.Devices.Edge.Hub.Http;
topics: learn.microsoft.com/azure/iot/iot-mqtt-connect-to-iot-hub ("Respond to a direct method"); bodies of 404 and
504: Azure/azure-iot-cli-extension, issue 54, and Azure/azure-iot-sdk-c, issue 717.
"""

import asyncio
import json
import time
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote

from local_azure.edge_hub.sessions import Session
from local_azure.http_server import HttpError

REQUESTS_FILTER = "$iothub/methods/POST/#"
RESPONSE_PREFIX = "$iothub/methods/res/"

_MAX_NAME = 100
_MAX_PAYLOAD_BYTES = 128 * 1024
_RESPONSE_SECONDS = (5, 300)
_CONNECT_SECONDS = (0, 300)
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class MethodCall:
    """A checked request to `POST …/methods`."""

    name: str
    payload: bytes
    response_seconds: float
    connect_seconds: float

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "MethodCall":
        """Check a request body.

        Raises:
            HttpError: 400, naming the field.
        """
        name = body.get("methodName")
        if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME:
            raise _invalid(f"methodName: expected 1-{_MAX_NAME} characters, got {name!r}")
        payload = json.dumps(body.get("payload")).encode()
        if len(payload) > _MAX_PAYLOAD_BYTES:
            raise _invalid(f"payload: {len(payload)} bytes, IoT Hub takes {_MAX_PAYLOAD_BYTES}")
        response = _seconds(body, "responseTimeoutInSeconds", 30, _RESPONSE_SECONDS)
        return cls(name, payload, response, _seconds(body, "connectTimeoutInSeconds", 0, _CONNECT_SECONDS))


class DirectMethods:
    """Sends calls and pairs answers with them."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}

    async def invoke(self, session: Session, call: MethodCall) -> dict[str, Any]:
        """Call a method of a module.

        Returns:
            `{"status": …, "payload": …}` as the module answered.

        Raises:
            HttpError: 404 when the module does not listen to methods in time, 504 when it does
                not answer in time.
        """
        give_up = time.monotonic() + call.connect_seconds
        while not session.listens_to(REQUESTS_FILTER):
            if time.monotonic() >= give_up:
                raise not_online()
            await asyncio.sleep(_POLL_SECONDS)
        request_id = str(uuid.uuid4())
        answer = self._waiting[request_id] = asyncio.get_running_loop().create_future()
        session.send(f"$iothub/methods/POST/{quote(call.name)}/?$rid={request_id}", call.payload)
        try:
            return await asyncio.wait_for(answer, call.response_seconds)
        except TimeoutError:
            fact = "Timed out waiting for the response from device."
            raise HttpError(HTTPStatus.GATEWAY_TIMEOUT, fact, "GatewayTimeout", number=504101) from None
        finally:
            del self._waiting[request_id]

    def on_response(self, topic: str, body: bytes) -> None:
        """Take an answer; one that comes too late, or is no JSON, is dropped."""
        path, _, query = topic.removeprefix(RESPONSE_PREFIX).partition("?")
        waiting = self._waiting.get(dict(parse_qsl(query)).get("$rid", ""))
        if waiting is None or waiting.done():
            return
        try:
            waiting.set_result({"status": int(path.strip("/")), "payload": json.loads(body or b"null")})
        except ValueError:
            return


def not_online() -> HttpError:
    """Return the refusal of a call to a module that isn't there, in IoT Hub's words."""
    fact = "Timed out waiting for device to connect."
    return HttpError(HTTPStatus.NOT_FOUND, fact, "DeviceNotOnline", number=404103)


def _seconds(body: dict[str, Any], key: str, default: int, limits: tuple[int, int]) -> float:
    value = body.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not limits[0] <= value <= limits[1]:
        raise _invalid(f"{key}: expected {limits[0]}-{limits[1]}, got {value!r}")
    return value


def _invalid(fact: str) -> HttpError:
    return HttpError(HTTPStatus.BAD_REQUEST, fact, "ArgumentInvalid")
