from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from modules.upstream_router.spread import fraction, next_turn, pause_after


def test_a_thousand_devices_are_spread_over_all_of_a_minute() -> None:
    moments = Counter(int(60 * fraction(f"store-{number}")) for number in range(1000))
    assert len(moments) == 60
    assert max(moments.values()) < 40


def test_a_device_has_the_same_turn_tomorrow_and_another_for_another_purpose() -> None:
    assert fraction("store-1") == fraction("store-1")
    assert fraction("store-1", "a") != fraction("store-1", "b")


@given(st.floats(0, 2e9), st.floats(0.5, 3600), st.floats(0, 1, exclude_max=True))
def test_the_next_turn_is_less_than_a_period_away_and_always_at_the_same_point_of_it(
    now: float, period: float, share: float
) -> None:
    turn = next_turn(now, period, share)
    assert 0 <= turn - now <= period
    away = (turn - share * period) % period
    assert min(away, period - away) < 1e-5


def test_without_a_period_it_is_always_a_device_s_turn() -> None:
    assert next_turn(7.5, 0, 0.3) == 7.5


def test_pauses_grow_up_to_a_limit_and_no_two_devices_come_back_together() -> None:
    pauses = [pause_after(failures, "store-1", 1.0, 60.0) for failures in range(1, 40)]
    assert all(
        0.5 * full <= pause <= full for pause, full in zip(pauses, (1, 2, 4, 8, 16, 32, *[60] * 33), strict=True)
    )
    last = [pause_after(9, f"store-{number}", 1.0, 60.0) for number in range(100)]
    assert max(last) - min(last) > 25
    assert pause_after(2000, "store-1", 1.0, 60.0) <= 60
