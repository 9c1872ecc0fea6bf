"""Whether a document is a store event, and whether the device that sent it may say so. Pure.

Known types of a schema no newer than this software are checked against their model. Other types, and events of a newer
schema, are not judged: they land as they came, and are refined once this software knows them.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from cloud_functions import bounds
from cloud_functions.stores import Stay, Stores
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.envelope import Envelope, is_known
from storeflow.contract.events import CameraEvent
from storeflow.contract.faults import first_fault
from storeflow.contract.spatial_analysis import SpatialAnalysisDocument

__all__ = ["Code", "Refused", "Speaker", "camera_fault", "check", "is_known", "speaker"]

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
    "camera",
    "fault",
]
"""Why something is put into quarantine: for counting; the reason beside it is for people."""

_LONGEST_REASON = 500
"""In characters: it repeats what was sent, which may be long, and goes into a log."""
_SOURCE = re.compile(r"//(?P<hub>[^/]+)/(?P<device>[^/]+)/.+")
_MOMENT: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)


class Refused(Exception):  # noqa: N818 - it is no fault of the software
    """A message, or one event of it, that goes into quarantine."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]}…"


@dataclass(frozen=True)
class Speaker:
    """A device, and what it may speak of.

    Attributes:
        device_id: by the word of whoever stands behind the event hub.
        stays: when it was in which store, by the register; one at least.
        iot_hubs: the host names that its `source` may begin with.
        sent_at: when the event hub took the message in: it counts for an event that does not say when it was.
    """

    device_id: str
    stays: tuple[Stay, ...]
    iot_hubs: tuple[str, ...]
    sent_at: datetime

    @cached_property
    def _beginnings(self) -> tuple[str, ...]:
        return tuple(f"//{hub}/{self.device_id}/" for hub in self.iot_hubs)

    def may_be(self, source: str) -> bool:
        """Whether `source` is of this device."""
        return source.startswith(self._beginnings)

    def store_at(self, captured_at: Any) -> str:
        """The store that the device was in when something happened.

        Raises:
            Refused: it was in none.
        """
        if len(self.stays) == 1 and self.stays[0].since is None and self.stays[0].until is None:
            return self.stays[0].store_id
        try:
            moment = _MOMENT.validate_python(captured_at)
        except ValidationError:
            moment = self.sent_at
        store_id = next((stay.store_id for stay in self.stays if stay.covers(moment)), None)
        if store_id is None:
            raise Refused("device", f"device {self.device_id} was of no store at {moment}; see since and until of it")
        return store_id


def speaker(device_id: str | None, stores: Stores, sent_at: datetime) -> Speaker:
    """Return who sent a message.

    Raises:
        Refused: no device did, or one of no store.
    """
    if not device_id:
        raise Refused("device", "nobody vouches for a device that sent it: neither IoT Hub nor a publisher's address")
    stays = stores.stays.get(device_id)
    if stays is None:
        raise Refused("device", f"device {device_id} is of no store; enter it into config/stores.json, then replay")
    return Speaker(device_id, stays, stores.iot_hubs, sent_at)


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
        _check_spatial_analysis(document, text, sender, store_property)
        return
    try:
        envelope = Envelope.model_validate(document)
    except ValidationError as error:
        raise Refused("not_an_event", first_fault(error, "event")) from error
    if not isinstance(envelope.data, dict):
        raise Refused("not_an_event", "event.data: an object is expected")
    if not sender.may_be(envelope.source):
        raise Refused("device", _whose(envelope.source, sender))
    store_id = sender.store_at(envelope.data.get("captured_at", envelope.time))
    if envelope.store_id != store_id:
        raise Refused("store", f"names store {envelope.store_id!r}; device {sender.device_id} is of {store_id}")
    if envelope.is_known:
        _check_known(envelope, text)


def _check_known(envelope: Envelope, text: str) -> None:
    try:
        event = CloudEvent.model_validate_json(text)
    except ValidationError as error:
        raise Refused("data", first_fault(error, "event")) from error
    if found := bounds.fault(envelope.data, "event.data") or bounds.fault(event, "event"):
        raise Refused("data", found)
    if found := camera_fault(event):
        raise Refused("camera", found)


def camera_fault(event: CloudEvent) -> str | None:
    """What is wrong with the camera that an event names: it has to be the one in `source`; none if it is."""
    if not isinstance(event.data, CameraEvent) or [event.data.camera_id] == event.source.split("/")[4:5]:
        return None
    return f"data.camera_id is {event.data.camera_id!r}, and source is {event.source!r}"


def _check_spatial_analysis(document: Any, text: str, sender: Speaker, store_property: str | None) -> None:
    try:
        known = SpatialAnalysisDocument.model_validate_json(text)
    except ValidationError as error:
        raise Refused("data", first_fault(error, "document")) from error
    if found := bounds.fault(document, "document") or bounds.fault(known, "document"):
        raise Refused("data", found)
    store_id = sender.store_at(known.source_info.timestamp)
    if store_property is not None and store_property != store_id:
        raise Refused("store", f"property storeId is {store_property!r}; {sender.device_id} is of {store_id}")


def _whose(source: str, sender: Speaker) -> str:
    if not sender.iot_hubs:
        return "no IoT hub is behind this event hub: enter it into event_hubs of config/stores.json, then replay"
    found = _SOURCE.fullmatch(source)
    if found is None:
        return f"source {source!r} is not of the form //<IoT hub>/<device>/<camera>"
    if found["hub"] not in sender.iot_hubs:
        return f"source names IoT hub {found['hub']!r}; config/stores.json has {', '.join(sender.iot_hubs)}"
    return f"source names device {found['device']!r}, and device {sender.device_id} sent it"
