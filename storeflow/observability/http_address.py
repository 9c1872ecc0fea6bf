"""Where health and metrics are served: for the server, and for the health check that asks it.

The check starts every half a minute in every container, so this imports nothing that would have to be installed.
"""

from collections.abc import Mapping
from typing import NamedTuple

from storeflow.errors import ConfigError

VARIABLE = "STOREFLOW_HTTP_ADDRESS"
DEFAULT = "0.0.0.0:9600"
"""All of a container's own network, at the port that edgeHub and edgeAgent use for the same."""
OFF = "off"
_MAX_PORT = 65535


class HttpAddress(NamedTuple):
    """A host's name or address, and a port; port 0 is any that is free."""

    host: str
    port: int


def http_address(environment: Mapping[str, str]) -> HttpAddress | None:
    """What the variable says; None where nothing is to be served.

    Raises:
        ConfigError: it says neither `host:port` nor `off`.
    """
    text = environment.get(VARIABLE, DEFAULT)
    if text == OFF:
        return None
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > _MAX_PORT:
        raise ConfigError([f"environment: {VARIABLE}={text!r} is neither host:port nor {OFF}"])
    return HttpAddress(host, int(port))
