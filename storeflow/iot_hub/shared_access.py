r"""Who an admin's tool is to IoT Hub: a service connection string, and the tokens signed with its key.

Source: learn.microsoft.com/azure/iot-hub/iot-hub-dev-guide-sas ("Security token structure"). A token is
`SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={policy}` with
`signature = base64(HMAC-SHA256(base64-decoded key, "{resource}\n{expiry}"))`, the resource URL-encoded and in
lower case.

`UseDevelopmentHub=true` at the end of a connection string is ours, after Event Hubs' `UseDevelopmentEmulator`: the
host is the stand-in's REST API and speaks plain HTTP. It is taken for loopback addresses only, so that a slip of
the pen sends no token over a network in the clear.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from urllib.parse import quote

from storeflow.errors import ConfigError

CONNECTION_VARIABLE = "IOTHUB_SERVICE_CONNECTION_STRING"

_REQUIRED = ("HostName", "SharedAccessKeyName", "SharedAccessKey")
_DEVELOPMENT = "UseDevelopmentHub"
_LOOPBACK = ("127.", "localhost", "[::1]")


@dataclass(frozen=True)
class ServiceConnection:
    """A service connection string, taken apart.

    Attributes:
        host: name, and port where it isn't the usual one, as written.
        policy: the shared access policy that the key belongs to.
        key: decoded; never printed.
        development: plain HTTP, to a stand-in on this machine.
    """

    host: str
    policy: str
    key: bytes = field(repr=False)
    development: bool = False

    @classmethod
    def parse(cls, text: str, origin: str = "service connection string") -> "ServiceConnection":
        """Read `HostName=…;SharedAccessKeyName=…;SharedAccessKey=…`.

        Args:
            text: the connection string; whitespace around it is no part of it.
            origin: the file or variable that it comes from, for the words of an error.

        Raises:
            ConfigError: naming what is missing or wrong. Nothing of `text` is quoted: a wrong file may hold anything.
        """
        fields = dict(part.partition("=")[::2] for part in text.strip().split(";") if part)
        problems = [f"{origin}: {name} is missing" for name in _REQUIRED if not fields.get(name)]
        if others := fields.keys() - {*_REQUIRED, _DEVELOPMENT}:
            of_a_device = "DeviceId" in others
            hint = "; it is that of a device or a module, and the hub's own is needed" if of_a_device else ""
            s = "s" if len(others) > 1 else ""
            problems.append(f"{origin}: has {len(others)} field{s} not of a service connection string{hint}")
        key = b""
        try:
            key = base64.b64decode(fields.get("SharedAccessKey", ""), validate=True)
        except binascii.Error:
            problems.append(f"{origin}: SharedAccessKey is not base64")
        development = fields.get(_DEVELOPMENT, "false")
        if development not in ("true", "false"):
            problems.append(f"{origin}: {_DEVELOPMENT} is neither true nor false")
        host = fields.get("HostName", "")
        if development == "true" and not host.startswith(_LOOPBACK):
            problems.append(
                f"{origin}: {_DEVELOPMENT}=true is for loopback addresses only: tokens go there in the clear"
            )
        if problems:
            raise ConfigError(problems)
        return cls(host, fields["SharedAccessKeyName"], key, development == "true")

    def connection_string(self) -> str:
        """Write it all out again, key included: for the file that a stand-in leaves its user."""
        key = base64.b64encode(self.key).decode()
        text = f"HostName={self.host};SharedAccessKeyName={self.policy};SharedAccessKey={key}"
        return f"{text};{_DEVELOPMENT}=true" if self.development else text

    @property
    def url(self) -> str:
        """Where the REST API is."""
        return f"{'http' if self.development else 'https'}://{self.host}"

    def token(self, expires_at: int) -> str:
        """Sign a token for the whole hub that holds until `expires_at`, in seconds since the epoch."""
        return sign_token(self.host, self.key, self.policy, expires_at)


def sign_token(resource: str, key: bytes, policy: str, expires_at: int) -> str:
    """Return the token for a resource, such as `my-hub.azure-devices.net`."""
    encoded = quote(resource.lower(), safe="")
    signature = base64.b64encode(hmac.new(key, f"{encoded}\n{expires_at}".encode(), hashlib.sha256).digest())
    return f"SharedAccessSignature sr={encoded}&sig={quote(signature, safe='')}&se={expires_at}&skn={policy}"
