from dataclasses import astuple
from math import inf

import pytest

from modules.zone_analytics.line_geometry import Measurement, Over, ScaledLine
from modules.zone_analytics.people import Observation
from storeflow.contract.geometry import Point
from storeflow.contract.twins import Line

ACROSS = ScaledLine.of(Line(start=Point(0.25, 0.5), end=Point(0.75, 0.5)), aspect_ratio=2.0)
"""Twice as wide as the frame is high: from 0.5 to 1.5 in its heights; to the right of it is down the picture."""


def test_a_place_is_measured_in_body_heights_and_along_the_line() -> None:
    below = Observation(1.0, Point(1.25, 0.6), 0.2)
    assert astuple(ACROSS.measure(below, 0.2)) == pytest.approx((1.0, 0.5, 0.75))
    above = Observation(2.0, Point(0.25, 0.4), 0.2)
    assert astuple(ACROSS.measure(above, 0.1)) == pytest.approx((2.0, -1.0, -0.25))


def test_of_a_velocity_only_the_part_across_the_line_counts() -> None:
    assert ACROSS.towards_right(Point(3.0, 0.5)) == pytest.approx(0.5)
    assert ACROSS.towards_right(Point(3.0, -0.5)) == pytest.approx(-0.5)


@pytest.mark.parametrize(
    ("direction", "room"),
    [
        ((1, 0), 0.5),
        ((-2, 0), 1.5),
        ((0, 1), 0.25),
        ((0, -3), 0.75),
        ((1, 1), 0.25 * 2**0.5),
        ((0, 0), inf),
    ],
)
def test_room_is_the_way_to_the_frames_border(direction: tuple[float, float], room: float) -> None:
    assert ACROSS.room(Point(1.5, 0.75), Point(*direction)) == pytest.approx(room)


def test_there_is_no_room_beyond_the_border() -> None:
    assert ACROSS.room(Point(1.5, 1.1), Point(0, 1)) == 0


@pytest.mark.parametrize(("stitched_at", "stitched"), [(None, False), (1.0, False), (1.5, True), (2.0, True)])
def test_a_change_of_side_is_where_a_straight_way_meets_the_line(stitched_at: float | None, stitched: bool) -> None:
    before, after = Measurement(1.0, -0.3, 0.2), Measurement(2.0, 0.1, 0.6)
    over = Over.between(before, after, stitched_at)
    assert astuple(over) == pytest.approx((1.75, 0.5, stitched))
