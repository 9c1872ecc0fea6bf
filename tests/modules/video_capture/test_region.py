import pytest

from modules.video_capture.region import PixelBox, region_in_pixels
from storeflow.contract.geometry import BoundingBox
from storeflow.errors import SourceError

Region = tuple[float, float, float, float]


@pytest.mark.parametrize(
    ("region", "size", "box"),
    [
        pytest.param(None, (640, 360), (0, 0, 640, 360), id="all"),
        pytest.param(None, (321, 241), (0, 0, 320, 240), id="all of an odd size, made even"),
        pytest.param((0.3, 0.1, 0.7, 0.9), (640, 480), (192, 48, 448, 432), id="rounding noise is no pixel"),
        pytest.param((0.1, 0.1, 0.5, 0.5), (101, 101), (12, 12, 50, 50), id="inwards to even"),
        pytest.param((0.0, 0.0, 1.0, 0.5), (384, 288), (0, 0, 384, 144), id="upper half"),
        pytest.param((0.0, 0.5, 1.0, 0.625), (16, 16), (0, 8, 16, 10), id="two pixels high"),
    ],
)
def test_the_region_is_the_largest_even_box_inside(region: Region | None, size: tuple[int, int], box: PixelBox) -> None:
    assert region_in_pixels(region, *size) == box


@pytest.mark.parametrize("region", [(0.5, 0.5, 0.6, 0.6), (0.0, 0.5, 1.0, 0.6), (0.5, 0.0, 0.6, 1.0)])
def test_a_region_that_leaves_nothing_is_refused_with_the_size(region: Region) -> None:
    with pytest.raises(SourceError, match="16 x 16"):
        region_in_pixels(region, 16, 16)


def test_fractions_are_those_of_the_pixels() -> None:
    assert PixelBox(0, 0, 320, 240).in_fractions(321, 241) == BoundingBox(0, 0, 320 / 321, 240 / 241)
