r"""Module keys and the tokens made of them.

A token is `SharedAccessSignature sr={resource}&sig={signature}&se={expiry}` with
`signature = base64(HMAC-SHA256(key, "{resource}\n{expiry}"))` (learn.microsoft.com,
iot-hub-dev-guide-sas); a module's resource is `{hub}/devices/{device}/modules/{module}`.
edgeHub refuses a wrong or expired one with CONNACK 5 (Azure/iotedge, edge-hub/core/src/
Microsoft.Azure.Devices.Edge.Hub.CloudProxy/authenticators/DeviceScopeTokenAuthenticator.cs,
and `MqttUsernameParser.cs` of the MQTT head for the user name's form).

On a device each module's key lies in the identity service; here it is derived from one random
master key in the hub's state folder.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote

from storeflow.errors import StoreflowError

_TOKEN_PREFIX = "SharedAccessSignature "  # noqa: S105 - the scheme's name, no secret


class AuthenticationError(StoreflowError):
    """A client is not who it says it is; the text is for the hub's log only."""


@dataclass(frozen=True)
class Identity:
    """Who connected, and until when its token holds (seconds since the epoch)."""

    device_id: str
    module_id: str
    expires_at: int


def load_master_key(path: Path) -> bytes:
    """Read the master key, making a random one, readable by its owner only, the first time."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return base64.b64decode(path.read_text())
    key = secrets.token_bytes(32)
    with os.fdopen(descriptor, "w") as file:
        file.write(base64.b64encode(key).decode())
    return key


def module_key(master_key: bytes, module_id: str) -> bytes:
    """Derive the key of one module."""
    return hmac.new(master_key, module_id.encode(), hashlib.sha256).digest()


def sign(key: bytes, data: bytes) -> str:
    """Return the signature of `data` in base64."""
    return base64.b64encode(hmac.new(key, data, hashlib.sha256).digest()).decode()


def authenticate(
    master_key: bytes, client_id: str, user_name: str | None, password: str | None, now: float
) -> Identity:
    """Check a CONNECT's credentials.

    Args:
        master_key: of this hub.
        client_id: `{device}/{module}`.
        user_name: `{hub}/{device}/{module}/?api-version=…`.
        password: the token.
        now: seconds since the epoch.

    Raises:
        AuthenticationError: naming what does not fit.
    """
    host, device_id, module_id = _user(user_name or "")
    if client_id != f"{device_id}/{module_id}":
        raise AuthenticationError(f"client id {client_id!r} is not the user's {device_id}/{module_id}")
    resource, signature, expiry = read_token(password or "")
    if unquote(resource) != f"{host}/devices/{device_id}/modules/{module_id}":
        raise AuthenticationError(f"the token is for {unquote(resource)}, not for {client_id}")
    expected = sign(module_key(master_key, module_id), f"{resource}\n{expiry}".encode())
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise AuthenticationError(f"the token of {client_id} is signed with another key")
    if expiry < now:
        raise AuthenticationError(f"the token of {client_id} expired {now - expiry:.0f} s ago")
    return Identity(device_id, module_id, expiry)


def _user(user_name: str) -> tuple[str, str, str]:
    host, _, rest = user_name.partition("/")
    *identity, query = rest.split("/")
    if len(identity) != len(("device", "module")) or "api-version" not in parse_qs(query.lstrip("?")):
        raise AuthenticationError(
            f"user name {user_name!r} is not <hub>/<device>/<module>/?api-version=…; this stand-in serves modules only"
        )
    return host, identity[0], identity[1]


def read_token(password: str) -> tuple[str, str, int]:
    """Take a token apart: its resource as it was signed, the signature, and the expiry in seconds since the epoch.

    Raises:
        AuthenticationError: it is none.
    """
    fields = dict(part.partition("=")[::2] for part in password.removeprefix(_TOKEN_PREFIX).split("&") if "=" in part)
    if not password.startswith(_TOKEN_PREFIX) or not {"sr", "sig", "se"} <= fields.keys():
        raise AuthenticationError("it is not SharedAccessSignature sr=…&sig=…&se=…")
    try:
        expiry = int(fields["se"])
        signature = unquote(fields["sig"])
        base64.b64decode(signature, validate=True)
    except (ValueError, binascii.Error) as error:
        raise AuthenticationError(f"the token cannot be read: {error}") from error
    return fields["sr"], signature, expiry
