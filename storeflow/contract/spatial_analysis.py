"""The event documents of Azure AI Vision Spatial Analysis, schema 2.0: for readers that were built for that service.

Field names, types and nesting are those of Microsoft's samples ("Spatial Analysis operations", sections "JSON format
for ... AI Insights", in MicrosoftDocs/azure-docs), also where the tables beside them say otherwise: `detectionIds`,
`frameId`, `side` and the numbers in `metadata` are text. What storeflow does not know has no field here, except where
the samples have an empty value for it. docs/spatial-analysis.md goes through every documented field.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from storeflow.contract.instant import Instant

CrossedTo = Literal["CrossLeft", "CrossRight"]


class _Part(BaseModel):
    """Base of everything in a document: camelCase on the wire, and unknown fields are a newer writer's."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
    )


class Corner(_Part):
    """A place in the picture, in fractions from its top left corner."""

    x: float
    """Fraction of the picture's width."""
    y: float
    """Fraction of its height."""


class Region(_Part):
    """The upright rectangle around a person."""

    type: Literal["RECTANGLE"] = "RECTANGLE"
    """Always `RECTANGLE`."""
    points: tuple[Corner, Corner]
    """Top left and bottom right."""


class Metadata(_Part):
    """What is known of a person besides the rectangle; numbers are text."""

    tracking_id: str | None = None
    """The track; absent in a personCountEvent, as in the samples."""
    footprint_x: str
    """Where the person stands: fraction of the picture's width, as text."""
    footprint_y: str
    """Where the person stands: fraction of the picture's height, as text."""


class Detection(_Part):
    """One person in the picture."""

    type: Literal["person"] = "person"
    """Always `person`."""
    id: str
    """The track; `detectionIds` of the event name it."""
    region: Region
    """Where the person is in the picture."""
    confidence: float
    """Of the detector, in the newest frame, 0 to 1."""
    metadata: Metadata
    """What is known of the person besides."""
    attributes: tuple[()] | None = None
    """Empty where the samples have face masks: storeflow looks at no faces. A personZoneDwellTimeEvent has none."""


class SourceInfo(_Part):
    """The camera and the frame."""

    id: str
    """The camera, by its name in the configuration."""
    timestamp: Instant
    """When it happened in front of the camera. UTC."""
    width: int
    """Of the picture, in pixels."""
    height: int
    """Of the picture, in pixels."""
    frame_id: str
    """Number of the newest frame, as text."""
    image_path: Literal[""] = ""
    """Always empty: no picture is kept."""


class CountProperties(_Part):
    """How many are in a zone."""

    person_count: int = Field(ge=0)
    """How many people are in the zone, without those who work here."""


class LineProperties(_Part):
    """Who crossed a line, and to which side: stand at its start and face its end."""

    tracking_id: str
    """The track."""
    status: CrossedTo
    """To which side of the line."""


class ZoneProperties(_Part):
    """Who came or went, and by which side of the polygon."""

    tracking_id: str
    """The track."""
    status: Literal["Enter", "Exit"]
    """Whether the person came or went."""
    side: Annotated[str, Field(pattern=r"^\d*$")]
    """`1` is the edge from the first corner to the second; empty when nobody saw which."""


class DwellProperties(_Part):
    """Who left after how long."""

    tracking_id: str
    """The track."""
    status: Literal["Exit"] = "Exit"
    """Always `Exit`."""
    side: Annotated[str, Field(pattern=r"^\d*$")]
    """`1` is the edge from the first corner to the second; empty when nobody saw which."""
    dwell_time: float = Field(ge=0)
    """How long the visit lasted, in milliseconds."""
    dwell_frames: int = Field(ge=0)
    """In how many frames the person was seen inside."""


class _Event(_Part):
    id: str
    """32 hexadecimal digits; the same as `id` of the envelope."""
    detection_ids: tuple[str, ...]
    """Whom it is about, by track: those of them who are in view are in `detections`."""
    zone: str
    """The line or the zone, by its name in the configuration."""


class PersonCountEvent(_Event):
    """The number of people in a zone."""

    type: Literal["personCountEvent"] = "personCountEvent"
    """Which event."""
    properties: CountProperties
    """What happened."""
    trigger: Literal["event", "interval"]
    """`event`: the number changed; `interval`: the zone has an `occupancy_interval_seconds`."""


class PersonLineEvent(_Event):
    """Somebody crossed a line."""

    type: Literal["personLineEvent"] = "personLineEvent"
    """Which event."""
    properties: LineProperties
    """What happened."""


class PersonZoneEnterExitEvent(_Event):
    """Somebody came into a zone or left it."""

    type: Literal["personZoneEnterExitEvent"] = "personZoneEnterExitEvent"
    """Which event."""
    properties: ZoneProperties
    """What happened."""


class PersonZoneDwellTimeEvent(_Event):
    """Somebody left a zone, having been there for a time."""

    type: Literal["personZoneDwellTimeEvent"] = "personZoneDwellTimeEvent"
    """Which event."""
    properties: DwellProperties
    """What happened."""


AnyPersonEvent = Annotated[
    PersonCountEvent | PersonLineEvent | PersonZoneEnterExitEvent | PersonZoneDwellTimeEvent,
    Field(discriminator="type"),
]


class SpatialAnalysisDocument(_Part):
    """One message of the service."""

    events: Annotated[tuple[AnyPersonEvent, ...], Field(min_length=1)]
    """What happened; storeflow sends one at a time."""
    source_info: SourceInfo
    """The camera and its newest frame."""
    detections: tuple[Detection, ...]
    """Who of the event is in the newest frame."""
    schema_version: Literal["2.0"] = "2.0"
    """Always `2.0`."""
