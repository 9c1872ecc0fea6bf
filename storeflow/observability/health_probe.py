"""`python -m storeflow.observability.health_probe`: is the module in this container alive? The images' HEALTHCHECK.

It asks `/healthz` where `STOREFLOW_HTTP_ADDRESS` says that it is served, and ends with 0 for yes and 1 for no, as
Docker wants it. Where nothing is served, or at a port that nobody knows beforehand, there is nothing to ask, and a
module that may be in the best of health is not called ill.
"""

import http.client
import os
import sys
from collections.abc import Mapping
from http import HTTPStatus

from storeflow.errors import ConfigError
from storeflow.observability.http_address import VARIABLE, http_address

SECONDS = 4.0
"""To wait for an answer; Docker waits for five."""


def probe(environment: Mapping[str, str]) -> tuple[int, str]:
    """Ask once.

    Returns:
        The exit status, and the line to print.
    """
    try:
        address = http_address(environment)
    except ConfigError as error:
        return 1, str(error)
    if address is None or not address.port:
        return 0, f"not asked: {VARIABLE}={environment[VARIABLE]} names no port to ask at"
    host = "127.0.0.1" if address.host == "0.0.0.0" else address.host  # noqa: S104 - what a server binds to, not what we do
    connection = http.client.HTTPConnection(host, address.port, timeout=SECONDS)
    try:
        connection.request("GET", "/healthz")
        response = connection.getresponse()
        body = response.read().decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return 1, f"http://{host}:{address.port}/healthz: {error or type(error).__name__}"
    finally:
        connection.close()
    return int(response.status != HTTPStatus.OK), f"{response.status} {body}"


if __name__ == "__main__":
    exit_status, line = probe(os.environ)
    sys.stdout.write(f"{line}\n")
    sys.exit(exit_status)
