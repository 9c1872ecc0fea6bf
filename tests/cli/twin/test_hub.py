from argparse import Namespace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from storeflow.cli.twin.hub import answer_of, hub_of
from storeflow.errors import ConfigError, TransportError
from storeflow.iot_hub.client import HubError, IotHubClient

REAL = "HostName=shop.azure-devices.net;SharedAccessKeyName=service;SharedAccessKey=AAAA"


@pytest.fixture
def options(tmp_path: Path) -> Namespace:
    file = tmp_path / "connection_string"
    file.write_text(REAL)
    return Namespace(connection_string_file=file, device="store-1")


def refused(error: Exception, cause: Exception | None = None) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("raised", "kind", "told"),
    [
        (HubError(401, "no", "IotHubUnauthorizedAccess"), ConfigError, "connection_string: the hub refuses it; is it"),
        (HubError(404, "no", "DeviceNotFound"), ConfigError, "--device store-1: the hub has no such device"),
        (HubError(400, "no", "ArgumentInvalid"), ConfigError, "the hub refuses the call: 400: no"),
        (HubError(429, "slow down", "ThrottlingException"), HubError, "429: slow down"),
        (
            refused(TransportError("GET https://…"), ConnectionRefusedError(111, "refused")),
            TransportError,
            "no hub answers at shop.azure-devices.net: look at its name, the network and the proxy",
        ),
        (TransportError("it went away"), TransportError, "it went away"),
    ],
)
def test_what_the_hub_refuses_is_told_in_the_words_of_the_call(
    options: Namespace, raised: Exception, kind: type[Exception], told: str
) -> None:
    with pytest.raises(kind) as caught, hub_of(options):
        raise raised
    assert told in str(caught.value)
    assert "AAAA" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (HTTPStatus.GATEWAY_TIMEOUT, "zone_analytics did not answer in 5 s; see its log"),
        (HTTPStatus.NOT_FOUND, "zone_analytics is not connected to the hub; see its log"),
        (HTTPStatus.TOO_MANY_REQUESTS, "429: no"),
    ],
)
def test_a_method_that_is_not_answered_says_why(monkeypatch: pytest.MonkeyPatch, status: HTTPStatus, told: str) -> None:
    def no_answer(*_: Any, **__: Any) -> None:
        raise HubError(status, "no")

    monkeypatch.setattr(IotHubClient, "invoke_method", no_answer)
    monkeypatch.setattr(IotHubClient, "twin", lambda *_: {})
    with pytest.raises(TransportError, match=told):
        answer_of(IotHubClient("http://127.0.0.1:1", "store-1"), "zone_analytics", "ping", {}, wait=5)
