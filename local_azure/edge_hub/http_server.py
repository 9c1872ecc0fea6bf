"""The little HTTP that two APIs on loopback need: requests with a length, answers in JSON."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

LOG = logging.getLogger(__name__)

MAX_BODY_BYTES = 1024 * 1024
MAX_HEADERS = 64


class HttpError(Exception):
    """Answer a request with a status and `{"Message": …}`, as IoT Hub words its refusals."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(f"{status.value}: {message}")
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Request:
    """One request: `parts` are the path's decoded segments, `body` is decoded JSON or None."""

    method: str
    parts: tuple[str, ...]
    query: dict[str, str]
    body: Any

    def fields(self) -> dict[str, Any]:
        """Return the body as an object.

        Raises:
            HttpError: 400, when it is something else.
        """
        if not isinstance(self.body, dict):
            raise HttpError(HTTPStatus.BAD_REQUEST, "ErrorCode:ArgumentInvalid;expected a JSON object")
        return self.body


Handler = Callable[[Request], Awaitable[Any]]
"""Gets a request, gives what to answer with 200, or raises HttpError."""


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
    except (HttpError, ValueError) as error:
        _answer(writer, HTTPStatus.BAD_REQUEST, {"Message": f"ErrorCode:ArgumentInvalid;{error}"})
        return False
    try:
        _answer(writer, HTTPStatus.OK, await handler(request))
    except HttpError as error:
        _answer(writer, error.status, {"Message": error.message})
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
    return Request(method, parts, dict(parse_qsl(query)), json.loads(body) if body.strip() else None)


def _answer(writer: asyncio.StreamWriter, status: HTTPStatus, body: Any) -> None:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
