"""From a camera's I420 picture to the float tensor of a model, and the way back for boxes. No state, no I/O."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from modules.inference.model_card import InputSpec
from storeflow.contract.geometry import BoundingBox
from storeflow.frames import i420
from storeflow.frames.frame import Frame

_CONVERSION = {"rgb": cv2.COLOR_YUV2RGB_I420, "bgr": cv2.COLOR_YUV2BGR_I420}


@dataclass(frozen=True, slots=True)
class Placement:
    """Where in the model's input the picture was drawn, and which part of the camera's frame the picture is."""

    left: int
    """First column of the drawn picture, in input pixels."""
    top: int
    width: int
    """Of the drawn picture, in input pixels: not exactly the picture's aspect ratio, for it is rounded to even."""
    height: int
    region: BoundingBox

    def to_frame(self, boxes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Boxes (n, 4) from input pixels to fractions of the full camera frame; nothing is clipped."""
        region = self.region
        scale = np.array([region.width / self.width, region.height / self.height] * 2)
        drawn_at = np.array([self.left, self.top] * 2)
        corner = np.array([region.left, region.top] * 2)
        fractions: NDArray[np.float64] = (boxes - drawn_at) * scale + corner
        return fractions


def place(frame: Frame, spec: InputSpec) -> Placement:
    """Where `frame` goes in the model's input."""
    if spec.fit == "stretch":
        return Placement(0, 0, _even(spec.width, spec.width), _even(spec.height, spec.height), frame.region)
    scale = min(spec.width / frame.width, spec.height / frame.height)
    width, height = _even(frame.width * scale, spec.width), _even(frame.height * scale, spec.height)
    if spec.fit == "letterbox_centre":
        return Placement((spec.width - width) // 2, (spec.height - height) // 2, width, height, frame.region)
    return Placement(0, 0, width, height, frame.region)


def to_tensor(frame: Frame, spec: InputSpec) -> tuple[NDArray[np.float32], Placement]:
    """The model's input (1, 3, height, width) and where the picture lies in it.

    The planes are resized before the colours are converted: half the bytes to resize, and few pixels to convert.
    """
    placement = place(frame, spec)
    picture = cv2.cvtColor(_resized(frame, placement.width, placement.height), _CONVERSION[spec.colour])
    tensor = np.empty((1, 3, spec.height, spec.width), np.float32)
    rows = slice(placement.top, placement.top + placement.height)
    columns = slice(placement.left, placement.left + placement.width)
    whole = (placement.height, placement.width) == (spec.height, spec.width)
    for channel in range(3):  # HWC to CHW
        mean, std = np.float32(spec.mean[channel]), np.float32(spec.std[channel])
        plane = tensor[0, channel]
        if not whole:
            plane.fill((spec.pad - mean) / std)
        drawn = plane[rows, columns]
        np.subtract(picture[..., channel], mean, out=drawn, dtype=np.float32)
        if std != 1:
            np.divide(drawn, std, out=drawn)
    return tensor, placement


def _resized(frame: Frame, width: int, height: int) -> NDArray[np.uint8]:
    """The frame's picture as I420 of another even size, shape (height * 3 / 2, width)."""
    if (width, height) == (frame.width, frame.height):
        return frame.i420
    resized = np.empty(i420.shape(width, height), np.uint8)
    for source, target in zip(i420.planes(frame.i420), i420.planes(resized), strict=True):
        cv2.resize(source, (target.shape[1], target.shape[0]), dst=target, interpolation=cv2.INTER_LINEAR)
    return resized


def _even(length: float, limit: int) -> int:
    """`length` rounded to an even number of pixels, from 2 to `limit`: half-size chroma planes need it."""
    return max(2, min(2 * round(length / 2), limit - limit % 2))
