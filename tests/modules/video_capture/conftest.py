"""Clips made on the spot, and a device to play them on."""

from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from storeflow.host.module import ModuleContext

Encode = Callable[..., Path]


@pytest.fixture
def context(tmp_path: Path) -> ModuleContext:
    """A device whose folders lie in the test's own."""
    (tmp_path / "media").mkdir()
    return ModuleContext(
        module_id="video_capture",
        hub="hub.azure-devices.net",
        device_id="till",
        store_id="hamburg-1",
        state_folder=tmp_path / "state",
        channel_folder=tmp_path / "channels",
        media_folder=tmp_path / "media",
        model_folders=(),
        cards_folder=tmp_path / "models",
    )


@pytest.fixture
def encode(context: ModuleContext) -> Encode:
    """Writes a clip of evenly bright pictures, a little brighter each, into the media folder."""

    def write(
        name: str,
        *,
        codec: str = "mpeg4",
        count: int = 25,
        size: tuple[int, int] = (160, 120),
        rate: int = 25,
        pixel_format: str = "yuv420p",
        color_range: int = ColorRange.UNSPECIFIED,
        stamps: Sequence[int] | None = None,
        brightness: Callable[[int], int] = lambda number: 60 + 2 * number,
        container_options: dict[str, str] | None = None,
    ) -> Path:
        path = context.media_folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w", options=container_options or {}) as container:
            stream = container.add_stream(codec, rate=rate)
            assert isinstance(stream, VideoStream)
            stream.width, stream.height = size
            stream.pix_fmt = pixel_format
            stream.bit_rate = 2_000_000
            stream.codec_context.color_range = color_range
            for number in range(count):
                grey = np.full((size[1], size[0], 3), brightness(number), np.uint8)
                rgb = av.VideoFrame.from_ndarray(grey, "rgb24")
                frame = rgb.reformat(format=pixel_format, dst_color_range=color_range)
                frame.pts = number if stamps is None else stamps[number]
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return write
