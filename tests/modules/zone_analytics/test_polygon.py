import pytest

from modules.zone_analytics.polygon import contains, distance_to_edge, edge_crossed
from storeflow.contract.geometry import Point

SQUARE = (Point(0, 0), Point(1, 0), Point(1, 1), Point(0, 1))
L_SHAPE = tuple(Point(*corner) for corner in [(0, 0), (1, 0), (1, 0.2), (0.2, 0.2), (0.2, 1), (0, 1)])


@pytest.mark.parametrize(
    ("place", "inside"), [((0.1, 0.9), True), ((0.9, 0.1), True), ((0.5, 0.5), False), ((1.1, 0.1), False)]
)
def test_a_point_is_inside_a_polygon_or_not(place: tuple[float, float], inside: bool) -> None:
    assert contains(L_SHAPE, Point(*place)) is inside


def test_the_first_edge_on_the_way_out_is_the_one_that_was_crossed() -> None:
    assert edge_crossed(L_SHAPE, Point(0.9, 0.1), Point(0.9, 0.5)) == 2
    assert edge_crossed(L_SHAPE, Point(0.1, 0.5), Point(0.5, 0.5)) == 3
    assert edge_crossed(L_SHAPE, Point(0.1, 0.1), Point(0.1, 0.15)) is None


@pytest.mark.parametrize(("place", "distance"), [((0.25, 0.5), 0.25), ((0.5, 0.2), 0.1), ((0.5, 0.9), 0.05)])
def test_a_distance_to_the_edge_is_a_fraction_of_the_pictures_width_in_both_directions(
    place: tuple[float, float], distance: float
) -> None:
    assert distance_to_edge(SQUARE, Point(*place), aspect_ratio=2.0) == pytest.approx(distance)
