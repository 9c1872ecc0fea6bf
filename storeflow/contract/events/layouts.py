"""What is drawn on a camera's picture, and from when."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from storeflow.contract.events.base import CameraEvent, Direction
from storeflow.contract.events.privacy import Impersonal
from storeflow.contract.section import FramePoint, Polygon


class Drawn(BaseModel):
    """What everything that is drawn on a picture says of itself."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    id: Impersonal[str]
    """Its name in the layout."""
    object_class: Impersonal[str]
    """What is counted there: `person`, `vehicle` for any of its kinds, or one of them such as `car`."""


class DrawnLine(Drawn):
    """A line."""

    start: Impersonal[FramePoint]
    """`[x, y]` in fractions of the picture's width and height from its top left corner."""
    end: Impersonal[FramePoint]
    """Likewise."""
    to_right: Impersonal[Direction]
    """Which direction it is to go from left to right, seen from `start` towards `end`."""


class DrawnZone(Drawn):
    """A zone."""

    polygon: Impersonal[Polygon]
    """Its corners."""
    staff_only: Impersonal[bool] = False
    """Whether whoever stays here works here."""


class DrawnQueue(Drawn):
    """A queue."""

    polygon: Impersonal[Polygon]
    """Where people wait, by its corners."""
    service: Impersonal[Polygon]
    """The service point, likewise."""


class LayoutApplied(CameraEvent):
    """A layout is in force for a camera, from this frame on: what is counted in its picture, whether anybody comes."""

    event_type: ClassVar[str] = "storeflow.layout.applied"

    config_version: Impersonal[int]
    """`$version` of the layout that was in force: which line, drawn where."""
    lines: Impersonal[tuple[DrawnLine, ...]]
    """The lines on this camera's picture: `id`, `object_class`, `start`, `end` and `to_right` of each."""
    zones: Impersonal[tuple[DrawnZone, ...]]
    """The zones on it: `id`, `object_class`, `polygon` and `staff_only` of each."""
    queues: Impersonal[tuple[DrawnQueue, ...]]
    """The queues on it: `id`, `object_class`, `polygon` and `service` of each."""
