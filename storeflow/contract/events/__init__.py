"""What storeflow says happened: the data of every store event. The catalogue for readers is docs/events.md.

An event is a decision, not an observation; a crossing's `reason` says by which rule it was made. Readers ignore fields
they don't know; a new field is a new minor version of the schema, a changed meaning a new event type.
"""

from storeflow.contract.events.areas import AreaOccupancy
from storeflow.contract.events.base import (
    SCHEMA_VERSION,
    CameraEvent,
    Censored,
    DecidedEvent,
    Direction,
    PersonEvent,
    StoreEvent,
    schema_urn,
    schema_version,
)
from storeflow.contract.events.cameras import CameraCoverage, CameraState
from storeflow.contract.events.footfall import FootfallWindow, RevisionReason
from storeflow.contract.events.layouts import DrawnLine, DrawnQueue, DrawnZone, LayoutApplied
from storeflow.contract.events.lines import LineCrossed, LineUTurn
from storeflow.contract.events.people import PersonRecognised
from storeflow.contract.events.queues import QueueArrived, QueueLeft, QueueLength, QueueOutcome
from storeflow.contract.events.spatial import SpatialAnalysis
from storeflow.contract.events.streams import StreamHeartbeat
from storeflow.contract.events.zones import ZoneDwelling, ZoneEntered, ZoneExited, ZoneOccupancy
from storeflow.contract.instant import instant

EVENT_MODELS: dict[str, type[StoreEvent]] = {
    model.event_type: model
    for model in (
        LineCrossed,
        LineUTurn,
        PersonRecognised,
        ZoneEntered,
        ZoneExited,
        ZoneDwelling,
        ZoneOccupancy,
        QueueArrived,
        QueueLeft,
        QueueLength,
        AreaOccupancy,
        CameraState,
        CameraCoverage,
        LayoutApplied,
        StreamHeartbeat,
        FootfallWindow,
        SpatialAnalysis,
    )
}

__all__ = [
    "EVENT_MODELS",
    "SCHEMA_VERSION",
    "AreaOccupancy",
    "CameraCoverage",
    "CameraEvent",
    "CameraState",
    "Censored",
    "DecidedEvent",
    "Direction",
    "DrawnLine",
    "DrawnQueue",
    "DrawnZone",
    "FootfallWindow",
    "LayoutApplied",
    "LineCrossed",
    "LineUTurn",
    "PersonEvent",
    "PersonRecognised",
    "QueueArrived",
    "QueueLeft",
    "QueueLength",
    "QueueOutcome",
    "RevisionReason",
    "SpatialAnalysis",
    "StoreEvent",
    "StreamHeartbeat",
    "ZoneDwelling",
    "ZoneEntered",
    "ZoneExited",
    "ZoneOccupancy",
    "instant",
    "schema_urn",
    "schema_version",
]
