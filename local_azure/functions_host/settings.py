"""What an app is told from outside: `local.settings.json`, `host.json`, and `%SETTING%` in its bindings.

Sources: functions-app-settings; functions-host-json; functions-bindings-expressions-patterns ("Binding expressions -
app settings"); functions-develop-local ("Local settings file").
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from storeflow.errors import ConfigError

_OVERRIDE = "AzureFunctionsJobHost__"
_TIME_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2}(?:\.\d+)?)")


def seconds(time_span: str) -> float:
    """Read .NET's `[days.]hours:minutes:seconds`.

    Raises:
        ValueError: it is not of that form.
    """
    match = _TIME_SPAN.fullmatch(time_span)
    if match is None:
        raise ValueError(f"expected hh:mm:ss, got {time_span!r}")
    days, hours, minutes, rest = match.groups()
    return int(days or 0) * 86400 + int(hours) * 3600 + int(minutes) * 60 + float(rest)


class _Section(BaseModel):
    """A section of host.json; what else it says is for parts of the real host that are not here."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class InitialOffsetOptions(_Section):
    """Where a consumer group without a checkpoint begins."""

    type: Literal["fromStart", "fromEnd", "fromEnqueuedTime"] = "fromStart"
    enqueued_time_utc: str = ""


class EventHubsOptions(_Section):
    """`extensions.eventHubs`; the defaults are those of version 6 of the extension.

    Attributes:
        max_wait_time: seconds that a batch smaller than the minimum waits for more.
        load_balancing_update_interval: seconds between two looks at who owns which partition. The service's default
            is 30; here it is short, because a host that was killed holds its partitions until they expire.
        partition_ownership_expiration_interval: seconds after which a silent owner has lost its partitions.
    """

    max_event_batch_size: int = Field(default=100, ge=1)
    min_event_batch_size: int = Field(default=1, ge=1)
    max_wait_time: float = Field(default=60.0, gt=0)
    prefetch_count: int = Field(default=300, ge=1)
    batch_checkpoint_frequency: int = Field(default=1, ge=1)
    initial_offset_options: InitialOffsetOptions = InitialOffsetOptions()
    load_balancing_update_interval: float = Field(default=1.0, gt=0)
    partition_ownership_expiration_interval: float = Field(default=5.0, gt=0)

    @field_validator(
        "max_wait_time",
        "load_balancing_update_interval",
        "partition_ownership_expiration_interval",
        mode="before",
    )
    @classmethod
    def _seconds(cls, value: object) -> object:
        return seconds(value) if isinstance(value, str) else value


class HttpOptions(_Section):
    """`extensions.http`."""

    route_prefix: str = "api"


class _Extensions(_Section):
    event_hubs: EventHubsOptions = EventHubsOptions()
    http: HttpOptions = HttpOptions()


class HostSettings(_Section):
    """What of `host.json` has a meaning here."""

    version: Literal["2.0"]
    extensions: _Extensions = _Extensions()

    @property
    def event_hubs(self) -> EventHubsOptions:
        """Options of Event Hubs triggers."""
        return self.extensions.event_hubs

    @property
    def http(self) -> HttpOptions:
        """Options of HTTP triggers."""
        return self.extensions.http


def read_host_settings(path: Path, environment: Mapping[str, str]) -> HostSettings:
    """Read `host.json`, with what settings such as `AzureFunctionsJobHost__extensions__…` put over it.

    Raises:
        ConfigError: naming each field that is wrong.
    """
    try:
        document = json.loads(path.read_text())
        for name, value in environment.items():
            if name.startswith(_OVERRIDE):
                _put(document, name.removeprefix(_OVERRIDE).split("__"), value)
        return HostSettings.model_validate(document)
    except ValidationError as error:
        raise ConfigError([f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]) from error
    except (OSError, ValueError) as error:
        raise ConfigError([f"{path}: {error}"]) from error


def _put(document: dict[str, Any], keys: list[str], value: str) -> None:
    for key in keys[:-1]:
        document = document.setdefault(key, {})
    document[keys[-1]] = value


def read_local_settings(path: Path) -> dict[str, str]:
    """Read the values of a `local.settings.json`: settings by name, all of them text.

    Raises:
        ConfigError: it cannot be read, is encrypted, or has a value that is no text.
    """
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError([f"{path}: {error}"]) from error
    if document.get("IsEncrypted"):
        raise ConfigError([f"{path}: IsEncrypted: only Core Tools on the machine that encrypted it can read it"])
    values: dict[str, str] = document.get("Values", {})
    problems = [
        f"{path}: Values.{name}: expected text, got {value!r}"
        for name, value in values.items()
        if type(value) is not str
    ]
    if problems:
        raise ConfigError(problems)
    return values


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Put the settings in that a binding names: `%TELEMETRY_HUB%`.

    Raises:
        ConfigError: there is no such setting.
    """
    missing = [name for name in re.findall(r"%([^%]+)%", text) if name not in environment]
    if missing:
        raise ConfigError([f"{name}: a binding needs this setting, and it is not set" for name in missing])
    return re.sub(r"%([^%]+)%", lambda match: environment[match[1]], text)


def required(name: str, environment: Mapping[str, str], what_for: str) -> str:
    """Return a setting that must be there.

    Raises:
        ConfigError: it is missing, or empty.
    """
    if value := environment.get(name):
        return value
    hint = " (an identity instead of a connection string is not supported here)"
    by_identity = any(other.startswith(f"{name}__") for other in environment)
    raise ConfigError([f"{name}: {what_for} needs this setting, and it is not set{hint if by_identity else ''}"])
