"""Whether the cameras that a layout names are there: a line on a camera that nobody has counts nothing, silently."""

from collections.abc import Iterator, Mapping
from typing import Any

_DRAWN = ("lines", "zones", "queues")


def strangers(layout: Any, cameras: Any) -> Iterator[str]:
    """Tell every camera that a layout names and video_capture has not, as `path: fact`.

    Both are sections as they were written; what is wrong with them otherwise is told elsewhere.
    """
    if not isinstance(cameras, Mapping):
        return
    for kind in _DRAWN:
        for name, drawn in _items(layout.get(kind) if isinstance(layout, Mapping) else None):
            camera_id = drawn.get("camera_id") if isinstance(drawn, Mapping) else None
            if isinstance(camera_id, str) and camera_id not in cameras:
                there = f"there are: {', '.join(cameras)}" if cameras else "there is none"
                yield f"layout.{kind}.{name}.camera_id: no camera is called {camera_id}; {there}"


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
