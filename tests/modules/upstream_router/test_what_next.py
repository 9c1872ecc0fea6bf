from hypothesis import given
from hypothesis import strategies as st

from modules.upstream_router.what_next import live_places, what_next
from storeflow.host.outbox import Row


def rows(numbers: list[int]) -> list[Row]:
    return [Row(number, b"", {}, b"") for number in numbers]


def choose(waiting: list[int], limit: int) -> list[int]:
    newest = waiting[::-1][: live_places(limit)] if len(waiting) > limit else []
    chosen = what_next(rows(waiting[:limit]), rows(newest), limit)
    return [row.id for row in chosen]


def test_what_fits_goes_in_its_order() -> None:
    assert choose([1, 2, 3, 4], 4) == [1, 2, 3, 4]
    assert choose([], 4) == []


def test_of_more_than_that_the_newest_come_first_and_the_oldest_are_not_forgotten() -> None:
    assert choose([1, 2, 3, 4, 5, 6, 7, 8, 9], 4) == [9, 8, 1, 2]


def test_where_large_rows_leave_places_empty_the_newest_still_come_first() -> None:
    chosen = what_next(rows([1, 2, 3]), rows([9, 8]), 100)
    assert [row.id for row in chosen] == [9, 8, 1, 2, 3]


@given(st.integers(0, 60), st.integers(1, 20))
def test_no_row_goes_twice_and_no_place_stays_empty(count: int, limit: int) -> None:
    waiting = list(range(count))
    chosen = choose(waiting, limit)
    assert len(chosen) == len(set(chosen)) == min(limit, count)
    assert set(chosen) <= set(waiting)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(0, 500), st.integers(20, 40))
def test_whatever_comes_in_nothing_new_waits_for_a_round_and_the_old_gets_out(
    arrivals: list[int], backlog: int, limit: int
) -> None:
    """Up to 9 new rows a round, and 20 places or more: half of them do for the new."""
    waiting = list(range(backlog))
    newest = backlog
    for arriving in arrivals:
        new = list(range(newest, newest + arriving))
        waiting, newest = waiting + new, newest + arriving
        oldest = waiting[: limit - live_places(limit)]
        chosen = choose(waiting, limit)
        assert set(new) <= set(chosen)
        assert set(oldest) <= set(chosen)
        waiting = [row for row in waiting if row not in set(chosen)]
    assert len(waiting) <= max(0, backlog - len(arrivals) * (limit - 9))
