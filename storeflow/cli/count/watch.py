"""Count in front of one live camera, in one process, and keep what came of it.

The camera is watched as on a device: on a thread of its own that leaves the newest frame in a ring, and comes back to
a camera that was away. Frames that the engine is too slow for are passed by.
"""

import logging
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

from modules.video_capture import camera_state
from modules.video_capture.camera_error import with_other_names
from modules.video_capture.module import VideoCapture
from storeflow.cli.count.clip import CAMERA_ID
from storeflow.cli.count.live import Board, LiveView
from storeflow.cli.count.picture import HeatMap
from storeflow.cli.count.pipeline import (
    LAYOUT_VERSION,
    Analysis,
    EventFile,
    FrameResult,
    configured_model,
    local_context,
)
from storeflow.cli.count.play import Played, write_results
from storeflow.cli.out_folder import SUMMARY
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState
from storeflow.contract.messages import Detections, StreamEnded
from storeflow.contract.twins import Camera, Layout
from storeflow.frames.frame import Frame
from storeflow.frames.ring_reader import FrameReader
from storeflow.host.module import ModuleContext

# A camera's states are printed here: no log line is wanted beside them.
logging.getLogger(camera_state.__name__).addHandler(logging.NullHandler())
_OPTIONS = {"url": "--camera", "credentials_ref": "--credentials-ref"}
"""What the settings that an error may name are called here."""
_GLANCE_SECONDS = 0.2
"""No wait for a frame is longer, so that Ctrl-C and news of the camera are noticed soon."""


def watch(camera: Camera, model_folder: Path, layout: Layout, out: Path, *, seconds: float | None) -> Played:
    """Watch a live camera and write events.ndjson, summary.json and heatmap.png to `out`.

    Events report the camera's state, too. It ends with Ctrl-C; what is counted meanwhile is shown on standard error.

    Args:
        camera: its settings.
        model_folder: `models/<task>/<name>`.
        layout: lines and zones.
        out: a folder, made if need be.
        seconds: end by itself after so many.

    Raises:
        ConfigError: the camera or the model can't be used.
    """
    out.mkdir(parents=True, exist_ok=True)
    played, heat, board = Played(layout), HeatMap(), Board(layout)
    board.tally = played.tally
    cards_folder, models = configured_model(model_folder)
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    console.print(
        f"Counting; {'' if seconds is None else f'{seconds:g} s, or '}Ctrl-C ends it and writes {out / SUMMARY}"
    )
    with tempfile.TemporaryDirectory(prefix="storeflow-") as channels, until_interrupted() as interrupted:
        context = replace(local_context(Path(channels), Path(channels)), cards_folder=cards_folder)
        file = EventFile(out)
        with closing(Analysis(context, models, layout)) as analysis, LiveView(board, console) as view:
            ends_at = float("inf") if seconds is None else time.monotonic() + seconds
            for news in _news(context, camera, analysis, lambda: interrupted() or time.monotonic() >= ends_at):
                if isinstance(news, FrameResult):
                    if isinstance(news.message, Detections):
                        if not played.frames:
                            played.starts_at = datetime.fromtimestamp(news.message.captured_at, UTC)
                        heat.add(news.message)
                    played.take(news)
                    file.write(news.events)
                    board.frames = played.frames
                else:
                    played.events.append(news)
                    file.write([news])
                    played.tally.take([news])
                    if isinstance(news.data, CameraState):
                        detail = with_other_names(news.data.detail, _OPTIONS)
                        console.print(f"{news.data.state}: {detail}")
                view.refresh()
            played.people_seen = analysis.people_seen
    write_results(out, played, heat)
    return played


def _news(
    context: ModuleContext, camera: Camera, analysis: Analysis, over: Callable[[], bool]
) -> Iterator[FrameResult | CloudEvent]:
    """What is seen in front of the camera, and the camera's state, until it is `over`."""
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
                    reason="stopped by the user",
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
