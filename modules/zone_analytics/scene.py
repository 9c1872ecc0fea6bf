"""What a camera saw last when something was decided, and what was drawn on its picture."""

from collections.abc import Mapping
from dataclasses import dataclass

from modules.zone_analytics.camera_view import CameraView
from storeflow.contract.geometry import Point
from storeflow.contract.messages import Detections, Track
from storeflow.contract.twins import Line, Zone


@dataclass(frozen=True, slots=True)
class InView:
    """Somebody in the newest frame."""

    track: Track
    foot: Point
    """Fractions of the frame."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One camera's newest frame, and the lines and zones of the moment."""

    lines: Mapping[str, Line]
    zones: Mapping[str, Zone]
    frame: Detections
    in_view: Mapping[str, InView]
    """By person."""


def scene_of(view: CameraView) -> Scene | None:
    """The scene of a camera's newest frame, or none before the first.

    Taken before lines and zones change or people are forgotten. A track that is nobody's goes by its own id.
    """
    frame, in_view = view.newest, {}
    if frame is None:
        return None
    for track in frame.tracks:
        person = view.people.by_track.get(track.track_id)
        if person is None:
            in_view[track.track_id] = InView(track, track.box.bottom_center)
        else:
            in_view[person.person_id] = InView(track, person.last.foot.unscaled(view.aspect_ratio))
    lines = {line_id: counter.line for line_id, counter in view.lines.items()}
    zones = {zone_id: visits.zone for zone_id, visits in view.zones.items()}
    return Scene(lines, zones, frame, in_view)
