"""One queue: who waits, for how long, and how each wait ends.

A wait begins when someone comes into the queue's polygon and is announced once it has lasted `min_wait_seconds`.
It ends in one of four ways:

    served      at the service point for `served_seconds`; the wait ended when they came to it
    abandoned   seen elsewhere for `reentry_seconds`, or last seen elsewhere; it ended when they were last in the queue
    lost        vanished in the queue, or the camera did: nobody knows
    staff       turned out to work here, and had not been waiting at all

Only time between two observations at the service point is service, and time between two observations away from it takes
as much back. Once nothing is left, they were not being served but swayed towards it, and service begins again with the
next observation there. People who are hidden are where they were seen last: it takes nothing back.

Someone who was served counts as being served until they have been away from the service point for `reentry_seconds`;
standing in the queue while they pack is no second wait. Someone who comes straight to the service point and is served
waited for 0 s, which is a figure, too. People who work here never wait. The length of the queue is the number of waits
that were announced and have not ended: it can't fall below 0. It is emitted at most once for a frame, and last, as the
occupancy of a zone is.
"""

from dataclasses import dataclass, field

from modules.zone_analytics.decisions import (
    SHORTEST_STEP_SECONDS,
    Decision,
    QueueChanged,
    WaitBegan,
    WaitEnded,
    next_free_moment,
)
from modules.zone_analytics.people import Person, Sighting
from modules.zone_analytics.polygon import contains
from storeflow.contract.events import Censored, QueueOutcome
from storeflow.contract.twins import Queue


@dataclass(slots=True)
class Wait:
    """One person in the queue or at its service point, or just gone."""

    person_id: str
    arrived_at: float
    appeared: bool
    """Whether the person was first seen here: the wait may have begun before."""
    last_here: float
    """In the queue or at the service point."""
    last_waiting: float | None = None
    """In the queue."""
    service_since: float | None = None
    """When they came to the service point; none once time away from it outweighs that at it."""
    last_service: float | None = None
    served_for: float = 0.0
    """Seconds between observations at the service point, since `service_since`, less those between others."""
    at_service: bool = False
    """In the latest observation."""
    away_at: float | None = None
    """The latest observation, if it was not at the service point."""
    seen_elsewhere: bool = False
    """Since `last_here`."""
    announced: bool = False
    left: bool = False
    """Whether the end of the wait was emitted, too."""


