"""`python -m tools.accuracy`: count in all evaluation clips with two detectors and write docs/accuracy.md.

One set of parameters for all clips: modules/zone_analytics/parameters.py, modules/inference/track/parameters.py and the
threshold of each model's card.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from storeflow.cli.count.clip import Clip
from storeflow.cli.count.play import Played, play
from storeflow.cli.evaluate.comparison import describe, differences, evaluation
from storeflow.cli.evaluate.truth import Truth, read_truth

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "accuracy.md"
HEADING = "## Decisions alone, on ground-truth tracks"
"""From here on the page is written by `python -m tools.decisions`."""
SHOP = "caviar_shop_front.json"
CLIPS: tuple[tuple[str, str], ...] = (
    ("mot_PETS09-S2L1.mp4", "mot_PETS09-S2L1.json"),
    ("mot_TUD-Campus.mp4", "mot_TUD-Campus.json"),
    ("EnterExitCrossingPaths1front.mpg", SHOP),
    ("OneLeaveShop1front.mpg", SHOP),
    ("OneLeaveShopReenter1front.mpg", SHOP),
    ("OneStopMoveNoEnter1front.mp4", SHOP),
    ("intel_store-aisle-detection_preview.mp4", "intel_store-aisle-detection_preview.json"),
)
"""Clips of people, and the truth of each."""
CARS = ("car-detection.mp4", "car-detection.json")
PERSON_MODELS = ("person/rtmdet_nano", "person/yolox_nano")
CAR_MODEL = "vehicle/yolox_nano"


@dataclass(frozen=True, slots=True)
class Result:
    """One clip with one model."""

    clip: str
    truth_file: str
    model: str
    played: Played
    truth: Truth
    figures: dict[str, Any]


def data_folder() -> Path:
    """`STOREFLOW_EVAL_DATA`, by default beside the checkout."""
    return Path(os.environ.get("STOREFLOW_EVAL_DATA", REPOSITORY.parent / "shared" / "data"))


def result(clip: str, truth_file: str, model: str) -> Result:
    """Count in one clip."""
    data = data_folder()
    video = data / "videos" / clip
    truth = read_truth(data / "truth" / truth_file, video)
    with TemporaryDirectory() as out:
        folder = REPOSITORY / "models" / model
        played = play(Clip(video), folder, truth.layout, Path(out), fast=True, annotate=False)
    return Result(clip, truth_file, model, played, truth, evaluation(played, truth))


def page(results: list[Result]) -> str:
    """The whole of docs/accuracy.md."""
    return "\n".join(_lines(results)) + "\n"


def _lines(results: list[Result]) -> Iterator[str]:
    yield INTRODUCTION
    yield "| clip | line | model | true in/out | counted in/out | missed | extra | every change of side |"
    yield "|---|---|---|---|---|---|---|---|"
    for one in results:
        for line_id, line in one.figures["lines"].items():
            true = f"{line['truth_in']}/{line['truth_out']}" if "truth_in" in line else "not known"
            geometric = f"{line['geometric']['in']}/{line['geometric']['out']}" if "geometric" in line else ""
            yield (
                f"| {one.clip} | {line_id} | {one.model} | {true} | {line['in']}/{line['out']} "
                f"| {line.get('missed', '')} | {line.get('extra', '')} | {geometric} |"
            )
    yield ""
    yield VISITS_INTRODUCTION
    yield "| clip | model | visits true/counted | dwell true/counted | people true/seen | in view: mean error |"
    yield "|---|---|---|---|---|---|"
    for one in results:
        zones = list(one.figures["zones"].values())
        visits = ", ".join(f"{zone['truth_visits']}/{zone['visits']}" for zone in zones)
        dwell = ", ".join(f"{zone['truth_dwell_seconds']:.1f}/{zone['dwell_seconds']:.1f} s" for zone in zones)
        people, view = one.figures.get("people"), one.figures.get("in_view")
        seen = f"{people['truth']}/{people['seen']}" if people else ""
        error = f"{view['mean_absolute_error']:.2f} of {view['truth_mean']:.2f}" if view else ""
        if zones or people or view:
            yield f"| {one.clip} | {one.model} | {visits} | {dwell} | {seen} | {error} |"
    yield ""
    yield FAULTS_INTRODUCTION
    yield "| clip | line | model | what | decisions near it |"
    yield "|---|---|---|---|---|"
    for one in results:
        yield from _faults(one)


def _faults(one: Result) -> Iterator[str]:
    for line_id, line in one.truth.lines.items():
        where = f"| {one.clip} | {line_id} | {one.model} |"
        if line.crossings is None:
            counted = one.figures["lines"][line_id]
            if counted["error_in"] or counted["error_out"]:
                yield f"{where} {counted['in']}/{counted['out']} for {line.counted_in}/{line.counted_out} | |"
            continue
        found = differences(line_id, one.played.decisions, line.crossings)
        for true, near in found.missed:
            yield f"{where} missed {true.direction} at {true.at:.2f} s | {'; '.join(near) or 'none'} |"
        for crossing in found.extra:
            yield f"{where} extra {crossing.direction} | {describe(crossing)} |"


INTRODUCTION = """# Accuracy on real footage

