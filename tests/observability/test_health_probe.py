import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from storeflow.observability import health_probe
from storeflow.observability.health_probe import probe
from storeflow.observability.http_address import HttpAddress
from storeflow.observability.http_server import Readings, StatusServer

ELSEWHERE = "127.0.0.9"
"""A loopback address that no server of 127.0.0.1 answers at."""
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what the setting says by itself


@contextmanager
def served(host: str, reasons: Callable[[], list[str]] = list) -> Iterator[int]:
    """A module's status server, dead for the reasons given; its port."""
    server = StatusServer(HttpAddress(host, 0), Readings(reasons, list, lambda: b""))
    server.start()
    assert server.port is not None
    try:
        yield server.port
    finally:
        server.close()


@pytest.mark.parametrize("host", [ELSEWHERE, EVERYWHERE])
def test_a_module_is_asked_where_it_serves(host: str) -> None:
    with served(host) as port:
        address = f"{host}:{port}"
        assert probe({"STOREFLOW_HTTP_ADDRESS": address}) == (0, '200 {"ok": true, "reasons": []}')
    status, line = probe({"STOREFLOW_HTTP_ADDRESS": address})
    assert (status, "refused" in line) == (1, True)


def test_a_module_that_should_be_started_again_is_ill() -> None:
    with served(ELSEWHERE, lambda: ["the module has ended"]) as port:
        status, line = probe({"STOREFLOW_HTTP_ADDRESS": f"{ELSEWHERE}:{port}"})
    assert (status, line) == (1, '503 {"ok": false, "reasons": ["the module has ended"]}')


@pytest.mark.parametrize("address", ["off", "127.0.0.1:0", "0.0.0.0:0"])
def test_where_nothing_can_be_asked_nobody_is_called_ill(address: str) -> None:
    assert probe({"STOREFLOW_HTTP_ADDRESS": address}) == (
        0,
        f"not asked: STOREFLOW_HTTP_ADDRESS={address} names no port to ask at",
    )


@pytest.mark.parametrize("address", ["", "9600", ":9600", "127.0.0.1:http", "127.0.0.1:"])
def test_an_address_that_is_none_is_ill_and_says_why(address: str) -> None:
    status, line = probe({"STOREFLOW_HTTP_ADDRESS": address})
    assert (status, line) == (1, f"environment: STOREFLOW_HTTP_ADDRESS={address!r} is neither host:port nor off")


def test_a_module_that_takes_too_long_is_ill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_probe, "SECONDS", 0.1)
    with socket.create_server((ELSEWHERE, 0)) as silent:
        status, line = probe({"STOREFLOW_HTTP_ADDRESS": f"{ELSEWHERE}:{silent.getsockname()[1]}"})
    assert (status, line.endswith("timed out")) == (1, True)


def test_what_answers_in_another_language_is_ill() -> None:
    with socket.create_server((ELSEWHERE, 0)) as other:
        other.settimeout(5)
        asked = subprocess.Popen(
            [sys.executable, "-m", "storeflow.observability.health_probe"],
            env={**os.environ, "STOREFLOW_HTTP_ADDRESS": f"{ELSEWHERE}:{other.getsockname()[1]}"},
            stdout=subprocess.PIPE,
            text=True,
        )
        connection, _ = other.accept()
        with connection:
            connection.sendall(b"220 mail.example ESMTP\r\n")
        line, _ = asked.communicate(timeout=10)
    assert (asked.returncode, line.startswith(f"http://{ELSEWHERE}:")) == (1, True)


def test_it_loads_nothing_that_has_to_be_installed() -> None:
    script = (
        "import sys, storeflow.observability.health_probe\n"
        "print({'pydantic', 'prometheus_client', 'numpy'} & sys.modules.keys())"
    )
    found = subprocess.check_output([sys.executable, "-c", script], text=True)  # noqa: S603 - the script above
    assert found.strip() == "set()"