@dataclass(slots=True)
class QueueWaits:
    """The decisions of one queue on one camera's picture."""

    queue_id: str
    queue: Queue
    waits: dict[str, Wait] = field(default_factory=dict)
    """By person; forgotten after `reentry_seconds` elsewhere, or when the person leaves view."""
    elsewhere: set[str] = field(default_factory=set)
    """Everyone in view who was ever seen outside: when they come in, they have not been waiting before."""
    last_length: int = 0
    """As emitted last, and so are the next two."""
    last_being_served: int = 0
    last_length_at: float | None = None

    def observe(self, sighting: Sighting, aspect_ratio: float) -> None:
        """Take in what is new of one person; `tick` and `emit_length` return what follows from it."""
        person = sighting.person
        if not person.is_a(self.queue.object_class) or person.staff:
            return
        for observation in sighting.observations:
            foot = observation.seen_at(self.queue.focus).foot.unscaled(aspect_ratio)
            if contains(self.queue.service, foot):
                self._seen_in_queue(person, observation.at, at_service=True)
            elif contains(self.queue.polygon, foot):
                self._seen_in_queue(person, observation.at, at_service=False)
            else:
                self._seen_outside(person.person_id, observation.at)

    def tick(self, at: float) -> list[Decision]:
        """What has become certain by now: who arrived, and who left."""
        decisions: list[Decision] = []
        for wait in list(self.waits.values()):
            decisions += self._progress(wait)
            if wait.seen_elsewhere and at - wait.last_here > self.queue.reentry_seconds:
                decisions += self._end(wait, "abandoned")
        return decisions

    def emit_length(self, at: float) -> list[Decision]:
        """How many wait and are being served, if that changed; asked once all else of a frame is decided."""
        waiting = [wait for wait in self.waits.values() if wait.announced and not wait.left]
        being_served = sum(wait.left and self._is_at_service(wait, at) for wait in self.waits.values())
        if (len(waiting), being_served) == (self.last_length, self.last_being_served):
            return []
        self.last_length, self.last_being_served, self.last_length_at = len(waiting), being_served, at
        longest = max((at - wait.arrived_at for wait in waiting), default=None)
        return [QueueChanged(self.queue_id, at, len(waiting), being_served, longest)]

    def leave(self, person: Person) -> list[Decision]:
        """End the wait of a person who is gone, and forget them."""
        self.elsewhere.discard(person.person_id)
        wait = self.waits.get(person.person_id)
        if wait is None:
            return []
        return self._end(wait, "abandoned" if wait.seen_elsewhere else "lost")

    def end_as_staff(self, person_id: str) -> list[Decision]:
        """End the wait of a person who turned out to work here."""
        wait = self.waits.get(person_id)
        return [] if wait is None else self._end(wait, "staff")

    def close(self, at: float) -> list[Decision]:
        """End every wait now: the camera or the queue is gone. `at` is that of the last frame."""
        decisions: list[Decision] = []
        for wait in list(self.waits.values()):
            decisions += self._end(wait, "abandoned" if wait.seen_elsewhere else "lost")
        return decisions + self.emit_length(next_free_moment(at, self.last_length_at))

    def _seen_in_queue(self, person: Person, at: float, *, at_service: bool) -> None:
        wait = self.waits.get(person.person_id)
        if wait is None:
            appeared = person.person_id not in self.elsewhere
            wait = self.waits[person.person_id] = Wait(person.person_id, at, appeared, at)
        if at_service:
            self._at_service(wait, at)
        else:
            wait.last_waiting = at
            _left_service(wait, at)
        wait.last_here, wait.seen_elsewhere = at, False

    def _at_service(self, wait: Wait, at: float) -> None:
        if wait.service_since is None or self._is_back_for_more(wait, at):
            wait.service_since, wait.served_for = at, 0.0
        elif wait.at_service and wait.last_service is not None:
            wait.served_for += at - wait.last_service
        wait.last_service, wait.at_service, wait.away_at = at, True, None

    def _is_back_for_more(self, wait: Wait, at: float) -> bool:
        """Whether someone has been away from the service point for so long that service begins again."""
        away = wait.last_service is not None and at - wait.last_service > self.queue.reentry_seconds
        return away and not wait.at_service

    def _seen_outside(self, person_id: str, at: float) -> None:
        self.elsewhere.add(person_id)
        wait = self.waits.get(person_id)
        if wait is not None:
            wait.seen_elsewhere = True
            _left_service(wait, at)

    def _progress(self, wait: Wait) -> list[Decision]:
        """The beginning of a wait, and its end at the service point, once they are certain."""
        decisions: list[Decision] = []
        since = wait.service_since
        is_served = since is not None and wait.served_for >= self.queue.served_seconds
        waited = wait.last_waiting is not None and wait.last_waiting - wait.arrived_at >= self.queue.min_wait_seconds
        if not wait.announced and (waited or is_served):
            wait.announced = True
            decisions.append(WaitBegan(self.queue_id, wait.person_id, wait.arrived_at))
        if is_served and since is not None and not wait.left:
            wait.left = True
            decisions.append(self._ended(wait, since, "served"))
        return decisions

    def _end(self, wait: Wait, outcome: QueueOutcome) -> list[Decision]:
        del self.waits[wait.person_id]
        return [self._ended(wait, wait.last_here, outcome)] if wait.announced and not wait.left else []

    def _ended(self, wait: Wait, at: float, outcome: QueueOutcome) -> WaitEnded:
        ends: dict[tuple[bool, bool], Censored] = {(True, False): "start", (False, True): "end", (True, True): "both"}
        censored = ends.get((wait.appeared, outcome == "lost"))
        return WaitEnded(self.queue_id, wait.person_id, at, outcome, wait.arrived_at, censored)

    def _is_at_service(self, wait: Wait, at: float) -> bool:
        recently = wait.last_service is not None and at - wait.last_service <= self.queue.reentry_seconds
        return wait.at_service or recently


def _left_service(wait: Wait, at: float) -> None:
    """Take in that someone was seen away from the service point: in the queue or outside."""
    if wait.away_at is not None:
        wait.served_for -= at - wait.away_at
    if wait.served_for < SHORTEST_STEP_SECONDS:
        wait.service_since, wait.served_for = None, 0.0
    wait.at_service, wait.away_at = False, at
