"""Decisions as store events: what leaves the module, with ids that the same decision always gets."""

from typing import assert_never

from modules.zone_analytics.decisions import (
    AreaCounted,
    Crossing,
    Decision,
    NoCrossing,
    OccupancyChanged,
    Origin,
    QueueChanged,
    StaffRecognised,
    VisitBegan,
    VisitDwells,
    VisitEnded,
    WaitBegan,
    WaitEnded,
    WindowCovered,
)
from storeflow.contract import events
from storeflow.contract.cloudevents import CloudEvent, event_id
from storeflow.contract.events import StoreEvent, instant
from storeflow.contract.geometry import Point
from storeflow.contract.instant import milliseconds

_Said = dict[str, object]


def to_events(decision: Decision, origin: Origin) -> list[CloudEvent]:
    """The events of one decision: none for what was not counted, two for a U-turn's second crossing."""
    said = _said(decision.at, origin)
    data: StoreEvent
    match decision:
        case NoCrossing():
            return []
        case Crossing():
            return _crossing(decision, origin, said)
        case VisitBegan() | VisitDwells() | VisitEnded():
            data, rule_id, who = _visit(decision, said), decision.zone_id, decision.person_id
        case OccupancyChanged(zone_id=rule_id, occupancy=occupancy):
            data, who = events.ZoneOccupancy(**said, zone_id=rule_id, occupancy=occupancy), str(occupancy)
        case StaffRecognised(zone_id=rule_id, person_id=who):
            data = _recognised(decision, origin, said)
        case WaitBegan(queue_id=rule_id, person_id=who) | WaitEnded(queue_id=rule_id, person_id=who):
            data = _wait(decision, said)
        case QueueChanged(queue_id=rule_id):
            data, who = _length(decision, said), f"{decision.length} {decision.being_served}"
        case AreaCounted(area_id=rule_id):
            data, who = _area(decision, origin), f"{decision.cause} {decision.what}"
        case WindowCovered():
            data, rule_id, who = _coverage(decision, origin), origin.camera_id, f"{decision.start:.0f}"
        case unknown:
            assert_never(unknown)
    return [_wrap(data, origin, rule_id, who)]


def _crossing(decision: Crossing, origin: Origin, said: _Said) -> list[CloudEvent]:
    crossed = _wrap(
        events.LineCrossed(
            **said,
            line_id=decision.line_id,
            direction=decision.direction,
            track_id=decision.person_id,
            object_class=decision.object_class,
            reason=decision.reason,
            position=Point(round(decision.position.x, 4), round(decision.position.y, 4)),
            staff=decision.staff,
            group_id=decision.group_id,
            buying_unit=decision.buying_unit,
        ),
        origin,
        decision.line_id,
        decision.person_id,
    )
    if decision.u_turn_of is None:
        return [crossed]
    turned = events.LineUTurn(
        **said,
        line_id=decision.line_id,
        direction="out" if decision.direction == "in" else "in",
        track_id=decision.person_id,
        first_crossing_id=_crossing_id(origin, decision.line_id, decision.person_id, decision.u_turn_of),
        second_crossing_id=crossed.id,
        seconds_between=_seconds(decision.u_turn_of, decision.at),
    )
    return [crossed, _wrap(turned, origin, decision.line_id, decision.person_id)]


def _recognised(decision: StaffRecognised, origin: Origin, said: _Said) -> StoreEvent:
    before = (_crossing_id(origin, line_id, decision.person_id, at) for line_id, at in decision.crossings)
    return events.PersonRecognised(
        **said, track_id=decision.person_id, qualifier="staff", reason="staff_zone", crossing_ids=tuple(before)
    )


def _visit(decision: VisitBegan | VisitDwells | VisitEnded, said: _Said) -> StoreEvent:
    who = {
        "zone_id": decision.zone_id,
        "track_id": decision.person_id,
        "object_class": decision.object_class,
        "staff": decision.staff,
    }
    if isinstance(decision, VisitBegan):
        return events.ZoneEntered(**said, **who, side=decision.side)
    stay = {
        "entered_at": instant(decision.entered_at),
        "dwell_seconds": _seconds(decision.entered_at, decision.at),
    }
    if isinstance(decision, VisitDwells):
        return events.ZoneDwelling(**said, **who, **stay)
    return events.ZoneExited(**said, **who, **stay, side=decision.side, censored=decision.censored)


def _wait(decision: WaitBegan | WaitEnded, said: _Said) -> StoreEvent:
    who = {"queue_id": decision.queue_id, "track_id": decision.person_id}
    if isinstance(decision, WaitBegan):
        return events.QueueArrived(**said, **who)
    return events.QueueLeft(
        **said,
        **who,
        outcome=decision.outcome,
        arrived_at=instant(decision.arrived_at),
        wait_seconds=_seconds(decision.arrived_at, decision.at),
        censored=decision.censored,
    )


def _length(decision: QueueChanged, said: _Said) -> StoreEvent:
    longest = decision.longest_wait_seconds
    return events.QueueLength(
        **said,
        queue_id=decision.queue_id,
        length=decision.length,
        being_served=decision.being_served,
        longest_wait_seconds=None if longest is None else round(longest, 3),
    )


def _area(decision: AreaCounted, origin: Origin) -> StoreEvent:
    return events.AreaOccupancy(
        store_id=origin.store_id,
        captured_at=instant(decision.at),
        config_version=origin.config_version,
        area_id=decision.area_id,
        occupancy=decision.occupancy,
        drift_bound=decision.drift_bound,
        crossings=decision.crossings,
        clamped=decision.clamped,
        unseen_seconds=round(decision.unseen_seconds, 3),
        began_at=instant(decision.reset_at),
        cause=decision.cause,
    )


def _coverage(decision: WindowCovered, origin: Origin) -> StoreEvent:
    return events.CameraCoverage(
        store_id=origin.store_id,
        camera_id=origin.camera_id,
        captured_at=instant(decision.at),
        window_start=instant(decision.start),
        window_end=instant(decision.end),
        observed_seconds=round(decision.observed_seconds, 3),
        frames_analysed=decision.frames_analysed,
        frames_missed=decision.frames_missed,
        longest_gap_seconds=round(decision.longest_gap_seconds, 3),
    )


def _said(at: float, origin: Origin) -> _Said:
    """What every event that was decided in front of one camera says."""
    return {
        "store_id": origin.store_id,
        "camera_id": origin.camera_id,
        "captured_at": instant(at),
        "config_version": origin.config_version,
        "model_version": origin.model_version,
    }


def _seconds(start: float, end: float) -> float:
    """Between two moments as events write them: neither is rounded again."""
    return (instant(end) - instant(start)).total_seconds()


def _wrap(data: StoreEvent, origin: Origin, rule_id: str, who: str) -> CloudEvent:
    id_ = _id(origin, type(data), rule_id, who, data.captured_at.timestamp())
    return CloudEvent.of(data, source=origin.source, id=id_, subject=rule_id)


def _crossing_id(origin: Origin, line_id: str, person_id: str, at: float) -> str:
    return _id(origin, events.LineCrossed, line_id, person_id, at)


def _id(origin: Origin, model: type[StoreEvent], rule_id: str, who: str, at: float) -> str:
    return event_id(origin.source, model.event_type, who, rule_id, milliseconds(at))