Written by `python -m tools.accuracy`. No footage of people is in this repository. These clips are public: PETS09-S2L1
and TUD-Campus of MOTChallenge 2015, four of a shopping centre of CAVIAR, and two of Intel's sample videos. With a
folder of them in `STOREFLOW_EVAL_DATA` each row can be had alone, on a page that shows every difference:

```sh
storeflow evaluate --video $STOREFLOW_EVAL_DATA/videos/mot_PETS09-S2L1.mp4 --model models/person/rtmdet_nano \\
    --truth $STOREFLOW_EVAL_DATA/truth/mot_PETS09-S2L1.json --out out
```

One set of parameters counts in all clips:
[`modules/zone_analytics/parameters.py`](../modules/zone_analytics/parameters.py),
[`modules/inference/track/parameters.py`](../modules/inference/track/parameters.py) and the threshold of each model's
card. They were chosen with these very clips and the ten sequences of the last section in view, so that the figures
say how well the rules can count here, not how well they will in a shop that nobody has measured.

A true crossing is a *settled* one: the foot point was farther than a tenth of the body's height on one side and then on
the other. The last column is what counting every change of side would give on the same ground truth. A counted crossing
is paired with a true one of the same direction within 1 s; `missed` and `extra` are what is left over. They are
blank where the truth doesn't say when anybody crossed.

The shop door clips are of a real mall camera, 384x288, with mannequins in the window. Their truth is read by eye.
In `OneStopMoveNoEnter1front.mp4` a person stands on the threshold for ten seconds: its own truth calls it ambiguous.
`car-detection.mp4` looks straight down on a road: yolox_nano finds a vehicle in few of its frames and calls it a bus,
so that there is next to nothing to count.

## Lines
"""

VISITS_INTRODUCTION = """## Visits, people, occupancy

"People true/seen" is how many came into view, and how many storeflow took for different ones: whoever is back after
more than 2 s is another one. "In view: mean error" is by how many people the number in view was off, on average over
every full second, of how many there were on average. A blank means that the truth says nothing of it.
"""

FAULTS_INTRODUCTION = """## What went wrong

Every missed and every extra crossing where the truth says when each happened, with the decisions behind it; else every
in/out that is off.
"""


def main() -> None:
    """Count everything and write the page."""
    jobs = [(*clip, model) for model in PERSON_MODELS for clip in CLIPS] + [(*CARS, CAR_MODEL)]
    results = []
    for number, job in enumerate(jobs, 1):
        print(f"{number} of {len(jobs)}: {job[0]} with {job[2]}", flush=True)
        results.append(result(*job))
    _, heading, decisions = PAGE.read_text().partition(HEADING)
    PAGE.write_text(f"{page(results).rstrip()}\n\n{heading}{decisions}" if heading else page(results))
    print(f"written: {PAGE.relative_to(REPOSITORY)}")


if __name__ == "__main__":
    main()
