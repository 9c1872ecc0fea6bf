"""What `Inference` makes of frames and of the twin, with a detector of its own in place of a model."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modules.inference import module as inference_module
from modules.inference.detector import Detected
from modules.inference.module import Inference
from storeflow.contract.messages import Detections
from storeflow.contract.twins import Model, read_section
from storeflow.frames.frame import WHOLE_FRAME, Frame
from storeflow.module import ModuleContext

FPS = 10
STARTS_AT = 1_000.0


class Walker:
    """In place of a detector: one person who walks to the right, where they are at `captured_at`."""

    def __init__(self) -> None:
        self.threshold = 0.4
        self.card = self
        self.version = "walker@1"

    def detect(self, frame: Frame, floor: float) -> Detected:
        """Who is there in the frame."""
        left = 0.05 + 0.05 * (frame.captured_at - STARTS_AT)
        sees = floor <= 0.9
        return Detected(np.array([[left, 0.3, left + 0.1, 0.7]])[:sees], np.array([0.9])[:sees], ("person",)[:sees])


@pytest.fixture
def inference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inference:
    """The module, which sees a walker."""
    monkeypatch.setattr(inference_module, "load_detector", lambda *_, **__: Walker())
    module = Inference(
        ModuleContext("inference", "hub", "device", "store", tmp_path, tmp_path, tmp_path, (), tmp_path), None
    )
    module.configure("models", {"person": Model(name="walker")}, 1)
    return module


def told(inference: Inference, frames: Iterable[int], starts_at: float = STARTS_AT) -> list[Detections]:
    picture = np.zeros((6, 4), np.uint8)
    return [
        inference.on_frame(Frame("door", index, starts_at + index / FPS, 800, 600, WHOLE_FRAME, picture))
        for index in frames
    ]


@pytest.mark.parametrize("played", [1, 15, 100], ids=["one frame", "less than tracks are remembered", "ten seconds"])
def test_a_clip_that_is_played_again_gives_the_same_tracks(inference: Inference, played: int) -> None:
    once = told(inference, range(100))
    other = Inference(inference.context, None)
    other.configure("models", {"person": Model(name="walker")}, 1)
    told(other, range(played))  # and its reader is killed: nobody says that the stream ended

    assert told(other, range(100)) == once
    assert {track.track_id for each in once for track in each.tracks} == {f"{1_000_000:x}-0"}


def test_a_camera_whose_clock_is_set_back_far_has_other_tracks_from_there_on(inference: Inference) -> None:
    before = told(inference, range(100))
    after = told(inference, range(50, 60))
    assert {track.track_id for each in before for track in each.tracks} == {f"{1_000_000:x}-0"}
    assert {track.track_id for each in after for track in each.tracks} == {f"{1_005_000:x}-0"}


def test_a_clock_that_is_put_right_by_a_little_changes_nobody(inference: Inference) -> None:
    frames = [*range(30), *range(25, 40)]
    ids = {track.track_id for each in told(inference, frames) for track in each.tracks}
    assert ids == {f"{1_000_000:x}-0"}


def test_an_operator_chooses_the_tracker_in_the_twin(inference: Inference) -> None:
    section: dict[str, Any] = {"person": {"name": "walker", "tracker": "bytetrack"}}
    assert [len(each.tracks) for each in told(inference, range(3))] == [1, 1, 1]
    inference.configure("models", read_section("models", section), 2)
    # ByteTrack as published tells of a track when it was seen twice in a row.
    assert [len(each.tracks) for each in told(inference, range(3, 6))] == [0, 1, 1]


def test_cards_are_looked_for_in_the_contexts_folder(inference: Inference, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []

    def load(folder: Path, *_: Any, **__: Any) -> Walker:
        asked.append(folder)
        return Walker()

    monkeypatch.setattr(inference_module, "load_detector", load)
    monkeypatch.setenv("STOREFLOW_MODELS", "elsewhere")
    inference.configure("models", {"vehicle": Model(name="lorry")}, 2)
    assert asked == [inference.context.cards_folder / "vehicle" / "lorry"]
