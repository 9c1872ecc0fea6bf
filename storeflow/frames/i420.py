"""Planar YUV 4:2:0 in one array: how its three planes lie in it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Planes(NamedTuple):
    """Brightness and the two colours of one picture; rows may be further apart than they are long."""

    y: NDArray[np.uint8]
    """Shape (height, width)."""
    u: NDArray[np.uint8]
    """Shape (height / 2, width / 2)."""
    v: NDArray[np.uint8]
    """Shape (height / 2, width / 2)."""


def byte_count(width: int, height: int) -> int:
    """Bytes of an I420 picture of that many pixels; both numbers even."""
    return width * height * 3 // 2


def shape(width: int, height: int) -> tuple[int, int]:
    """Shape of the one array that holds all three planes."""
    return height * 3 // 2, width


def planes(i420: NDArray[np.uint8]) -> Planes:
    """The planes of a C-contiguous array of shape (height * 3 / 2, width), as views of it."""
    height, width = i420.shape[0] * 2 // 3, i420.shape[1]
    brightness, colour = height * width, height * width // 4
    flat = i420.reshape(-1)
    return Planes(
        flat[:brightness].reshape(height, width),
        flat[brightness : brightness + colour].reshape(height // 2, width // 2),
        flat[brightness + colour :].reshape(height // 2, width // 2),
    )
