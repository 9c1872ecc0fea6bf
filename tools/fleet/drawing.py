"""What is drawn on the picture of every camera, by the version of its layout."""

from storeflow.contract.events import DrawnLine, DrawnQueue, DrawnZone, LayoutApplied, instant
from storeflow.contract.geometry import Point
from tools.fleet.plan import AISLE, CHECKOUT, DRIVEWAY, ENTRANCE, OFFICE, SHELF

_HEIGHT_OF_ENTRANCE = {1: 0.75, 2: 0.8}
"""By version: somebody has drawn it a little lower."""


def _line(name: str, height: float, object_class: str = "person") -> DrawnLine:
    start, end = Point(0.2, height), Point(0.8, height)
    return DrawnLine(id=name, object_class=object_class, start=start, end=end, to_right="in")


def _box(left: float, top: float, right: float, bottom: float) -> tuple[Point, ...]:
    return Point(left, top), Point(right, top), Point(right, bottom), Point(left, bottom)


LINES = {
    version: (_line(ENTRANCE, height), _line(AISLE, 0.4), _line(DRIVEWAY, 0.95, "vehicle"))
    for version, height in _HEIGHT_OF_ENTRANCE.items()
}
_ZONES = (
    DrawnZone(id=SHELF, object_class="person", polygon=_box(0.1, 0.1, 0.4, 0.3)),
    DrawnZone(id=OFFICE, object_class="person", polygon=_box(0.9, 0.1, 1, 0.3), staff_only=True),
)
_QUEUES = (
    DrawnQueue(
        id=CHECKOUT, object_class="person", polygon=_box(0.5, 0.2, 0.7, 0.35), service=_box(0.7, 0.2, 0.8, 0.35)
    ),
)


def _text(version: int, lines: tuple[DrawnLine, ...]) -> str:
    applied = LayoutApplied(
        store_id="",
        camera_id="",
        captured_at=instant(0),
        config_version=version,
        lines=lines,
        zones=_ZONES,
        queues=_QUEUES,
    )
    return applied.model_dump_json(include={"config_version", "lines", "zones", "queues"})[1:-1]


TEXTS = {version: _text(version, lines) for version, lines in LINES.items()}
"""The part of `storeflow.layout.applied` that is the same for every camera, as JSON without braces."""
