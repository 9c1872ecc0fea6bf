"""Who may use the service API: the key of the one shared access policy, and the tokens signed with it.

Source: learn.microsoft.com/azure/iot-hub/iot-hub-dev-guide-sas: `sr` is a prefix, by segments, of what a token opens,
and `iothubowner` is the policy with all permissions. A token that comes is checked; whether one must come is the hub's
choice (`--authorised`), because the API listens on loopback only.
"""

import hmac
import time
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote

from local_azure.edge_hub.authentication import AuthenticationError, load_master_key, read_token, sign
from local_azure.http_server import HttpError, Request
from storeflow.iot_hub.shared_access import ServiceConnection

POLICY = "iothubowner"


def connection_string_file(state: Path) -> Path:
    """Return where a hub with this state folder leaves its service connection string."""
    return state / "service_connection_string"


def service_connection(state: Path, host: str) -> ServiceConnection:
    """Return how to reach the service API of the hub that keeps this state folder; its key is made the first time."""
    return ServiceConnection(host, POLICY, load_master_key(state / "service.key"), development=True)


def write_connection_string(connection: ServiceConnection, path: Path) -> None:
    """Leave the connection string, readable by its owner only, for anyone of this account who runs `storeflow twin`."""
    path.touch(mode=0o600)
    path.write_text(connection.connection_string() + "\n")


class ServiceAccess:
    """Checks the header `Authorization`.

    Args:
        key: of the policy `iothubowner`.
        required: refuse requests that bring no token.
    """

    def __init__(self, key: bytes, *, required: bool) -> None:
        self._key = key
        self._required = required

    def check(self, request: Request) -> None:
        """Let the request pass.

        Raises:
            HttpError: 401; the text says what is wrong with the token, for there is nothing to hide on one machine.
        """
        header = request.headers.get("authorization", "")
        if not header and not self._required:
            return
        if fault := self._fault(header, request):
            raise HttpError(HTTPStatus.UNAUTHORIZED, f"Unauthorized: {fault}", "IotHubUnauthorizedAccess")

    def _fault(self, header: str, request: Request) -> str:
        try:
            encoded, signature, expires_at = read_token(header)
        except AuthenticationError as error:
            return str(error)
        if f"&skn={POLICY}&" not in f"{header}&":
            return f"the only policy is skn={POLICY}"
        expected = sign(self._key, f"{encoded}\n{expires_at}".encode())
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            return "signed with another key"
        if expires_at < time.time():
            return f"the token expired at {expires_at}"
        resource = unquote(encoded).rstrip("/")
        opened = request.headers.get("host", "") + "".join(f"/{part}" for part in request.parts)
        if not f"{opened}/".lower().startswith(f"{resource}/".lower()):
            return f"the token is for {resource}, not for {opened}"
        return ""
