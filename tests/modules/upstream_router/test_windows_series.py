from modules.upstream_router.windows import KEEP_SECONDS
from modules.upstream_router.windows_series import MOST_RUNS, GivenUp, Series, Told


def told(until: float) -> Told:
    """A heartbeat that was made a minute after what it speaks of."""
    return Told(until, until + 60)


def test_a_heartbeat_is_believed_once_every_number_below_it_is_here() -> None:
    series = Series()
    series.take(1)
    series.take(4, told(300.0))
    series.take(3)
    before = series.told_until
    series.take(2)
    assert (before, series.told_until, series.last, series.runs) == (None, 300.0, 4, [])


def test_what_was_before_the_first_number_is_not_waited_for() -> None:
    series = Series()
    series.take(500)
    series.take(501, told(300.0))
    assert series.told_until == 300.0


def test_a_heartbeat_below_the_first_number_is_not_believed_as_nobody_knows_what_is_missing_below_it() -> None:
    series = Series()
    series.take(500)
    series.take(501, told(300.0))
    series.take(2, told(900.0))
    assert series.told_until == 300.0


def test_a_hole_takes_the_same_room_whatever_comes_behind_it() -> None:
    series = Series()
    series.take(1)
    for number in range(3, 20_000):
        series.take(number, told(number) if number % 100 == 0 else None)
    assert len(series.runs) == 1
    assert series.told_until is None


def test_a_hole_is_given_up_after_a_day_and_not_before() -> None:
    series = Series()
    series.take(1)
    assert series.take(4, told(300.0)) is None
    assert series.take(5, told(300.0 + KEEP_SECONDS)) is None
    assert series.told_until is None
    assert series.take(6, told(301.0 + KEEP_SECONDS)) == GivenUp(2, by=360.0)
    assert series.told_until == 301.0 + KEEP_SECONDS
    assert series.take(7, told(400.0 + KEEP_SECONDS)) is None
    assert series.told_until == 400.0 + KEEP_SECONDS


def test_a_younger_hole_is_still_waited_for_when_an_older_one_is_given_up() -> None:
    series = Series()
    series.take(1)
    series.take(3, told(300.0))
    assert series.take(5, told(301.0 + KEEP_SECONDS)) == GivenUp(1, by=360.0)
    assert (series.told_until, series.last) == (300.0, 3)
    series.take(4)
    assert series.told_until == 301.0 + KEEP_SECONDS


def test_what_is_given_up_was_captured_by_when_the_first_heartbeat_behind_it_was_made() -> None:
    series = Series()
    series.take(1)
    series.take(3)
    series.take(6, Told(300.0, 700.0))
    series.take(7, Told(200.0, 900.0))
    series.take(9, Told(600.0, 1500.0))
    assert series.take(10, Told(601.0 + KEEP_SECONDS, 700.0 + KEEP_SECONDS)) == GivenUp(4, by=1500.0)
    assert series.runs == []


def test_nothing_is_given_up_where_all_is_here_whatever_heartbeats_say() -> None:
    series = Series()
    series.take(1)
    series.take(3, told(300.0))
    assert series.take(2, told(301.0 + KEEP_SECONDS)) is None


def test_too_many_holes_are_one_that_is_wider_and_given_up_in_time() -> None:
    series = Series()
    series.take(1)
    for number in range(3, 3 + 4 * MOST_RUNS, 2):
        series.take(number, told(300.0 + number))
    newest = number
    assert len(series.runs) == MOST_RUNS
    for number in range(2, newest, 2):
        series.take(number)
    assert series.told_until is not None
    assert series.told_until < 300.0 + newest, "what was forgotten is not taken for here"
    series.take(newest + 1, told(1000.0 + newest + KEEP_SECONDS))
    assert series.told_until == 1000.0 + newest + KEEP_SECONDS


def test_a_sender_that_counts_from_one_again_is_waited_for_from_one() -> None:
    series = Series()
    series.take(1)
    series.take(2, told(300.0))
    assert series.has_had(2)
    series.begin_again()
    series.take(2, told(600.0))
    assert series.told_until == 300.0
    series.take(1)
    assert series.told_until == 600.0
