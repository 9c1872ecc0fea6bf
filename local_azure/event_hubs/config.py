"""What a namespace holds: the document that Microsoft's emulator reads, and fields of ours beside its own.

Source: learn.microsoft.com/azure/event-hubs/test-locally-with-event-hub-emulator ("Config.json"); the emulator
(Azure/azure-event-hubs-emulator-installer) mounts the same file. Limits: event-hubs-quotas.

    {"UserConfig": {"NamespaceConfig": [{"Type": "EventHub", "Name": "emulatorNs1", "Entities": [
        {"Name": "telemetry", "PartitionCount": "4", "ConsumerGroups": [{"Name": "landing"}]}]}]}}
"""

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_pascal

from local_azure.event_hubs.addresses import DEFAULT_GROUP
from storeflow.errors import ConfigError

KILOBYTE = 1024
DAY_SECONDS = 86400.0

Right = Literal["Send", "Listen", "Manage"]
Name = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9$]([A-Za-z0-9._-]*[A-Za-z0-9])?$")]


class _Document(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal, populate_by_name=True, extra="forbid", frozen=True)


class AuthorizationRule(_Document):
    """A shared access policy: whoever knows its key has its rights."""

    name: Name
    key: str = Field(min_length=1, repr=False)
    rights: tuple[Right, ...] = ("Send", "Listen", "Manage")


class ConsumerGroup(_Document):
    """A consumer group beside `$Default`, which is always there."""

    name: Name


class HubConfig(_Document):
    """An event hub.

    Attributes:
        retention_seconds: how long events stay.
        retention_bytes: how much of a partition stays; 0 for all of it. Ours: the service goes by time alone.
    """

    name: Name
    partition_count: int = Field(default=2, ge=1, le=32)
    consumer_groups: tuple[ConsumerGroup, ...] = ()
    retention_seconds: float = Field(default=DAY_SECONDS, gt=0, le=7 * DAY_SECONDS)
    retention_bytes: int = Field(default=0, ge=0)
    authorization_rules: tuple[AuthorizationRule, ...] = ()

    @property
    def groups(self) -> frozenset[str]:
        """Names of its consumer groups, in lower case."""
        return frozenset({DEFAULT_GROUP, *(group.name.lower() for group in self.consumer_groups)})


class NamespaceConfig(_Document):
    """A namespace.

    Attributes:
        sku: `Basic` takes 256 KB at a time, keeps a day and has `$Default` alone.
        throughput_units: 0 for as fast as it goes.
    """

    type: Literal["EventHub"] = "EventHub"
    name: Name = "emulatorNs1"
    sku: Literal["Basic", "Standard"] = "Standard"
    throughput_units: float = Field(default=0.0, ge=0, le=40)
    entities: tuple[HubConfig, ...] = Field(default=(HubConfig(name="telemetry"),), min_length=1, max_length=10)
    authorization_rules: tuple[AuthorizationRule, ...] = ()

    @property
    def max_message_bytes(self) -> int:
        """The largest publication."""
        return (256 if self.sku == "Basic" else 1024) * KILOBYTE

    @model_validator(mode="after")
    def _check(self) -> "NamespaceConfig":
        names = [hub.name.lower() for hub in self.entities]
        if len(set(names)) < len(names):
            raise ValueError("Entities: two have the same name")
        for hub in self.entities:
            if self.sku == "Basic" and (hub.consumer_groups or hub.retention_seconds > DAY_SECONDS):
                raise ValueError(f"{hub.name}: Basic has no consumer groups of one's own, and keeps events for a day")
        return self


class _UserConfig(_Document):
    namespace_config: tuple[NamespaceConfig, ...] = Field(min_length=1, max_length=1)
    logging_config: dict[str, str] = {}


class _File(_Document):
    user_config: _UserConfig


def load_config(path: Path) -> NamespaceConfig:
    """Read a document of the emulator's form.

    Raises:
        ConfigError: naming each field that is wrong.
    """
    try:
        return _File.model_validate(json.loads(path.read_text())).user_config.namespace_config[0]
    except ValidationError as error:
        raise ConfigError([f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]) from error
    except (OSError, ValueError) as error:
        raise ConfigError([f"{path}: {error}"]) from error


def read_hub(text: str) -> HubConfig:
    """Read the short form of the command line, `{name}[:{partitions}[:{group},{group}…]]`.

    Raises:
        ConfigError: naming what is wrong.
    """
    name, partitions, groups = (*text.split(":", 2), "", "")[:3]
    document = {
        "Name": name,
        "PartitionCount": partitions or 2,
        "ConsumerGroups": [{"Name": group} for group in groups.split(",") if group],
    }
    try:
        return HubConfig.model_validate(document)
    except ValidationError as error:
        raise ConfigError([f"--hub {text}: {e['loc'][0]}: {e['msg']}" for e in error.errors()]) from error
