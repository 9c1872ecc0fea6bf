"""Cameras, engine and analytics at work, the engine too slow for all of them: who is looked at, and what is said of it.

The modules, rings, sockets and the model are the product's own; the engine is slowed down and nothing else is.
"""

import itertools
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from modules.inference.detector import Detected, Detector
from modules.inference.module import Inference
from modules.video_capture.module import VideoCapture
from modules.zone_analytics.coverage import WINDOW_SECONDS
from modules.zone_analytics.module import ZoneAnalytics
from modules.zone_analytics.parameters import DECISIONS
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraCoverage
from storeflow.contract.messages import Detections
from storeflow.contract.twins import Layout, Model, read_section
from storeflow.frames.frame import Frame
from storeflow.frames.seqpacket import Listener
from storeflow.host.module import ModuleContext, Output

pytestmark = pytest.mark.alone

BUSY = {"door": 12.5, "aisle": 12.5, "till": 12.5, "stockroom": 12.5}
"""Frames per second by camera."""
CONTENT = {"lift": 2.0}
"""Asks for less than its share."""
RATES = {**BUSY, **CONTENT}
ENGINE_SECONDS = 0.05
"""Of every look, beside the model's own: 20 looks a second are less than half of what the cameras ask for."""
SECONDS = 6.0
STARTS_AT = "2026-11-20T11:59:57Z"
"""The run goes over a window's end."""


@dataclass
class Run:
    """What was looked at, and what was told of it."""

    looked: dict[str, list[Detections]] = field(default_factory=lambda: defaultdict(list))
    told: dict[str, list[CameraCoverage]] = field(default_factory=lambda: defaultdict(list))
    published: dict[str, int] = field(default_factory=dict)
    missed: dict[str, float] = field(default_factory=dict)
    """As the metric said while the cameras were there."""
    messages_lost: float = -1

    def take(self, outputs: Sequence[Output]) -> None:
        """Keep what was told of coverage."""
        for output in outputs:
            if isinstance(output.event, CloudEvent) and isinstance(data := output.event.data, CameraCoverage):
                self.told[data.camera_id].append(data)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Run:
    """Five cameras for six seconds, beside three that are dead."""
    folder, result = tmp_path_factory.mktemp("load"), Run()
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        slow_down_and_record(patch, result)
        cards = repository / "models"
        context = ModuleContext("module", "hub", "device", "store", folder, folder / "channels", folder, (), cards)
        capture, inference = VideoCapture(context, None), Inference(context, None)
        analytics = ZoneAnalytics(context, None)
        for module in (capture, inference, analytics):
            stack.callback(module.close)
        inference.configure("models", {"person": Model(name="storeflow_nano")}, 1)
        analytics.configure("layout", Layout(), 1)
        inference.work(0)
        analytics.work(0.05)  # connects, so that it hears of every frame
        capture.configure("cameras", cameras(), 1)
        capture.work(0)
        frames = folder / "channels" / "frames"
        began = time.monotonic()
        while len(list(frames.glob("*.sock"))) < len(RATES):
            assert time.monotonic() < began + 10
            time.sleep(0.01)
        for number in range(3):
            stack.callback(Listener(frames / f"dead-{number}.sock").close)
        began = time.monotonic()
        while time.monotonic() < began + SECONDS:
            inference.work(0.05)
            result.take(analytics.work(0))
        result.published = {camera_id: thread.published for camera_id, thread in capture._threads.items()}
        result.missed = {one: analytics.metrics()[f"camera_frames_missed/{one}"] for one in RATES}
        capture.configure("cameras", {}, 2)
        capture.work(0)
        while analytics.metrics()["streams_ended"] < len(RATES):
            assert time.monotonic() < began + SECONDS + 20
            inference.work(0.05)
            result.take(analytics.work(0))
        result.messages_lost = inference.metrics()["messages_lost"]
    return result


def slow_down_and_record(patch: pytest.MonkeyPatch, result: Run) -> None:
    detect, on_frame = Detector.detect, Inference.on_frame

    def detect_slowly(self: Detector, frame: Frame, floor: float) -> Detected:
        time.sleep(ENGINE_SECONDS)
        return detect(self, frame, floor)

    def on_frame_recorded(self: Inference, frame: Frame) -> Detections:
        detections = on_frame(self, frame)
        result.looked[frame.camera_id].append(detections)
        return detections

    patch.setattr(Detector, "detect", detect_slowly)
    patch.setattr(Inference, "on_frame", on_frame_recorded)


def cameras() -> Any:
    playback = {"pace": "realtime", "starts_at": STARTS_AT}
    section = {one: {"url": "pattern:walker", "fps": fps, "playback": playback} for one, fps in RATES.items()}
    return read_section("cameras", section)


def test_the_engine_was_too_slow_and_every_camera_had_its_turns(run: Run) -> None:
    assert run.messages_lost == 0
    assert run.looked.keys() == RATES.keys()
    assert sum(map(len, run.looked.values())) < 0.7 * sum(run.published.values())
    looked = {camera_id: len(run.looked[camera_id]) for camera_id in BUSY}
    assert min(looked.values()) >= 0.9 * mean(looked.values()), looked
    # Whoever asks for less than the others get has all of it.
    lift = run.looked["lift"]
    assert len(lift) >= 0.9 * (lift[-1].sequence - lift[0].sequence + 1)


def test_what_was_dropped_is_spread_evenly(run: Run) -> None:
    for camera_id in BUSY:
        numbers = [one.sequence for one in run.looked[camera_id]]
        steps = [later - earlier for earlier, later in itertools.pairwise(numbers)]
        assert min(steps) >= 1  # newest first, and nothing twice or backwards
        assert sorted(steps)[len(steps) * 9 // 10] <= 2 * mean(steps) + 1, (camera_id, steps)


def test_coverage_says_of_every_window_what_was_really_looked_at(run: Run) -> None:
    midday = datetime.fromisoformat("2026-11-20T12:00:00Z").timestamp()
    for camera_id, looked in run.looked.items():
        before, after = run.told[camera_id]
        assert (before.window_end.timestamp(), after.window_start.timestamp()) == (midday, midday)
        for window in (before, after):
            start, end = window.window_start.timestamp(), window.window_end.timestamp()
            assert end - start == WINDOW_SECONDS
            inside = [one for one in looked if start <= one.captured_at < end]
            assert window.frames_analysed == len(inside)
            assert window.captured_at.timestamp() == pytest.approx(inside[-1].captured_at, abs=0.001)
            assert window.observed_seconds == pytest.approx(seen_seconds(looked, start, end), abs=0.002)
        missed = [later.sequence - earlier.sequence - 1 for earlier, later in itertools.pairwise(looked)]
        assert before.frames_missed + after.frames_missed == sum(missed)
    assert all(run.missed[camera_id] > 0 for camera_id in BUSY)


def seen_seconds(looked: Sequence[Detections], start: float, end: float) -> float:
    """By the definition: time between frames that are near enough, as far as it lies between `start` and `end`."""
    pairs = itertools.pairwise(one.captured_at for one in looked)
    near = [(earlier, later) for earlier, later in pairs if later - earlier <= DECISIONS.coverage_gap_seconds]
    return sum(max(0.0, min(later, end) - max(earlier, start)) for earlier, later in near)
