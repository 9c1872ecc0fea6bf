"""Decisions as store events: what leaves the module, with ids that the same decision always gets."""

from dataclasses import dataclass

from modules.zone_analytics.decisions import (
    Crossing,
    Decision,
    NoCrossing,
    OccupancyChanged,
    VisitBegan,
    VisitDwells,
    VisitEnded,
)
from storeflow.contract.cloudevents import CloudEvent, event_id
from storeflow.contract.events import (
    DecidedEvent,
    LineCrossed,
    LineUTurn,
    ZoneDwelling,
    ZoneEntered,
    ZoneExited,
    ZoneOccupancy,
    instant,
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where decisions come from: what every event of one camera says."""

    source: str
    store_id: str
    camera_id: str
    config_version: int
    model_version: str


def to_events(decision: Decision, origin: Origin) -> list[CloudEvent]:
    """The events of one decision: none for what was not counted, two for a U-turn's second crossing."""
    said = {
        "store_id": origin.store_id,
        "camera_id": origin.camera_id,
        "captured_at": instant(decision.at),
        "config_version": origin.config_version,
        "model_version": origin.model_version,
    }
    match decision:
        case NoCrossing():
            return []
        case Crossing():
            return _crossing(decision, origin, said)
        case VisitBegan(zone_id=zone_id):
            who = {"zone_id": zone_id, "track_id": decision.person_id, "object_class": decision.object_class}
            began = ZoneEntered(**said, **who, side=decision.side)
            return [_wrap(began, origin, zone_id, decision.person_id)]
        case VisitDwells(zone_id=zone_id) | VisitEnded(zone_id=zone_id):
            stay = {
                "zone_id": zone_id,
                "track_id": decision.person_id,
                "object_class": decision.object_class,
                "entered_at": instant(decision.entered_at),
                "dwell_seconds": round(decision.at - decision.entered_at, 3),
            }
            if isinstance(decision, VisitDwells):
                return [_wrap(ZoneDwelling(**said, **stay), origin, zone_id, decision.person_id)]
            ended = ZoneExited(**said, **stay, side=decision.side, censored=decision.censored)
            return [_wrap(ended, origin, zone_id, decision.person_id)]
        case OccupancyChanged(zone_id=zone_id):
            changed = ZoneOccupancy(**said, zone_id=zone_id, occupancy=decision.occupancy)
            return [_wrap(changed, origin, zone_id, str(decision.occupancy))]


def _crossing(decision: Crossing, origin: Origin, said: dict[str, object]) -> list[CloudEvent]:
    crossed = _wrap(
        LineCrossed(
            **said,
            line_id=decision.line_id,
            direction=decision.direction,
            track_id=decision.person_id,
            object_class=decision.object_class,
            reason=decision.reason,
            position=decision.position,
        ),
        origin,
        decision.line_id,
        decision.person_id,
    )
    if decision.u_turn_of is None:
        return [crossed]
    first_id = _id(origin, LineCrossed, decision.line_id, decision.person_id, decision.u_turn_of)
    turned = LineUTurn(
        **said,
        line_id=decision.line_id,
        direction="out" if decision.direction == "in" else "in",
        track_id=decision.person_id,
        first_crossing_id=first_id,
        second_crossing_id=crossed.id,
        seconds_between=round(decision.at - decision.u_turn_of, 3),
    )
    return [crossed, _wrap(turned, origin, decision.line_id, decision.person_id)]


def _wrap(data: DecidedEvent, origin: Origin, rule_id: str, who: str) -> CloudEvent:
    id_ = _id(origin, type(data), rule_id, who, data.captured_at.timestamp())
    return CloudEvent.of(data, source=origin.source, id=id_, subject=rule_id)


def _id(origin: Origin, model: type[DecidedEvent], rule_id: str, who: str, at: float) -> str:
    milliseconds = round(instant(at).timestamp() * 1000)
    return event_id(origin.source, model.event_type, who, rule_id, milliseconds)
