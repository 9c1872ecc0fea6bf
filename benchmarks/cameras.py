"""What do dead cameras cost the living? One engine before four cameras, alone and beside fifteen dead ones, in turns.

    .venv/bin/python -m benchmarks.cameras

Another process publishes frames of four cameras, more than the engine can look at. This one takes them as inference
does, through `FrameSockets`, and has the demo model look at each three times. Of the fifteen, five were killed and left
their sockets behind, five take no reader, five have a ring and never a frame. Compared are CPU time of this process for
each frame, so that other load on the machine matters little, and frames looked at in the same time, to which it matters
much. A second comparison has no engine: what the sockets cost is then all that is paid, a fraction of a millisecond.
The result goes to benchmarks/results/cameras.json.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from typing import Any

from modules.inference.detector import Detector, load_detector
from modules.inference.frame_sockets import FrameSockets
from storeflow.frames.frame import Frame

ROUNDS = 9
SECONDS = 2.0
"""Of each side of a round."""
LIVE, DEAD = 4, 15
TASKS = 3
"""Models that look at every frame: one is fast enough for all that the cameras publish."""
GOAL = 0.98
ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "cameras.json"
CAPTURE = """
import sys
from pathlib import Path
from storeflow.frames.frame import WHOLE_FRAME, Frame
from storeflow.frames.ring_writer import FrameWriter
folder, live = Path(sys.argv[1]), int(sys.argv[2])
writers = {f"live-{number}": FrameWriter(folder / f"live-{number}.sock") for number in range(live)}
print("serving", flush=True)
sequence = 0
while True:
    for camera_id, writer in writers.items():
        picture = writer.acquire(640, 360)
        picture[:] = 128
        writer.publish(Frame(camera_id, sequence, sequence / 40, 640, 360, WHOLE_FRAME, picture))
        writer.serve(0.025 / live)
    sequence += 1
"""
GRAVES = """
import sys
from pathlib import Path
from storeflow.frames.ring_writer import FrameWriter
from storeflow.frames.seqpacket import Listener
folder, kind, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
make = Listener if kind == "deaf" else FrameWriter
held = [make(folder / f"{kind}-{number}.sock") for number in range(count)]
print("serving", flush=True)
while True:
    for writer in held if kind == "empty" else []:
        writer.serve(0.0)
    if not sys.stdin.readline():
        break
"""


def start(stack: ExitStack, script: str, *arguments: object) -> "subprocess.Popen[str]":
    """Run a script as a process of its own until the end of the benchmark; it serves when this returns."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - a script of this file
    stack.callback(process.communicate)
    stack.callback(process.kill)
    if process.stdout is None or process.stdout.readline() != "serving\n":
        raise RuntimeError("a camera did not start")
    return process


def bury(stack: ExitStack, folder: Path) -> None:
    """Fifteen dead cameras of three kinds."""
    for kind in ("killed", "deaf", "empty"):
        process = start(stack, GRAVES, folder, kind, DEAD // 3)
        if kind == "killed":
            process.kill()
            process.wait()


def look_with(detector: Detector, frame: Frame) -> None:
    """As an engine of several tasks: too slow for what the cameras have to show."""
    for _ in range(TASKS):
        detector.detect(frame, detector.threshold)


def look(folder: Path, engine: Callable[[Frame], object]) -> dict[str, Any]:
    """Take frames for `SECONDS` and have the engine look at each."""
    taken: Counter[str] = Counter()
    with closing(FrameSockets(folder)) as sockets:
        while len(taken) < LIVE:  # until all are connected
            if (arrival := sockets.receive(1.0)) is not None:
                taken[arrival.item.camera_id] += 1
        taken.clear()
        began, cpu = time.monotonic(), time.process_time()
        while time.monotonic() < began + SECONDS:
            arrival = sockets.receive(0.1)
            if arrival is not None and isinstance(arrival.item, Frame):
                engine(arrival.item)
                taken[arrival.item.camera_id] += 1
        seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    return {
        "frames_per_second": taken.total() / seconds,
        "cpu_ms_per_frame": cpu * 1000 / taken.total(),
    }


def compare(alone: Path, beside: Path, engine: Callable[[Frame], object]) -> dict[str, Any]:
    """Both sides in turns, each first in every other round."""
    rounds = []
    look(alone, engine)
    for number in range(ROUNDS):
        sides = {"alone": alone, "beside_dead": beside}
        order = list(sides) if number % 2 else list(reversed(sides))
        rounds.append({side: look(sides[side], engine) for side in order})

    def ratio(figure: str) -> float:
        return float(median(one["beside_dead"][figure] / one["alone"][figure] for one in rounds))

    return {
        "rounds": rounds,
        "median_ratio_of_frames": ratio("frames_per_second"),
        "median_ratio_of_cpu_per_frame": ratio("cpu_ms_per_frame"),
    }


def run(detector: Detector) -> dict[str, Any]:
    """All rounds, with the detector and without."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        alone, beside = Path(folder) / "alone", Path(folder) / "beside"
        alone.mkdir()
        beside.mkdir()
        start(stack, CAPTURE, alone, LIVE)
        bury(stack, beside)
        for number in range(LIVE):
            (beside / f"live-{number}.sock").symlink_to(alone / f"live-{number}.sock")
        return {
            "with_engine": compare(alone, beside, lambda frame: look_with(detector, frame)),
            "without_engine": compare(alone, beside, lambda _: None),
        }


def main() -> None:
    """Run, print and keep the result."""
    detector = load_detector(ROOT / "models" / "person" / "storeflow_nano", ())
    results = run(detector)
    for name, one in results.items():
        print(
            f"{name}: frames beside {DEAD} dead / alone = {one['median_ratio_of_frames']:.3f}, "
            f"CPU per frame {one['median_ratio_of_cpu_per_frame']:.3f}"
        )
    facts = {
        "what": "frames looked at in the same time, four live cameras before one engine: beside fifteen dead / alone",
        "goal": GOAL,
        "seconds_a_side": SECONDS,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "model": detector.card.version,
        "results": results,
    }
    RESULT.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
