"""A pinhole camera that looks down on a floor."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
# Metres: points nearer to the lens's own plane have no place in the picture.
NO_DEPTH = 1e-3


@dataclass(frozen=True)
class Camera:
    """Where the camera stands and what it looks at.

    The world is in metres: x to the right, y up, z away from the camera along the floor. The picture is in
    pixels with the origin at the top left and y pointing down.

    Attributes:
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.
        focal_px: Focal length in pixels.
        position: The lens, in metres.
        yaw: Turn to the right in radians.
        pitch: Tilt towards the floor in radians.
    """

    width: int
    height: int
    focal_px: float
    position: tuple[float, float, float]
    yaw: float = 0.0
    pitch: float = 0.4

    @cached_property
    def axes(self) -> FloatArray:
        """The camera's right, down and forward directions, shape (3, 3), one per row."""
        sin_yaw, cos_yaw = np.sin(self.yaw), np.cos(self.yaw)
        sin_pitch, cos_pitch = np.sin(self.pitch), np.cos(self.pitch)
        return np.array(
            [
                [cos_yaw, 0.0, -sin_yaw],
                [-sin_yaw * sin_pitch, -cos_pitch, -cos_yaw * sin_pitch],
                [sin_yaw * cos_pitch, -sin_pitch, cos_yaw * cos_pitch],
            ],
            dtype=np.float32,
        )

    @cached_property
    def origin(self) -> FloatArray:
        """The lens as an array, shape (3,)."""
        return np.array(self.position, dtype=np.float32)

    def scaled(self, factor: float) -> "Camera":
        """Return the same view with `factor` times as many pixels a side."""
        return Camera(
            round(self.width * factor),
            round(self.height * factor),
            self.focal_px * factor,
            self.position,
            self.yaw,
            self.pitch,
        )

    def project(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Project world points, shape (..., 3), to pixels (..., 2) and depths in metres (...)."""
        seen = (points - self.origin) @ self.axes.T
        depth = seen[..., 2]
        safe = np.where(np.abs(depth) < NO_DEPTH, np.float32(NO_DEPTH), depth)
        centre = np.array([self.width / 2, self.height / 2], dtype=np.float32)
        pixels = seen[..., :2] / safe[..., None] * np.float32(self.focal_px) + centre
        return pixels.astype(np.float32), np.asarray(depth, np.float32)

    def floor_point(self, x: float, z: float) -> tuple[float, float]:
        """Project a point of the floor to fractions of the picture."""
        pixels, _ = self.project(np.array([x, 0.0, z], dtype=np.float32))
        return float(pixels[0]) / self.width, float(pixels[1]) / self.height

    @cached_property
    def rays(self) -> FloatArray:
        """Directions through the pixels' centres, shape (height, width, 3), of forward length one."""
        columns = (np.arange(self.width, dtype=np.float32) + 0.5 - self.width / 2) / self.focal_px
        rows = (np.arange(self.height, dtype=np.float32) + 0.5 - self.height / 2) / self.focal_px
        right, down, forward = self.axes
        rays = columns[None, :, None] * right + rows[:, None, None] * down + forward
        return np.asarray(rays, np.float32)
