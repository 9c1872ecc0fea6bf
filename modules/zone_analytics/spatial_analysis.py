"""Decisions as documents of Azure Spatial Analysis 2.0: the same facts, in the words of the service that ended.

    Crossing          personLineEvent
    VisitBegan        personZoneEnterExitEvent, Enter
    VisitEnded        personZoneEnterExitEvent, Exit, and personZoneDwellTimeEvent
    OccupancyChanged  personCountEvent

A personDistanceEvent needs a calibrated floor and is never made. What each field means, and its Microsoft source:
docs/spatial-analysis.md.
"""

from collections.abc import Iterable

from modules.zone_analytics.decisions import Crossing, Decision, OccupancyChanged, Origin, VisitBegan, VisitEnded
from modules.zone_analytics.scene import Scene
from storeflow.contract.cloudevents import CloudEvent, event_id
from storeflow.contract.events import SpatialAnalysis, instant
from storeflow.contract.instant import milliseconds
from storeflow.contract.spatial_analysis import (
    AnyPersonEvent,
    Corner,
    CountProperties,
    CrossedTo,
    Detection,
    DwellProperties,
    LineProperties,
    Metadata,
    PersonCountEvent,
    PersonLineEvent,
    PersonZoneDwellTimeEvent,
    PersonZoneEnterExitEvent,
    Region,
    SourceInfo,
    SpatialAnalysisDocument,
    ZoneProperties,
)


def to_documents(decision: Decision, scene: Scene | None, origin: Origin) -> list[CloudEvent]:
    """The documents of one decision, each in its envelope; none without a scene, or where the service had no word."""
    if scene is None:
        return []
    match decision:
        case Crossing(object_class="person"):
            return [_crossed(decision, scene, origin)]
        case VisitBegan(object_class="person"):
            return [_came_or_went(decision, scene, origin)]
        case VisitEnded(object_class="person"):
            return [_came_or_went(decision, scene, origin), _dwelt(decision, scene, origin)]
        case OccupancyChanged(zone_id=zone_id) if scene.zones[zone_id].object_class == "person":
            return [_counted(decision, scene, origin)]
    return []


def _crossed(decision: Crossing, scene: Scene, origin: Origin) -> CloudEvent:
    to_the_right = (decision.direction == "in") == (scene.lines[decision.line_id].in_ == "right")
    status: CrossedTo = "CrossRight" if to_the_right else "CrossLeft"
    event = PersonLineEvent(
        id=_id(origin, "personLineEvent", decision.line_id, decision.person_id, decision.at),
        detection_ids=(decision.person_id,),
        properties=LineProperties(tracking_id=decision.person_id, status=status),
        zone=decision.line_id,
    )
    return _wrap(event, decision.at, scene, origin)


def _came_or_went(decision: VisitBegan | VisitEnded, scene: Scene, origin: Origin) -> CloudEvent:
    status = "Enter" if isinstance(decision, VisitBegan) else "Exit"
    event = PersonZoneEnterExitEvent(
        id=_id(origin, f"personZoneEnterExitEvent {status}", decision.zone_id, decision.person_id, decision.at),
        detection_ids=(decision.person_id,),
        properties=ZoneProperties(tracking_id=decision.person_id, status=status, side=_side(decision.side)),
        zone=decision.zone_id,
    )
    return _wrap(event, decision.at, scene, origin)


def _dwelt(decision: VisitEnded, scene: Scene, origin: Origin) -> CloudEvent:
    event = PersonZoneDwellTimeEvent(
        id=_id(origin, "personZoneDwellTimeEvent", decision.zone_id, decision.person_id, decision.at),
        detection_ids=(decision.person_id,),
        properties=DwellProperties(
            tracking_id=decision.person_id,
            side=_side(decision.side),
            dwell_time=round((decision.at - decision.entered_at) * 1000),
            dwell_frames=decision.frames,
        ),
        zone=decision.zone_id,
    )
    return _wrap(event, decision.at, scene, origin)


def _counted(decision: OccupancyChanged, scene: Scene, origin: Origin) -> CloudEvent:
    by_interval = scene.zones[decision.zone_id].occupancy_interval_seconds > 0
    event = PersonCountEvent(
        id=_id(origin, "personCountEvent", decision.zone_id, str(decision.occupancy), decision.at),
        detection_ids=decision.visitors,
        properties=CountProperties(person_count=decision.occupancy),
        zone=decision.zone_id,
        trigger="interval" if by_interval else "event",
    )
    return _wrap(event, decision.at, scene, origin)


def _wrap(event: AnyPersonEvent, at: float, scene: Scene, origin: Origin) -> CloudEvent:
    """One event to a document, and the document into its envelope, under the same id."""
    happened_at = instant(at)
    document = SpatialAnalysisDocument(
        events=(event,),
        source_info=SourceInfo(
            id=origin.camera_id,
            timestamp=happened_at,
            width=scene.frame.frame_width,
            height=scene.frame.frame_height,
            frame_id=str(scene.frame.sequence),
        ),
        detections=tuple(_detections(event, scene)),
    )
    data = SpatialAnalysis(
        store_id=origin.store_id, camera_id=origin.camera_id, captured_at=happened_at, document=document
    )
    return CloudEvent.of(data, source=_source(origin), id=event.id, subject=event.zone)


def _detections(event: AnyPersonEvent, scene: Scene) -> Iterable[Detection]:
    """Those of the event who are in the newest frame, with the fields that the samples of its type have."""
    for person_id in event.detection_ids:
        if (seen := scene.in_view.get(person_id)) is None:
            continue  # gone when it was decided
        box = seen.track.box
        yield Detection(
            id=person_id,
            region=Region(points=(_corner(box.left, box.top), _corner(box.right, box.bottom))),
            confidence=seen.track.confidence,
            metadata=Metadata(
                tracking_id=None if event.type == "personCountEvent" else person_id,
                footprint_x=str(seen.foot.x),
                footprint_y=str(seen.foot.y),
            ),
            attributes=None if event.type == "personZoneDwellTimeEvent" else (),
        )


def _corner(x: float, y: float) -> Corner:
    """A corner of a box; a box that reaches beyond the picture ends at its border."""
    return Corner(x=min(1.0, max(0.0, x)), y=min(1.0, max(0.0, y)))


def _side(edge: int | None) -> str:
    """The service counts edges from 1 ("the first side, 'side'=1"), decisions from 0."""
    return "" if edge is None else str(edge + 1)


def _id(origin: Origin, event_type: str, rule_id: str, who: str, at: float) -> str:
    return event_id(_source(origin), SpatialAnalysis.event_type, event_type, who, rule_id, milliseconds(at))


def _source(origin: Origin) -> str:
    """A series of its own: most sinks leave it out, and must not find holes in the numbers of the camera's events."""
    return f"{origin.source}/spatial_analysis"
