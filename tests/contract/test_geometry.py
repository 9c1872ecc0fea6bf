import math

import pytest

from storeflow.contract.geometry import (
    BoundingBox,
    Point,
    area,
    crosses_itself,
    position_along,
    signed_distance,
)

SQUARE = (Point(0, 0), Point(1, 0), Point(1, 1), Point(0, 1))


def test_facing_down_the_picture_the_right_hand_points_to_the_pictures_left() -> None:
    start, end = Point(0.9, 0.2), Point(0.9, 1.0)
    assert signed_distance(Point(0.8, 0.5), start, end) == pytest.approx(0.1)
    assert signed_distance(Point(1.0, 0.5), start, end) == pytest.approx(-0.1)


def test_facing_right_the_right_hand_points_down_the_picture() -> None:
    assert signed_distance(Point(0.5, 0.7), Point(0, 0.5), Point(1, 0.5)) == pytest.approx(0.2)


def test_a_distance_is_measured_at_right_angles_to_the_line() -> None:
    assert signed_distance(Point(0, 1), Point(0, 0), Point(1, 1)) == pytest.approx(math.sqrt(0.5))


def test_a_position_along_a_line_is_0_at_its_start_and_1_at_its_end() -> None:
    start, end = Point(0.2, 0.2), Point(0.6, 0.2)
    assert [position_along(Point(x, 0.9), start, end) for x in (0.2, 0.4, 0.6, 0.8)] == pytest.approx([0, 0.5, 1, 1.5])


@pytest.mark.parametrize("measure", [signed_distance, position_along])
def test_a_line_of_one_point_is_refused(measure: object) -> None:
    with pytest.raises(ValueError, match="two different points"):
        measure(Point(0, 0), Point(1, 1), Point(1, 1))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("polygon", "crossing"),
    [
        (SQUARE, False),
        ((Point(0, 0), Point(1, 1), Point(1, 0), Point(0, 1)), True),
        ((Point(0, 0), Point(1, 0), Point(0.5, 0), Point(0.5, 1)), True),
        ((Point(0, 0), Point(1, 0), Point(1, 1), Point(0.5, 0), Point(0, 1)), True),
        ((Point(0, 0), Point(0.5, 0), Point(1, 0), Point(1, 1)), False),
    ],
    ids=["square", "bow tie", "folds back on itself", "corner on another edge", "corner on a straight edge"],
)
def test_a_polygon_that_crosses_or_touches_itself_is_found(polygon: tuple[Point, ...], crossing: bool) -> None:
    assert crosses_itself(polygon) is crossing


def test_the_area_of_a_polygon_is_a_fraction_of_the_frame() -> None:
    assert area(SQUARE) == 1
    assert area((Point(0, 0), Point(0.5, 0), Point(0.5, 0.5))) == pytest.approx(0.125)


def test_a_person_stands_at_the_bottom_centre_of_the_box() -> None:
    box = BoundingBox(0.2, 0.1, 0.4, 0.9)
    assert box.bottom_center == pytest.approx((0.3, 0.9))
    assert box.center == pytest.approx((0.3, 0.5))
    assert (box.width, box.height) == pytest.approx((0.2, 0.8))
