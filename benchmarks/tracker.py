"""What do our trackers cost beside the `trackers` package's ByteTrack, and how well do they follow real people?

    .venv/bin/python -m benchmarks.tracker

Cost: 10 and 50 walkers whose boxes jitter, of whom 5 % are missed in each frame. All trackers take the same frames in
turns, and what is compared is the median time of an update. Quality: detections of `rtmdet_nano` on two real clips at
their own frame rate, judged by the `trackers` package's own evaluation against the MOTChallenge truth. ByteTrack runs
twice: as published, and as `sure`, with the detector's threshold for both of its own and no fainter detection, which
suits it best of what we tried. The default tracker's figures were chosen on these clips among others, so that its lead
here is the most that can be hoped for. Quality needs STOREFLOW_EVAL_DATA and is left out without it. The result goes to
benchmarks/results/tracker.json.
"""

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import av
import numpy as np
import supervision as sv
from numpy.typing import NDArray
from trackers import ByteTrackTracker
from trackers.eval import evaluate_mot_sequence

from modules.inference.detector import load_detector
from modules.inference.track.bytetrack import ByteTrack
from modules.inference.track.parameters import ByteTrackParameters
from modules.inference.track.tracker import Tracker
from storeflow.frames.frame import WHOLE_FRAME, Frame
from storeflow.host.environment import CARDS_FOLDER

ROUNDS = 7
FRAMES = 150
WARM_UP = 20
WALKERS = (10, 50)
THRESHOLD = 0.6
CLIPS = ("PETS09-S2L1", "TUD-Campus")
RESULT = Path(__file__).parent / "results" / "tracker.json"

Floats = NDArray[np.float64]
Update = Callable[[Floats, Floats, float], object]


def scene(walkers: int) -> list[tuple[Floats, Floats]]:
    """Boxes (n, 4) in pixels and scores (n,) of every frame."""
    random = np.random.default_rng(0)
    places, speeds = random.uniform([50, 200], [1800, 900], (walkers, 2)), random.uniform(-4, 4, (walkers, 2))
    halves = random.uniform(80, 260, walkers)[:, None] * (0.2, 0.5)
    frames = []
    for _ in range(FRAMES):
        places += speeds
        speeds[(places < (0, 150)) | (places > (1900, 1000))] *= -1
        boxes = np.concatenate([places - halves, places + halves], axis=1) + random.normal(0, 1.5, (walkers, 4))
        seen = random.random(walkers) < 0.95  # noqa: PLR2004 - the share that the docstring names
        frames.append((boxes[seen], np.clip(random.normal(0.8, 0.12, int(seen.sum())), 0.2, 0.99)))
    return frames


def contestants() -> dict[str, Callable[[], Update]]:
    """Makers of fresh trackers, by name."""

    def reference() -> Update:
        tracker = ByteTrackTracker()
        return lambda boxes, scores, _: tracker.update(
            sv.Detections(xyxy=boxes, confidence=scores, class_id=np.zeros(len(boxes), np.int64))
        )

    def bytetrack() -> Update:
        tracker = ByteTrack()
        return lambda boxes, scores, _: tracker.track(boxes, scores)

    def default() -> Update:
        tracker = Tracker()
        return lambda boxes, scores, at: tracker.update(boxes, scores, at, THRESHOLD)

    return {"trackers": reference, "bytetrack": bytetrack, "default": default}


def cost(walkers: int) -> dict[str, float]:
    """Median over rounds of the median microseconds per update, by contestant."""
    frames = scene(walkers)
    rounds: dict[str, list[float]] = {name: [] for name in contestants()}
    for _ in range(ROUNDS):
        for name, make in contestants().items():
            update, times = make(), []
            for index, (boxes, scores) in enumerate(frames):
                started = time.perf_counter()
                update(boxes, scores, index / 10)
                times.append(time.perf_counter() - started)
            rounds[name].append(median(times[WARM_UP:]) * 1e6)
    return {name: median(values) for name, values in rounds.items()}


