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
from storeflow.cli.count.clip import CLIP_STARTS_AT, Clip, existing_clip
from storeflow.cli.count.film import Film
from storeflow.cli.count.picture import HeatMap, write_image
from storeflow.cli.count.pipeline import LAYOUT_VERSION, EventFile, FrameResult, Pipeline, configured_model
from storeflow.cli.count.run_id import run_id
from storeflow.cli.count.summary import Summary, Tally, summarise
from storeflow.cli.out_folder import ANNOTATED, HEAT_MAP, SUMMARY, naming
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.messages import Detections
from storeflow.contract.twins import Layout


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
            model_version=self.model,
            config_version=LAYOUT_VERSION,
        )

    def take(self, result: FrameResult) -> None:
        """Keep what a frame led to."""
        self.events += result.events
        self.tally.take(result.events)
        self.decisions += result.decisions
        if isinstance(result.message, Detections):
            self.frames += 1
            self.model = result.message.model_version
            seconds = result.message.captured_at - self.starts_at.timestamp()
            self.in_view.append((seconds, sum(track.confirmed for track in result.message.tracks)))


def play(clip: Clip, model_folder: Path, layout: Layout, out: Path, *, fast: bool, annotate: bool) -> Played:
    """Play a clip and write events.ndjson, summary.json, heatmap.png and, if asked, annotated.mp4 to `out`.

    Args:
        clip: the film.
        model_folder: `models/<task>/<name>`.
        layout: lines and zones.
        out: a folder, made if need be.
        fast: as fast as the machine can, every frame; else as fast as filmed, and late frames are passed by.
        annotate: write the frames, too, with what was seen drawn over them.

    Raises:
        ConfigError: the model can't be used.
        SourceError: the clip can't be read.
    """
    out.mkdir(parents=True, exist_ok=True)
    played, heat = Played(layout, clip.starts_at), HeatMap()
    with ExitStack() as stack:
        pipeline = stack.enter_context(_pipeline(clip, model_folder, layout, fast=fast))
        source = FileSource(clip.video.resolve().parent, clip.video.resolve().name).announced()
        rate = min(source.rate, clip.fps)
        film = stack.enter_context(Film(out / ANNOTATED, rate, layout, clip.starts_at)) if annotate else None
        advance = stack.enter_context(progress(f"counting in {clip.video.name}", source.frames))
        file = EventFile(out)
        for result in pipeline:
            played.take(result)
            file.write(result.events)
            if isinstance(result.message, Detections):
                heat.add(result.message)
                advance(1)
            if film is not None:
                film.add(result, played.tally.captions())
        played.people_seen = pipeline.people_seen
    write_results(out, played, heat)
    return played


def _pipeline(clip: Clip, model_folder: Path, layout: Layout, *, fast: bool) -> Pipeline:
    """The modules, under a device's name that sets this run apart from others."""
    configured_model(model_folder)  # a folder that is none is refused before its card is read
    which = run_id(
        existing_clip(clip.video), model_folder, layout, fps=clip.fps, starts_at=clip.starts_at, repeatable=fast
    )
    return Pipeline(clip, model_folder, layout, device_id=which, on_time=None if fast else OnTime())


def write_results(out: Path, played: Played, heat: HeatMap) -> None:
    """Write summary.json and heatmap.png."""
    with naming(out / HEAT_MAP) as file:
        write_image(file, heat.draw(played.layout))
    with naming(out / SUMMARY) as file:
        file.write_text(json.dumps(played.summary(), indent=1) + "\n")


class OnTime:
    """Holds frames back until they are due, and refuses those that come too late to be worth a look."""

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
    """Moves a bar by as many frames as were done."""

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
