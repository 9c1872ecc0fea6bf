"""The register of stores: which device may speak for which store, and which time the store keeps.

One JSON document in the lake, `config/stores.json`, which only administrators may write:

    {"iot_hubs": ["contoso-retail.azure-devices.net"],
     "stores": {"store-0042": {"name": "Hamburg, Jungfernstieg", "time_zone": "Europe/Berlin",
                               "devices": ["store-0042", "store-0042-b"]}}}

It is no tag of the twin that an enrichment of IoT Hub would stamp: enrichments arrive as application properties, beside
those of the sender, and a device may send one of the same name.
"""

import zoneinfo
from functools import cached_property
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import from_json

from storeflow.contract.faults import faults
from storeflow.errors import ConfigError

PATH = "config/stores.json"

_Name = Annotated[str, Field(min_length=1, max_length=256)]


def _known(time_zone: str) -> str:
    if time_zone not in zoneinfo.available_timezones():
        raise ValueError(f"there is no time zone {time_zone!r}; one of the IANA database is expected, as Europe/Berlin")
    return time_zone


class Store(BaseModel):
    """One store."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: _Name
    """For people to read."""
    time_zone: Annotated[str, AfterValidator(_known)]
    """By whose days its figures go: a name of the IANA database."""
    devices: Annotated[tuple[_Name, ...], Field(min_length=1)]
    """The IoT Edge devices that may speak for it, by their ids in IoT Hub."""


class Stores(BaseModel):
    """All of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    iot_hubs: Annotated[tuple[_Name, ...], Field(min_length=1)]
    """The host names that the devices' `source` may begin with."""
    stores: dict[_Name, Store]

    @model_validator(mode="after")
    def _one_store_each(self) -> Self:
        self.store_of_device  # noqa: B018 - it raises where a device is of two stores
        return self

    @cached_property
    def store_of_device(self) -> dict[str, str]:
        """The store of each device."""
        found: dict[str, str] = {}
        for store_id, store in self.stores.items():
            for device_id in store.devices:
                other = found.setdefault(device_id, store_id)
                if other != store_id:
                    raise ValueError(f"stores: device {device_id} is of {other} and of {store_id}; of one only")
        return found

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Read the document.

        Raises:
            ConfigError: it is not what is expected, with everything that is wrong with it.
        """
        try:
            document = from_json(text)
        except ValueError as error:
            raise ConfigError([f"{PATH}: no JSON: {error}"]) from error
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise ConfigError([f"{PATH}: {fault}" for fault in faults(error, document)]) from error
