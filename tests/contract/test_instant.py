import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storeflow.contract.events import CameraState
from storeflow.contract.instant import TIME_PATTERN, as_text, instant, milliseconds

MOMENTS = st.floats(0, 4_000_000_000)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_700_000_000.5, "2023-11-14T22:13:20.500Z"),
        (1_700_000_000.1254, "2023-11-14T22:13:20.125Z"),
        (1_700_000_000.1256, "2023-11-14T22:13:20.126Z"),
        (1_700_000_000.9996, "2023-11-14T22:13:21.000Z"),
    ],
)
def test_a_moment_is_rounded_to_the_nearest_millisecond_and_says_all_three_digits(seconds: float, text: str) -> None:
    assert as_text(instant(seconds)) == text


@given(first=MOMENTS, second=MOMENTS)
def test_times_sort_as_text_as_they_do_as_times(first: float, second: float) -> None:
    one, other = instant(first), instant(second)
    assert (as_text(one) < as_text(other)) == (one < other)
    assert re.fullmatch(TIME_PATTERN, as_text(one))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-20T09:00:00Z", "2026-11-20T09:00:00.000Z"),
        ("2026-11-20T09:00:00.4215Z", "2026-11-20T09:00:00.421Z"),
        ("2026-11-20T09:00:00.421600Z", "2026-11-20T09:00:00.422Z"),
        ("2026-11-20T10:00:00.421+01:00", "2026-11-20T09:00:00.421Z"),
    ],
)
def test_whatever_is_read_is_written_in_the_one_form(written: str, read: str) -> None:
    state = CameraState.model_validate(
        {"store_id": "s", "camera_id": "c", "captured_at": written, "state": "ended", "detail": ""}
    )
    assert state.model_dump(mode="json")["captured_at"] == read


@given(seconds=MOMENTS)
def test_the_milliseconds_of_an_id_are_those_of_the_time(seconds: float) -> None:
    assert milliseconds(seconds) == (instant(seconds) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@given(seconds=MOMENTS)
def test_rounding_twice_changes_nothing(seconds: float) -> None:
    moment = instant(seconds)
    assert instant(moment.timestamp()) == moment
    assert datetime.fromisoformat(as_text(moment)) == moment


def test_a_time_of_another_zone_is_utc_from_then_on() -> None:
    berlin = datetime(2026, 11, 20, 10, tzinfo=timezone(timedelta(hours=1)))
    state = CameraState(store_id="s", camera_id="c", captured_at=berlin, state="ended", detail="")
    assert state.captured_at == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert state.captured_at.utcoffset() == timedelta(0)
