"""Views by the store's own days, where a day has 23, 24, 25 or 23 and a half hours."""

from collections.abc import Callable
from typing import Any

Ask = Callable[[str], list[tuple[Any, ...]]]


def test_footfall_of_a_day_has_all_its_hours_and_none_of_another(ask: Ask) -> None:
    found = ask(
        "SELECT store_id, local_date::TEXT, in_raw, out_raw FROM footfall_by_day"
        " WHERE store_id <> 'london' ORDER BY ALL"
    )
    assert found == [
        ("berlin", "2026-03-29", 92, 46),
        ("berlin", "2026-10-24", 96, 48),
        ("berlin", "2026-10-25", 100, 50),
        ("lord-howe", "2026-10-04", 94, 47),
    ]


def test_a_store_that_never_closes_is_expected_to_be_seen_as_long_as_its_day_is(ask: Ask) -> None:
    found = ask(
        "SELECT store_id, local_date::TEXT, expected_seconds / 3600, coverage FROM coverage_by_day"
        " WHERE observed_seconds > 0 AND store_id <> 'london' ORDER BY ALL"
    )
    assert found == [
        ("berlin", "2026-03-29", 23, 1),
        ("berlin", "2026-10-24", 24, 1),
        ("berlin", "2026-10-25", 25, 1),
        ("lord-howe", "2026-10-04", 23.5, 1),
    ]


def test_the_hour_that_comes_twice_has_both_and_the_one_that_is_left_out_is_not_there(ask: Ask) -> None:
    hours = "SELECT hour, in_raw, observed_seconds FROM footfall_by_hour WHERE store_id = 'berlin' AND local_date = "
    twice = {hour: rest for hour, *rest in ask(f"{hours} DATE '2026-10-25'")}
    left_out = {hour: rest for hour, *rest in ask(f"{hours} DATE '2026-03-29'")}
    assert twice == {hour: [8, 7200] if hour == 2 else [4, 3600] for hour in range(24)}
    assert left_out == {hour: [4, 3600] for hour in range(24) if hour != 2}


def test_a_rate_is_of_the_time_that_somebody_looked(ask: Ask) -> None:
    """Both Sundays: the hour that came twice is no busier."""
    found = ask(
        "SELECT hour, in_shopper_per_hour, observed_hours FROM footfall_profile"
        " WHERE store_id = 'berlin' AND weekday = 7"
    )
    assert {hour: (rate, hours) for hour, rate, hours in found} == dict.fromkeys(range(24), (4, 2))
