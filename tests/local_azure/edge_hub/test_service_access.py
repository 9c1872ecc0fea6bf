"""Tokens for the service API, where they are asked for."""

import dataclasses
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_azure.edge_hub.authentication import sign
from local_azure.edge_hub.process import EdgeHubProcess
from local_azure.edge_hub.service_access import ServiceAccess, connection_string_file, service_connection
from local_azure.http_server import HttpError, Request
from storeflow.iot_hub.client import HubError, IotHubClient
from storeflow.iot_hub.shared_access import ServiceConnection, sign_token

KEY = b"a key of the test"
HOST = "127.0.0.1:15580"
LATER = int(time.time()) + 600


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeHubProcess]:
    """A hub that asks for tokens."""
    with EdgeHubProcess(tmp_path_factory.mktemp("hub"), options=("--authorised",)) as hub:
        yield hub


def test_a_hub_that_asks_for_tokens_serves_only_who_has_its_connection_string(guarded: EdgeHubProcess) -> None:
    with pytest.raises(HubError) as refused:
        guarded.client.twin("a")
    assert (refused.value.status, refused.value.code) == (401, "IotHubUnauthorizedAccess")
    file = connection_string_file(guarded.state)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((guarded.state / "service.key").stat().st_mode) == 0o600
    connection = ServiceConnection.parse(file.read_text())
    assert connection.url == guarded.endpoints.rest
    guarded.environment("a")  # which makes the module
    assert IotHubClient.of(connection, "store-1").twin("a")["moduleId"] == "a"
    with pytest.raises(HubError, match="signed with another key"):
        IotHubClient.of(dataclasses.replace(connection, key=KEY), "store-1").twin("a")


def test_the_key_outlives_the_hub(tmp_path: Path) -> None:
    assert service_connection(tmp_path, HOST) == service_connection(tmp_path, HOST)


def asked(authorization: str, *, required: bool = True) -> None:
    request = Request("GET", ("twins", "store-1"), {}, None, {"authorization": authorization, "host": HOST})
    ServiceAccess(KEY, required=required).check(request)


@pytest.mark.parametrize("resource", [HOST, f"{HOST}/twins", f"{HOST}/twins/", f"{HOST}/Twins/store-1"])
def test_a_token_opens_what_lies_under_its_resource(resource: str) -> None:
    asked(sign_token(resource, KEY, "iothubowner", LATER))


def test_a_token_that_was_signed_in_capitals_is_as_good() -> None:
    signature = sign(KEY, f"127.0.0.1%3A15580%2FTWINS\n{LATER}".encode())
    encoded = signature.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    asked(f"SharedAccessSignature sr=127.0.0.1%3A15580%2FTWINS&sig={encoded}&se={LATER}&skn=iothubowner")


@pytest.mark.parametrize(
    ("token", "fault"),
    [
        ("", "is not SharedAccessSignature"),
        ("Bearer x", "is not SharedAccessSignature"),
        (sign_token(HOST, b"another", "iothubowner", LATER), "signed with another key"),
        (sign_token(HOST, KEY, "service", LATER), "the only policy is skn=iothubowner"),
        (sign_token(HOST, KEY, "iothubowner", 1_000_000), "the token expired at 1000000"),
        (sign_token("127.0.0.1:1558", KEY, "iothubowner", LATER), "not for 127.0.0.1:15580/twins/store-1"),
        (sign_token(f"{HOST}/twins/store", KEY, "iothubowner", LATER), "the token is for 127.0.0.1:15580/twins/store,"),
        (sign_token(HOST, KEY, "iothubowner", LATER).replace(str(LATER), str(LATER + 1)), "signed with another key"),
    ],
)
def test_a_token_that_does_not_fit_is_401(token: str, fault: str) -> None:
    with pytest.raises(HttpError, match=f"401: Unauthorized: .*{fault}"):
        asked(token)


def test_a_hub_that_asks_for_none_minds_a_wrong_one_all_the_same() -> None:
    asked("", required=False)
    with pytest.raises(HttpError, match="signed with another key"):
        asked(sign_token(HOST, b"another", "iothubowner", LATER), required=False)
