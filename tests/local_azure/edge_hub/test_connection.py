"""What the hub does with clients that are not the SDK, byte by byte."""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from local_azure.edge_hub import mqtt
from local_azure.edge_hub.authentication import load_master_key, module_key, sign
from local_azure.edge_hub.connection import Connection
from local_azure.edge_hub.hub import EdgeHub
from local_azure.edge_hub.process import EdgeHubProcess
from local_azure.edge_hub.store import Store
from local_azure.listener import bind


def text(value: str) -> bytes:
    return len(value.encode()).to_bytes(2, "big") + value.encode()


def packet(first: int, body: bytes) -> bytes:
    """A packet of less than 128 bytes, or of a two-byte length."""
    length = bytes([len(body)]) if len(body) < 128 else bytes([len(body) & 0x7F | 0x80, len(body) >> 7])
    return bytes([first]) + length + body


@pytest.fixture
def dial(hub: EdgeHubProcess) -> Any:
    """Connect as module `raw` with a token for so many seconds: `dial(60)`."""
    dialled: list[ssl.SSLSocket] = []

    def connect(seconds: int, protocol: str = "MQTT") -> ssl.SSLSocket:
        endpoints = hub.endpoints
        context = ssl.create_default_context(cafile=endpoints.authority)
        raw = socket.create_connection((endpoints.gateway, 8883), timeout=10)
        dialled.append(context.wrap_socket(raw, server_hostname=endpoints.gateway))
        resource = quote(f"{endpoints.iothub}/devices/store-1/modules/raw", safe="")
        expiry = int(time.time()) + seconds
        key = module_key(load_master_key(hub.state / "master.key"), "raw")
        signature = quote(sign(key, f"{resource}\n{expiry}".encode()), safe="")
        body = text(protocol) + bytes([4, 0xC2]) + (60).to_bytes(2, "big") + text("store-1/raw")
        body += text(f"{endpoints.iothub}/store-1/raw/?api-version=1")
        body += text(f"SharedAccessSignature sr={resource}&sig={signature}&se={expiry}")
        dialled[-1].sendall(packet(0x10, body))
        return dialled[-1]

    yield connect
    for connection in dialled:
        connection.close()


ACCEPTED = mqtt.connack(mqtt.ACCEPTED)


def hangs_up(connection: ssl.SSLSocket) -> bool:
    """Say whether the hub ends the connection without another word."""
    try:
        return connection.recv(100) == b""
    except (ConnectionError, ssl.SSLError):
        return True


def test_a_token_that_expires_ends_its_connection(dial: Callable[..., ssl.SSLSocket]) -> None:
    connection = dial(1)
    assert connection.recv(4) == ACCEPTED
    started = time.monotonic()
    assert hangs_up(connection)
    assert time.monotonic() - started < 5


def test_another_version_of_the_protocol_is_refused(dial: Callable[..., ssl.SSLSocket]) -> None:
    connection = dial(60, protocol="MQIsdp")
    assert connection.recv(4) == mqtt.connack(mqtt.BAD_PROTOCOL)
    assert hangs_up(connection)


def test_a_ping_is_answered_and_a_foreign_subscription_refused(dial: Callable[..., ssl.SSLSocket]) -> None:
    connection = dial(60)
    assert connection.recv(4) == ACCEPTED
    connection.sendall(b"\xc0\x00")
    assert connection.recv(2) == mqtt.pingresp()
    filters = text("devices/store-1/modules/other/inputs/#") + b"\x01" + text("$iothub/twin/res/#") + b"\x00"
    connection.sendall(packet(0x82, b"\x00\x05" + filters))
    assert connection.recv(6) == mqtt.suback(5, [0x80, 0])
    connection.sendall(packet(0xA2, b"\x00\x06" + text("$iothub/twin/res/#")))
    assert connection.recv(4) == mqtt.unsuback(6)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(mqtt.publish(mqtt.Publish("somewhere", b"", 1, 1)), id="a foreign topic"),
        pytest.param(
            mqtt.publish(mqtt.Publish("devices/store-1/modules/b/messages/events/", b"", 1, 1)),
            id="another module's topic",
        ),
        pytest.param(mqtt.publish(mqtt.Publish("$iothub/twin/DELETE/?$rid=1", b"", 1, 1)), id="no twin request"),
        pytest.param(b"\x34\x05\x00\x01t\x00\x01", id="QoS 2"),
        pytest.param(b"\xf0\x00", id="an unknown packet"),
        pytest.param(b"\x30\xff\xff\xff\x7f", id="a packet over 256 KiB"),
    ],
)
def test_a_client_that_breaks_the_rules_is_cut_off(dial: Callable[..., ssl.SSLSocket], data: bytes) -> None:
    connection = dial(60)
    assert connection.recv(4) == ACCEPTED
    connection.sendall(data)
    assert hangs_up(connection)


def test_a_message_over_256_kib_with_its_properties_is_dropped_and_acknowledged(
    hub: EdgeHubProcess, dial: Callable[..., ssl.SSLSocket]
) -> None:
    connection = dial(60)
    assert connection.recv(4) == ACCEPTED
    before = counts(hub).get("dropped_too_large", 0)
    # Within the limit for packets, over the limit for messages, which counts properties by their long names.
    topic = "devices/store-1/modules/raw/messages/events/%24.on=x&%24.ct=x&%24.ce=x"
    message = mqtt.publish(mqtt.Publish(topic, b"x" * (256 * 1024 - len(topic) - 4), 1, 9))
    connection.sendall(message)
    assert connection.recv(4) == mqtt.puback(9)
    assert counts(hub)["dropped_too_large"] == before + 1


def test_small_answers_go_out_at_once(tmp_path: Path) -> None:
    async def accept_one() -> int:
        hub = EdgeHub("d", Store(tmp_path / "hub.db"), b"key")
        accepted: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()

        def accept() -> Connection:
            accepted.set_result(Connection(hub))
            return accepted.result()

        listener = bind("127.0.0.1", 0)
        server = await asyncio.get_running_loop().create_server(accept, sock=listener)
        _, writer = await asyncio.open_connection(*listener.getsockname())
        connection = await accepted
        assert connection._socket is not None
        option = connection._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        writer.close()
        await writer.wait_closed()
        connection.close()
        server.close()
        hub.close()
        return option

    assert asyncio.run(accept_one()) != 0


def counts(hub: EdgeHubProcess) -> dict[str, int]:
    found: dict[str, int] = hub.client.stats()["counts"]
    return found
