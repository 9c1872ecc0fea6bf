"""One camera's picture: its people, and the lines and zones that are drawn on it."""

from modules.zone_analytics.decisions import Decision
from modules.zone_analytics.line_counter import LineCounter
from modules.zone_analytics.people import People
from modules.zone_analytics.zone_visits import ZoneVisits
from storeflow.contract.messages import Detections
from storeflow.contract.parameters import DecisionParameters
from storeflow.contract.twins import Layout


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
        old_lines, old_zones = self.lines, self.zones
        self.lines = {
            id_: old_lines[id_]
            if id_ in old_lines and old_lines[id_].line == line
            else LineCounter(id_, line, self.parameters)
            for id_, line in lines.items()
        }
        self.zones = {
            id_: old_zones[id_] if id_ in old_zones and old_zones[id_].zone == zone else ZoneVisits(id_, zone)
            for id_, zone in zones.items()
        }
        return decisions

    def observe(self, detections: Detections) -> list[Decision]:
        """Take in one frame, also one in which nobody is seen."""
        self.at = detections.captured_at
        self.aspect_ratio = detections.frame_width / detections.frame_height
        self.model_version = detections.model_version
        decisions = self._let_go(self.at)
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
        decisions = self._let_go(self.at + self.parameters.forget_seconds + 1)
        for zone in self.zones.values():
            decisions += zone.close(self.at)
        return decisions

    def _let_go(self, at: float) -> list[Decision]:
        decisions: list[Decision] = []
        for person in self.people.forget(at):
            for line in self.lines.values():
                decisions += line.leave(person, self.aspect_ratio)
            for zone in self.zones.values():
                zone.leave(person)
        return decisions
