"""The lines and zones of Azure Spatial Analysis as a layout of storeflow, and all that could not be carried over.

What each setting of the service meant is in Microsoft's "Spatial Analysis operations" (MicrosoftDocs/azure-docs,
articles/ai-services/computer-vision), sections "Zone configuration for ..." and "Line configuration for ...". The rules
by which they become settings of storeflow are in docs/spatial-analysis.md.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from storeflow.cli.migrate.spatial_analysis_camera import camera_settings
from storeflow.cli.migrate.spatial_analysis_config import CONFIG, Graph
from storeflow.contract.twins import read_section
from storeflow.errors import ConfigError

Settings = dict[str, Any]
_DISTANCE = frozenset(("persondistance", "people_distance"))
_ZONE_EVENTS = frozenset(("count", "zonecrossing", "zonedwelltime"))
_CARRIED = frozenset((CONFIG, "VIDEO_URL", "VIDEO_SOURCE_ID", "VIDEO_IS_LIVE", "INPUT_VIDEO_WIDTH"))
_GPU = "storeflow runs on the CPU, one engine for all cameras"
_CALIBRATION = "storeflow does not calibrate cameras: it measures no feet, no speeds and no orientations"
_STATIONARY = "storeflow has no such filter"
_NOT_CARRIED = {
    "VIDEO_DECODE_GPU_INDEX": _GPU,
    "DETECTOR_NODE_CONFIG": _GPU,
    "CAMERA_CONFIG": _CALIBRATION,
    "CAMERACALIBRATOR_NODE_CONFIG": _CALIBRATION,
    "CALIBRATION_CONFIG": _CALIBRATION,
    "TRACKER_NODE_CONFIG": f"{_CALIBRATION}; for stationary objects {_STATIONARY}",
    "STATIONARY_TARGET_REMOVER_CONFIG": _STATIONARY,
    "ENABLE_FACE_MASK_CLASSIFIER": "storeflow looks at no faces",
}
_INTERVAL_SECONDS = 1.0
"""Microsoft does not say how long an interval is of which every `output_frequency`-th is reported."""


@dataclass
class Migration:
    """A configuration of storeflow in the making.

    Args:
        camera: what to call the camera of a configuration that names none.
        frame_width: pixels, for thresholds in pixels; where it is not given, `INPUT_VIDEO_WIDTH` is taken.
    """

    camera: str | None = None
    frame_width: int | None = None
    cameras: dict[str, Settings] = field(default_factory=dict)
    lines: dict[str, Settings] = field(default_factory=dict)
    zones: dict[str, Settings] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """What could not be carried over, or must be known."""
    problems: list[str] = field(default_factory=list)
    """What was wrong in the configuration, or can't be read without an option, and was left out."""
    _camera_ids: dict[tuple[str, Any], str] = field(default_factory=dict)
    """By name and address."""

    def document(self) -> Settings:
        """The sections `cameras` and `layout`."""
        layout = {"spatial_analysis": True, "lines": self.lines, "zones": self.zones}
        return {"cameras": self.cameras, "layout": layout} if self.cameras else {"layout": layout}

    def take(self, graph: Graph) -> None:
        """Carry one graph over."""
        if not graph.enabled:
            self.notes.append(f"{graph.name}: left out: it was not enabled")
            return
        try:
            config = graph.config()
        except ConfigError as error:
            self.problems += error.problems
            return
        for name in sorted(graph.parameters.keys() - _CARRIED):
            self.notes.append(f"{graph.name}.{name}: not carried over: {_NOT_CARRIED.get(name, 'not known here')}")
        camera_id = self._camera_of(graph)
        width = self.frame_width or _number(graph.parameters.get("INPUT_VIDEO_WIDTH"))
        for line in _objects(config.get("lines")):
            self._take_line(line, camera_id)
        for zone in _objects(config.get("zones")):
            self._take_zone(zone, camera_id, width)

    def _camera_of(self, graph: Graph) -> str | None:
        """The id of a graph's camera; graphs of one address look through one camera."""
        url, name = graph.parameters.get("VIDEO_URL"), graph.parameters.get("VIDEO_SOURCE_ID") or self.camera
        if not name:
            if url:
                self.problems.append(f"{graph.name}: its camera has no VIDEO_SOURCE_ID: name it with --camera-id")
            return None
        name = graph.name if "@" in str(name) else str(name)  # an address, and in it a password
        if (name, url) in self._camera_ids:
            return self._camera_ids[name, url]
        for (other, its_url), its_id in self._camera_ids.items():
            if url and url == its_url:
                self.notes.append(f"cameras.{its_id}: {name!r} has the same VIDEO_URL as {other!r}: one camera now")
                return self._camera_ids.setdefault((name, url), its_id)
        camera_id = _free(_identifier(name, "camera"), set(self._camera_ids.values()))
        self._camera_ids[name, url] = camera_id
        if camera_id != name:
            self.notes.append(f"cameras.{camera_id}: was called {name!r}; sourceInfo.id says {camera_id} now")
        settings, notes = camera_settings(camera_id, graph.parameters)
        if url or len(graph.parameters) > 1:  # a bare configuration has lines and zones, and no camera
            self.notes += notes
        if settings is not None:
            self.cameras[camera_id] = settings
        return camera_id

    def _take_line(self, line: Settings, camera_id: str | None) -> None:
        name, ends = str(line.get("name", "line")), _objects([line.get("line")])
        settings: Settings = {"start": _place(ends, "start"), "end": _place(ends, "end"), "in": "right"}
        at = f"line {name!r}"
        for config in self._configs(at, line, {"linecrossing"}):
            self._take_focus(at, config, settings)
            if config.get("threshold") is not None:
                self.notes.append(f"{at}: threshold: not carried over: a crossing is settled by body heights")
        self._add("lines", name, settings, camera_id)

    def _take_zone(self, zone: Settings, camera_id: str | None, width: float | None) -> None:
        name, corners = str(zone.get("name", "zone")), zone.get("polygon")
        at = f"zone {name!r}"
        types = {str(event.get("type")) for event in _objects(zone.get("events"))}
        if types and types <= _DISTANCE:
            self.notes.append(f"{at}: left out: persondistance needs a calibrated floor, which storeflow has not")
            return
        if isinstance(corners, list) and len(corners) > 1 and corners[0] == corners[-1]:
            corners = corners[:-1]  # the service's polygons end where they begin
        settings: Settings = {"polygon": corners}
        for config in self._configs(at, zone, _ZONE_EVENTS | _DISTANCE):
            if config.get("type") in _DISTANCE:
                self.notes.append(f"{at}: persondistance: not carried over: it needs a calibrated floor")
                continue
            self._take_focus(at, config, settings)
            self._take_threshold(at, config.get("threshold"), settings, width)
            self._take_trigger(at, config, settings)
        if zone.get("target_side") is not None:
            self.notes.append(f"{at}: target_side: not carried over: storeflow can't tell which way a person faces")
        self._add("zones", name, settings, camera_id)

    def _configs(self, at: str, rule: Settings, known: Container[str | None]) -> Iterator[Settings]:
        """What is set for each event of a line or zone, and for all of them beside; at least once."""
        common = {key: rule[key] for key in ("threshold",) if key in rule}
        events = _objects(rule.get("events"))
        for event in events or [{}]:
            if event and event.get("type") not in known:
                self.notes.append(f"{at}: events of type {event.get('type')!r}: not known here")
                continue
            of_event = event.get("config")
            yield {**common, **event, **(of_event if isinstance(of_event, dict) else {})}

    def _take_focus(self, at: str, config: Settings, settings: Settings) -> None:
        if (focus := config.get("focus")) is not None and settings.setdefault("focus", focus) != focus:
            self.notes.append(f"{at}: focus {focus}: not carried over: its other events have {settings['focus']}")

    def _take_threshold(self, at: str, threshold: Any, settings: Settings, width: float | None) -> None:
        """How far inside counts: a fraction of the picture's width, in older configurations pixels."""
        pixels = _number(threshold)
        if pixels is None:
            return
        if pixels > 1 and width is None:
            fact = f"threshold {pixels:g} is in pixels of a picture whose width is not known: say it with --frame"
            self.problems.append(f"{at}: {fact} (left out)")
            return
        margin = round(pixels / width if pixels > 1 and width is not None else pixels, 6)
        if settings.setdefault("margin", margin) != margin:
            self.notes.append(f"{at}: threshold {pixels:g}: not carried over: its other events have another")

    def _take_trigger(self, at: str, config: Settings, settings: Settings) -> None:
        every = _number(config.get("output_frequency")) or 1
        if config.get("trigger") == "interval" and config.get("type") == "count":
            settings["occupancy_interval_seconds"] = every * _INTERVAL_SECONDS
            self.notes.append(
                f"{at}: trigger interval: reported every {every * _INTERVAL_SECONDS:g} s now, as if an interval were "
                f"{_INTERVAL_SECONDS:g} s: Microsoft does not say how long it is (occupancy_interval_seconds)"
            )
        elif every > 1:
            self.notes.append(f"{at}: output_frequency {every:g}: not carried over: every event is sent")

    def _add(self, section: str, name: str, settings: Settings, camera_id: str | None) -> None:
        """Take a line or zone into the result, under a name that is free there."""
        if camera_id is not None:
            settings["camera_id"] = camera_id
        rules: dict[str, Settings] = getattr(self, section)
        wanted = _identifier(name, section.removesuffix("s"))
        where = {key: settings.get(key) for key in ("polygon", "start", "end", "camera_id")}
        if wanted in rules and where == {key: rules[wanted].get(key) for key in where}:
            for key in settings.keys() & rules[wanted].keys():
                if settings[key] != rules[wanted][key]:
                    fact = f"{settings[key]}: not carried over: it is there twice, first with {rules[wanted][key]}"
                    self.notes.append(f"{section}.{wanted}.{key}: {fact}")
            rules[wanted] = {**settings, **rules[wanted]}
            return
        rule_id = _free(wanted, rules.keys(), camera_id)
        try:
            read_section("layout", {section: {rule_id: settings}})
        except ConfigError as error:
            self.problems += [f"{problem} (left out)" for problem in error.problems]
            return
        rules[rule_id] = settings
        if rule_id != name:
            self.notes.append(f"layout.{section}.{rule_id}: was called {name!r}; documents say {rule_id} now")


