import pytest

from storeflow.errors import ConfigError
from storeflow.observability.http_address import HttpAddress, http_address


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({}, HttpAddress("0.0.0.0", 9600)),  # noqa: S104 - a container's own network
        ({"STOREFLOW_HTTP_ADDRESS": "127.0.0.1:0"}, HttpAddress("127.0.0.1", 0)),
        ({"STOREFLOW_HTTP_ADDRESS": "off"}, None),
    ],
)
def test_health_is_served_where_the_environment_says(environment: dict[str, str], address: HttpAddress | None) -> None:
    assert http_address(environment) == address


@pytest.mark.parametrize("text", ["", "9600", ":9600", "here:", "here:http", "here:65536", "here:-1", "here:²"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"environment: STOREFLOW_HTTP_ADDRESS=.* is neither host:port nor off"):
        http_address({"STOREFLOW_HTTP_ADDRESS": text})
