"""The parts of a layout that are drawn on a camera's picture, and the cameras that they name."""

from collections.abc import Iterator, Mapping
from typing import Any

from storeflow.contract.twins import Layout
from storeflow.errors import ConfigError

DRAWN = ("lines", "zones", "queues")
"""Kinds of parts that lie on a picture; an area is made of lines."""


def layout_of_camera(layout: Layout, camera_id: str | None) -> Layout:
    """What is drawn on one camera's picture, tied to no camera any more; and areas all of whose lines are among it.

    Args:
        layout: of a store.
        camera_id: the camera; may be left out where the layout names one at most.

    Raises:
        ConfigError: it names several and none was chosen, or not the one that was.
    """
    drawn = {kind: getattr(layout, kind) for kind in DRAWN}
    named = sorted({one.camera_id for parts in drawn.values() for one in parts.values() if one.camera_id is not None})
    if camera_id is None and len(named) > 1:
        raise ConfigError([f"--camera-id: the layout is of several cameras; choose one of {', '.join(named)}"])
    if camera_id is not None and camera_id not in named:
        there = f"names {', '.join(named)}" if named else "names no camera: leave this out"
        raise ConfigError([f"--camera-id: nothing in the layout is of camera {camera_id}; it {there}"])
    here = {None, camera_id or next(iter(named), None)}
    parts = {
        kind: {name: one.model_copy(update={"camera_id": None}) for name, one in all_.items() if one.camera_id in here}
        for kind, all_ in drawn.items()
    }
    areas = {name: area for name, area in layout.areas.items() if area.lines.keys() <= parts["lines"].keys()}
    return layout.model_copy(update={**parts, "areas": areas})


def unknown_cameras(layout: Any, cameras: Any) -> Iterator[str]:
    """Find every camera that a layout names and video_capture has not, as `path: fact`.

    A line on a camera that nobody has counts nothing, silently. Both are sections as they were written; what is wrong
    with them otherwise is found elsewhere.
    """
    if not isinstance(cameras, Mapping):
        return
    for kind in DRAWN:
        for name, drawn in _items(layout.get(kind) if isinstance(layout, Mapping) else None):
            camera_id = drawn.get("camera_id") if isinstance(drawn, Mapping) else None
            if isinstance(camera_id, str) and camera_id not in cameras:
                there = f"there are: {', '.join(cameras)}" if cameras else "there is none"
                yield f"layout.{kind}.{name}.camera_id: no camera is called {camera_id}; {there}"


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
