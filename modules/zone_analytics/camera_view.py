"""One camera's picture: its people, and the lines, zones and queues that are drawn on it."""

from collections.abc import Iterable

from modules.zone_analytics.decisions import Crossing, Decision
from modules.zone_analytics.groups import Groups
from modules.zone_analytics.line_counter import LineCounter
from modules.zone_analytics.parameters import DecisionParameters
from modules.zone_analytics.people import People
from modules.zone_analytics.queue_waits import QueueWaits
from modules.zone_analytics.staff import Staff
from modules.zone_analytics.zone_visits import ZoneVisits
from storeflow.contract.events import instant
from storeflow.contract.messages import Detections
from storeflow.contract.twins import Layout, Line, Queue, Zone


class CameraView:
    """Turns the tracks of one camera into decisions. Pure: the same messages always give the same decisions."""

    def __init__(self, camera_id: str, layout: Layout, parameters: DecisionParameters) -> None:
        self.camera_id = camera_id
        self.parameters = parameters
        self.people = People(parameters)
        self.groups = Groups(parameters)
        self.staff = Staff()
        self.lines: dict[str, LineCounter] = {}
        self.zones: dict[str, ZoneVisits] = {}
        self.queues: dict[str, QueueWaits] = {}
        self.at: float | None = None
        """`captured_at` of the newest frame."""
        self.newest: Detections | None = None
        """The newest frame itself."""
        self.aspect_ratio = 1.0
        self.model_version = ""
        self.apply(layout)

    def apply(self, layout: Layout) -> list[Decision]:
        """Take over a layout. What didn't change goes on as if nothing had happened; visits to what did change end."""
        decisions: list[Decision] = []
        here = (None, self.camera_id)
        lines = {id_: line for id_, line in layout.lines.items() if line.camera_id in here}
        zones = {id_: zone for id_, zone in layout.zones.items() if zone.camera_id in here}
        queues = {id_: queue for id_, queue in layout.queues.items() if queue.camera_id in here}
        if self.at is not None:
            for zone_id, visits in self.zones.items():
                decisions += visits.close(self.at) if zones.get(zone_id) != visits.zone else []
            for queue_id, waits in self.queues.items():
                decisions += waits.close(self.at) if queues.get(queue_id) != waits.queue else []
        self.lines = {id_: self._line(id_, line) for id_, line in lines.items()}
        self.zones = {id_: self._zone(id_, zone) for id_, zone in zones.items()}
        self.queues = {id_: self._queue(id_, queue) for id_, queue in queues.items()}
        return decisions

    def observe(self, detections: Detections) -> list[Decision]:
        """Take in one frame, also one in which nobody is seen.

        A frame from a little before the last one comes too late and is left out, and so is one of the same millisecond:
        a moment is decided once. One from longer ago than `forget_seconds` says that the clock was set back: everybody
        is forgotten, and the view begins again.
        """
        ended: list[Decision] = []
        if self.at is not None and instant(detections.captured_at) <= instant(self.at):
            if self.at - detections.captured_at <= self.parameters.forget_seconds:
                return []
            ended = self.end()
        self.at, self.newest = detections.captured_at, detections
        self.aspect_ratio = detections.frame_width / detections.frame_height
        self.model_version = detections.model_version
        of_the_gone = ended + self._forget(self.at)
        decisions: list[Decision] = []
        everyone = self.people.update(self.at, self.aspect_ratio, detections.tracks)
        self.groups.observe(self.at, [sighting.person for sighting in everyone])
        for sighting in everyone:
            for line in self.lines.values():
                decisions += self._qualified(line.observe(sighting, self.aspect_ratio))
            for zone in self.zones.values():
                zone.observe(sighting, self.aspect_ratio)
            for queue in self.queues.values():
                queue.observe(sighting, self.aspect_ratio)
        for zone in self.zones.values():
            decisions += zone.tick(self.at)
        self._take_note(decisions)
        decisions += self._recognise(self.at)
        waits = [decision for queue in self.queues.values() for decision in queue.tick(self.at)]
        self._take_note(waits)
        return of_the_gone + decisions + waits + self._emit_numbers(self.at)

    def end(self) -> list[Decision]:
        """Decide everything that is still open: no more frames come."""
        if self.at is None:
            return []
        decisions: list[Decision] = []
        for zone in self.zones.values():
            decisions += zone.close(self.at)
        for queue in self.queues.values():
            decisions += queue.close(self.at)
        return decisions + self._forget(self.at + self.parameters.forget_seconds + 1)

    def _forget(self, at: float) -> list[Decision]:
        """Decide what is still open about everyone who left, and forget them."""
        decisions: list[Decision] = []
        for person in self.people.forget(at):
            for line in self.lines.values():
                decisions += self._qualified(line.leave(person, self.aspect_ratio))
            for zone in self.zones.values():
                decisions += zone.leave(person)
            for queue in self.queues.values():
                decisions += queue.leave(person)
            self.groups.leave(person.person_id)
            self.staff.leave(person.person_id)
        return decisions

    def _recognise(self, at: float) -> list[Decision]:
        decisions: list[Decision] = []
        for recognised in self.staff.recognise(at, self.people, self.zones.values()):
            decisions.append(recognised)
            self.groups.remove_from_group(recognised.person_id)
            for zone in self.zones.values():
                zone.recognise(recognised.person_id)
            for queue in self.queues.values():
                decisions += queue.end_as_staff(recognised.person_id)
        return decisions

    def _emit_numbers(self, at: float) -> list[Decision]:
        """How many are in each zone and queue, where that changed or is due again."""
        decisions: list[Decision] = []
        for zone in self.zones.values():
            decisions += zone.emit_occupancy(at)
        for queue in self.queues.values():
            decisions += queue.emit_length(at)
        return decisions

    def _qualified(self, decisions: Iterable[Decision]) -> list[Decision]:
        """Add to every crossing who came together; remember it where its person may yet turn out to work here."""
        qualified: list[Decision] = []
        for decision in decisions:
            if isinstance(decision, Crossing):
                crossing = self.groups.qualify(decision)
                if self._may_recognise:
                    self.staff.remember(crossing)
                qualified.append(crossing)
            else:
                qualified.append(decision)
        return qualified

    def _take_note(self, decisions: Iterable[Decision]) -> None:
        if self._may_recognise:
            self.staff.take_note(decisions)

    @property
    def _may_recognise(self) -> bool:
        return any(visits.zone.staff_only for visits in self.zones.values())

    def _line(self, line_id: str, line: Line) -> LineCounter:
        counter = self.lines.get(line_id)
        if counter is None or counter.line != line:
            counter = LineCounter(line_id, line, self.parameters)
            counter.begin_among(self.people)
        return counter

    def _zone(self, zone_id: str, zone: Zone) -> ZoneVisits:
        visits = self.zones.get(zone_id)
        return visits if visits is not None and visits.zone == zone else ZoneVisits(zone_id, zone)

    def _queue(self, queue_id: str, queue: Queue) -> QueueWaits:
        waits = self.queues.get(queue_id)
        return waits if waits is not None and waits.queue == queue else QueueWaits(queue_id, queue)
