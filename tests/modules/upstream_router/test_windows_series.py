from modules.upstream_router.windows import KEEP_SECONDS
from modules.upstream_router.windows_series import MOST_RUNS, Series


def test_a_heartbeat_is_believed_once_every_number_below_it_is_here() -> None:
    series = Series()
    series.take(1)
    series.take(4, 300.0)
    series.take(3)
    before = series.told_until
    series.take(2)
    assert (before, series.told_until, series.last, series.runs) == (None, 300.0, 4, [])


def test_what_was_before_the_first_number_is_not_waited_for() -> None:
    series = Series()
    series.take(500)
    series.take(501, 300.0)
    series.take(400, 200.0)
    assert series.told_until == 300.0


def test_a_hole_takes_the_same_room_whatever_comes_behind_it() -> None:
    series = Series()
    series.take(1)
    for number in range(3, 20_000):
        series.take(number, float(number) if number % 100 == 0 else None)
    assert len(series.runs) == 1
    assert series.told_until is None


def test_a_hole_is_given_up_after_a_day_and_not_before() -> None:
    series = Series()
    series.take(1)
    assert series.take(4, 300.0) == 0
    assert series.take(5, 300.0 + KEEP_SECONDS) == 0
    assert series.told_until is None
    assert series.take(6, 301.0 + KEEP_SECONDS) == 2
    assert series.told_until == 301.0 + KEEP_SECONDS
    assert series.take(7, 400.0 + KEEP_SECONDS) == 0
    assert series.told_until == 400.0 + KEEP_SECONDS


def test_a_younger_hole_is_still_waited_for_when_an_older_one_is_given_up() -> None:
    series = Series()
    series.take(1)
    series.take(3, 300.0)
    assert series.take(5, 301.0 + KEEP_SECONDS) == 1
    assert (series.told_until, series.last) == (300.0, 3)
    series.take(4)
    assert series.told_until == 301.0 + KEEP_SECONDS


def test_too_many_holes_are_one_that_is_wider_and_given_up_in_time() -> None:
    series = Series()
    series.take(1)
    for number in range(3, 3 + 4 * MOST_RUNS, 2):
        series.take(number, 300.0 + number)
    newest = number
    assert len(series.runs) == MOST_RUNS
    for number in range(2, newest, 2):
        series.take(number)
    assert series.told_until is not None
    assert series.told_until < 300.0 + newest, "what was forgotten is not taken for here"
    series.take(newest + 1, 1000.0 + newest + KEEP_SECONDS)
    assert series.told_until == 1000.0 + newest + KEEP_SECONDS


def test_a_sender_that_counts_from_one_again_is_waited_for_from_one() -> None:
    series = Series()
    series.take(1)
    series.take(2, 300.0)
    assert series.has_had(2)
    series.begin_again()
    series.take(2, 600.0)
    assert series.told_until == 300.0
    series.take(1)
    assert series.told_until == 600.0
