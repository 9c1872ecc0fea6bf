"""Play one clip through the modules of one process and keep what came of it."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from modules.video_capture.file_source import FileSource
from modules.zone_analytics.decisions import Decision
from storeflow.cli.picture import AnnotatedVideo, HeatMap, draw, write_image
from storeflow.cli.pipeline import CAMERA_ID, CLIP_STARTS_AT, LAYOUT_VERSION, EventFile, Pipeline, Step
from storeflow.cli.remarks import SHOWN_SECONDS, Remarks
from storeflow.cli.summary import Summary, Tally, summarise
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.messages import Detections
from storeflow.contract.twins import Layout
from storeflow.frames.frame import Frame


@dataclass
class Played:
    """What came of a clip, or of a live camera."""

    layout: Layout
    starts_at: datetime = CLIP_STARTS_AT
    """`captured_at` of the first frame."""
    events: list[CloudEvent] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    in_view: list[tuple[float, int]] = field(default_factory=list)
    """Seconds from the first frame, and how many confirmed tracks were seen then."""
    people_seen: set[str] = field(default_factory=set)
    frames: int = 0
    model: str = ""

    def __post_init__(self) -> None:
        self.tally = Tally(self.layout)

    def summary(self) -> Summary:
        """`summary.json` so far."""
        return summarise(
            self.events,
            self.layout,
            starts_at=self.starts_at.timestamp(),
            frames=self.frames,
            model=self.model,
            config_version=LAYOUT_VERSION,
        )

    def take(self, step: Step) -> None:
        """Keep what a step led to."""
        self.events += step.events
        self.tally.take(step.events)
        self.decisions += step.decisions
        if isinstance(step.message, Detections):
            self.frames += 1
            self.model = step.message.model_version
            seconds = step.message.captured_at - self.starts_at.timestamp()
            self.in_view.append((seconds, sum(track.confirmed for track in step.message.tracks)))


def play(
    video: Path,
    model_folder: Path,
    layout: Layout,
    out: Path,
    *,
    fast: bool,
    annotate: bool,
    fps: float,
    starts_at: datetime = CLIP_STARTS_AT,
    camera_id: str = CAMERA_ID,
) -> Played:
    """Play `video` and write events.ndjson, summary.json, heatmap.png and, if asked, annotated.mp4 to `out`.

    Args:
        video: the clip.
        model_folder: `models/<task>/<name>`.
        layout: lines and zones.
        out: a folder, made if need be.
        fast: as fast as the machine can, every frame; else as fast as it was filmed, and late frames are passed by.
        annotate: write the frames, too, with what was seen drawn over them.
        fps: frames per second to analyse at most.
        starts_at: `captured_at` of the first frame.
        camera_id: what events call the camera.

    Raises:
        ConfigError: the model can't be used.
        SourceError: the clip can't be read.
    """
    out.mkdir(parents=True, exist_ok=True)
    played, heat, remarks = Played(layout, starts_at), HeatMap(), Remarks()
    with ExitStack() as stack:
        on_time = None if fast else OnTime()
        pipeline = stack.enter_context(
            Pipeline(video, model_folder, layout, camera_id=camera_id, fps=fps, starts_at=starts_at, on_time=on_time)
        )
        clip = FileSource(video.resolve().parent, video.resolve().name).announced()
        rate = min(clip.rate, fps)
        film = stack.enter_context(AnnotatedVideo(out / "annotated.mp4", rate)) if annotate else None
        advance = stack.enter_context(progress(f"counting in {video.name}", clip.frames))
        file = EventFile(out)
        seen: tuple[Frame, Detections] | None = None
        for step in pipeline:
            played.take(step)
            file.write(step.events)
            if step.frame is not None and isinstance(step.message, Detections):
                heat.add(step.message)
                seen = step.frame, step.message
            if film is not None and seen is not None:
                said = remarks.now(step.message.captured_at, step.decisions, step.feet)
                image = draw(*seen, layout, played.tally.captions(), said)
                # What is decided when the clip is over is told in its last picture, which stands still for it.
                at_the_end = round(rate * SHOWN_SECONDS) if said else 0
                for _ in range(1 if step.frame is not None else at_the_end):
                    film.add(image)
            advance(1)
        played.people_seen = pipeline.people_seen
    write_results(out, played, heat)
    return played


def write_results(out: Path, played: Played, heat: HeatMap) -> None:
    """Write summary.json and heatmap.png."""
    write_image(out / "heatmap.png", heat.draw(played.layout))
    (out / "summary.json").write_text(json.dumps(played.summary(), indent=1) + "\n")


class OnTime:
    """Holds frames back until they are due, and tells of those that come too late to be worth a look."""

    def __init__(self) -> None:
        self._started_at: float | None = None

    def __call__(self, film_seconds: float) -> bool:
        """Wait until `film_seconds` after the first frame; False if that was more than a tenth of a second ago."""
        now = time.monotonic()
        if self._started_at is None:
            self._started_at = now - film_seconds
        late = now - self._started_at - film_seconds
        if late < 0:
            time.sleep(-late)
        return late <= 0.1  # noqa: PLR2004 - said in the docstring


class Advance(Protocol):
    """Told how many more frames are done."""

    def __call__(self, frames: int) -> None:
        """Move the bar."""


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Advance]:
    """A progress bar on standard error, where that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda frames: bar.advance(task, frames)
