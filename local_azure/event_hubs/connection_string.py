"""Event Hubs connection strings.

Source: event-hubs-get-connection-string. `UseDevelopmentEmulator=true`, exactly so, is what makes Microsoft's SDKs
leave TLS out (azure-eventhub 5.15, `_client_base.py`), for the emulator and for this stand-in alike.
"""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from storeflow.errors import ConfigError

PORT = 5672


@dataclass(frozen=True)
class ConnectionString:
    """A connection string, taken apart.

    Attributes:
        key: as it is written; never printed.
        hub: the event hub that it is for; empty for any of the namespace.
        development: without TLS.
    """

    host: str
    port: int
    policy: str
    key: str = field(repr=False)
    hub: str = ""
    development: bool = True

    @classmethod
    def parse(cls, text: str) -> "ConnectionString":
        """Read `Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=…[;EntityPath=…]`.

        Raises:
            ConfigError: naming what is missing; never quoting the key.
        """
        fields = dict(part.partition("=")[::2] for part in text.strip().split(";") if part)
        required = ("Endpoint", "SharedAccessKeyName", "SharedAccessKey")
        problems = [f"{name}: missing in the Event Hubs connection string" for name in required if not fields.get(name)]
        endpoint = urlsplit(fields.get("Endpoint", ""))
        if fields.get("Endpoint") and not endpoint.hostname:
            problems.append(f"Endpoint: expected sb://…, got {fields['Endpoint']!r}")
        if problems:
            raise ConfigError(problems)
        return cls(
            endpoint.hostname or "",
            endpoint.port or PORT,
            fields["SharedAccessKeyName"],
            fields["SharedAccessKey"],
            fields.get("EntityPath", ""),
            fields.get("UseDevelopmentEmulator") == "true",
        )

    def __str__(self) -> str:
        """Write it all out again, key included: for the file that a stand-in leaves its user."""
        text = f"Endpoint=sb://{self.host}:{self.port};SharedAccessKeyName={self.policy};SharedAccessKey={self.key}"
        text += ";UseDevelopmentEmulator=true" if self.development else ""
        return f"{text};EntityPath={self.hub}" if self.hub else text
