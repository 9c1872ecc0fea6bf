"""The register of stores: which device may speak for which store, when, and which time the store keeps.

One JSON document in the lake, `config/stores.json`, which only administrators may write:

    {"iot_hubs": ["contoso-retail.azure-devices.net"],
     "stores": {"store-0042": {"name": "Hamburg, Jungfernstieg", "time_zone": "Europe/Berlin",
                               "devices": ["store-0042", {"id": "spare-7", "since": "2026-03-01T00:00:00Z"}]}}}

It is no tag of the twin that an enrichment of IoT Hub would stamp: enrichments arrive as application properties, beside
those of the sender, and a device may send one of the same name.
"""

import zoneinfo
from datetime import datetime
from functools import cache, cached_property
from typing import Annotated, Any, NamedTuple, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import from_json

from storeflow.contract.faults import faults
from storeflow.errors import ConfigError

PATH = "config/stores.json"

_Name = Annotated[str, Field(min_length=1, max_length=256)]


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())  # it reads the whole database


def _known(time_zone: str) -> str:
    if time_zone not in _time_zones():
        raise ValueError(f"there is no time zone {time_zone!r}; one of the IANA database is expected, as Europe/Berlin")
    return time_zone


class Device(BaseModel):
    """A device in a store; with its id alone it is there for ever."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: _Name
    """In IoT Hub."""
    since: AwareDatetime | None = None
    """It speaks for the store of what happened from then on."""
    until: AwareDatetime | None = None
    """And no longer of what happened from then on."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError("until: is not after since")
        return self


class Store(BaseModel):
    """One store."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: _Name
    """For people to read."""
    time_zone: Annotated[str, AfterValidator(_known)]
    """By whose days its figures go: a name of the IANA database."""
    devices: Annotated[
        tuple[
            Annotated[Device, BeforeValidator(lambda given: {"id": given} if isinstance(given, str) else given)], ...
        ],
        Field(min_length=1),
    ]
    """The IoT Edge devices that may speak for it, by their ids in IoT Hub."""


class Stay(NamedTuple):
    """A time that a device is in a store: from `since` on and before `until`, as far as they are known."""

    store_id: str
    since: datetime | None
    until: datetime | None

    def covers(self, moment: datetime) -> bool:
        """Whether it is there at a moment."""
        return (self.since is None or self.since <= moment) and (self.until is None or moment < self.until)

    def meets(self, other: "Stay") -> bool:
        """Whether the two share a moment."""
        ends_before = self.until is not None and other.since is not None and self.until <= other.since
        begins_after = self.since is not None and other.until is not None and other.until <= self.since
        return not (ends_before or begins_after)


class Stores(BaseModel):
    """All of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    iot_hubs: Annotated[tuple[_Name, ...], Field(min_length=1)]
    """The host names that the devices' `source` may begin with."""
    event_hubs: dict[_Name, _Name] = Field(default_factory=dict)
    """Whose devices send into which event hub: the host name of one IoT hub for each. It may be left out where there is
    one IoT hub alone. Two of them may have a device of one name, and no message says which of the two sent it."""
    stores: dict[_Name, Store]

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        self.stays  # noqa: B018 - it raises where a device is of two stores at once
        if len(self.iot_hubs) > 1 and not self.event_hubs:
            raise ValueError(
                "event_hubs: is missing: with several IoT hubs it says which one is behind which event hub"
            )
        for event_hub, iot_hub in self.event_hubs.items():
            if iot_hub not in self.iot_hubs:
                raise ValueError(f"event_hubs.{event_hub}: {iot_hub} is none of iot_hubs")
        return self

    @cached_property
    def stays(self) -> dict[str, tuple[Stay, ...]]:
        """Of each device, when it is in which store."""
        found: dict[str, tuple[Stay, ...]] = {}
        for store_id, store in self.stores.items():
            for device in store.devices:
                stay = Stay(store_id, device.since, device.until)
                for other in found.get(device.id, ()):
                    if other.store_id != store_id and other.meets(stay):
                        both = f"device {device.id} is of {other.store_id} and of {store_id}"
                        raise ValueError(
                            f"stores: {both} at once; with since and until it can be of one after the other"
                        )
                found[device.id] = (*found.get(device.id, ()), stay)
        return found

    def behind(self, event_hub: str) -> Self:
        """The same register with only those IoT hubs in `iot_hubs` whose devices send into an event hub."""
        if not self.event_hubs:
            return self
        known = self.event_hubs.get(event_hub)
        return self.model_copy(update={"iot_hubs": () if known is None else (known,)})

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Read the document.

        Raises:
            ConfigError: it is not what is expected, with everything that is wrong with it.
        """
        try:
            document: Any = from_json(text)
        except ValueError as error:
            raise ConfigError([f"{PATH}: no JSON: {error}"]) from error
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise ConfigError([f"{PATH}: {fault}" for fault in faults(error, document)]) from error
