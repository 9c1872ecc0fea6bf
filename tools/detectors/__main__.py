"""`python -m tools.detectors`: measure a model on a clip whose people are known, and print its card's row.

    python -m tools.detectors models/person/rtmdet_nano --video clip.mp4 --mot-truth gt.txt

Every frame is decoded, resized and looked at as video_capture and inference do. The truth is MOTChallenge's, or the
film's where the clip is the sample store. Detections down to a score of 0.05 take part in AP50.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from modules.inference.detector import load_detector
from modules.video_capture.module import VideoCapture
from storeflow.cli.count.clip import CLIP_STARTS_AT, existing_clip
from storeflow.cli.count.pipeline import local_context, weight_folders
from storeflow.cli.text import MAX_FPS
from storeflow.contract.twins import read_section
from storeflow.frames.frame import Frame
from storeflow.sample_store.film import Film, TrueBody
from tools.detectors.score import Score

LEAST_SCORE = 0.05
HEADING = "| clip | AP50 | recall at the threshold | precision at the threshold | foot error, median and 95 % |"
Truth = Callable[[int], Sequence[TrueBody]]
"""Who is in a frame, by its number from 0."""


def frames(video: Path) -> Iterator[Frame]:
    """Every frame of a clip, as video_capture shows it.

    Raises:
        SourceError: there is no such clip, or it can't be read.
    """
    clip = existing_clip(video)
    capture = VideoCapture(local_context(clip.parent, clip.parent), None)
    playback = {"pace": "lossless", "starts_at": CLIP_STARTS_AT}
    camera = {"url": f"file:{clip.name}", "fps": MAX_FPS, "playback": playback}
    capture.configure("cameras", read_section("cameras", {"clip": camera}), 1)
    yield from capture.frames("clip")


def mot_truth(path: Path) -> Truth:
    """The boxes of a MOTChallenge ground truth; all count as clearly visible."""
    bodies: dict[int, list[TrueBody]] = {}
    for row in np.loadtxt(path, delimiter=",", ndmin=2):
        left, top, width, height = (float(value) for value in row[2:6])
        body = TrueBody(str(int(row[1])), (left, top, left + width, top + height), 1.0)
        bodies.setdefault(int(row[0]) - 1, []).append(body)
    return lambda number: bodies.get(number, ())


def film_truth() -> Truth:
    """Who is in each frame of the sample store, drawn again with its default seed."""
    film = Film()
    return lambda number: film.frame(number)[1]


def measure(model: Path, video: Path, truth: Truth) -> tuple[Score, int]:
    """What a model makes of a clip at its card's threshold, and how many frames there were.

    Raises:
        ModelError: the model can't be used.
        SourceError: the clip can't be read.
    """
    detector = load_detector(model.resolve(), weight_folders())
    score, count = Score(detector.threshold), 0
    for frame in frames(video):
        found = detector.detect(frame, LEAST_SCORE)
        pixels = found.boxes * ([frame.full_width, frame.full_height] * 2)
        score.add(pixels, found.scores, truth(frame.sequence), (frame.full_width, frame.full_height))
        count += 1
    return score, count


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tools.detectors", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", type=Path, help="the folder models/<task>/<name>")
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument("--mot-truth", type=Path, help="gt.txt of MOTChallenge; without it the sample store's truth")
    chosen = parser.parse_args()
    truth = mot_truth(chosen.mot_truth) if chosen.mot_truth else film_truth()
    score, count = measure(chosen.model, chosen.video, truth)
    print(HEADING)
    print("|---" * (HEADING.count("|") - 1) + "|")
    print(f"| {chosen.video.name}, {count} frames | {' | '.join(score.cells())} |")
    print()
    print(f"{score.wrong} detections are no body; of these, {score.lasting} stand where one stood in the frame before.")
    print(f"F1 is best from a threshold of {score.best_threshold:.2f} on; the card has {score.threshold:.2f}.")


if __name__ == "__main__":
    main()
