"""The section `telemetry` of upstream_router's twin: where events go, which first, in what form and how fast."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from storeflow.contract.section import Identifier, Number, Seconds, Section, Switch, WholeNumber

EventPattern = Annotated[str, Field(pattern=r"^storeflow(\.[A-Za-z0-9_-]+)*(\.\*)?$", max_length=128)]
"""An event type, or its beginning and `.*`."""
EventPatterns = Annotated[tuple[EventPattern, ...], Field(min_length=1, max_length=32)]


_SINGLE = ("storeflow.line.crossed", "storeflow.line.u_turn", "storeflow.person.recognised")
"""What windows are sums of."""


def matches(event_type: str, patterns: Iterable[str]) -> bool:
    """Whether an event type is one of the patterns, or begins as one does that ends in `.*`."""
    return any(
        event_type.startswith(pattern[:-1]) if pattern.endswith(".*") else event_type == pattern for pattern in patterns
    )


class Batch(Section):
    """How many events travel in one message."""

    max_events: WholeNumber = Field(default=500, ge=1, le=1000)
    """1: each in a message of its own, as plain JSON. More: an array of them, `application/cloudevents-batch+json`."""
    max_seconds: Annotated[Seconds, Field(le=3600)] = 2.0
    """An event waits so long for others, unless `max_events` are there before; 0: it takes along what waits already."""


class TimeToLive(Section):
    """After what time events of a kind are of no use to anybody."""

    events: EventPattern
    """Which."""
    seconds: Number = Field(ge=1, le=31_536_000)
    """From when the device kept them; then they are deleted and counted, and not sent."""


class CloudSink(Section):
    """What sinks in the cloud have in common."""

    events: EventPatterns = ("storeflow.*",)
    """Which events go there."""
    alerts: Annotated[tuple[EventPattern, ...], Field(max_length=32)] = (
        "storeflow.camera.state",
        "storeflow.queue.length",
    )
    """Of these, which go at once, the newest first, ahead of everything else, and each in a message of its own."""
    batch: Batch = Batch()
    """Of those that are no alerts."""
    compress: Switch = True
    """Whether arrays are compressed with gzip."""
    time_to_live: Annotated[dict[Identifier, TimeToLive], Field(max_length=32)] = Field(default_factory=dict)
    """By kind; what is in no entry is kept until it has arrived, or the outbox is full."""
    max_bytes_per_second: WholeNumber = Field(default=0, ge=0, le=1_000_000_000)
    """What messages may use of the line on average; alerts don't wait for it, and leave half of it to the rest. 0: as
    much as there is."""


class UpstreamSink(CloudSink):
    """IoT Hub, by way of edgeHub's `$upstream`."""

    kind: Literal["upstream"] = "upstream"


class EventHubSink(CloudSink):
    """An event hub, straight from the device."""

    kind: Literal["event_hub"] = "event_hub"
    namespace: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?$")]
    """Host name, such as `contoso.servicebus.windows.net`; the secret has to be of the same."""
    event_hub: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,256}$")]
    """Name of the event hub. Events are published as `<event_hub>/publishers/<device id>`."""
    credentials_ref: Identifier
    """Name of the secret on the device that holds a connection string with a token for that path."""


class NdjsonSink(Section):
    """A file of one JSON event a line, each event once."""

    kind: Literal["ndjson"] = "ndjson"
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}\.ndjson$")] = "events.ndjson"
    """Name inside the module's state folder."""
    max_bytes: WholeNumber = Field(default=100_000_000, ge=1_000_000, le=1_000_000_000_000)
    """Before it grows larger it becomes `<file>.1`, in place of the one before, and a new file is begun."""


class SpatialAnalysisSink(Section):
    """IoT Hub, too: documents of Azure Spatial Analysis without an envelope, and nothing else."""

    kind: Literal["spatial_analysis"] = "spatial_analysis"


Sink = Annotated[UpstreamSink | EventHubSink | NdjsonSink | SpatialAnalysisSink, Field(discriminator="kind")]


class Windows(Section):
    """Whether the device adds crossings up by quarters of an hour, and whether the single ones leave the store."""

    mode: Literal["off", "beside", "instead"] = "off"
    """`off`: no sums; `beside`: sums, and all that they are made of; `instead`: to sinks in the cloud go sums, and no
    event of one person."""


class Telemetry(Section):
    """Where events go."""

    sinks: Annotated[dict[Identifier, Sink], Field(min_length=1, default_factory=lambda: {"cloud": UpstreamSink()})]
    windows: Windows = Windows()

    @model_validator(mode="after")
    def _one_file_each(self) -> Self:
        owners: dict[str, str] = {}
        for sink_id, sink in self.sinks.items():
            if isinstance(sink, NdjsonSink) and (owner := owners.setdefault(sink.file, sink_id)) != sink_id:
                raise ValueError(f"sinks.{sink_id}.file: {sink.file!r} is the file of sink {owner} already")
        return self

    @model_validator(mode="after")
    def _one_way_upstream(self) -> Self:
        upstream = [sink_id for sink_id, sink in self.sinks.items() if isinstance(sink, UpstreamSink)]
        for sink_id in upstream[1:]:
            raise ValueError(f"sinks.{sink_id}.kind: sink {upstream[0]} sends upstream already")
        return self

    @model_validator(mode="after")
    def _singles_beside_their_sums(self) -> Self:
        """Windows say whether what they are sums of is sent, too: so it has to be, wherever they go."""
        if self.windows.mode != "beside":
            return self
        for sink_id, sink in self.sinks.items():
            if not isinstance(sink, CloudSink) or not matches("storeflow.footfall.window", sink.events):
                continue
            for event_type in _SINGLE:
                if not matches(event_type, sink.events):
                    raise ValueError(
                        f"sinks.{sink_id}.events: takes storeflow.footfall.window and not {event_type}, which "
                        "windows.mode 'beside' promises beside it: add it, or set the mode to 'instead'"
                    )
        return self

    @model_validator(mode="after")
    def _no_single_person_instead(self) -> Self:
        for sink_id, sink in self.sinks.items():
            if self.windows.mode == "instead" and isinstance(sink, SpatialAnalysisSink):
                raise ValueError(
                    f"sinks.{sink_id}.kind: documents of Azure Spatial Analysis speak of single persons, which "
                    "windows.mode 'instead' keeps in the store: take the sink out, or set the mode to 'beside'"
                )
        return self
