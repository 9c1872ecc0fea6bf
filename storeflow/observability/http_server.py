"""`GET /healthz`, `/readyz` and `/metrics`, and nothing else: for Docker's health check, probes and scrapers.

It shows no event, no secret and no setting but the names of sections and cameras, and takes nothing; so it needs no
password, only a network that the shop's customers are not on. A request is a few hundred bytes in one packet; the
connection of anyone who sends more, or slower, is closed.

It is parsed by hand. `http.server` would not be shorter: it answers HTTP/0.9 without a status line, serves `//metrics`
as `/metrics`, and needs a thread with a timer to end a request that comes byte by byte.
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

from storeflow.observability.exposition import CONTENT_TYPE
from storeflow.observability.http_address import VARIABLE, HttpAddress
from storeflow.observability.logs import redacted

LOG = logging.getLogger(__name__)
MAX_HEAD_BYTES = 8192
REQUEST_SECONDS = 5.0
"""For all of a request, and for the answer to be taken."""
MAX_CONCURRENT = 8
"""Connections; one more is closed at once."""


class _Response(NamedTuple):
    status: HTTPStatus
    body: bytes
    content_type: str = "application/json"


class Readings(NamedTuple):
    """What the server shows; each is called for every request, on a thread of the server."""

    not_alive: Callable[[], list[str]]
    """Why the process should be started again; empty while it lives."""
    not_ready: Callable[[], list[str]]
    """Why the module can't do its work; empty when it can."""
    exposition: Callable[[], bytes]
    """Numbers in Prometheus' text format."""


class StatusServer:
    """Serves on daemon threads from `start` to `close`.

    Args:
        address: where; None serves nothing.
        readings: what to show.
    """

    def __init__(self, address: HttpAddress | None, readings: Readings) -> None:
        self._address, self._readings = address, readings
        self._server: _Server | None = None

    def start(self) -> None:
        """Serve. A port that is taken is logged, and the module goes on without: counting matters more."""
        if self._address is None:
            return
        try:
            self._server = _Server(self._address, self._readings)
        except OSError as error:
            LOG.error(  # noqa: TRY400 - a traceback says no more
                "no health, no metrics: %s:%d can't be served from: %s; set %s to a free one",
                *self._address,
                error.strerror or error,
                VARIABLE,
            )
            return
        threading.Thread(target=self._server.serve_forever, name="status server", daemon=True).start()
        LOG.info("health and metrics at http://%s:%d", self._address.host, self.port)

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
    request_queue_size = 2 * MAX_CONCURRENT
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: HttpAddress, readings: Readings) -> None:
        self.readings = readings
        self.free = threading.Semaphore(MAX_CONCURRENT)
        super().__init__(address, _Handler)

    def verify_request(self, request: object, client_address: object) -> bool:
        del request, client_address
        return self.free.acquire(blocking=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start the request's thread, which gives its place back; where the system has none left, this does."""
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
        """Say little of a caller who was gone before the answer."""
        LOG.debug("status server: %s closed %s", client_address, request)


class _Handler(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        head = _head(self.request)
        if head is None:
            return
        response = _response(head, self.server.readings)
        lines = [
            f"HTTP/1.1 {response.status.value} {response.status.phrase}",
            f"Content-Type: {response.content_type}",
            f"Content-Length: {len(response.body)}",
            "Cache-Control: no-store",
            "Connection: close",
            *(["Allow: GET"] if response.status is HTTPStatus.METHOD_NOT_ALLOWED else []),
        ]
        self.request.settimeout(REQUEST_SECONDS)
        self.request.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + response.body)


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


def _response(head: bytes, readings: Readings) -> _Response:
    """What to answer to a request that begins with `head`."""
    words = head.split(b"\r\n", 1)[0].split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/1."):  # noqa: PLR2004 - verb, target, version
        return _json(HTTPStatus.BAD_REQUEST, ["no request of HTTP/1.1"])
    path = words[1].split(b"?", 1)[0]
    paths = {
        b"/healthz": lambda: _verdict(readings.not_alive()),
        b"/readyz": lambda: _verdict(readings.not_ready()),
        b"/metrics": lambda: _Response(HTTPStatus.OK, readings.exposition(), CONTENT_TYPE),
    }
    if path not in paths:
        return _json(HTTPStatus.NOT_FOUND, ["there are /healthz, /readyz and /metrics"])
    if words[0] != b"GET":
        return _json(HTTPStatus.METHOD_NOT_ALLOWED, ["GET only"])
    try:
        return paths[path]()
    except Exception:  # an answer that fails costs its caller an answer and nobody anything else
        LOG.exception("status server: %s", path.decode(errors="replace"))
        return _json(HTTPStatus.INTERNAL_SERVER_ERROR, ["it failed; the module's log says more"])


def _verdict(reasons: list[str]) -> _Response:
    return _json(HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK, reasons)


def _json(status: HTTPStatus, reasons: list[str]) -> _Response:
    document = {"ok": status is HTTPStatus.OK, "reasons": [redacted(reason) for reason in reasons]}
    return _Response(status, json.dumps(document).encode() + b"\n")
