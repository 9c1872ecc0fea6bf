"""The sections of the module twins: what an operator may set.

One section has one owner: video_capture `cameras`, inference `models`, zone_analytics `layout`, upstream_router
`telemetry`. Unknown keys are refused (they are an operator's typo). Validation changes nothing, and opens nothing
but the time zone database. Maps are keyed by id, so that layered deployments can add to them; arrays are only for
points and for a camera's region.
"""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from storeflow.contract import camera_url
from storeflow.contract.faults import SOME_TIME, faults
from storeflow.contract.layout import Area, Focus, Layout, Line, Queue, Zone
from storeflow.contract.section import (
    Fraction,
    Identifier,
    Number,
    Polygon,
    Seconds,
    Section,
)
from storeflow.contract.telemetry import EventHubSink, NdjsonSink, SpatialAnalysisSink, Telemetry, UpstreamSink
from storeflow.errors import ConfigError

__all__ = [
    "SECTION_NAMES",
    "Area",
    "Camera",
    "Cameras",
    "EventHubSink",
    "Focus",
    "Layout",
    "Line",
    "Model",
    "Models",
    "NdjsonSink",
    "Playback",
    "Queue",
    "SpatialAnalysisSink",
    "Telemetry",
    "UpstreamSink",
    "Zone",
    "read_section",
    "section_schema",
]


_TIME = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?"
_ZONE = r"(Z|[+-]\d{2}:\d{2})"


def _time(value: Any) -> Any:
    if isinstance(value, datetime) or (isinstance(value, str) and re.fullmatch(f"{_TIME}{_ZONE}?", value)):
        return value
    raise ValueError(f"is no time such as {SOME_TIME}")


Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_time),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": f"^{_TIME}{_ZONE}$"}),
]
"""A date and a time of day with its time zone."""


class Playback(Section):
    """How a clip or test pattern stands in for a live camera."""

    pace: Literal["realtime", "lossless"] = "realtime"
    """Frames are shown when they are due; `realtime` lets a slow reader miss some, `lossless` waits for readers."""
    speed: Number = Field(default=1.0, gt=0, le=100)
    """Frames are due this many times faster than they were filmed; `captured_at` stays film time."""
    starts_at: Moment | None = None
    """`captured_at` of the first frame; the clock's time when absent."""


class Camera(Section):
    """One camera: where its pictures come from, how often to look, and what must never be looked at."""

    url: str = Field(max_length=2048)
    """`rtsp://HOST/PATH` or `rtsps:` (a live camera), `file:NAME` (a clip in the media folder), `pattern:NAME`."""
    credentials_ref: Identifier | None = None
    """Name of the secret on the device that holds a live camera's `user:password`."""
    freeze_seconds: Seconds = 30.0
    """A live camera whose picture has not changed at all for so long has failed; 0: never."""
    fps: Number = Field(default=10.0, gt=0, le=60)
    """Frames per second to analyse at most."""
    region: tuple[Fraction, Fraction, Fraction, Fraction] | None = None
    """`[left, top, right, bottom]` of the part that is sent to inference."""
    masks: dict[Identifier, Polygon] = Field(default_factory=dict)
    """Parts that are painted over before a frame leaves the capture process."""
    playback: Playback = Playback()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if fault := camera_url.fault(self.url):
            raise ValueError(f"url: {fault}")
        scheme = self.url.partition(":")[0]
        others = {"playback"} if scheme in camera_url.LIVE else {"credentials_ref", "freeze_seconds"}
        for name in sorted(others & self.model_fields_set):
            raise ValueError(f"{name}: is not for a camera whose url begins with {scheme}:")
        if self.region is not None:
            left, top, right, bottom = self.region
            if right - left < 0.01 or bottom - top < 0.01:  # noqa: PLR2004 - one hundredth of the frame
                raise ValueError("region: [left, top, right, bottom] has no area")
        return self


class Model(Section):
    """The detector for one task."""

    name: Identifier
    """Folder `models/<task>/<name>`."""
    threshold: Number | None = Field(default=None, gt=0, lt=1)
    """Overrides the model card's."""
    tracker: Literal["default", "bytetrack"] = "default"
    """Who is who from frame to frame: the tracker that counts were tuned with, or ByteTrack as published."""


Cameras = dict[Identifier, Camera]
Models = dict[Literal["person", "vehicle"], Model]

_SECTIONS: dict[str, TypeAdapter[Any]] = {
    "cameras": TypeAdapter(Cameras),
    "models": TypeAdapter(Models),
    "layout": TypeAdapter(Layout),
    "telemetry": TypeAdapter(Telemetry),
}
SECTION_NAMES = tuple(_SECTIONS)


def read_section(name: str, document: Any) -> Any:
    """The typed value of one section: `Cameras`, `Models`, `Layout` or `Telemetry`, by its name.

    Raises:
        ConfigError: with one `path.to.field: fact` for everything that is wrong.
    """
    adapter = _SECTIONS.get(name)
    if adapter is None:
        raise ConfigError([f"{name}: no such section; there are {', '.join(SECTION_NAMES)}"])
    try:
        return adapter.validate_python(document)
    except ValidationError as error:
        raise ConfigError(faults(error, document, name)) from error


def section_schema(name: str) -> dict[str, Any]:
    """JSON Schema of one section."""
    return _SECTIONS[name].json_schema(by_alias=True)
