"""The part of a store's layout that one camera sees."""

from storeflow.contract.twins import Layout
from storeflow.errors import ConfigError

_DRAWN = ("lines", "zones", "queues")


def part_of(layout: Layout, camera_id: str | None) -> Layout:
    """What is drawn on one camera's picture, tied to no camera any more; and areas all of whose lines are among it.

    Args:
        layout: of a store.
        camera_id: the camera; may be left out where the layout names one at most.

    Raises:
        ConfigError: it names several and none was chosen, or not the one that was.
    """
    drawn = {kind: getattr(layout, kind) for kind in _DRAWN}
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
