"""The modules composed in one process: every frame of one clip, one after the other, nothing dropped.

What looks at frames and decides is the same for a live camera, whose frames come by `watch.py`.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from modules.inference.module import Inference
from modules.upstream_router.module import UpstreamRouter
from modules.video_capture.module import VideoCapture
from modules.zone_analytics.decisions import Decision
from modules.zone_analytics.module import ZoneAnalytics
from storeflow.cli.count.clip import Clip, existing_clip
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.geometry import Point
from storeflow.contract.messages import Detections, StreamEnded
from storeflow.contract.twins import Layout, Model, NdjsonSink, Telemetry, read_section
from storeflow.errors import ConfigError
from storeflow.frames.frame import Frame
from storeflow.host.custody import EVENTS
from storeflow.host.environment import CARDS_FOLDER
from storeflow.host.module import ModuleContext, Output, sink_name

LAYOUT_VERSION = 1
TASKS = ("person", "vehicle")
"""What a model may look for: the folders of `models/`."""


@dataclass(frozen=True, slots=True)
class FrameResult:
    """What one frame, or the end of the clip, led to."""

    frame: Frame | None
    message: Detections | StreamEnded
    decisions: Sequence[Decision]
    events: Sequence[CloudEvent]
    feet: Mapping[str, Point]
    """Where everyone who is known stands, or was last seen, by person, in fractions of the frame; none at the end."""
    people: Mapping[str, str]
    """Which person every track of the tracker follows, as events name people; none at the end."""


class Analysis:
    """inference -> zone_analytics, on the frames of one camera.

    Args:
        context: of both modules.
        models: the section `models`.
        layout: lines and zones.

    Raises:
        ConfigError: the model can't be used, with the reason.
    """

    def __init__(self, context: ModuleContext, models: dict[str, Model], layout: Layout) -> None:
        self._inference = Inference(context, None)
        self._inference.configure("models", models, LAYOUT_VERSION)
        self._analytics = ZoneAnalytics(context, None)
        self._analytics.configure("layout", layout, LAYOUT_VERSION)
        self.people_seen: set[str] = set()
        """Everyone whom a confirmed track followed, each once."""

    def look(self, frame: Frame) -> FrameResult:
        """What one frame leads to."""
        return self._result(frame, self._inference.on_frame(frame))

    def end(self, ended: StreamEnded) -> FrameResult:
        """What the end of the frames leads to."""
        return self._result(None, self._inference.on_stream_ended(ended))

    def close(self) -> None:
        """Let go of the engine."""
        self._inference.close()
        self._analytics.close()

    def _result(self, frame: Frame | None, message: Detections | StreamEnded) -> FrameResult:
        decided = self._analytics.decide(message)
        people = tuple(self._analytics.store.people(message.camera_id))
        self.people_seen.update(person.person_id for person in people if person.confirmed)
        outputs = self._analytics.to_outputs(decided)
        events = [output.event for output in outputs if isinstance(output.event, CloudEvent)]
        feet: dict[str, Point] = {}
        if isinstance(message, Detections):
            heights = message.frame_height / message.frame_width  # people are measured in heights of the frame
            feet = {one.person_id: Point(one.last.foot.x * heights, one.last.foot.y) for one in people}
        names = {person.current_track_id: person.person_id for person in people}
        return FrameResult(frame, message, [one.decision for one in decided], events, feet, names)


class Pipeline:
    """video_capture -> inference -> zone_analytics on one clip; iterate to run it.

    Args:
        clip: the film.
        model_folder: `models/<task>/<name>`.
        layout: lines and zones.
        device_id: what events call the device, if not as `local_context` does.
        on_time: asked before every frame, with its seconds from the first one; a frame that is refused is passed by.

    Raises:
        ConfigError: the model can't be used, or the clip's name, with the reason.
        SourceError: there is no such clip.
    """

    def __init__(
        self,
        clip: Clip,
        model_folder: Path,
        layout: Layout,
        *,
        device_id: str | None = None,
        on_time: Callable[[float], bool] | None = None,
    ) -> None:
        self.clip = clip
        video = existing_clip(clip.video)
        cards_folder, models = configured_model(model_folder)
        # Without a host nothing is kept: no state folder is used.
        context = replace(local_context(video.parent, video.parent), cards_folder=cards_folder)
        context = context if device_id is None else replace(context, device_id=device_id)
        playback = {"pace": "lossless", "starts_at": clip.starts_at}
        camera = {"url": f"file:{video.name}", "fps": clip.fps, "playback": playback}
        self.capture = VideoCapture(context, None)
        self.capture.configure("cameras", read_section("cameras", {clip.camera_id: camera}), LAYOUT_VERSION)
        self._analysis = Analysis(context, models, layout)
        self._starts_at, self._on_time = clip.starts_at.timestamp(), on_time

    @property
    def people_seen(self) -> set[str]:
        """Everyone whom a confirmed track followed, each once."""
        return self._analysis.people_seen

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.capture.close()
        self._analysis.close()

    def __iter__(self) -> Iterator[FrameResult]:
        sequence, captured_at = -1, self._starts_at
        for frame in self.capture.frames(self.clip.camera_id):
            sequence, captured_at = frame.sequence, frame.captured_at
            if self._on_time is not None and not self._on_time(captured_at - self._starts_at):
                continue
            yield self._analysis.look(frame)
        ended = StreamEnded(
            camera_id=self.clip.camera_id, sequence=sequence + 1, captured_at=captured_at, reason="the clip ended"
        )
        yield self._analysis.end(ended)


class EventFile:
    """events.ndjson, written by upstream_router's own sink."""

    def __init__(self, folder: Path, name: str = "events.ndjson") -> None:
        context = local_context(folder, folder)
        (folder / name).unlink(missing_ok=True)
        self._router = UpstreamRouter(context, None)
        self._router.configure("telemetry", Telemetry(sinks={"file": NdjsonSink(file=name)}), LAYOUT_VERSION)
        self._sink = self._router.sinks[sink_name("file")]
        self._state: bytes | None = None

    def write(self, events: Sequence[CloudEvent]) -> None:
        """Send events through the router to the file."""
        routed: list[Output] = []
        for event in events:
            routed += self._router.on_message(EVENTS, event.to_json())
        if routed:
            self._state = self._sink.write([output.event.to_json() for output in routed], self._state)


