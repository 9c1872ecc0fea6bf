"""Writing pictures to a VP9 file, through PyAV."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av

from storeflow.sample_store.raster import ByteArray

# libvpx in its realtime setting; quality-bound, so that still shelves cost nothing.
OPTIONS = {"deadline": "realtime", "cpu-used": "7", "crf": "27", "b": "0", "row-mt": "0", "g": "100"}


def write_webm(path: Path, pictures: Iterable[ByteArray], size: tuple[int, int], fps: int) -> int:
    """Encode RGB pictures of `size` (width, height) at `fps`; return how many there were.

    WebM keeps times in milliseconds, so that a frame's time reads back exactly where `fps` divides a thousand.
    """
    count = 0
    with av.open(str(path), "w", format="webm") as container:
        stream = container.add_stream("libvpx-vp9", rate=fps, options=OPTIONS)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, fps)
        stream.codec_context.thread_count = 1
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = count, Fraction(1, fps)
            container.mux(stream.encode(frame))
            count += 1
        container.mux(stream.encode())
    return count
