"""Whether a camera still shows the shop: a picture that stands still or is black is no view of it."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

BLACK_SECONDS = 10.0
"""Cameras are black for a second or two while they change between day and night."""
BLACK_BRIGHTNESS = 32
"""Of 16 to 235. A dark shop is brighter in places: by signs and screens, or by the noise of a sensor at its limit."""
BLACK_PART = 0.98
"""Of the picture; the rest may be a date that the camera writes into it."""
_SAMPLES = 64
"""Across a picture and down it, at most."""


def samples(brightness: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Some pixels of a picture, evenly spread, untouched: an average would hide the noise that tells life from a still.

    Args:
        brightness: of shape (height, width).

    Returns:
        A copy, of shape (64, 64) at most.
    """
    height, width = brightness.shape
    return brightness[:: -(-height // _SAMPLES), :: -(-width // _SAMPLES)].copy()


class PictureHealth:
    """Watches the pictures of one camera, over all its connections.

    Frozen means the same picture, to the last bit of every sample. A sensor's noise changes it, and where a strong
    compression has taken that away, a key frame does: it is coded again. So `freeze_seconds` has to be longer than the
    time between two key frames, and then a quiet shop is never taken for a frozen camera. A camera that writes a
    running clock into a still picture is not caught.

    A fault lasts until a picture shows that it is over: one connection more does not end it.

    Args:
        freeze_seconds: how long a picture may stay the same; 0 for ever.
    """

    def __init__(self, freeze_seconds: float) -> None:
        self._freeze_seconds = freeze_seconds
        self._seen: NDArray[np.uint8] | None = None
        self._same_since = 0.0
        self._black_since: float | None = None

    def fault(self, seen: NDArray[np.uint8], at: float) -> Literal["black", "frozen"] | None:
        """What is wrong with a picture, if something is; `seen` are its `samples`, `at` by a clock that nobody sets."""
        if self._seen is None or not np.array_equal(seen, self._seen):
            self._seen, self._same_since = seen, at
        if np.mean(seen <= BLACK_BRIGHTNESS) < BLACK_PART:
            self._black_since = None
        elif self._black_since is None:
            self._black_since = at
        if self._black_since is not None and at - self._black_since >= BLACK_SECONDS:
            return "black"
        if self._freeze_seconds and at - self._same_since >= self._freeze_seconds:
            return "frozen"
        return None
