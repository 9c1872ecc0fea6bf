"""Until when everything is told that one camera saw: what a heartbeat may claim. Pure.

A decision comes later than what it is about: somebody on a line may have crossed it a minute ago, a visit is announced
once it has lasted, a U-turn takes back a crossing, and who turns out to work here takes back all they did. So the
newest frame is a limit, less the second before it in which somebody may turn out to have come over the picture's edge,
and so is the earliest moment of which anybody in view may still give cause to speak. Who only stands there holds up
nothing: of them that is the moment in which they were last seen.
"""

from collections.abc import Iterator
from math import floor

from modules.zone_analytics.camera_view import CameraView
from modules.zone_analytics.line_counter import Passage
from modules.zone_analytics.parameters import DecisionParameters
from modules.zone_analytics.queue_waits import QueueWaits
from modules.zone_analytics.zone_visits import ZoneVisits


def complete_until(view: CameraView) -> float | None:
    """No event of this camera from before this moment is to come, nor one that takes such an event back.

    Seconds since the epoch, in whole milliseconds; none before the first frame. What a clock that is set back brings
    is not foreseen.
    """
    if view.at is None:
        return None
    parameters = view.parameters
    limits = [view.at - parameters.edge_seconds, *view.staff.first_told.values()]
    people = (*view.people, *view.people.gone)
    came_at = {person.person_id: person.first[0].at - parameters.edge_seconds for person in people}
    limits += [person.last.at if person.confirmed else came_at[person.person_id] for person in people]
    for line in view.lines.values():
        limits += [came_at[who] for who, passage in line.passages.items() if passage.birth_open and who in came_at]
        for passage in line.passages.values():
            limits += _of_passage(passage, view.at, parameters)
    for zone in view.zones.values():
        limits += _of_zone(zone)
    for queue in view.queues.values():
        limits += _of_queue(queue)
    return floor(min(limits) * 1000) / 1000


def _of_passage(passage: Passage, at: float, parameters: DecisionParameters) -> Iterator[float]:
    crossed_at = None
    previous, over = passage.previous, passage.over
    if previous is not None and over is not None and passage.side * previous.distance < 0:
        # Where the last of it is not believed, the crossing is dated by the walk before: as slow as a walk may be.
        crossed_at = min(over.at, previous.at - abs(previous.distance) / parameters.walking_speed)
        yield crossed_at
    if (counted_at := passage.counted_at) is not None:
        latest = counted_at + parameters.u_turn_seconds
        decided_by = latest + parameters.forget_seconds + parameters.edge_seconds
        if at <= decided_by or (crossed_at is not None and crossed_at <= latest):
            yield counted_at


def _of_zone(zone: ZoneVisits) -> Iterator[float]:
    for visit in zone.visits.values():
        yield visit.last_inside if visit.announced else visit.entered_at


def _of_queue(queue: QueueWaits) -> Iterator[float]:
    for wait in queue.waits.values():
        if not wait.announced:
            yield wait.arrived_at
        elif not wait.left:
            yield wait.last_here if wait.service_since is None else min(wait.last_here, wait.service_since)
