"""`python -m storeflow.health_probe`: is the module in this container alive? The images' HEALTHCHECK.

It asks `/healthz` where `STOREFLOW_HTTP_ADDRESS` says that it is served, and ends with 0 for yes and 1 for no, as
Docker wants it. Where nothing is served, or at a port that nobody knows beforehand, there is nothing to ask, and a
module that may be in the best of health is not called ill.

It starts every half a minute in every container, so it imports nothing but what it needs.
"""

import http.client
import os
import sys
from collections.abc import Mapping
from http import HTTPStatus

ADDRESS = "0.0.0.0:9600"
"""Where modules serve from when nothing else is said: `storeflow.environment.HTTP_ADDRESS`."""
OFF = "off"
SECONDS = 4.0
"""To wait for an answer; Docker waits for five."""


def probe(environment: Mapping[str, str]) -> tuple[int, str]:
    """Ask once.

    Returns:
        What to end with, and what to say.
    """
    address = environment.get("STOREFLOW_HTTP_ADDRESS", ADDRESS)
    host, _, port = address.rpartition(":")
    if address == OFF or (host and port == "0"):
        return 0, f"not asked: STOREFLOW_HTTP_ADDRESS={address} names no port to ask at"
    if not host or not (port.isascii() and port.isdigit()):
        return 1, f"STOREFLOW_HTTP_ADDRESS={address!r} is neither host:port nor {OFF}"
    host = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - what a server binds to, not what we do
    connection = http.client.HTTPConnection(host, int(port), timeout=SECONDS)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        told = answer.read().decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return 1, f"http://{host}:{port}/healthz: {error or type(error).__name__}"
    finally:
        connection.close()
    return int(answer.status != HTTPStatus.OK), f"{answer.status} {told}"


if __name__ == "__main__":
    status, told = probe(os.environ)
    sys.stdout.write(f"{told}\n")
    sys.exit(status)
