"""The section `layout`: what is drawn on the cameras' pictures, and what is counted there."""

from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from storeflow.contract.events import Direction
from storeflow.contract.section import Fraction, FramePoint, Identifier, Polygon, Seconds, Section, Switch

Focus = Literal["footprint", "bottom_center", "center"]
"""The place of a person: where they touch the floor, also when the picture cuts them; their box's lower edge; its
middle."""
Vehicle = Literal["bus", "car", "motorcycle", "truck"]
"""The kinds that the vehicle models know."""
ObjectClass = Literal["person", "vehicle", Vehicle]
"""What can be counted; `vehicle` is any of those."""


def _known_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError) as error:
        raise ValueError(f"no time zone is called {name!r}: a name like Europe/Berlin is expected") from error
    return name


class Line(Section):
    """A line on the floor that people cross."""

    start: FramePoint
    end: FramePoint
    in_: Literal["left", "right"] = Field(default="right", alias="in")
    """The side that one comes to by going in: stand at `start`, face `end`."""
    camera_id: Identifier | None = None
    """The camera whose picture it is drawn on; absent: every camera's."""
    object_class: ObjectClass = "person"
    focus: Focus = "footprint"
    """Which place of a person counts."""

    @model_validator(mode="after")
    def _has_length(self) -> Self:
        if self.start == self.end:
            raise ValueError("end: is the same point as start")
        return self


class Zone(Section):
    """A part of the floor that people visit."""

    polygon: Polygon
    camera_id: Identifier | None = None
    object_class: ObjectClass = "person"
    focus: Focus = "footprint"
    margin: Fraction = 0.0
    """Who comes in has done so this far inside the polygon's edge, a fraction of the picture's width."""
    reentry_seconds: Seconds = 1.0
    """Who is back within this time never left."""
    min_visit_seconds: Seconds = 0.5
    """Shorter visits make no event."""
    min_dwell_seconds: Seconds = 10.0
    """After this long inside, `dwelling` is sent while the visit lasts."""
    dwell_interval_seconds: Seconds = 0.0
    """How often it is sent again after that; 0: not again."""
    occupancy_interval_seconds: Seconds = 0.0
    """How often the occupancy is sent again when it has not changed; 0: not again."""
    staff_only: Switch = False
    """Whether whoever stays here works here."""
    staff_seconds: Seconds = 5.0
    """In such a zone: how long one must stay for that."""


class Queue(Section):
    """A part of the floor where people wait, and the place where they are then served."""

    polygon: Polygon
    service: Polygon
    """The service point; where the two overlap it is this one."""
    camera_id: Identifier | None = None
    object_class: ObjectClass = "person"
    focus: Focus = "footprint"
    reentry_seconds: Seconds = 2.0
    """Who is back within this time never left."""
    min_wait_seconds: Seconds = 1.0
    """Shorter waits make no event."""
    served_seconds: Seconds = 2.0
    """Who was at the service point for so long has been served."""


class Area(Section):
    """A part of the store whose occupancy is counted at its doors."""

    lines: Annotated[dict[Identifier, Direction], Field(min_length=1)]
    """Its lines, and which direction of each comes into it."""
    reset_at: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "04:00"
    """When nobody is inside: the count begins at 0 every day at this time."""
    time_zone: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+/-]{1,64}$"), AfterValidator(_known_time_zone)] = "UTC"
    """Of `reset_at`, by its name in the IANA time zone database."""


class Layout(Section):
    """The lines, zones, queues and areas of a store."""

    spatial_analysis: Switch = False
    """Send every crossing, visit and occupancy of people as a document of Azure Spatial Analysis, too."""
    zones: dict[Identifier, Zone] = Field(default_factory=dict)
    lines: dict[Identifier, Line] = Field(default_factory=dict)
    queues: dict[Identifier, Queue] = Field(default_factory=dict)
    areas: dict[Identifier, Area] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _areas_have_their_lines(self) -> Self:
        for area_id, area in self.areas.items():
            for line_id in area.lines:
                if line_id not in self.lines:
                    raise ValueError(f"areas.{area_id}.lines.{line_id}: there is no line of that name")
        return self
