"""Whether a document is a store event, and whether the device that sent it may say so. Pure.

Known types of a schema no newer than this software are checked against their model. Other types, and events of a newer
schema, are not judged: they land as they came, and are refined once this software knows them.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cloud_functions.stores import Stores
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import EVENT_MODELS, SCHEMA_VERSION, schema_version
from storeflow.contract.faults import first_fault
from storeflow.contract.spatial_analysis import SpatialAnalysisDocument

Code = Literal[
    "too_large",
    "content_type",
    "content_encoding",
    "not_utf8",
    "not_json",
    "not_an_event",
    "data",
    "device",
    "store",
    "fault",
]
"""Why something is put into quarantine: for counting; the reason beside it is for people."""

_Attribute = Annotated[str, Field(min_length=1, max_length=1024)]
_SOURCE = re.compile(r"//(?P<hub>[^/]+)/(?P<device>[^/]+)/.+")


class Refused(Exception):  # noqa: N818 - it is no fault of the software
    """A message, or one event of it, that goes into quarantine."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Envelope(BaseModel):
    """The attributes of CloudEvents 1.0 that an event is known, routed and trusted by."""

    model_config = ConfigDict(extra="ignore")

    specversion: Literal["1.0"]
    id: _Attribute
    source: _Attribute
    type: _Attribute
    dataschema: str | None = None
    data: dict[str, Any]


def is_known(event_type: str, dataschema: str) -> bool:
    """Whether this version of storeflow can tell if the data of an event are right, and what they mean."""
    version = schema_version(dataschema, event_type) or SCHEMA_VERSION
    return event_type in EVENT_MODELS and _number(version) <= _number(SCHEMA_VERSION)


@dataclass(frozen=True)
class Speaker:
    """A device, and what it may speak of.

    Attributes:
        device_id: by the hub's own word.
        store_id: the store that it stands in, by the register.
        iot_hubs: the host names that its `source` may begin with.
    """

    device_id: str
    store_id: str
    iot_hubs: tuple[str, ...]

    @cached_property
    def _beginnings(self) -> tuple[str, ...]:
        return tuple(f"//{hub}/{self.device_id}/" for hub in self.iot_hubs)

    def may_be(self, source: str) -> bool:
        """Whether `source` is of this device."""
        return source.startswith(self._beginnings)


def speaker(device_id: str | None, stores: Stores) -> Speaker:
    """Return who sent a message.

    Raises:
        Refused: no device did, or one of no store.
    """
    if not device_id:
        raise Refused("device", "no device sent it: iothub-connection-device-id is missing")
    store_id = stores.store_of_device.get(device_id)
    if store_id is None:
        raise Refused("device", f"device {device_id} is of no store; enter it into config/stores.json, then replay")
    return Speaker(device_id, store_id, stores.iot_hubs)


def check(document: Any, text: str, sender: Speaker, store_property: str | None) -> None:
    """See whether a document may land.

    Args:
        document: as parsed.
        text: as it came.
        sender: the device.
        store_property: the message property `storeId`: all that a document of Azure Spatial Analysis says of its store.

    Raises:
        Refused: it may not.
    """
    if isinstance(document, dict) and "specversion" not in document and "sourceInfo" in document:
        _check_spatial_analysis(text, sender, store_property)
        return
    try:
        envelope = Envelope.model_validate(document)
        if not sender.may_be(envelope.source):
            raise Refused("device", _whose(envelope.source, sender))
        if (named := envelope.data.get("store_id")) != sender.store_id:
            raise Refused("store", f"names store {named!r}; device {sender.device_id} is of {sender.store_id}")
    except ValidationError as error:
        raise Refused("not_an_event", first_fault(error, "event")) from error
    if is_known(envelope.type, envelope.dataschema or ""):
        try:
            CloudEvent.model_validate_json(text)
        except ValidationError as error:
            raise Refused("data", first_fault(error, "event")) from error


def _check_spatial_analysis(text: str, sender: Speaker, store_property: str | None) -> None:
    if store_property is not None and store_property != sender.store_id:
        raise Refused("store", f"property storeId is {store_property!r}; {sender.device_id} is of {sender.store_id}")
    try:
        SpatialAnalysisDocument.model_validate_json(text)
    except ValidationError as error:
        raise Refused("data", first_fault(error, "document")) from error


def _whose(source: str, sender: Speaker) -> str:
    found = _SOURCE.fullmatch(source)
    if found is None:
        return f"source {source!r} is not of the form //<IoT hub>/<device>/<camera>"
    if found["hub"] not in sender.iot_hubs:
        return f"source names IoT hub {found['hub']}; config/stores.json has {', '.join(sender.iot_hubs)}"
    return f"source names device {found['device']}, and device {sender.device_id} sent it"


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
