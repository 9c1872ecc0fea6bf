import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from storeflow.observability import http_server
from storeflow.observability.http_address import HttpAddress
from storeflow.observability.http_server import MAX_CONCURRENT, MAX_HEAD_BYTES, Readings, StatusServer

ADDRESS = HttpAddress("127.0.0.1", 0)


class _Shown:
    """What the server reads; set by the test."""

    def __init__(self) -> None:
        self.not_alive: list[str] = []
        self.not_ready: list[str] = []
        self.breaks = False

    def exposition(self) -> bytes:
        if self.breaks:
            raise ZeroDivisionError
        return b"storeflow_frames_total 1.0\n"


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[StatusServer, _Shown]]:
    """One server for all tests: it takes half a second to close."""
    shown = _Shown()
    server = StatusServer(ADDRESS, Readings(lambda: shown.not_alive, lambda: shown.not_ready, shown.exposition))
    server.start()
    yield server, shown
    server.close()


@pytest.fixture
def shown(shared: tuple[StatusServer, _Shown]) -> _Shown:
    """A module in good health, until the test says otherwise."""
    _, shown = shared
    shown.not_alive, shown.not_ready, shown.breaks = [], [], False
    return shown


@pytest.fixture
def server(shared: tuple[StatusServer, _Shown], shown: _Shown) -> StatusServer:
    del shown
    return shared[0]


def ask(server: StatusServer, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer; all of it, as the server closes the connection after it."""
    with closing(connect(server)) as connection:
        connection.sendall(request)
        return read(connection)


def connect(server: StatusServer) -> socket.socket:
    assert server.port is not None
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def read(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    answer = b""
    while piece := connection.recv(65536):
        answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert headers["Content-Length"] == str(len(body))
    return int(first.split(" ")[1]), headers, body


def get(server: StatusServer, path: str) -> tuple[int, dict[str, str], bytes]:
    return ask(server, f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())


def test_a_module_that_lives_and_is_ready_says_so(server: StatusServer) -> None:
    for path in ("/healthz", "/readyz", "/readyz?verbose"):
        status, headers, body = get(server, path)
        assert (status, json.loads(body)) == (200, {"ok": True, "reasons": []})
        assert headers["Content-Type"] == "application/json"


def test_one_that_does_not_gives_its_reasons_without_what_opens_a_door(server: StatusServer, shown: _Shown) -> None:
    shown.not_alive, shown.not_ready = ["it hangs"], ["cameras: rtsp://admin:s3cret@h is refused"]
    status, _, body = get(server, "/healthz")
    assert (status, json.loads(body)) == (503, {"ok": False, "reasons": ["it hangs"]})
    status, _, body = get(server, "/readyz")
    assert (status, json.loads(body)) == (503, {"ok": False, "reasons": ["cameras: rtsp://***@h is refused"]})


def test_metrics_are_in_the_text_format_that_every_scraper_reads(server: StatusServer) -> None:
    status, headers, body = get(server, "/metrics")
    assert (status, body) == (200, b"storeflow_frames_total 1.0\n")
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize("path", ["/", "/metrics/", "/healthz/../etc/passwd", "*", "//metrics"])
def test_there_is_no_other_path(server: StatusServer, path: str) -> None:
    assert get(server, path)[0] == 404


@pytest.mark.parametrize("verb", ["POST", "PUT", "DELETE", "HEAD", "get", "OPTIONS"])
def test_there_is_no_other_verb(server: StatusServer, verb: str) -> None:
    status, headers, _ = ask(server, f"{verb} /metrics HTTP/1.1\r\n\r\n".encode())
    assert (status, headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize("request_line", [b"GET /metrics", b"", b"\xff\xfe\x00", b"GET /a b HTTP/1.1"])
def test_what_is_no_request_is_refused(server: StatusServer, request_line: bytes) -> None:
    assert ask(server, request_line + b"\r\n\r\n")[0] == 400


def test_an_answer_that_fails_harms_no_other(
    server: StatusServer, shown: _Shown, caplog: pytest.LogCaptureFixture
) -> None:
    shown.breaks = True
    assert get(server, "/metrics")[0] == 500
    assert "status server: /metrics" in caplog.text
    assert get(server, "/healthz")[0] == 200


def test_the_connection_of_anyone_who_sends_too_much_is_closed(server: StatusServer) -> None:
    with closing(connect(server)) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nX: " + b"x" * MAX_HEAD_BYTES)
        with suppress(ConnectionResetError):  # the same, with what was not read
            assert connection.recv(1) == b""


def test_the_connection_of_anyone_who_is_too_slow_is_closed_though_every_byte_comes_in_time(
    server: StatusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "REQUEST_SECONDS", 0.5)
    with closing(connect(server)) as connection:
        started_at = time.monotonic()
        connection.settimeout(0.1)
        while time.monotonic() - started_at < 5:
            try:
                connection.sendall(b"x")
                if connection.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break  # reset: it is gone as well
        assert 0.4 < time.monotonic() - started_at < 3


def test_connections_are_few_and_those_that_idle_keep_nobody_out_for_long(
    server: StatusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "REQUEST_SECONDS", 1.0)
    idle = [connect(server) for _ in range(MAX_CONCURRENT)]
    time.sleep(0.2)
    with closing(connect(server)) as one_more:
        assert one_more.recv(1) == b""
    time.sleep(1.2)
    assert get(server, "/healthz")[0] == 200
    for connection in idle:
        connection.close()


def test_threads_that_cannot_be_had_keep_nobody_out_once_there_are_some_again(
    server: StatusServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        for _ in range(MAX_CONCURRENT + 1):
            with closing(connect(server)) as connection, suppress(ConnectionResetError):
                assert connection.recv(1) == b""
    assert caplog.text.count("a request was not begun") == MAX_CONCURRENT + 1
    assert get(server, "/healthz")[0] == 200


def test_a_port_that_is_taken_is_logged_and_ends_nothing(
    server: StatusServer, shown: _Shown, caplog: pytest.LogCaptureFixture
) -> None:
    other = StatusServer(HttpAddress("127.0.0.1", server.port or 0), Readings(list, list, shown.exposition))
    other.start()
    assert other.port is None
    assert f"127.0.0.1:{server.port} can't be served from: Address already in use" in caplog.text
    assert "STOREFLOW_HTTP_ADDRESS" in caplog.text
    other.close()


def test_the_address_that_was_chosen_is_logged(shown: _Shown, caplog: pytest.LogCaptureFixture) -> None:
    server = StatusServer(ADDRESS, Readings(list, list, shown.exposition))
    with caplog.at_level(logging.INFO):
        server.start()
    assert f"health and metrics at http://127.0.0.1:{server.port}" in caplog.text
    server.close()


def test_it_can_be_switched_off(shown: _Shown) -> None:
    server = StatusServer(None, Readings(list, list, shown.exposition))
    server.start()
    assert server.port is None
