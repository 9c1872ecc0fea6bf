"""Play every situation at several frame rates and detection rates, and count what goes wrong."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from modules.inference.track.tracker import Tracker
from modules.zone_analytics.camera_view import CameraView
from modules.zone_analytics.decisions import Crossing, Decision
from modules.zone_analytics.parameters import DECISIONS
from storeflow.contract.geometry import BoundingBox, Point
from storeflow.contract.messages import Detections, Track
from storeflow.contract.twins import Layout, Line
from tools.hard_cases.situations import HEIGHT, WIDTH, Situation

JITTER_PX = 6.0
FRAME_RATES = (5, 10, 25)
DROP_RATES = (0.0, 0.1)
BOX_PX = (60.0, 120.0)


@dataclass(frozen=True, slots=True)
class Boxes:
    """The detections of one frame: boxes in pixels, shape (n, 4), and what a perfect tracker would call them."""

    at: float
    boxes: np.ndarray
    track_ids: tuple[int, ...]
    confirmed: tuple[bool, ...]


Follow = Callable[[Boxes], Sequence[Track]]


def frames(situation: Situation, fps: float, drop: float, rng: np.random.Generator) -> Iterator[Boxes]:
    """What a detector would see of a situation, with jitter and missed detections."""
    for number in range(int(situation.seconds * fps) + int(2 * fps)):
        at = number / fps
        boxes, ids, confirmed = [], [], []
        for actor in situation.actors:
            place = actor.path(at) if at <= situation.seconds else None
            if place is None or rng.random() < drop:
                continue
            x, y = np.asarray(place) + rng.normal(0, JITTER_PX, 2)
            boxes.append((x - BOX_PX[0] / 2, y - BOX_PX[1], x + BOX_PX[0] / 2, y))
            ids.append(actor.track_of(at))
            confirmed.append(actor.confirmed)
        yield Boxes(at, np.array(boxes, float).reshape(-1, 4), tuple(ids), tuple(confirmed))


def perfect_tracks(frame: Boxes) -> list[Track]:
    """Tracks as the situation states them: what counting gets from a tracker that makes no other mistakes."""
    return [
        Track(track_id=str(id_), box=fractions(box), confidence=1.0, confirmed=confirmed)
        for id_, box, confirmed in zip(frame.track_ids, frame.boxes, frame.confirmed, strict=True)
    ]


def fractions(box: np.ndarray) -> BoundingBox:
    """A box in pixels as fractions of the frame."""
    left, top, right, bottom = map(float, box)
    return BoundingBox(left / WIDTH, top / HEIGHT, right / WIDTH, bottom / HEIGHT)


def count(
    situation: Situation, seen: Iterator[Boxes], follow: Follow
) -> tuple[list[Decision], tuple[int, int], tuple[int, int]]:
    """Decisions, (in, out) and net (in, out) of one situation as storeflow counts it."""
    start, end = (Point(x / WIDTH, situation.line_y / HEIGHT) for x in situation.line_x)
    layout = Layout(lines={"door": Line(start=start, end=end)})
    view = CameraView("camera", layout, DECISIONS)
    decisions: list[Decision] = []
    for number, frame in enumerate(seen):
        tracks = tuple(follow(frame))
        decisions += view.observe(
            Detections(
                camera_id="camera",
                sequence=number,
                captured_at=frame.at,
                frame_width=WIDTH,
                frame_height=HEIGHT,
                model_version="boxes",
                tracks=tracks,
            )
        )
    decisions += view.end()
    crossings = [decision for decision in decisions if isinstance(decision, Crossing)]
    raw = {side: sum(crossing.direction == side for crossing in crossings) for side in ("in", "out")}
    u_turns = sum(crossing.u_turn_of is not None for crossing in crossings)
    return decisions, (raw["in"], raw["out"]), (raw["in"] - u_turns, raw["out"] - u_turns)


class Tracked:
    """Tracks as storeflow's own tracker makes them of the boxes."""

    def __init__(self) -> None:
        self.tracker = Tracker()

    def __call__(self, frame: Boxes) -> list[Track]:
        """The tracks of one frame."""
        scores = np.full(len(frame.boxes), 0.9)
        return [
            Track(
                track_id=str(followed.number),
                box=fractions(frame.boxes[followed.detection]),
                confidence=0.9,
                confirmed=followed.confirmed,
            )
            for followed in self.tracker.update(frame.boxes, scores, frame.at, 0.5)
        ]
