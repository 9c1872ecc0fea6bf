"""The default tracker on a real clip with a real detector: people keep their ids, better than with ByteTrack."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from trackers.eval import evaluate_mot_sequence

from modules.inference.detector import Detector, load_detector
from modules.inference.track.bytetrack import ByteTrack
from modules.inference.track.tracker import Tracker
from storeflow.frames.frame import WHOLE_FRAME, Frame

CLIP = "TUD-Campus"


@pytest.fixture(scope="module")
def figures(
    eval_data: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[float, int]]:
    """IDF1 and identity switches of each profile on TUD-Campus."""
    detector = load_detector(repository / "models" / "person" / "rtmdet_nano", (eval_data / "models",))
    folder = tmp_path_factory.mktemp("tracks")
    told: dict[str, tuple[float, int]] = {}
    trackers: dict[str, Tracker | ByteTrack] = {"bytetrack": ByteTrack(), "default": Tracker()}
    for name, tracker in trackers.items():
        path = folder / f"{name}.txt"
        path.write_text("\n".join(rows(detector, tracker, eval_data)), encoding="ascii")
        result = evaluate_mot_sequence(eval_data / "mot" / CLIP / "gt.txt", path, ["CLEAR", "Identity"])
        assert result.Identity is not None
        assert result.CLEAR is not None
        told[name] = float(result.Identity.IDF1), int(result.CLEAR.IDSW)
    return told


def rows(detector: Detector, tracker: Tracker | ByteTrack, eval_data: Path) -> Iterator[str]:
    """Confirmed tracks in the form of MOTChallenge."""
    for frame in frames_of(eval_data / "videos" / f"mot_{CLIP}.mp4"):
        detected = detector.detect(frame, tracker.floor(detector.threshold))
        boxes = detected.boxes * ([frame.full_width, frame.full_height] * 2)
        for index, number, confirmed in tracker.update(boxes, detected.scores, frame.captured_at, detector.threshold):
            if confirmed:
                left, top, right, bottom = boxes[index]
                yield f"{frame.sequence + 1},{number + 1},{left},{top},{right - left},{bottom - top},1"


def frames_of(path: Path) -> Iterator[Frame]:
    with av.open(str(path)) as container:
        for index, picture in enumerate(container.decode(video=0)):
            pixels = np.asarray(picture.to_ndarray(format="yuv420p"), np.uint8)
            yield Frame("campus", index, index / 25, picture.width, picture.height, WHOLE_FRAME, pixels)


def test_people_who_pass_behind_one_another_mostly_keep_their_ids(figures: dict[str, tuple[float, int]]) -> None:
    idf1, switches = figures["default"]
    assert idf1 >= 0.65
    assert switches <= 3


def test_the_default_profile_is_not_worse_than_bytetrack(figures: dict[str, tuple[float, int]]) -> None:
    assert figures["default"][0] > figures["bytetrack"][0]
    assert figures["default"][1] <= figures["bytetrack"][1]