def frames_of(path: Path) -> Iterator[Frame]:
    """Every frame of a clip."""
    with av.open(str(path)) as container:
        rate = float(container.streams.video[0].average_rate or 1)
        for index, picture in enumerate(container.decode(video=0)):
            pixels = np.asarray(picture.to_ndarray(format="yuv420p"), np.uint8)
            yield Frame("clip", index, index / rate, picture.width, picture.height, WHOLE_FRAME, pixels)


def quality(data: Path, clip: str, folder: Path) -> dict[str, dict[str, float]]:
    """IDF1, identity switches and number of tracks of each tracker."""
    detector = load_detector(CARDS_FOLDER / "person" / "rtmdet_nano", (data / "models",))
    threshold = detector.threshold
    followers: dict[str, ByteTrack | Tracker] = {
        "bytetrack": ByteTrack(),
        "sure": ByteTrack(
            parameters=ByteTrackParameters(low_score=threshold, high_score=threshold, new_score=threshold)
        ),
        "default": Tracker(),
    }
    floors = {name: follower.floor(threshold) for name, follower in followers.items()}
    rows: dict[str, list[str]] = {name: [] for name in followers}
    numbers: dict[str, set[int]] = {name: set() for name in followers}
    for frame in frames_of(data / "videos" / f"mot_{clip}.mp4"):
        detected = detector.detect(frame, min(floors.values()))
        size = [frame.full_width, frame.full_height] * 2
        for name, follower in followers.items():
            wanted = detected.scores >= floors[name]
            boxes, scores = detected.boxes[wanted] * size, detected.scores[wanted]
            for index, number, confirmed in follower.update(boxes, scores, frame.captured_at, threshold):
                if confirmed:
                    left, top, right, bottom = boxes[index]
                    box = f"{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f}"
                    rows[name].append(f"{frame.sequence + 1},{number + 1},{box},1,-1,-1,-1")
                    numbers[name].add(number)
    figures = {}
    for name, lines in rows.items():
        told = folder / f"{clip}_{name}.txt"
        told.write_text("\n".join(lines), encoding="ascii")
        truth = data / "mot" / clip / "gt.txt"
        result = evaluate_mot_sequence(truth, told, ["CLEAR", "Identity"])
        if result.Identity is None or result.CLEAR is None:
            raise RuntimeError(f"no figures for {clip}")
        figures[name] = {
            "idf1": round(float(result.Identity.IDF1), 3),
            "switches": int(result.CLEAR.IDSW),
            "tracks": len(numbers[name]),
        }
    return figures


def main() -> None:
    """Measure, print a table and keep the figures."""
    figures: dict[str, Any] = {"machine": f"{os.cpu_count()} x {platform.machine()}", "rounds": ROUNDS}
    print(f"{'walkers':>8} {'tracker':<10} {'us/update':>10} {'trackers is slower by':>22}")
    for walkers in WALKERS:
        times = cost(walkers)
        figures[f"walkers_{walkers}"] = {
            name: {"microseconds": round(value, 1), "ratio": round(times["trackers"] / value, 2)}
            for name, value in times.items()
        }
        for name, value in times.items():
            print(f"{walkers:>8} {name:<10} {value:>10.0f} {times['trackers'] / value:>21.2f}x")
    data = Path(os.environ.get("STOREFLOW_EVAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if data.is_dir():
        print(f"\n{'clip':<12} {'profile':<10} {'IDF1':>6} {'switches':>9} {'tracks':>7}")
        with tempfile.TemporaryDirectory() as folder:
            for clip in CLIPS:
                figures[clip] = quality(data, clip, Path(folder))
                for name, facts in figures[clip].items():
                    print(f"{clip:<12} {name:<10} {facts['idf1']:>6} {facts['switches']:>9} {facts['tracks']:>7}")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
