"""Where a namespace can be reached, and the key that opens it: files in its state folder."""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from local_azure.event_hubs.config import AuthorizationRule, NamespaceConfig
from local_azure.event_hubs.connection_string import ConnectionString

ROOT_POLICY = "RootManageSharedAccessKey"
"""The policy that every namespace of Azure's has from the start."""


@dataclass(frozen=True)
class Endpoints:
    """How to reach a running namespace: AMQP on one port of `host`, the switches on another."""

    host: str
    port: int
    control_port: int

    def write(self, path: Path) -> None:
        """Publish the file at once, whole: its presence says that the namespace listens."""
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self), indent=2))
        partial.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Endpoints":
        """Read what a namespace wrote."""
        return cls(**json.loads(path.read_text()))


def endpoints_file(state: Path) -> Path:
    """Return where a namespace with this state folder writes its addresses."""
    return state / "endpoints.json"


def connection_string_file(state: Path) -> Path:
    """Return where a namespace with this state folder leaves its connection string."""
    return state / "connection_string"


def with_root_policy(config: NamespaceConfig, state: Path) -> NamespaceConfig:
    """Return the namespace with a policy of its own to manage it, unless it is configured with any.

    Its key is random, made the first time and kept in the state folder, readable by its owner only.
    """
    if config.authorization_rules:
        return config
    path = state / "root.key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))
    rule = AuthorizationRule(name=ROOT_POLICY, key=path.read_text().strip())
    return config.model_copy(update={"authorization_rules": (rule,)})


def write_connection_string(config: NamespaceConfig, endpoints: Endpoints, state: Path) -> None:
    """Leave the connection string of the namespace's first policy, readable by its owner only."""
    rule = config.authorization_rules[0]
    path = connection_string_file(state)
    path.touch(mode=0o600)
    path.write_text(f"{ConnectionString(endpoints.host, endpoints.port, rule.name, rule.key)}\n")
