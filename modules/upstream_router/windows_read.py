"""What windows need of an event that passes. Pure."""

import re
from typing import NamedTuple

from pydantic_core import from_json

from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import (
    CameraCoverage,
    LayoutApplied,
    LineCrossed,
    LineUTurn,
    PersonRecognised,
    StreamHeartbeat,
)
from storeflow.errors import ContractError
from storeflow.host.module import RawEvent

Figures = LineCrossed | LineUTurn | PersonRecognised | CameraCoverage | LayoutApplied
_READ = {
    model.event_type
    for model in (LineCrossed, LineUTurn, PersonRecognised, CameraCoverage, LayoutApplied, StreamHeartbeat)
}
_CAMERA = re.compile(r"//[^/]+/[^/]+/[^/]+")
"""The source of what was decided in front of a camera; other series of it have one part more."""


class Read(NamedTuple):
    """An event, as far as windows go."""

    data: Figures | StreamHeartbeat | None
    """None of an event of another kind, or of a newer schema, which the router carries on unread."""
    number: int | None
    """Its `sequence`."""


def is_of_camera(source: str) -> bool:
    """Whether events of a source have anything to do with windows."""
    return _CAMERA.fullmatch(source) is not None


def read(event: RawEvent) -> Read:
    """Take an event apart."""
    if event.type in _READ:
        try:
            whole = CloudEvent.from_json(event.body)
        except ContractError:
            pass
        else:
            data = whole.data
            return Read(data if isinstance(data, Figures | StreamHeartbeat) else None, _number(whole.sequence))
    return Read(None, _number(from_json(event.body).get("sequence")))


def _number(sequence: object) -> int | None:
    return int(sequence) if isinstance(sequence, str) and re.fullmatch(r"[0-9]{1,18}", sequence) else None
