"""What really happened in a clip, read from the files of the evaluation data as they are.

Four forms are known, told apart by their keys: lines and zones computed from ground-truth boxes (`lines`), a shop door
of several clips (`front_view_line`), a road (`line`), and people counted by eye (`unique_people` alone). All of them
speak of pixels; the layout is derived from them. Their directions are put into ours by this sketch (y grows down):

        facing down the picture, from (690,100) to (690,575),      facing right, from (213,149) to (362,149),
        our `right` is the picture's left: their `to_left`         our `right` is down the picture
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from storeflow.cli.json_file import read_json
from storeflow.contract.events import Direction
from storeflow.contract.geometry import Point
from storeflow.contract.layout import ObjectClass
from storeflow.contract.twins import Layout, Line, Zone
from storeflow.errors import ConfigError


@dataclass(frozen=True, slots=True)
class TrueCrossing:
    """Someone settled on the other side of a line."""

    at: float
    """Seconds from the first frame."""
    direction: Direction


@dataclass(frozen=True, slots=True)
class TrueLine:
    """What a line must count."""

    counted_in: int
    counted_out: int
    crossings: tuple[TrueCrossing, ...] | None = None
    """When they happened, where that is known."""
    geometric: tuple[int, int] | None = None
    """in, out by every change of side of the foot point, U-turns on the line and all."""


@dataclass(frozen=True, slots=True)
class TrueVisit:
    """A stay in a zone, in seconds from the first frame."""

    entered_at: float
    exited_at: float


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything that is known of one clip."""

    layout: Layout
    lines: dict[str, TrueLine] = field(default_factory=dict)
    zones: dict[str, tuple[TrueVisit, ...]] = field(default_factory=dict)
    people: int | None = None
    """How many different ones come into view."""
    in_view_by_second: tuple[int, ...] = ()
    """How many are in view 0, 1, 2 … seconds from the first frame."""
    remark: str = ""


def read_truth(path: Path, video: Path) -> Truth:
    """The truth of `video` in the file at `path`.

    Raises:
        ConfigError: the file can't be read, has none of the known forms, or doesn't know the clip.
    """
    document: dict[str, Any] = read_json(path, "--truth")
    try:
        if "lines" in document:
            return _computed(document)
        if "front_view_line" in document:
            return _shop_door(document, video, path)
        if "line" in document:
            return _road(document)
        if "unique_people" in document:
            return Truth(Layout(), people=int(document["unique_people"]), remark=str(document.get("note", "")))
    except KeyError as error:
        raise ConfigError([f"--truth {path}: {error.args[0]}: is missing"]) from error
    raise ConfigError([f"--truth {path}: has none of the keys lines, front_view_line, line, unique_people"])


def _computed(document: dict[str, Any]) -> Truth:
    size = document["size"]
    lines, truths = {}, {}
    for line in document["lines"]:
        # `to_left` and `to_right` are the picture's: which is our `right` follows from where the line leads.
        down = line["b"][1] > line["a"][1]
        into: Literal["left", "right"] = "left" if down else "right"
        lines[line["name"]] = _line(line["a"], line["b"], size)
        settled, geometric = line["settled"], line["geometric"]
        other = "right" if into == "left" else "left"
        truths[line["name"]] = TrueLine(
            counted_in=settled[f"to_{into}"],
            counted_out=settled[f"to_{other}"],
            crossings=tuple(
                TrueCrossing(event["t"], "in" if event["direction"] == into else "out") for event in settled["events"]
            ),
            geometric=(geometric[f"to_{into}"], geometric[f"to_{other}"]),
        )
    zones = {
        zone["name"]: Zone(polygon=tuple(_point(corner, size) for corner in zone["polygon"]))
        for zone in document["zones"]
    }
    visits = {
        zone["name"]: tuple(TrueVisit(visit["t_in"], visit["t_out"]) for visit in zone["visits"])
        for zone in document["zones"]
    }
    return Truth(
        Layout(lines=lines, zones=zones),
        truths,
        visits,
        people=document["unique_people"],
        in_view_by_second=tuple(document["occupancy_by_second"]),
        remark=document["how"],
    )


def _shop_door(document: dict[str, Any], video: Path, path: Path) -> Truth:
    clip = document["clips"].get(video.name)
    if clip is None or "front" not in video.name:
        front = [name for name in document["clips"] if "front" in name]
        raise ConfigError(
            [f"--truth {path}: {video.name}: no line is known for it; there is one for {', '.join(front)}"]
        )
    size = document["size"]
    door, corridor = document["front_view_line"], document["passers_line"]
    layout = Layout(
        lines={
            # In is up the picture, and the line leads to the right.
            door["name"]: _line(door["a"], door["b"], size, into="left"),
            corridor["name"]: _line(corridor["a"], corridor["b"], size),
        }
    )
    remark = f"{document['how']}; confidence: {clip['conf']}. {clip.get('note', '')}".strip()
    return Truth(layout, {door["name"]: TrueLine(clip["in"], clip["out"])}, remark=remark)


def _road(document: dict[str, Any]) -> Truth:
    line = document["line"]
    size = (768, 432)  # of car-detection.mp4; the file doesn't say
    crossings = tuple(
        TrueCrossing(vehicle["cross_y216"], "in" if vehicle["direction"] == "down" else "out")
        for vehicle in document["vehicles"]
    )
    layout = Layout(lines={line["name"]: _line(line["a"], line["b"], size, object_class="vehicle")})
    return Truth(layout, {line["name"]: TrueLine(line["down"], line["up"], crossings)}, remark=document["how"])


def _line(
    start: list[float],
    end: list[float],
    size: tuple[int, int] | list[int],
    into: Literal["left", "right"] = "right",
    object_class: ObjectClass = "person",
) -> Line:
    return Line(start=_point(start, size), end=_point(end, size), in_=into, object_class=object_class)


def _point(pixels: list[float], size: tuple[int, int] | list[int]) -> Point:
    return Point(pixels[0] / size[0], pixels[1] / size[1])
