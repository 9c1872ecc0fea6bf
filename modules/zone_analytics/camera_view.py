"""One camera's picture: its people, and the lines and zones that are drawn on it."""

from modules.zone_analytics.decisions import Decision
from modules.zone_analytics.line_counter import LineCounter
from modules.zone_analytics.people import People
from modules.zone_analytics.zone_visits import ZoneVisits
from storeflow.contract.messages import Detections
from storeflow.contract.parameters import DecisionParameters
from storeflow.contract.twins import Layout, Line, Zone


class CameraView:
    """Turns the tracks of one camera into decisions. Pure: the same messages always give the same decisions."""

    def __init__(self, camera_id: str, layout: Layout, parameters: DecisionParameters) -> None:
        self.camera_id = camera_id
        self.parameters = parameters
        self.people = People(parameters)
        self.lines: dict[str, LineCounter] = {}
        self.zones: dict[str, ZoneVisits] = {}
        self.at: float | None = None
        """`captured_at` of the newest frame."""
        self.aspect_ratio = 1.0
        self.model_version = ""
        self.apply(layout)

    def apply(self, layout: Layout) -> list[Decision]:
        """Take over a layout. What didn't change goes on as if nothing had happened; visits to what did change end."""
        decisions: list[Decision] = []
        lines = {id_: line for id_, line in layout.lines.items() if line.camera_id in (None, self.camera_id)}
        zones = {id_: zone for id_, zone in layout.zones.items() if zone.camera_id in (None, self.camera_id)}
        for zone_id, visits in self.zones.items():
            if zones.get(zone_id) != visits.zone and self.at is not None:
                decisions += visits.close(self.at)
        self.lines = {id_: self._line(id_, line) for id_, line in lines.items()}
        self.zones = {id_: self._zone(id_, zone) for id_, zone in zones.items()}
        return decisions

    def observe(self, detections: Detections) -> list[Decision]:
        """Take in one frame, also one in which nobody is seen.

        A frame from a little before the last one comes too late and is left out. One from longer ago than
        `forget_seconds` says that the clock was set back: everybody is let go, and the view begins anew.
        """
        ended: list[Decision] = []
        if self.at is not None and detections.captured_at <= self.at:
            if self.at - detections.captured_at <= self.parameters.forget_seconds:
                return []
            ended = self.end()
        self.at = detections.captured_at
        self.aspect_ratio = detections.frame_width / detections.frame_height
        self.model_version = detections.model_version
        decisions = ended + self._let_go(self.at)
        for seen in self.people.update(self.at, self.aspect_ratio, detections.tracks):
            for line in self.lines.values():
                decisions += line.observe(seen, self.aspect_ratio)
            for zone in self.zones.values():
                zone.observe(seen, self.aspect_ratio)
        for zone in self.zones.values():
            decisions += zone.tick(self.at)
        return decisions

    def end(self) -> list[Decision]:
        """Decide everything that is still open: no more frames come."""
        if self.at is None:
            return []
        decisions: list[Decision] = []
        for zone in self.zones.values():
            decisions += zone.close(self.at)
        return decisions + self._let_go(self.at + self.parameters.forget_seconds + 1)

    def _let_go(self, at: float) -> list[Decision]:
        decisions: list[Decision] = []
        for person in self.people.forget(at):
            for line in self.lines.values():
                decisions += line.leave(person, self.aspect_ratio)
            for zone in self.zones.values():
                decisions += zone.leave(person, at)
        return decisions

    def _line(self, line_id: str, line: Line) -> LineCounter:
        counter = self.lines.get(line_id)
        if counter is None or counter.line != line:
            counter = LineCounter(line_id, line, self.parameters)
            counter.begin_among(self.people)
        return counter

    def _zone(self, zone_id: str, zone: Zone) -> ZoneVisits:
        visits = self.zones.get(zone_id)
        return visits if visits is not None and visits.zone == zone else ZoneVisits(zone_id, zone)
