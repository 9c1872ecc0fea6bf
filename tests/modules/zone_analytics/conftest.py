"""Frames with boxes where a test wants them."""

import itertools
from collections.abc import Callable

import pytest

from modules.zone_analytics.camera_view import CameraView
from modules.zone_analytics.decisions import Decision
from modules.zone_analytics.parameters import DECISIONS
from storeflow.contract.geometry import BoundingBox
from storeflow.contract.messages import Detections, Track
from storeflow.contract.twins import Layout, read_section

FrameOf = Callable[..., Detections]
Feet = tuple[float, float]


def frame_of(
    at: float, feet: dict[str, Feet], *, confirmed: bool = True, camera_id: str = "door", width: int = 1000
) -> Detections:
    """A frame 1000 px high at `at` seconds, with a person of a tenth of its height at each foot point."""
    return Detections(
        camera_id=camera_id,
        sequence=round(at * 10),
        captured_at=at,
        frame_width=width,
        frame_height=1000,
        model_version="m@1",
        tracks=tuple(
            Track(
                track_id=track_id,
                box=BoundingBox(x - 0.025, y - 0.1, x + 0.025, y),
                confidence=0.9,
                confirmed=confirmed,
            )
            for track_id, (x, y) in feet.items()
        ),
    )


@pytest.fixture(scope="session")
def frame() -> FrameOf:
    """Builds a frame: `frame(at, {track_id: (x, y)})`."""
    return frame_of


class Floor:
    """A camera's view that is fed foot points, ten frames a second."""

    def __init__(self, layout: Layout, width: int) -> None:
        self.layout, self.width = layout, width
        self.view = CameraView("door", layout, DECISIONS)
        self.at = 0.0
        self.decisions: list[Decision] = []

    def walk(self, track_id: str, *places: Feet, seconds: float = 1.0) -> "Floor":
        """Lead one person from place to place, each way in `seconds`."""
        for start, end in itertools.pairwise(places):
            steps = round(seconds * 10)
            for step in range(steps):
                share = step / steps
                self.see({track_id: (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))})
        return self

    def walk_all(self, ways: dict[str, tuple[Feet, Feet]], seconds: float) -> "Floor":
        """Lead several people at once, each from one place to another."""
        steps = round(seconds * 10)
        for step in range(steps):
            share = step / steps
            self.see(
                {
                    track_id: (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))
                    for track_id, (start, end) in ways.items()
                }
            )
        return self

    def see(self, feet: dict[str, Feet], *, confirmed: bool = True) -> "Floor":
        """One frame."""
        self.decisions += self.view.observe(frame_of(self.at, feet, confirmed=confirmed, width=self.width))
        self.at = round(self.at + 0.1, 3)
        return self

    def wait(self, seconds: float) -> "Floor":
        """Frames without anybody."""
        for _ in range(round(seconds * 10)):
            self.see({})
        return self

    def end(self) -> list[Decision]:
        """Everything decided until the stream's end."""
        self.decisions += self.view.end()
        return self.decisions

    def decided(self, *kinds: type[Decision]) -> list[Decision]:
        """Decisions of some kinds so far."""
        return [decision for decision in self.decisions if isinstance(decision, kinds)]


@pytest.fixture(scope="session")
def floor() -> Callable[..., Floor]:
    """Builds a floor: `floor(lines={…}, zones={…}, queues={…})`, in the words of the twin; `width=` of its frames."""
    return lambda width=1000, **layout: Floor(read_section("layout", layout), width)
