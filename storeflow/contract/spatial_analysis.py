"""The event documents of Azure AI Vision Spatial Analysis, schema 2.0: for readers that were built for that service.

Field names, types and nesting are those of Microsoft's samples ("Spatial Analysis operations", sections "JSON format
for ... AI Insights", in MicrosoftDocs/azure-docs), also where the tables beside them say otherwise: `detectionIds`,
`frameId`, `side` and the numbers in `metadata` are text. What storeflow does not know has no field here, except where
the samples have an empty value for it. docs/spatial-analysis.md goes through every documented field.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Trigger = Literal["event", "interval"]
CrossedTo = Literal["CrossLeft", "CrossRight"]


class _Part(BaseModel):
    """Base of everything in a document: camelCase on the wire, and unknown fields are a newer writer's."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True
    )


class Corner(_Part):
    """A place in the picture, in fractions from its top left corner."""

    x: float
    y: float


class Region(_Part):
    """The upright rectangle around a person."""

    type: Literal["RECTANGLE"] = "RECTANGLE"
    points: tuple[Corner, Corner]
    """Top left and bottom right."""


class Metadata(_Part):
    """What is known of a person besides the rectangle; numbers are text."""

    tracking_id: str | None = None
    """Absent in a personCountEvent, as in the samples."""
    footprint_x: str
    """Where the person stands, in fractions of the picture."""
    footprint_y: str


class Detection(_Part):
    """One person in the picture."""

    type: Literal["person"] = "person"
    id: str
    region: Region
    confidence: float
    metadata: Metadata
    attributes: tuple[()] | None = None
    """Empty where the samples tell of face masks: storeflow looks at no faces. A personZoneDwellTimeEvent has none."""


class SourceInfo(_Part):
    """The camera and the frame."""

    id: str
    timestamp: str
    """UTC, to the millisecond, with `Z`."""
    width: int
    height: int
    frame_id: str
    image_path: Literal[""] = ""


class CountProperties(_Part):
    """How many are in a zone."""

    person_count: int = Field(ge=0)


class LineProperties(_Part):
    """Who crossed a line, and to which side: stand at its start and face its end."""

    tracking_id: str
    status: CrossedTo


class ZoneProperties(_Part):
    """Who came or went, and by which side of the polygon."""

    tracking_id: str
    status: Literal["Enter", "Exit"]
    side: Annotated[str, Field(pattern=r"^\d*$")]
    """`1` is the edge from the first corner to the second; empty when nobody saw which."""


class DwellProperties(_Part):
    """Who left after how long."""

    tracking_id: str
    status: Literal["Exit"] = "Exit"
    side: Annotated[str, Field(pattern=r"^\d*$")]
    dwell_time: float = Field(ge=0)
    """Milliseconds."""
    dwell_frames: int = Field(ge=0)


class _Event(_Part):
    id: str
    type: str
    detection_ids: tuple[str, ...]
    properties: _Part
    zone: str
    """The line or the zone, by its name in the configuration."""


class PersonCountEvent(_Event):
    """The number of people in a zone."""

    type: Literal["personCountEvent"] = "personCountEvent"
    properties: CountProperties
    trigger: Trigger


class PersonLineEvent(_Event):
    """Somebody crossed a line."""

    type: Literal["personLineEvent"] = "personLineEvent"
    properties: LineProperties


class PersonZoneEnterExitEvent(_Event):
    """Somebody came into a zone or left it."""

    type: Literal["personZoneEnterExitEvent"] = "personZoneEnterExitEvent"
    properties: ZoneProperties


class PersonZoneDwellTimeEvent(_Event):
    """Somebody left a zone, having been there for a time."""

    type: Literal["personZoneDwellTimeEvent"] = "personZoneDwellTimeEvent"
    properties: DwellProperties


AnyPersonEvent = Annotated[
    PersonCountEvent | PersonLineEvent | PersonZoneEnterExitEvent | PersonZoneDwellTimeEvent,
    Field(discriminator="type"),
]


class SpatialAnalysisDocument(_Part):
    """One message of the service."""

    events: Annotated[tuple[AnyPersonEvent, ...], Field(min_length=1)]
    source_info: SourceInfo
    detections: tuple[Detection, ...]
    schema_version: Literal["2.0"] = "2.0"
