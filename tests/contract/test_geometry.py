import math

import pytest

from storeflow.contract.geometry import (
    BoundingBox,
    Point,
    position_along,
    signed_distance,
)


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


def test_a_person_stands_at_the_bottom_centre_of_the_box() -> None:
    box = BoundingBox(0.2, 0.1, 0.4, 0.9)
    assert box.bottom_center == pytest.approx((0.3, 0.9))
    assert (box.width, box.height) == pytest.approx((0.2, 0.8))


def test_lengths_are_measured_in_heights_of_the_frame_and_places_told_in_fractions_of_it() -> None:
    assert Point(0.5, 0.25).scaled(16 / 9) == pytest.approx((8 / 9, 0.25))
    assert Point(0.5, 0.25).scaled(16 / 9).unscaled(16 / 9) == pytest.approx((0.5, 0.25))
