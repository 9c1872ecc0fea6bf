from itertools import islice

import numpy as np

from modules.video_capture.pattern_source import HEIGHT, WIDTH, PatternSource, draw
from storeflow.frames import i420


def figure_at(number: int) -> float:
    """The middle of what is dark, as a fraction of the width."""
    planes = i420.planes(np.empty(i420.shape(WIDTH, HEIGHT), np.uint8))
    draw(planes, number)
    return float(np.argwhere(planes.y < 60)[:, 1].mean()) / WIDTH


def test_two_sources_show_the_same_pictures_at_the_same_times() -> None:
    pairs = zip(PatternSource().pictures(), PatternSource().pictures(), strict=True)
    for number, (one, other) in enumerate(islice(pairs, 30)):
        assert one.seconds == other.seconds == number / 25
        for left, right in zip(one.planes, other.planes, strict=True):
            np.testing.assert_array_equal(left, right)


def test_a_picture_does_not_depend_on_what_was_drawn_before() -> None:
    dirty = np.full(i420.shape(320, 180), 77, np.uint8)
    clean = np.zeros(i420.shape(320, 180), np.uint8)
    draw(i420.planes(dirty), 40)
    draw(i420.planes(clean), 40)
    np.testing.assert_array_equal(dirty, clean)


def test_the_figure_walks_to_the_right_and_back() -> None:
    there, middle, far, back = (figure_at(number) for number in (0, 50, 100, 150))
    assert there < middle < far
    assert abs(back - middle) < 0.01
