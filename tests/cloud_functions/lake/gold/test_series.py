"""Which quarters of an hour are final: from numbers that are here, and heartbeats that say how far they reach."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

from cloud_functions.lake.gold.series import ALWAYS, WINDOWS, Heartbeat, Numbers, Series, final_windows

DAY = date(2026, 11, 20)


def moment(window: float) -> datetime:
    """The beginning of a quarter of an hour of the day."""
    return datetime(2026, 11, 20, tzinfo=UTC) + timedelta(minutes=15 * window)


def series_of(*here: int, beats: dict[int, float], since: float = -96, **more: Any) -> Series:
    """Some numbers, and by number the quarter that a heartbeat reaches."""
    heartbeats = [Heartbeat(number, moment(until), moment(until)) for number, until in sorted(beats.items())]
    return Series(Numbers((number, number) for number in here), heartbeats, moment(since), **more)


def quarters(*series: Series) -> list[int]:
    mask = final_windows(DAY, series)
    return [window for window in range(WINDOWS) if mask >> window & 1]


def test_a_quarter_is_final_from_the_heartbeat_that_reaches_its_end() -> None:
    assert quarters(series_of(1, 2, 3, 4, 5, 6, beats={1: 10, 4: 11.9, 6: 13})) == list(range(13))
    assert quarters(series_of(4, 5, 6, beats={4: 11.9, 6: 13})) == [12]
    assert quarters(series_of(1, 2, beats={})) == quarters() == []


def test_a_number_that_is_missing_holds_up_all_that_follows_until_it_comes() -> None:
    beats: dict[int, float] = {number: number for number in range(2, 9)}
    assert quarters(series_of(1, 2, 3, 5, 6, 7, 8, beats=beats)) == [0, 1, 2]
    assert quarters(series_of(1, 2, 3, 4, 5, 6, 7, 8, beats=beats)) == list(range(8))


def test_what_is_missing_before_the_first_heartbeat_is_of_the_time_before_it() -> None:
    assert quarters(series_of(30, 50, 51, 52, beats={50: 10, 52: 12})) == [10, 11]


def test_what_is_numbered_below_a_heartbeat_may_be_as_young_as_that_and_younger_than_what_it_vouches_for() -> None:
    beats = [Heartbeat(3, moment(2.7), moment(0.4)), Heartbeat(5, moment(3.3), moment(3.1))]
    for first, last, expected in ((3, 5, []), (1, 5, [0, 1, 2])):
        assert quarters(Series(Numbers([(1, 1), (first, last)]), beats, moment(0))) == expected
    late = [*beats, Heartbeat(7, moment(5.3), moment(5))]
    assert quarters(Series(Numbers([(3, 7)]), late, moment(0))) == [3, 4]


def test_numbers_are_in_doubt_where_two_events_have_one_or_a_later_one_is_older() -> None:
    assert not series_of(1, 2, 3, beats={1: 2, 3: 4}).in_doubt
    assert series_of(1, 2, 3, beats={1: 2, 3: 4}, twice=[(2, 2)]).in_doubt
    assert series_of(2, 3, 4000, beats={3: 90, 4000: 2}).in_doubt


def test_a_device_that_lost_its_disk_and_numbers_from_1_again_is_complete_only_from_1_on() -> None:
    before = series_of(500, beats={500: 2})
    assert quarters(before, series_of(2, 3, beats={3: 5}, since=3)) == []
    assert quarters(before, series_of(1, 2, 3, beats={3: 5}, since=3)) == [3, 4]


def test_what_the_lost_disk_had_of_the_time_before_it_is_vouched_for_by_nobody() -> None:
    before = series_of(1, 2, beats={2: 2})
    for since, expected in ((2, [0, 1, 2, 3, 4]), (2.1, [0, 1, 3, 4]), (4, [0, 1, 4]), (6, [0, 1])):
        assert quarters(before, series_of(1, 2, 3, beats={3: 5}, since=since)) == expected


def test_what_is_missing_of_an_earlier_series_holds_up_its_own_time_alone() -> None:
    after = series_of(1, 2, 3, beats={3: 5}, since=3)
    assert quarters(series_of(1, 3, beats={3: 2}), after) == [3, 4]
    assert quarters(series_of(1, 2, 3, beats={3: 2}), after) == [0, 1, 3, 4]


def test_a_number_that_two_events_have_tells_nothing() -> None:
    beats: dict[int, float] = {1: 2, 4: 5, 6: 7}
    assert quarters(series_of(1, 2, 3, 4, 5, 6, beats=beats, twice=[(3, 3)])) == [0, 1]
    assert quarters(series_of(1, 2, 3, 4, 5, 6, beats=beats, twice=[(5, 5)])) == [0, 1, 2, 3, 4]


def test_an_event_of_a_time_that_was_vouched_for_waits_for_the_next_heartbeat() -> None:
    here: dict[str, Any] = {"broken": [(moment(3), 5)]}
    assert quarters(series_of(1, 2, 3, 4, 5, beats={2: 2, 4: 6}, **here)) == [0, 1, 2]
    assert quarters(series_of(1, 2, 3, 4, 5, 6, beats={2: 2, 4: 6, 6: 4}, **here)) == [0, 1, 2, 3]
    assert quarters(series_of(1, 2, 3, 4, 5, 6, 7, beats={2: 2, 4: 6, 6: 4, 7: 6}, **here)) == list(range(6))


def test_a_heartbeat_vouches_for_no_quarter_that_begins_before_it_says() -> None:
    beats = [
        Heartbeat(1, moment(2), moment(2)),
        Heartbeat(3, moment(6), moment(6), moment(3.5)),
        Heartbeat(4, moment(6), moment(6), moment(3)),
        Heartbeat(5, moment(7), moment(7), moment(5)),
    ]
    for known, expected in ((beats[:2], [0, 1, 4, 5]), (beats[:3], [0, 1, 3, 4, 5]), (beats, [0, 1, 3, 4, 5, 6])):
        assert quarters(Series(Numbers([(1, 5)]), known, moment(0))) == expected
    assert sorted([*beats, Heartbeat(4, moment(6), moment(6))])[2].complete_from == ALWAYS


def test_missing_numbers_are_counted_as_one_would_by_hand() -> None:
    rng = random.Random(5)  # noqa: S311 - variety, no secret
    for _ in range(200):
        here = {number for number in range(1, 40) if rng.random() < 0.8}
        unbroken = []
        for first in (number for number in here if number - 1 not in here):
            last = next(number for number in range(first, 41) if number + 1 not in here)
            unbroken.append((first, last))
        numbers = Numbers([*rng.sample(unbroken, len(unbroken)), unbroken[0]])
        first, last = sorted(rng.sample(range(1, 42), 2))
        assert numbers.missing(first, last) == len(set(range(first, last + 1)) - here)
        assert numbers.last == max(here)
