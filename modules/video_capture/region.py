"""The part of a camera's picture that is sent on, in whole pixels."""

from math import ceil, floor
from typing import NamedTuple

from storeflow.contract.geometry import BoundingBox
from storeflow.errors import SourceError

_NOISE = 1e-6
"""0.3 * 640 is a hair more than 192; so much of a pixel is rounding, not intention."""


class PixelBox(NamedTuple):
    """A part of a picture with even borders, as 4:2:0 colours ask for; `right` and `bottom` are just outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """In pixels, even."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """In pixels, even."""
        return self.bottom - self.top

    def in_fractions(self, width: int, height: int) -> BoundingBox:
        """The same part of a picture of that size, in fractions of it."""
        return BoundingBox(self.left / width, self.top / height, self.right / width, self.bottom / height)


def region_in_pixels(region: tuple[float, float, float, float] | None, width: int, height: int) -> PixelBox:
    """The largest even box inside `region`: nothing is sent that was not asked for.

    Args:
        region: `[left, top, right, bottom]` in fractions of the picture; none for all of it.
        width: of the whole picture, in pixels.
        height: likewise.

    Raises:
        SourceError: the picture is too small for the region to have two pixels each way.
    """
    left, top, right, bottom = region or (0.0, 0.0, 1.0, 1.0)
    box = PixelBox(
        _even_up(left * width), _even_up(top * height), _even_down(right * width), _even_down(bottom * height)
    )
    if box.width < 2 or box.height < 2:  # noqa: PLR2004 - one sample of colour
        raise SourceError(f"of a picture of {width} x {height} pixels the region leaves nothing: make it larger")
    return box


def _even_up(pixels: float) -> int:
    return 2 * ceil((pixels - _NOISE) / 2)


def _even_down(pixels: float) -> int:
    return 2 * floor((pixels + _NOISE) / 2)
