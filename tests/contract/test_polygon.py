import pytest

from storeflow.contract.geometry import Point
from storeflow.contract.polygon import crosses_itself, polygon_area

SQUARE = (Point(0, 0), Point(1, 0), Point(1, 1), Point(0, 1))


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
    assert polygon_area(SQUARE) == 1
    assert polygon_area((Point(0, 0), Point(0.5, 0), Point(0.5, 0.5))) == pytest.approx(0.125)
    in_the_middle = (Point(0.2, 0.3), Point(0.6, 0.3), Point(0.6, 0.8), Point(0.2, 0.8))
    assert [polygon_area(corners) for corners in (in_the_middle, in_the_middle[::-1])] == pytest.approx([0.2, 0.2])
