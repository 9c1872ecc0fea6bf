"""The little HTTP that two APIs on loopback need: requests with a length, answers in JSON."""

import asyncio
import datetime as dt
import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

LOG = logging.getLogger(__name__)

MAX_BODY_BYTES = 1024 * 1024
MAX_HEADERS = 64


class HttpError(Exception):
    """Answer a request with a refusal.

    Without a code the body is `{"Message": …}`. With one it is as IoT Hub words its own, which is
    `{"Message": "ErrorCode:<code>;<text>", "ExceptionMessage": "Tracking ID:…"}` and the header `iothub-errorcode`
    (learn.microsoft.com/rest/api/iothub/common-error-codes); with a number, such as 404103, the text of `Message` is
    an object of its own, as direct methods have it (Azure/azure-iot-cli-extension, issue 54).
    """

    def __init__(self, status: HTTPStatus, message: str, code: str = "", *, number: int = 0) -> None:
        super().__init__(f"{status.value}: {message}")
        self.status = status
        self.message = message
        self.code = code
        self.number = number

    def body(self, tracking_id: str, now: dt.datetime) -> dict[str, str]:
        """Return what to answer."""
        if self.number:
            error = {
                "errorCode": self.number,
                "trackingId": tracking_id,
                "message": self.message,
                "timestampUtc": now.isoformat(),
            }
            return {"Message": json.dumps(error), "ExceptionMessage": ""}
        if self.code:
            tracking = f"Tracking ID:{tracking_id}-TimeStamp:{now:%m/%d/%Y %H:%M:%S}"
            return {"Message": f"ErrorCode:{self.code};{self.message}", "ExceptionMessage": tracking}
        return {"Message": self.message}


@dataclass(frozen=True)
class Request:
    """One request: `parts` are the path's decoded segments, `body` is decoded JSON or None.

    `headers` are by name in lower case.
    """

    method: str
    parts: tuple[str, ...]
    query: dict[str, str]
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        """Return the body as an object.

        Raises:
            HttpError: 400, when it is something else.
        """
        if not isinstance(self.body, dict):
            raise HttpError(HTTPStatus.BAD_REQUEST, "expected a JSON object", "ArgumentInvalid")
        return self.body


@dataclass(frozen=True)
class Response:
    """An answer that needs more than a body; a body of None is none at all."""

    body: Any
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Awaitable[Any]]
"""Gets a request, gives a Response or what to answer with 200, or raises HttpError."""


async def serve_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler) -> None:
    """Answer one client's requests until it closes the connection."""
    try:
        while await _serve_request(reader, writer, handler):
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass
    finally:
        writer.close()


async def _serve_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler) -> bool:
    """Answer one request; False ends the connection."""
    line = await reader.readline()
    if not line:
        return False
    try:
        request = await _read(line, reader)
    except (HttpError, ValueError, RecursionError) as error:  # the last from JSON of ten thousand brackets
        _answer(writer, _refusal(HttpError(HTTPStatus.BAD_REQUEST, str(error), "ArgumentInvalid")))
        return False
    try:
        answer = await handler(request)
    except HttpError as error:
        answer = _refusal(error)
    except Exception:  # whatever it is, a caller gets an answer and others are served
        asked = f"{request.method} /{'/'.join(request.parts)}"
        LOG.exception("%s failed", asked)
        fact = f"{asked} failed; the hub's log says more"
        answer = _refusal(HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, fact, "ServerError"))
    _answer(writer, answer if isinstance(answer, Response) else Response(answer))
    return True


async def _read(line: bytes, reader: asyncio.StreamReader) -> Request:
    method, target, _ = line.decode("ascii").split()
    headers: dict[str, str] = {}
    while (header := (await reader.readline()).decode("latin-1").strip()) and len(headers) <= MAX_HEADERS:
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length") or 0)
    if not 0 <= length <= MAX_BODY_BYTES:
        raise ValueError(f"a body of {length} bytes; at most {MAX_BODY_BYTES} are taken")
    body = await reader.readexactly(length)
    path, _, query = target.partition("?")
    parts = tuple(unquote(part) for part in path.split("/") if part)
    decoded = json.loads(body, parse_constant=_no_json) if body.strip() else None
    return Request(method, parts, dict(parse_qsl(query)), decoded, headers)


def _no_json(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _refusal(error: HttpError) -> Response:
    headers = {"iothub-errorcode": error.code} if error.code else {}
    return Response(error.body(uuid.uuid4().hex, dt.datetime.now(dt.UTC)), error.status, headers)


def _answer(writer: asyncio.StreamWriter, answer: Response) -> None:
    data = b"" if answer.body is None else json.dumps(answer.body).encode()
    lines = [f"HTTP/1.1 {answer.status.value} {answer.status.phrase}", f"Content-Length: {len(data)}"]
    lines += ["Content-Type: application/json"] if data else []
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + data)
