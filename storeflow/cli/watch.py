"""Count in front of one live camera, in one process, and keep what came of it.

The camera is watched as on a device: on a thread of its own that leaves the newest frame in a ring, and comes back to
a camera that was away. Frames that the engine is too slow for are passed by.
"""

import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from modules.video_capture.module import VideoCapture
from storeflow.cli.picture import HeatMap
from storeflow.cli.pipeline import CAMERA_ID, LAYOUT_VERSION, Analysis, EventFile, Step, configured_model, local_context
from storeflow.cli.play import Played, write_results
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState
from storeflow.contract.messages import Detections, StreamEnded
from storeflow.contract.twins import Camera, Layout
from storeflow.errors import SourceError
from storeflow.frames.frame import Frame
from storeflow.frames.ring import FrameReader
from storeflow.module import ModuleContext

_GLANCE_SECONDS = 0.2
"""No wait for a frame is longer, so that Ctrl-C and news of the camera are noticed soon."""


def watch(camera: Camera, model_folder: Path, layout: Layout, out: Path, *, seconds: float | None) -> Played:
    """Watch a live camera and write events.ndjson, summary.json and heatmap.png to `out`.

    Events tell of the camera's state, too. It ends with Ctrl-C.

    Args:
        camera: its settings.
        model_folder: `models/<task>/<name>`.
        layout: lines and zones.
        out: a folder, made if need be.
        seconds: end by itself after so many.

    Raises:
        ConfigError: the camera or the model can't be used.
        SourceError: not one frame came in all that time.
    """
    out.mkdir(parents=True, exist_ok=True)
    played, heat = Played(layout), HeatMap()
    cards_folder, models = configured_model(model_folder)
    failure = "no frame came in that time"
    with tempfile.TemporaryDirectory(prefix="storeflow-") as channels, until_interrupted() as interrupted:
        context = replace(local_context(Path(channels), Path(channels)), cards_folder=cards_folder)
        file = EventFile(out)
        with closing(Analysis(context, models, layout)) as analysis:
            ends_at = float("inf") if seconds is None else time.monotonic() + seconds
            for news in _news(context, camera, analysis, lambda: interrupted() or time.monotonic() >= ends_at):
                if isinstance(news, Step):
                    if isinstance(news.message, Detections):
                        if not played.frames:
                            played.starts_at = datetime.fromtimestamp(news.message.captured_at, UTC)
                        heat.add(news.message)
                    played.take(news)
                    file.write(news.events)
                else:
                    played.events.append(news)
                    file.write([news])
                    if isinstance(news.data, CameraState):
                        Console(stderr=True).print(f"{news.data.state}: {news.data.detail}", highlight=False)
                        failure = news.data.detail if news.data.state == "failed" else failure
            played.people_seen = analysis.people_seen
    write_results(out, played, heat)
    if not played.frames:
        raise SourceError(failure)
    return played


def _news(
    context: ModuleContext, camera: Camera, analysis: Analysis, over: Callable[[], bool]
) -> Iterator[Step | CloudEvent]:
    """What is seen in front of the camera, and how the camera fares, until it is `over`."""
    last: Frame | None = None
    with (
        closing(VideoCapture(context, None)) as capture,
        closing(FrameReader(context.channel_folder / "frames" / f"{CAMERA_ID}.sock")) as reader,
    ):
        capture.configure("cameras", {CAMERA_ID: camera}, LAYOUT_VERSION)
        while not over():
            yield from (output.event for output in capture.work(0.0) if isinstance(output.event, CloudEvent))
            match reader.receive(_GLANCE_SECONDS):
                case Frame() as last:
                    yield analysis.look(last)
                case StreamEnded() as ended:
                    yield analysis.end(ended)
        if last is not None:
            yield analysis.end(
                StreamEnded(
                    camera_id=CAMERA_ID,
                    sequence=last.sequence + 1,
                    captured_at=last.captured_at,
                    reason="it was enough",
                )
            )


@contextmanager
def until_interrupted() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed, instead of breaking off; pressed again, it breaks off."""
    interrupted = threading.Event()
    before = signal.getsignal(signal.SIGINT)

    def stop(_number: int, _frame: object) -> None:
        interrupted.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, stop)
    try:
        yield interrupted.is_set
    finally:
        signal.signal(signal.SIGINT, before)