def local_context(folder: Path, media_folder: Path) -> ModuleContext:
    """Who a module is when it runs in the command line's own process."""
    return ModuleContext(
        module_id="storeflow",
        hub="localhost",
        device_id="this-machine",
        store_id="store",
        state_folder=folder,
        channel_folder=folder,
        media_folder=media_folder,
        model_folders=weight_folders(),
        cards_folder=CARDS_FOLDER,
    )


def weight_folders() -> tuple[Path, ...]:
    """Where weights that don't lie beside their card are looked for.

    Those of `STOREFLOW_MODEL_PATH`, as in the container; then the cache and the evaluation data.
    """
    named = (Path(folder) for folder in os.environ.get("STOREFLOW_MODEL_PATH", "").split(os.pathsep) if folder)
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "storeflow" / "models"
    evaluation = Path(os.environ.get("STOREFLOW_EVAL_DATA", Path("..") / "shared" / "data")) / "models"
    return *named, cache, evaluation


def configured_model(folder: Path) -> tuple[Path, dict[str, Model]]:
    """The folder of cards, and the section `models` that names the model in `<that folder>/<task>/<name>`.

    Raises:
        ConfigError: that is no model folder.
    """
    folder = folder.resolve()
    if not (folder / "model.toml").is_file():
        raise ConfigError([f"--model {folder}: there is no model.toml; name a folder models/<task>/<name>"])
    if folder.parent.name not in TASKS:
        raise ConfigError(
            [f"--model {folder}: its parent folder must be {' or '.join(TASKS)}, which says what it sees"]
        )
    return folder.parents[1], {folder.parent.name: Model(name=folder.name)}
