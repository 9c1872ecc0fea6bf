"""One picture on its way from capture to inference."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storeflow.contract.geometry import BoundingBox

WHOLE_FRAME = BoundingBox(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Frame:
    """A masked and cropped picture, and where and when it was taken."""

    camera_id: str
    sequence: int
    """Counted per camera over the frames that were sampled for analysis, from 0."""
    captured_at: float
    """Seconds since 1970-01-01T00:00:00Z."""
    full_width: int
    """Of the camera's own frame, before the crop, in pixels."""
    full_height: int
    region: BoundingBox
    """The part of the camera's frame that `i420` shows, in fractions of it."""
    i420: NDArray[np.uint8]
    """Shape (height * 3 / 2, width), planar YUV 4:2:0: Y, then U and V at half size; width and height even."""

    @property
    def width(self) -> int:
        """Of the picture in `i420`, in pixels."""
        return int(self.i420.shape[1])

    @property
    def height(self) -> int:
        """Of the picture in `i420`, in pixels."""
        return int(self.i420.shape[0]) * 2 // 3
