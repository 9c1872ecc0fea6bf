"""Measure the exported detector on the sample store, which it never saw, against the true bodies.

    python -m tools.train_detector.measure --video DIR/sample_store.webm

The pictures are the decoded clip's, compression included; the truth is the film's. Needs no torch. With
`--mot-truth gt.txt` the clip is a real one with MOTChallenge boxes. `recall` is of bodies at least half visible.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
import onnxruntime as ort

from tools.sample_store.camera import FloatArray
from tools.sample_store.film import Film, TrueBody
from tools.sample_store.raster import ByteArray

INPUT_WIDTH, INPUT_HEIGHT, STRIDE, PAD = 448, 256, 4, 114
CLEARLY_VISIBLE = 0.5
# Detections below this take no part in the average precision.
LEAST_SCORE = 0.05
# Overlap of a detection with a body, and with a wrong detection of the frame before.
SAME_BODY, SAME_MISTAKE = 0.5, 0.3
MODEL = Path("models/person/storeflow_nano/storeflow_nano.onnx")


@dataclass(frozen=True)
class Found:
    """Detections of one picture: boxes (n, 4) in its pixels, scores (n,), best first."""

    boxes: FloatArray
    scores: FloatArray


class Detector:
    """The ONNX file on OpenVINO, one thread, with no silent way back to another engine."""

    def __init__(self, path: Path = MODEL, threads: int = 1) -> None:
        options = ort.SessionOptions()
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        provider = ("OpenVINOExecutionProvider", {"device_type": "CPU", "num_of_threads": str(threads)})
        self._session = ort.InferenceSession(str(path), options, providers=[provider])

    def maps(self, image: ByteArray) -> tuple[FloatArray, float]:
        """Return the output maps (5, rows, columns) for an RGB picture, and the scale it was seen at."""
        height, width = image.shape[:2]
        scale = min(INPUT_WIDTH / width, INPUT_HEIGHT / height)
        size = (round(width * scale), round(height * scale))
        padded = np.full((INPUT_HEIGHT, INPUT_WIDTH, 3), PAD, np.uint8)
        padded[: size[1], : size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        tensor = np.ascontiguousarray(padded.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        (maps,) = self._session.run(None, {"image": tensor})
        return np.asarray(maps, np.float32)[0], scale

    def find(self, image: ByteArray, threshold: float = 0.4, nms_iou: float = 0.6) -> Found:
        """Return the people in an RGB picture."""
        maps, scale = self.maps(image)
        rows, columns = np.nonzero(maps[0] >= threshold)
        scores = maps[0, rows, columns]
        left, top, right, bottom = maps[1:, rows, columns]
        x, y = (columns + 0.5) * STRIDE, (rows + 0.5) * STRIDE
        boxes = (np.stack([x - left, y - top, x + right, y + bottom], axis=1) / scale).astype(np.float32)
        order = np.argsort(-scores)
        kept: list[int] = []
        for index in order:
            if not kept or overlaps(boxes[index], boxes[kept]).max() < nms_iou:
                kept.append(int(index))
        return Found(boxes[kept].reshape(-1, 4), scores[kept])


def overlaps(box: FloatArray, boxes: FloatArray) -> FloatArray:
    """Return the intersection over union of one box (4,) with each of `boxes` (n, 4)."""
    wide = np.minimum(box[2], boxes[:, 2]) - np.maximum(box[0], boxes[:, 0])
    tall = np.minimum(box[3], boxes[:, 3]) - np.maximum(box[1], boxes[:, 1])
    shared = np.clip(wide, 0, None) * np.clip(tall, 0, None)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    own = (box[2] - box[0]) * (box[3] - box[1])
    return np.asarray(shared / np.maximum(area + own - shared, 1e-6), np.float32)


@dataclass
class Score:
    """What came of a clip so far.

    Attributes:
        required: True bodies that can be seen to half or more.
        recalled: Of those, the found ones.
        right: Detections on a body.
        wrong: Detections on none.
        foot_errors: Distance of foot points (bottom centres) in body heights, of recalled bodies.
        ranked: Score of every judged detection, and whether it is right, for the average precision.
        lasting: Wrong detections that overlap one of the frame before.
        missed: Frame and name of every required body that was not found.
    """

    required: int = 0
    recalled: int = 0
    right: int = 0
    wrong: int = 0
    foot_errors: list[float] = field(default_factory=list)
    ranked: list[tuple[float, bool]] = field(default_factory=list)
    lasting: int = 0
    missed: list[tuple[int, str]] = field(default_factory=list)
    _before: FloatArray = field(default_factory=lambda: np.zeros((0, 4), np.float32))

    def add(
        self, number: int, found: Found, bodies: Sequence[TrueBody], size: tuple[int, int], threshold: float
    ) -> None:
        """Match one frame's detections to its bodies, best score first, at an overlap of half.

        A detection on a body that is hardly to be seen is neither right nor wrong.
        """
        limit = np.array([*size, *size], np.float32)
        boxes = np.clip(np.array([body.box for body in bodies], np.float32).reshape(-1, 4), 0, limit)
        free = np.ones(len(bodies), np.bool_)
        stray = []
        for box, score in zip(np.clip(found.boxes, 0, limit), found.scores, strict=True):
            overlap = overlaps(box, boxes) * free if len(bodies) else np.zeros(1, np.float32)
            best = int(overlap.argmax())
            is_right = bool(overlap[best] >= SAME_BODY)
            if is_right:
                free[best] = False
                if bodies[best].visible < CLEARLY_VISIBLE:
                    continue
                if score >= threshold:
                    self.foot_errors.append(_foot_error(box, boxes[best]))
            self.ranked.append((float(score), is_right))
            if score >= threshold:
                self.right += is_right
                self.wrong += not is_right
                self.recalled += is_right
                if not is_right:
                    stray.append(box)
        for index, body in enumerate(bodies):
            self.required += body.visible >= CLEARLY_VISIBLE
            if free[index] and body.visible >= CLEARLY_VISIBLE:
                self.missed.append((number, body.actor))
        here = np.array(stray, np.float32).reshape(-1, 4)
        self.lasting += sum(len(self._before) > 0 and overlaps(box, self._before).max() > SAME_MISTAKE for box in here)
        self._before = here

    def average_precision(self) -> float:
        """Return the area under precision over recall, with precision made falling (as VOC 2010 does)."""
        ranked = sorted(self.ranked, reverse=True)
        right = np.cumsum([is_right for _, is_right in ranked])
        precision = right / np.arange(1, len(ranked) + 1)
        falling = np.maximum.accumulate(precision[::-1])[::-1]
        steps = np.diff(np.concatenate([[0], right])) / max(self.required, 1)
        return float((falling * steps).sum())


def _foot_error(found: FloatArray, true: FloatArray) -> float:
    across = (found[0] + found[2] - true[0] - true[2]) / 2
    return float(np.hypot(across, found[3] - true[3]) / (true[3] - true[1]))


def pictures(video: Path) -> Iterator[ByteArray]:
    """Yield the decoded frames of a clip, RGB."""
    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24").astype(np.uint8)


def mot_bodies(path: Path) -> dict[int, list[TrueBody]]:
    """Read MOTChallenge ground truth into bodies by frame, the first being 0; all count as clearly visible."""
    frames: dict[int, list[TrueBody]] = {}
    for row in np.loadtxt(path, delimiter=",", ndmin=2):
        left, top, width, height = (float(value) for value in row[2:6])
        body = TrueBody(str(int(row[1])), (left, top, left + width, top + height), 1.0)
        frames.setdefault(int(row[0]) - 1, []).append(body)
    return frames


def measure(
    video: Path, detector: Detector, truth: Callable[[int], Sequence[TrueBody]], threshold: float
) -> tuple[Score, list[float]]:
    """Run a clip through the detector; return what came of it, and the seconds spent on each frame."""
    score, spent = Score(), []
    for number, picture in enumerate(pictures(video)):
        began = time.perf_counter()
        found = detector.find(picture, threshold=LEAST_SCORE)
        spent.append(time.perf_counter() - began)
        score.add(number, found, truth(number), (picture.shape[1], picture.shape[0]), threshold)
    return score, spent


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path, required=True, help="the sample, rendered with the default seed")
    parser.add_argument("--mot-truth", type=Path, help="a gt.txt of MOTChallenge: the video is that real clip")
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--threshold", type=float, default=0.4)
    chosen = parser.parse_args()
    film = Film()
    real = mot_bodies(chosen.mot_truth) if chosen.mot_truth else None

    def truth(number: int) -> Sequence[TrueBody]:
        return film.frame(number)[1] if real is None else real.get(number, [])

    score, spent = measure(chosen.video, Detector(chosen.model), truth, chosen.threshold)
    errors = np.array(score.foot_errors or [np.nan])
    print(f"frames                     {len(spent)}")
    print(f"recall                     {score.recalled / max(score.required, 1):.4f} of {score.required}")
    print(f"precision                  {score.right / max(score.right + score.wrong, 1):.4f}")
    print(f"AP50                       {score.average_precision():.4f}")
    print(f"wrong, lasting > 1 frame   {score.wrong}, {score.lasting}")
    print(f"foot error median, p95     {np.median(errors):.4f}, {np.percentile(errors, 95):.4f} body heights")
    print(f"milliseconds, one thread   {np.median(spent) * 1e3:.2f} median, with letterbox and decoding")


if __name__ == "__main__":
    main()
