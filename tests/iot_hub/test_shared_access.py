import pytest

from storeflow.errors import ConfigError
from storeflow.iot_hub.shared_access import ServiceConnection, sign_token

TEXT = "HostName=my-hub.azure-devices.net;SharedAccessKeyName=service;SharedAccessKey=YSBrZXkgb2YgdGhlIHRlc3Q="


def test_a_token_is_what_openssl_makes_of_key_and_resource() -> None:
    # printf 'my-hub.azure-devices.net\n1900000000' | openssl dgst -sha256 -hmac 'a key of the test' -binary | base64
    expected = (
        "SharedAccessSignature sr=my-hub.azure-devices.net&sig=uIfHi98NGrqzjV4hXA3HTTnwxJ%2FceKpbz8ncJqOOMvo%3D"
        "&se=1900000000&skn=service"
    )
    assert sign_token("My-Hub.azure-devices.net", b"a key of the test", "service", 1_900_000_000) == expected
    assert ServiceConnection.parse(TEXT).token(1_900_000_000) == expected


def test_a_resource_is_signed_as_it_is_encoded() -> None:
    # printf '127.0.0.1%%3A15580\n1900000000' | openssl dgst -sha256 -hmac 'a key of the test' -binary | base64
    token = sign_token("127.0.0.1:15580", b"a key of the test", "iothubowner", 1_900_000_000)
    assert token.startswith("SharedAccessSignature sr=127.0.0.1%3A15580&sig=")
    assert token.split("&")[1] == "sig=%2BFM%2F3OJ26nSffwVBwEIiMjNeL%2F3p5eg6bPS9kl4qUGA%3D"


def test_a_connection_string_is_taken_apart_and_written_again() -> None:
    connection = ServiceConnection.parse(f"{TEXT}\n")
    assert (connection.host, connection.policy, connection.key) == (
        "my-hub.azure-devices.net",
        "service",
        b"a key of the test",
    )
    assert connection.url == "https://my-hub.azure-devices.net"
    assert connection.connection_string() == TEXT


def test_a_stand_in_is_spoken_to_in_plain_http() -> None:
    text = TEXT.replace("my-hub.azure-devices.net", "127.0.0.7:15580") + ";UseDevelopmentHub=true"
    connection = ServiceConnection.parse(text)
    assert connection.url == "http://127.0.0.7:15580"
    assert connection.connection_string() == text


def test_the_key_is_never_shown() -> None:
    connection = ServiceConnection.parse(TEXT)
    assert "key of the test" not in repr(connection) + str(connection)
    with pytest.raises(ConfigError) as refused:
        ServiceConnection.parse(f"{TEXT};DeviceId=store-1")
    assert "YSBrZXkg" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "hub.txt: HostName is missing"),
        (TEXT.replace("HostName", "Endpoint"), "hub.txt: HostName is missing"),
        (TEXT.replace("service;", ";"), "hub.txt: SharedAccessKeyName is missing"),
        (TEXT + "!", "hub.txt: SharedAccessKey is not base64"),
        (TEXT + ";DeviceId=store-1", "hub.txt: has 1 field not of .*; it is that of a device or a module"),
        (TEXT + ";UseDevelopmentHub=True", "hub.txt: UseDevelopmentHub is neither true nor false"),
        (TEXT + ";UseDevelopmentHub=true", "hub.txt: UseDevelopmentHub=true is for loopback addresses only"),
    ],
)
def test_what_is_wrong_with_a_connection_string_is_named(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        ServiceConnection.parse(text, "hub.txt")


@pytest.mark.parametrize(
    "text",
    [
        "hunter2",
        "-----BEGIN PRIVATE KEY-----\nhunter2=;hunter2\n",
        '{"password": "hunter2;hunter2"}',
        "HostName=hunter2;SharedAccessKeyName=hunter2;SharedAccessKey=hunter2;UseDevelopmentHub=hunter2",
        "HostName=hunter2;SharedAccessKeyName=hunter2;SharedAccessKey=aHVudGVyMg==;UseDevelopmentHub=true",
    ],
)
def test_nothing_of_a_wrong_file_is_shown(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        ServiceConnection.parse(text, "id_rsa")
    assert str(refused.value).startswith("id_rsa: ")
    assert "hunter2" not in str(refused.value)
