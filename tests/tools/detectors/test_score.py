import numpy as np
import pytest

from storeflow.sample_store.film import TrueBody
from tools.detectors.score import Score

SIZE = (100, 100)
BODY = (10.0, 10.0, 30.0, 60.0)
ELSEWHERE = (70.0, 10.0, 90.0, 60.0)


def add(score: Score, found: list[tuple[tuple[float, ...], float]], *bodies: TrueBody) -> None:
    boxes = np.array([box for box, _ in found], float).reshape(-1, 4)
    score.add(boxes, np.array([sure for _, sure in found], float), bodies, SIZE)


def body(box: tuple[float, float, float, float] = BODY, visible: float = 1.0) -> TrueBody:
    return TrueBody("a", box, visible)


def test_a_detection_on_a_body_is_right_and_a_second_one_is_not() -> None:
    score = Score(0.5)
    add(score, [(BODY, 0.7), ((10, 10, 30, 62), 0.9)], body())
    assert (score.required, score.recalled, score.wrong) == (1, 1, 1)
    assert (score.recall, score.precision) == (1.0, 0.5)
    assert score.foot_errors == pytest.approx([2 / 50]), "the surer one is the body's"


def test_what_is_below_the_threshold_counts_for_the_average_precision_alone() -> None:
    score = Score(0.5)
    add(score, [(BODY, 0.4), (ELSEWHERE, 0.3)], body())
    assert (score.required, score.recalled, score.wrong, score.foot_errors) == (1, 0, 0, [])
    assert score.average_precision == 1.0
    assert score.best_threshold == 0.4


def test_half_an_overlap_is_needed() -> None:
    score = Score(0.5)
    add(score, [((10, 10, 30, 34), 0.9)], body())
    assert (score.recalled, score.wrong) == (0, 1)


def test_a_body_that_is_hardly_to_be_seen_need_not_be_found_and_finding_it_is_no_mistake() -> None:
    score = Score(0.5)
    add(score, [(BODY, 0.9)], body(visible=0.4))
    assert (score.required, score.recalled, score.wrong, score.ranked) == (0, 0, 0, [])


def test_boxes_are_compared_inside_the_picture() -> None:
    score = Score(0.5)
    add(score, [((-60, 10, 30, 60), 0.9)], body((-5.0, 10.0, 30.0, 60.0)))
    assert score.recalled == 1


def test_a_mistake_that_stays_where_it_was_is_told_from_a_new_one() -> None:
    score = Score(0.5)
    for boxes in ([ELSEWHERE], [ELSEWHERE, BODY], []):
        add(score, [(box, 0.9) for box in boxes])
    assert (score.wrong, score.lasting) == (3, 1)


def test_the_average_precision_is_the_area_under_the_falling_curve() -> None:
    score = Score(0.5)
    bodies = [body(), body((40.0, 10.0, 60.0, 60.0))]
    add(score, [(BODY, 0.9), (ELSEWHERE, 0.8), ((40, 10, 60, 60), 0.7)], *bodies)
    assert score.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert score.best_threshold == 0.7
    assert score.cells() == (".833", "1.000 of 2", ".667", ".000 and .000")
