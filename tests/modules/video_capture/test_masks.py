import numpy as np
import pytest
from numpy.typing import NDArray
from shapely import Polygon
from shapely import box as square

from modules.video_capture.masks import GREY, patches
from modules.video_capture.region import PixelBox
from storeflow.contract.geometry import Point
from storeflow.frames import i420

WIDTH, HEIGHT = 64, 48
WHOLE = PixelBox(0, 0, WIDTH, HEIGHT)


def polygon(*corners: tuple[float, float]) -> list[Point]:
    return [Point(x / WIDTH, y / HEIGHT) for x, y in corners]


def masked(*polygons: list[Point], region: PixelBox = WHOLE) -> i420.Planes:
    canvas = i420.planes(np.zeros(i420.shape(region.width, region.height), np.uint8))
    for patch in patches(polygons, WIDTH, HEIGHT, region):
        patch.paint(canvas)
    return canvas


def grey(plane: NDArray[np.uint8]) -> set[tuple[int, int]]:
    assert set(np.unique(plane)) <= {0, GREY}
    return {(int(x), int(y)) for y, x in np.argwhere(plane == GREY)}


def box(left: int, top: int, right: int, bottom: int) -> set[tuple[int, int]]:
    return {(x, y) for x in range(left, right) for y in range(top, bottom)}


def test_brightness_and_both_colours_go() -> None:
    planes = masked(polygon((10, 8), (20, 8), (20, 16), (10, 16)))
    assert grey(planes.y) >= box(10, 8, 20, 16)
    assert grey(planes.y) <= box(9, 7, 21, 17)
    for colour in (planes.u, planes.v):
        assert grey(colour) >= box(5, 4, 10, 8)
        assert grey(colour) <= box(4, 3, 11, 9)


@pytest.mark.parametrize("seed", range(20))
def test_no_pixel_that_a_polygon_touches_is_spared_and_hardly_any_other(seed: int) -> None:
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 2 * np.pi, 7))
    reach = random.uniform(3, 23, 7)
    corners = [(32 + r * np.cos(a) * 1.2, 24 + r * np.sin(a)) for a, r in zip(angles, reach, strict=True)]
    seen = grey(masked(polygon(*corners)).y)
    # The truth, the slow way: shapely's polygon against every pixel's square.
    shape = Polygon(corners)
    squares = {(x, y): square(x, y, x + 1, y + 1) for x in range(WIDTH) for y in range(HEIGHT)}
    touched = {pixel for pixel, area in squares.items() if shape.intersection(area).area > 1e-9}
    assert seen >= touched
    near = {pixel for pixel, area in squares.items() if shape.distance(area) <= 1e-9}
    assert seen <= near


def test_a_sliver_between_two_rows_of_pixel_centres_is_not_lost() -> None:
    seen = grey(masked(polygon((5, 10.1), (40, 10.2), (40, 10.3))).y)
    assert seen >= box(6, 10, 40, 11)


def test_a_notch_is_left_open() -> None:
    horseshoe = polygon((10, 10), (40, 10), (40, 40), (30, 40), (30, 20), (20, 20), (20, 40), (10, 40))
    seen = grey(masked(horseshoe).y)
    assert (15, 30) in seen
    assert (35, 30) in seen
    assert (25, 30) not in seen


def test_what_reaches_out_of_the_region_is_cut_and_what_lies_outside_is_left_out() -> None:
    region = PixelBox(20, 10, 40, 30)
    planes = masked(polygon((10, 0), (24, 0), (24, 14), (10, 14)), polygon((50, 40), (60, 40), (60, 44)), region=region)
    assert grey(planes.y) >= box(0, 0, 4, 4)
    assert grey(planes.y) <= box(0, 0, 6, 6)


@pytest.mark.parametrize(
    "corners", [((50, 12), (60, 12), (60, 16)), ((22, 40), (30, 40), (30, 44))], ids=["to the right", "below"]
)
def test_a_mask_beside_the_region_is_left_out(corners: tuple[tuple[float, float], ...]) -> None:
    assert patches([polygon(*corners)], WIDTH, HEIGHT, PixelBox(20, 10, 40, 30)) == ()


def test_a_corner_of_a_mask_at_the_very_middle_of_a_row_ends_one_edge_and_begins_the_next() -> None:
    seen = grey(masked(polygon((10, 8.5), (20, 12.5), (10, 16.5))).y)
    assert seen >= {(x, y) for y in range(9, 16) for x in range(10, 20 - round(2.5 * abs(y + 0.5 - 12.5)))}
    assert seen <= box(10, 8, 21, 17)


def test_the_whole_frame_can_be_masked() -> None:
    planes = masked(polygon((0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)))
    assert all((plane == GREY).all() for plane in planes)
