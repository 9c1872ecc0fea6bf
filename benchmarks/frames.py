"""What does it cost to have decoded frames in shared memory? Decoding alone against capturing into a ring, in turns.

    .venv/bin/python -m benchmarks.frames

Both sides decode the same clip with PyAV on one thread: the test pattern with grain on it, so that the decoder has
something to do, as H.264. The second side is the product's own path: source, sampling (which keeps every frame here),
copy into the ring, and a reader in another process that gives every frame back. What is compared is CPU time of the
decoding process per frame, so that other load on the machine matters little. The result goes to
benchmarks/results/frames.json.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

import av
import numpy as np
from av.video.stream import VideoStream

from modules.video_capture.file_source import FileSource
from modules.video_capture.footage import shots
from modules.video_capture.pattern_source import draw
from storeflow.contract.twins import Camera
from storeflow.frames import i420
from storeflow.frames.ring_writer import FrameWriter

ROUNDS = 7
FRAMES = 150
SIZES = ((1920, 1080, 4_000_000), (1280, 720, 2_000_000))
"""Width, height and bits per second."""
RESULT = Path(__file__).parent / "results" / "frames.json"
READER = """
import sys
from pathlib import Path
from storeflow.frames.ring_reader import FrameReader
reader = FrameReader(Path(sys.argv[1]))
while True:
    reader.receive(1.0)
"""


def render(path: Path, width: int, height: int, bits_per_second: int) -> None:
    """Write the clip."""
    grain = np.random.default_rng(0).integers(0, 12, (8, height, width), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"bf": "0", "g": "50"})
        if not isinstance(stream, VideoStream):
            raise TypeError("libx264 gave no video stream")
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = width, height, "yuv420p", bits_per_second
        canvas = np.empty(i420.shape(width, height), np.uint8)
        for number in range(FRAMES):
            planes = i420.planes(canvas)
            draw(planes, number)
            planes.y[:] += grain[number % len(grain)]
            frame = av.VideoFrame.from_ndarray(canvas, "yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def decode_only(clip: Path) -> int:
    """Decode the clip; the number of frames."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        stream.codec_context.thread_type = "NONE"
        return sum(1 for _ in container.decode(stream))


def decode_into(writer: FrameWriter, clip: Path) -> int:
    """Capture the clip into a ring; the number of frames that the reader got."""
    served = 0
    with closing(
        shots("bench", Camera(url=f"file:{clip.name}", fps=60), FileSource(clip.parent, clip.name), time.time)
    ) as chosen:
        for shot in chosen:
            picture = writer.acquire(shot.width, shot.height)
            if picture is not None:
                served += writer.publish(shot.develop(picture))
    return served


def cpu_milliseconds_per_frame(work: Callable[[], int]) -> float:
    """CPU time of this process over all frames of the clip, by frame; every frame has to arrive."""
    before = time.process_time()
    frames = work()
    if frames != FRAMES:
        raise RuntimeError(f"{frames} of {FRAMES} frames arrived")
    return (time.process_time() - before) * 1000 / FRAMES


def compare(folder: Path, width: int, height: int, bits_per_second: int) -> dict[str, Any]:
    """All rounds for one size."""
    clip, socket_path = folder / f"{height}.mp4", folder / f"{height}.sock"
    render(clip, width, height, bits_per_second)
    rounds = []
    command = [sys.executable, "-c", READER, str(socket_path)]
    reader = subprocess.Popen(command, cwd=Path(__file__).parents[1])  # noqa: S603 - a script of this file
    try:
        with closing(FrameWriter(socket_path, lossless=True)) as writer:
            decode_into(writer, clip)  # waits for the reader, and touches every page once
            decode_only(clip)
            for _ in range(ROUNDS):
                alone = cpu_milliseconds_per_frame(lambda: decode_only(clip))
                ring = cpu_milliseconds_per_frame(lambda: decode_into(writer, clip))
                rounds.append({"decode_only": alone, "decode_and_ring": ring, "ratio": ring / alone})
    finally:
        reader.kill()
        reader.wait()
    return {
        "size": [width, height],
        "clip_bytes": clip.stat().st_size,
        "cpu_ms_per_frame": rounds,
        "median_ratio": median(one["ratio"] for one in rounds),
    }


def main() -> None:
    """Run, print and keep the result."""
    with tempfile.TemporaryDirectory() as folder:
        results = [compare(Path(folder), *size) for size in SIZES]
    for one in results:
        ratios = ", ".join(f"{each['ratio']:.3f}" for each in one["cpu_ms_per_frame"])
        print(f"{one['size'][1]}p: decoding into the ring / decoding alone = {one['median_ratio']:.3f} ({ratios})")
    facts = {
        "what": "CPU time per frame: PyAV decode into a memfd ring with one reader / PyAV decode alone, one thread",
        "goal": 1.08,
        "frames": FRAMES,
        "python": platform.python_version(),
        "av": av.__version__,
        "cores": os.cpu_count(),
        "results": results,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
