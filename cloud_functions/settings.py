"""What the function app is told by its settings, which reach it as environment variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from storeflow.errors import ConfigError


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
            ConfigError: one is missing, or there is one too many.
        """
        read = cls(
            environment.get("LAKE_CONTAINER", "lake"),
            environment.get("LAKE_ACCOUNT_URL", ""),
            environment.get("LAKE_CONNECTION_STRING", ""),
            environment.get("LAKE_TABLES", ""),
        )
        if bool(read.account_url) == bool(read.connection_string):
            raise ConfigError(["settings: one of LAKE_ACCOUNT_URL and LAKE_CONNECTION_STRING is expected"])
        return read