def migrate(graphs: Sequence[Graph], camera: str | None = None, frame_width: int | None = None) -> Migration:
    """Carry all graphs over, and note the rules that hold for all of them."""
    result = Migration(camera, frame_width)
    for graph in graphs:
        result.take(graph)
    rules = [*result.lines.values(), *result.zones.values()]
    if any("camera_id" not in rule for rule in rules):
        result.notes.append("no camera is named: lines and zones are drawn on every camera's picture (--camera)")
    if result.lines:
        result.notes.append('lines: CrossRight is taken for in; where CrossLeft was, turn "in" to "left"')
    if rules:
        result.notes.append(
            "layout.spatial_analysis is on: upstream_router needs a sink of kind spatial_analysis, and edgeHub a route "
            "(docs/spatial-analysis.md)"
        )
    return result


def _identifier(name: str, otherwise: str) -> str:
    """A name of the service as an id of storeflow: its letters and digits, and `_` for the rest."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_")[:64] or otherwise


def _free(wanted: str, taken: Iterable[str], camera_id: str | None = None) -> str:
    """The id, or the nearest one that is free."""
    taken = set(taken)
    with_camera = [f"{wanted[:31]}_{camera_id[:32]}"] if camera_id else []
    numbered = (f"{wanted[:60]}_{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (wanted, *with_camera, *numbered) if name not in taken)


def _objects(value: Any) -> list[Settings]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _place(ends: Sequence[Mapping[str, Any]], name: str) -> Any:
    """One end of a line, `{"x": …, "y": …}`, as `[x, y]`."""
    end = ends[0].get(name) if ends else None
    return [end.get("x"), end.get("y")] if isinstance(end, dict) else end


def _number(value: Any) -> float | None:
    """A positive number, or none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and value > 0 else None
