"""The whole store: every camera's view, and what is decided over all of them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from modules.zone_analytics.area_counter import AreaCounter
from modules.zone_analytics.area_state import AreaState
from modules.zone_analytics.camera_view import CameraView
from modules.zone_analytics.coverage import Coverage
from modules.zone_analytics.decisions import Crossing, Decision
from modules.zone_analytics.parameters import DecisionParameters
from modules.zone_analytics.people import Person
from modules.zone_analytics.scene import Scene, scene_of
from storeflow.contract.messages import Detections
from storeflow.contract.twins import Layout

AREAS = "~areas"
"""Stands for the camera in what is decided over several: no `Identifier`, so no camera can have this name."""
MOST_COVERAGES = 256
"""Of that many cameras it is remembered when they last looked; beyond, the one that ended first is forgotten."""


class Decided(NamedTuple):
    """A decision, and what it was made from."""

    decision: Decision
    camera_id: str
    """The camera in front of which it was made, or `AREAS`."""
    model_version: str
    scene: Scene | None = None
    """What that camera saw, where the layout asks for documents of Azure Spatial Analysis."""


class StoreView:
    """Turns the frames of all cameras into decisions. Pure: the same messages in the same order give the same ones.

    A camera's view is forgotten when its stream ends; of its coverage, and in areas, it is remembered when that was.
    """

    def __init__(self, parameters: DecisionParameters) -> None:
        self.parameters = parameters
        self.layout = Layout()
        self.cameras: dict[str, CameraView] = {}
        self.areas: dict[str, AreaCounter] = {}
        self.coverage: dict[str, Coverage] = {}
        """By camera."""

    def apply(self, layout: Layout, at_rest: Sequence[AreaState] = ()) -> list[Decided]:
        """Take over a layout: what it leaves as it was goes on, visits to what it changes end.

        Args:
            layout: the new one.
            at_rest: where areas stood before a restart.
        """
        known = {state.area_id: state for state in (*at_rest, *self.area_states())}
        self.layout = layout
        self.areas = {
            area_id: AreaCounter(area_id, area, layout.lines, self.parameters, known.get(area_id))
            for area_id, area in layout.areas.items()
        }
        decided: list[Decided] = []
        for view in self.cameras.values():
            scene = self._scene(view)
            decided += _by(view, view.apply(layout), scene)
        return decided

    def area_states(self) -> list[AreaState]:
        """Where every area stands."""
        return [counter.state for counter in self.areas.values() if counter.state is not None]

    def observe(self, detections: Detections) -> list[Decided]:
        """Take in one frame of one camera: the one place by which anything of a frame comes in."""
        view = self.cameras.get(detections.camera_id)
        if view is None:
            view = CameraView(detections.camera_id, self.layout, self.parameters)
            self.cameras[detections.camera_id] = view
        coverage = self.coverage.setdefault(detections.camera_id, Coverage(detections.camera_id))
        decisions: list[Decision] = []
        decisions += coverage.observe(detections.captured_at, detections.sequence, self.parameters)
        decisions += view.observe(detections)
        decided = _by(view, decisions, self._scene(view)) if decisions else []
        of_areas: list[Decision] = []
        for area in self.areas.values():
            of_areas += area.observe_frame(detections.camera_id, detections.captured_at)
        return decided + _over_all(of_areas) + self._count(decided)

    def end(self, camera_id: str) -> list[Decided]:
        """Decide everything that is still open in front of a camera: no more frames of it come."""
        view = self.cameras.pop(camera_id, None)
        decided: list[Decided] = []
        if view is not None:
            scene = self._scene(view)
            decided = _by(view, view.end(), scene)
            decided += _by(view, self._end_coverage(camera_id), None)
        counted = self._count(decided)
        for area in self.areas.values():
            area.end(camera_id)
        return decided + counted

    def people(self, camera_id: str) -> Iterator[Person]:
        """Everyone in view of one camera."""
        view = self.cameras.get(camera_id)
        return iter(()) if view is None else iter(view.people)

    def _end_coverage(self, camera_id: str) -> list[Decision]:
        coverage = self.coverage.pop(camera_id, Coverage(camera_id))
        decisions: list[Decision] = [*coverage.end()]
        self.coverage[camera_id] = coverage  # the last to end is forgotten last
        ended = [name for name, one in self.coverage.items() if one.window is None]
        for name in ended[: max(0, len(self.coverage) - MOST_COVERAGES)]:
            del self.coverage[name]
        return decisions

    def _scene(self, view: CameraView) -> Scene | None:
        return scene_of(view) if self.layout.spatial_analysis else None

    def _count(self, decided: Iterable[Decided]) -> list[Decided]:
        """What the crossings of one camera mean for the areas."""
        counted: list[Decision] = []
        for one in decided:
            if isinstance(one.decision, Crossing):
                for area in self.areas.values():
                    counted += area.count(one.camera_id, one.decision)
        return _over_all(counted)


def _by(view: CameraView, decisions: Iterable[Decision], scene: Scene | None) -> list[Decided]:
    return [Decided(decision, view.camera_id, view.model_version, scene) for decision in decisions]


def _over_all(decisions: Iterable[Decision]) -> list[Decided]:
    return [Decided(decision, AREAS, "") for decision in decisions]
