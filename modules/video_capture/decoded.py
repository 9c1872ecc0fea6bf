"""A decoder's pictures as the planes that everything here works on."""

import numpy as np
from av.codec.context import ThreadType
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from storeflow.frames.i420 import Planes


def use_one_thread(stream: VideoStream) -> None:
    """Decode where packets are read: more threads would keep pictures back, and other cores have inference to do."""
    stream.codec_context.thread_count = 1
    stream.codec_context.thread_type = ThreadType.NONE


def planes(frame: VideoFrame, reformatter: VideoReformatter) -> Planes:
    """Limited-range YUV 4:2:0: the decoder's own memory where it has that already, else converted."""
    if frame.format.name != "yuv420p" or frame.color_range == ColorRange.JPEG:
        frame = reformatter.reformat(frame, format="yuv420p", dst_color_range=ColorRange.MPEG, threads=1)
    return Planes(*(_plane(plane) for plane in frame.planes))


def _plane(plane: VideoPlane) -> NDArray[np.uint8]:
    # The decoder pads rows to a width that suits its instructions.
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[:, : plane.width]
