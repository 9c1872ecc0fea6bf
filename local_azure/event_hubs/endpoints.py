"""Where a namespace can be reached, and the key that opens it: files in its state folder."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from local_azure.addresses_file import Addresses
from local_azure.event_hubs.config import AuthorizationRule, NamespaceConfig
from local_azure.event_hubs.connection_string import ConnectionString

ROOT_POLICY = "RootManageSharedAccessKey"
"""The policy that every namespace of Azure's has from the start."""


@dataclass(frozen=True)
class Endpoints(Addresses):
    """How to reach a running namespace: AMQP on one port of `host`, the switches on another."""

    host: str
    port: int
    control_port: int


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
