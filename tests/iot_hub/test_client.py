import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from storeflow.errors import TransportError
from storeflow.iot_hub.client import HubError, IotHubClient, message_of
from storeflow.iot_hub.shared_access import ServiceConnection

NESTED = '{"errorCode":404103,"trackingId":"x","message":"Timed out waiting for device to connect."}'


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            {"Message": "ErrorCode:DeviceNotFound;who?", "ExceptionMessage": "Tracking ID:1"},
            "ErrorCode:DeviceNotFound;who?",
        ),
        ({"errorCode": 404103, "message": "Timed out", "trackingId": "x"}, "Timed out"),
        ({"Message": NESTED, "ExceptionMessage": ""}, "Timed out waiting for device to connect."),
        ({"Message": '{"no": "message"}'}, '{"no": "message"}'),
        ({"other": 1}, "{'other': 1}"),
        ("<html>Bad Gateway</html>", "<html>Bad Gateway</html>"),
        (None, "None"),
    ],
)
def test_every_envelope_of_an_error_is_read(answer: Any, told: str) -> None:
    assert message_of(answer) == told


class Service(HTTPServer):
    """Writes down what it is asked, and gives one answer to everything."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        self.status, self.headers, self.body = 200, dict[str, str](), b"{}"


class Answering(BaseHTTPRequestHandler):
    """Answers what its server says."""

    server: Service

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path, dict(self.headers), json.loads(body) if body else None))
        self.send_response(self.server.status)
        for name, value in {**self.server.headers, "Content-Length": str(len(self.server.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.server.body)

    do_GET = do_PUT = do_PATCH = do_POST = do_DELETE = _answer  # noqa: N815 - names that the library looks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def client(service: Service) -> IotHubClient:
    host = f"127.0.0.1:{service.server_port}"
    return IotHubClient.of(ServiceConnection(host, "service", b"key", development=True), "store 1", timeout=5)


def test_every_request_names_the_version_and_brings_a_token(client: IotHubClient, service: Service) -> None:
    client.twin("$edgeHub")
    client.twin()
    client.modules()
    paths = [path for _, path, _, _ in service.asked]
    assert paths == [
        "/twins/store%201/modules/$edgeHub?api-version=2021-04-12",
        "/twins/store%201?api-version=2021-04-12",
        "/devices/store%201/modules?api-version=2021-04-12",
    ]
    for _, _, headers, _ in service.asked:
        assert headers["Authorization"].startswith(f"SharedAccessSignature sr=127.0.0.1%3A{service.server_port}&sig=")
        assert "If-Match" not in headers


def test_an_etag_goes_in_double_quotes_and_a_star_without(client: IotHubClient, service: Service) -> None:
    client.patch_twin("a", {"x": None}, etag="AAAAAAAAAAE=")
    client.put_deployment({"id": "layer#1", "content": {}}, etag="MQ==")
    client.delete_deployment("layer#1")
    sent = [(method, path.partition("?")[0], headers["If-Match"]) for method, path, headers, _ in service.asked]
    assert sent == [
        ("PATCH", "/twins/store%201/modules/a", '"AAAAAAAAAAE="'),
        ("PUT", "/configurations/layer%231", '"MQ=="'),
        ("DELETE", "/configurations/layer%231", "*"),
    ]
    assert service.asked[0][3] == {"properties": {"desired": {"x": None}}}


def test_a_refusal_has_status_code_and_text(client: IotHubClient, service: Service) -> None:
    service.status, service.body = 404, json.dumps({"Message": NESTED, "ExceptionMessage": ""}).encode()
    service.headers = {"iothub-errorcode": "DeviceNotOnline"}
    with pytest.raises(HubError, match="404: Timed out waiting for device to connect") as refused:
        client.invoke_method("a", "ping")
    assert (refused.value.status, refused.value.code) == (404, "DeviceNotOnline")


def test_a_hub_that_is_not_there_is_told_with_its_address(client: IotHubClient, service: Service) -> None:
    client.base_url = "http://127.0.0.1:1"
    with pytest.raises(TransportError, match=r"GET http://127\.0\.0\.1:1/twins/store%201: "):
        client.twin()
    assert not service.asked
