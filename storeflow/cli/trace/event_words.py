"""What an event says, in one sentence for people. docs/events.md has the whole of it."""

from collections.abc import Mapping

from storeflow.contract import events
from storeflow.contract.events import StoreEvent
from storeflow.contract.instant import as_text

_WHY_CROSSED: Mapping[str, str] = {
    "settled": "the way over the line and enough of the other side were seen",
    "stitched": "the tracker lost the person at the line and found them again beyond",
    "vanished": "the person was last seen beyond the line, walking on",
    "edge": "the line was crossed out of sight, at the picture's edge",
}
_NOT_SEEN: Mapping[str, str] = {"start": "its start", "end": "its end", "both": "neither its start nor its end"}


def in_words(event: StoreEvent) -> str:
    """The decision, or the camera's state."""
    match event:
        case events.LineCrossed() | events.LineUTurn() | events.PersonRecognised():
            return _of_a_line(event)
        case events.ZoneEntered() | events.ZoneDwelling() | events.ZoneExited() | events.ZoneOccupancy():
            return _of_a_zone(event)
        case events.QueueArrived() | events.QueueLeft() | events.QueueLength():
            return _of_a_queue(event)
        case events.AreaOccupancy(area_id=area, occupancy=inside, drift_bound=bound, cause=cause):
            return f"{inside} in area {area} from then on, give or take {bound}; cause: {cause}"
        case _:
            return _of_a_camera(event)


def _of_a_line(event: events.LineCrossed | events.LineUTurn | events.PersonRecognised) -> str:
    match event:
        case events.LineCrossed(line_id=line, direction=direction, reason=reason):
            staff = "; by somebody who works here" if event.staff else ""
            group = "" if event.group_id is None else f"; with group {event.group_id}"
            carried = "" if event.buying_unit else ", whose unit another of them carries"
            return f"{direction} over line {line}, {reason}: {_WHY_CROSSED[reason]}{staff}{group}{carried}"
        case events.LineUTurn(line_id=line, seconds_between=seconds):
            first, second = event.first_crossing_id, event.second_crossing_id
            return f"back over line {line} after {seconds:g} s: crossings {first} and {second} cancel"
        case events.PersonRecognised(crossing_ids=before):
            theirs = f"; crossings of theirs before: {', '.join(before)}" if before else ""
            return f"works here: stayed where only staff stays{theirs}"


def _of_a_zone(
    event: events.ZoneEntered | events.ZoneDwelling | events.ZoneExited | events.ZoneOccupancy,
) -> str:
    match event:
        case events.ZoneOccupancy(zone_id=zone, occupancy=visitors):
            return f"{visitors} in zone {zone} from then on"
        case events.ZoneEntered(zone_id=zone):
            said = f"began a visit to zone {zone}"
        case events.ZoneDwelling(zone_id=zone, dwell_seconds=seconds):
            said = f"had been in zone {zone} for {seconds:g} s, and stayed"
        case events.ZoneExited(zone_id=zone, dwell_seconds=seconds, censored=censored):
            said = f"ended a visit to zone {zone}, {_lasted(seconds, censored)}"
    return f"{said}; by somebody who works here" if event.staff else said


def _of_a_queue(event: events.QueueArrived | events.QueueLeft | events.QueueLength) -> str:
    match event:
        case events.QueueArrived(queue_id=queue):
            return f"began to wait in queue {queue}"
        case events.QueueLeft(queue_id=queue, outcome=outcome, wait_seconds=seconds, censored=censored):
            return f"ended a wait in queue {queue}, {outcome}, {_lasted(seconds, censored)}"
        case events.QueueLength(queue_id=queue, length=length, being_served=served):
            return f"{length} waiting and {served} being served in queue {queue} from then on"


def _of_a_camera(event: StoreEvent) -> str:
    match event:
        case events.CameraState(camera_id=camera, state=state, detail=detail):
            return f"camera {camera} is {state}: {detail}"
        case events.CameraCoverage(camera_id=camera, observed_seconds=seen, window_start=start):
            return f"camera {camera} was looked at for {seen:g} s of the quarter of an hour from {as_text(start)} on"
        case events.LayoutApplied(camera_id=camera, config_version=version, lines=lines):
            return f"layout {version} was in force for camera {camera}; its lines: {', '.join(one.id for one in lines)}"
        case events.StreamHeartbeat(camera_id=camera, complete_until=until):
            return f"all that camera {camera} saw before {as_text(until)} is told"
        case events.FootfallWindow(line_id=line, in_net=came, out_net=went, window_start=start, revision=revision):
            counted = f"{came} in and {went} out over line {line}"
            return f"{counted} in the quarter of an hour from {as_text(start)} on, revision {revision}"
        case _:
            return "another event once more, as Azure Spatial Analysis would have sent it"


def _lasted(seconds: float, censored: str | None) -> str:
    if censored is None:
        return f"after {seconds:g} s"
    seen = "" if censored == "both" else " not"
    return f"after at least {seconds:g} s: {_NOT_SEEN[censored]} was{seen} seen"
