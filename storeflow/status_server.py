"""`GET /healthz`, `/readyz` and `/metrics`, and nothing else: for Docker's health check, probes and scrapers.

It tells no event, no secret and no setting but the names of sections and cameras, and takes nothing; so it needs no
password, only a network that the shop's customers are not on. A request is a few hundred bytes in one breath; whoever
sends more, or slower, is hung up on.
"""

import json
import logging
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple

from storeflow.errors import ConfigError
from storeflow.exposition import CONTENT_TYPE
from storeflow.observability import redacted

LOG = logging.getLogger(__name__)
OFF = "off"
MAX_HEAD_BYTES = 8192
REQUEST_SECONDS = 5.0
"""For all of a request, and for the answer to be taken."""
AT_ONCE = 8
"""Connections; of one more, the line is put down."""
_JSON = "application/json"


class _Answer(NamedTuple):
    status: HTTPStatus
    body: bytes
    content_type: str = _JSON


class Readings(NamedTuple):
    """What the server tells; each is called for every request, on a thread of the server."""

    not_alive: Callable[[], list[str]]
    """Why the process should be started anew; empty while it lives."""
    not_ready: Callable[[], list[str]]
    """Why the module can't do its work; empty when it can."""
    exposition: Callable[[], bytes]
    """Numbers in Prometheus' text format."""


class StatusServer:
    """Serves on daemon threads from `start` to `close`.

    Args:
        address: `host:port`; port 0 takes any that is free; `off` serves nothing.
        readings: what to tell.

    Raises:
        ConfigError: the address is none.
    """

    def __init__(self, address: str, readings: Readings) -> None:
        self._address = None if address == OFF else _parsed(address)
        self._readings = readings
        self._server: _Server | None = None

    def start(self) -> None:
        """Serve. A port that is taken is logged, and the module goes on without: counting matters more."""
        if self._address is None:
            return
        host, port = self._address
        try:
            self._server = _Server((host, port), self._readings)
        except OSError as error:
            told = "no health, no metrics: %s:%d can't be served from: %s; set STOREFLOW_HTTP_ADDRESS to a free one"
            LOG.error(told, host, port, error.strerror or error)  # noqa: TRY400 - a traceback says no more
            return
        threading.Thread(target=self._server.serve_forever, name="status server", daemon=True).start()
        LOG.info("health and metrics at http://%s:%d", host, self.port)

    @property
    def port(self) -> int | None:
        """Where it serves; none if it does not."""
        return None if self._server is None else int(self._server.server_address[1])

    def close(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 2 * AT_ONCE
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], readings: Readings) -> None:
        self.readings = readings
        self.free = threading.Semaphore(AT_ONCE)
        super().__init__(address, _Handler)

    def verify_request(self, request: object, client_address: object) -> bool:
        del request, client_address
        return self.free.acquire(blocking=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start the request's thread, which gives its place back; where there is none to be had, this does."""
        try:
            super().process_request(request, client_address)
        except Exception:
            self.free.release()
            LOG.exception("status server: a request was not begun")
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.free.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say little of a caller who hung up before the answer."""
        LOG.debug("status server: %s hung up on %s", client_address, request)


class _Handler(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        head = _head(self.request)
        if head is None:
            return
        answer = _answer(head, self.server.readings)
        lines = [
            f"HTTP/1.1 {answer.status.value} {answer.status.phrase}",
            f"Content-Type: {answer.content_type}",
            f"Content-Length: {len(answer.body)}",
            "Cache-Control: no-store",
            "Connection: close",
            *(["Allow: GET"] if answer.status is HTTPStatus.METHOD_NOT_ALLOWED else []),
        ]
        self.request.settimeout(REQUEST_SECONDS)
        self.request.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + answer.body)


def _head(connection: socket.socket) -> bytes | None:
    """Request line and headers; none if they don't come in time, or don't end."""
    deadline, head = time.monotonic() + REQUEST_SECONDS, b""
    while b"\r\n\r\n" not in head:
        left = deadline - time.monotonic()
        if left <= 0 or len(head) > MAX_HEAD_BYTES:
            return None
        connection.settimeout(left)
        try:
            piece = connection.recv(MAX_HEAD_BYTES)
        except OSError:
            return None
        if not piece:
            return None
        head += piece
    return head


def _answer(head: bytes, readings: Readings) -> _Answer:
    """What to say to a request that begins with `head`."""
    words = head.split(b"\r\n", 1)[0].split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/1."):  # noqa: PLR2004 - verb, target, version
        return _told(HTTPStatus.BAD_REQUEST, ["no request of HTTP/1.1"])
    path = words[1].split(b"?", 1)[0]
    paths = {
        b"/healthz": lambda: _verdict(readings.not_alive()),
        b"/readyz": lambda: _verdict(readings.not_ready()),
        b"/metrics": lambda: _Answer(HTTPStatus.OK, readings.exposition(), CONTENT_TYPE),
    }
    if path not in paths:
        return _told(HTTPStatus.NOT_FOUND, ["there are /healthz, /readyz and /metrics"])
    if words[0] != b"GET":
        return _told(HTTPStatus.METHOD_NOT_ALLOWED, ["GET only"])
    try:
        return paths[path]()
    except Exception:  # an answer that fails costs its caller an answer and nobody anything else
        LOG.exception("status server: %s", path.decode(errors="replace"))
        return _told(HTTPStatus.INTERNAL_SERVER_ERROR, ["it failed; the module's log says more"])


def _verdict(reasons: list[str]) -> _Answer:
    return _told(HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK, reasons)


def _told(status: HTTPStatus, reasons: list[str]) -> _Answer:
    document = {"ok": status is HTTPStatus.OK, "reasons": [redacted(reason) for reason in reasons]}
    return _Answer(status, json.dumps(document).encode() + b"\n")


def _parsed(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:  # noqa: PLR2004 - the highest port
        told = f"environment: STOREFLOW_HTTP_ADDRESS={address!r} is neither host:port nor {OFF}"
        raise ConfigError([told])
    return host, int(port)
