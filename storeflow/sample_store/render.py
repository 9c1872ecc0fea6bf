"""The sample store as files: a clip, its layout and its truth."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from storeflow.sample_store.film import Film, lines_px, zones_px
from storeflow.sample_store.raster import ByteArray
from storeflow.sample_store.schedule import ACTORS, NOT_PEOPLE, SITUATIONS
from storeflow.sample_store.store import FPS, HEIGHT, WIDTH, layout
from storeflow.sample_store.truth import true_counts
from storeflow.sample_store.video import write_webm


@dataclass(frozen=True)
class SampleStore:
    """Where the files of a rendered sample store lie.

    Attributes:
        video: The clip, VP9 in WebM, 640x360 at 10 frames a second.
        truth: Counts, visits and crossings, JSON.
        layout: Lines and zones in fractions of the picture, JSON.
        frames: Length of the clip in frames.
    """

    video: Path
    truth: Path
    layout: Path
    frames: int


def truth_of(film: Film) -> dict[str, object]:
    """Return what `truth.json` says of a film.

    `people` is how many different people come into the scene; `situations` lists each situation with the actors
    who play it, and `not_people` what looks like a person and is none.
    """
    walks = {name: steps for name, steps in film.walks().items() if steps}
    counts = true_counts(lines_px(), zones_px(), walks)
    situations = []
    for situation, meaning in SITUATIONS.items():
        actors = [actor.name for actor in ACTORS if situation in actor.situations and actor.name in walks]
        if actors:
            situations.append({"situation": situation, "meaning": meaning, "actors": actors})
    return {
        **counts,
        "frames": film.frames,
        "fps": FPS,
        "size": [WIDTH, HEIGHT],
        "people": len(walks),
        "situations": situations,
        "not_people": list(NOT_PEOPLE),
    }


def render(
    out: Path, progress: Callable[[int, int], None] | None = None, *, seed: int = 7, seconds: float = 60.0
) -> SampleStore:
    """Draw the sample store into a folder.

    Args:
        out: Folder for `sample_store.webm`, `truth.json` and `layout.json`; made when missing.
        progress: Called with frames done and frames in all, after every frame.
        seed: Changes goods, looks and noise, never what anybody does.
        seconds: Length; the schedule is written for 60.

    Raises:
        ValueError: `seconds` gives no frame.
    """
    film = Film(seed, seconds)
    if film.frames < 1:
        raise ValueError(f"seconds is {seconds}; at least {1 / FPS} makes one frame")
    out.mkdir(parents=True, exist_ok=True)

    def pictures() -> Iterator[ByteArray]:
        for number in range(film.frames):
            yield film.frame(number)[0]
            if progress is not None:
                progress(number + 1, film.frames)

    store = SampleStore(out / "sample_store.webm", out / "truth.json", out / "layout.json", film.frames)
    # The clip comes last and is renamed into place: where it lies, it is whole and its truth lies beside it.
    store.truth.write_text(json.dumps(truth_of(film), indent=1) + "\n", encoding="utf-8")
    store.layout.write_text(json.dumps(layout(), indent=1) + "\n", encoding="utf-8")
    part = out / "sample_store.webm.part"
    write_webm(part, pictures(), (WIDTH, HEIGHT), FPS)
    part.replace(store.video)
    return store
