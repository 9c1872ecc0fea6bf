"""What the function app is told by its settings, which reach it as environment variables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from storeflow.errors import ConfigError

_EXAMPLE = "https://contoso.blob.core.windows.net"
_ACCOUNT = re.compile(r"https://[^/?#@\s]+/?")
"""Without a container or a token behind it: the one has a setting of its own, and the identity is the other."""
_CONTAINER = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*")
"""rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata, "Container names"."""


@dataclass(frozen=True)
class Settings:
    """Where the lake is.

    Attributes:
        container: `LAKE_CONTAINER`: the blob container.
        account_url: `LAKE_ACCOUNT_URL`, as `https://contoso.blob.core.windows.net`: reached by the app's identity.
        tables: `LAKE_TABLES`: the folder in the container that `silver` and `gold` are in; empty for the container
            itself. A rebuild goes to another one.
        connection_string: `LAKE_CONNECTION_STRING`: reached by the account's key; for Azurite and trials.
    """

    container: str
    account_url: str
    connection_string: str
    tables: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings.

        Raises:
            ConfigError: one is missing or wrong, or there is one too many.
        """
        read = cls(
            environment.get("LAKE_CONTAINER", "lake"),
            environment.get("LAKE_ACCOUNT_URL", ""),
            environment.get("LAKE_CONNECTION_STRING", ""),
            environment.get("LAKE_TABLES", ""),
        )
        wanted = f"LAKE_ACCOUNT_URL is {_EXAMPLE}, and the app's identity opens it"
        if not read.account_url and not read.connection_string:
            raise ConfigError([f"settings: there is no lake: {wanted}; or LAKE_CONNECTION_STRING has a key"])
        if read.account_url and read.connection_string:
            raise ConfigError(["settings: LAKE_ACCOUNT_URL and LAKE_CONNECTION_STRING are both set: take one away"])
        if read.account_url and not _ACCOUNT.fullmatch(read.account_url):
            raise ConfigError([f"settings: LAKE_ACCOUNT_URL is no address of a storage account: {wanted}"])
        if not _CONTAINER.fullmatch(read.container):
            raise ConfigError([f"settings: LAKE_CONTAINER: no container can be called {read.container!r}"])
        return read
