import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.upstream_router.token_bucket import TokenBucket


def test_a_second_s_worth_is_there_from_the_start_and_a_debt_is_waited_for() -> None:
    bucket = TokenBucket(100)
    assert bucket.wait_seconds(10.0) == 0

    bucket.charge(350, 10.0)

    assert bucket.wait_seconds(10.0) == 2.5
    assert bucket.wait_seconds(11.0) == pytest.approx(1.5)
    assert bucket.wait_seconds(12.5) == 0


def test_no_more_than_a_second_s_worth_is_saved_up() -> None:
    bucket = TokenBucket(100)
    bucket.charge(0, 0.0)
    bucket.charge(300, 1000.0)
    assert bucket.wait_seconds(1000.0) == 2.0


def test_a_clock_that_goes_back_gains_nothing_and_stops_nothing() -> None:
    bucket = TokenBucket(100)
    bucket.charge(200, 1000.0)
    assert bucket.wait_seconds(0.0) == 1.0
    assert bucket.wait_seconds(1.0) == 0.0


def test_without_a_limit_nothing_waits() -> None:
    bucket = TokenBucket(0)
    bucket.charge(10**9, 0.0)
    assert bucket.wait_seconds(0.0) == 0


@given(st.lists(st.integers(1, 500), min_size=1, max_size=50))
def test_over_any_time_no_more_goes_than_the_rate_a_second_s_worth_and_one_message(sizes: list[int]) -> None:
    bucket, now = TokenBucket(100), 0.0
    for size in sizes:
        now += bucket.wait_seconds(now)
        bucket.charge(size, now)
    assert sum(sizes[:-1]) <= 100 * (now + 1) + 1e-6 + max(sizes)
    assert now <= sum(sizes) / 100


def test_what_alerts_owe_is_paid_out_of_half_of_the_budget_at_most() -> None:
    bucket = TokenBucket(100)
    bucket.charge(1100, 0.0, alert=True)
    assert bucket.wait_seconds(0.0) == 0, "alerts took what was there, and no more of what comes"
    bucket.charge(300, 0.0)
    assert bucket.wait_seconds(0.0) == 6.0
    assert bucket.wait_seconds(6.0) == 0
    bucket.charge(1000, 6.0)
    assert bucket.wait_seconds(6.0) == 17.0, "14 s at half, until 700 are paid, and 3 s at the full rate"
    assert bucket.wait_seconds(20.0) == 3.0


@given(st.lists(st.tuples(st.integers(1, 500), st.booleans()), min_size=1, max_size=50))
def test_with_alerts_everything_else_has_half_of_the_budget_and_both_together_no_more_than_all_of_it(
    sendings: list[tuple[int, bool]],
) -> None:
    bucket, now, bulk = TokenBucket(100), 0.0, 0
    for size, alert in sendings:
        if not alert:
            now += bucket.wait_seconds(now)
            bulk += size
        bucket.charge(size, now, alert=alert)
    assert now <= bulk / 50 + 1e-6
    total = sum(size for size, _ in sendings)
    large = 100_000
    bucket.charge(large, now)
    assert now + bucket.wait_seconds(now) >= (total + large) / 100 - 1 - 1e-6, "what alerts took is paid in the end"
