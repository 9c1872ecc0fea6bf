from collections.abc import Iterable
from itertools import pairwise

import pytest

from modules.video_capture.live_time import (
    JUMP_SECONDS,
    LONGEST_LAG_SECONDS,
    WAITED_FOR_SECONDS,
    ClockSetBackError,
    LiveTime,
)
from modules.video_capture.source import ClockState

EPOCH = 1_800_000_000.0
Arrival = tuple[float | None, float]
"""A picture's stamp, and when it came, both in seconds from the beginning."""


def dated(arrivals: Iterable[Arrival], wrong_by: float = 0.0, live_time: LiveTime | None = None) -> list[float]:
    """Seconds from the beginning that pictures are dated at; the device's clock is wrong by so much."""
    live_time = live_time or LiveTime()
    return [
        live_time.captured_at(stamp, EPOCH + at + wrong_by, 5_000 + at) - EPOCH - wrong_by for stamp, at in arrivals
    ]


STEADY = [number / 25 for number in range(100)]


@pytest.mark.parametrize(
    ("name", "arrivals", "expected"),
    [
        ("punctual", [(7.0, 0.0), (7.04, 0.04), (7.08, 0.08)], [0.0, 0.04, 0.08]),
        ("late, but evenly stamped", [(7.0, 0.0), (7.04, 0.09), (7.08, 0.095), (7.12, 0.12)], [0.0, 0.04, 0.08, 0.12]),
        ("the first one was the late one", [(7.0, 0.5), (7.04, 0.5), (7.6, 0.61)], [0.5, 0.501, 0.61]),
        ("no stamps", [(None, 0.0), (None, 0.05), (None, 0.07)], [0.0, 0.05, 0.07]),
        ("stamps go missing", [(7.0, 0.0), (None, 0.05), (7.08, 0.09), (7.12, 0.14)], [0.0, 0.05, 0.09, 0.13]),
        ("stamps jump back", [(7.0, 0.0), (7.04, 0.05), (0.0, 0.09), (0.04, 0.14)], [0.0, 0.04, 0.09, 0.13]),
        ("stamps jump on", [(7.0, 0.0), (7.04, 0.05), (900.0, 0.09), (900.04, 0.14)], [0.0, 0.04, 0.09, 0.13]),
        ("stamps stand still", [(7.0, 0.0), (7.0, 0.04), (7.0, 0.08)], [0.0, 0.04, 0.08]),
        ("several at once", [(None, 0.0)] * 11, [number / 1000 for number in range(11)]),
        ("a network that held its breath", [(7.0, 0.0), (7.04, 2.0), (7.08, 2.0), (9.04, 2.05)], [0, 0.04, 0.08, 2.04]),
        ("a camera that stopped its clock", [(7.0, 0.0), (7.04, 9.0), (7.08, 9.05)], [0.0, 9.0, 9.04]),
    ],
)
def test_a_picture_is_dated_by_stamps_as_long_as_they_make_sense(
    name: str, arrivals: list[Arrival], expected: list[float]
) -> None:
    assert dated(arrivals) == pytest.approx(expected, abs=0.003), name


def test_no_picture_is_dated_before_the_one_before_it_whatever_the_stamps_say() -> None:
    """Five come at once each time."""
    stamps = [7.0, 6.0, None, 1e9, -1e9, 0.0, 0.0, 3.0, 1e-9, None, 2.0]
    times = dated((stamp, 0.05 * (number // 5)) for number, stamp in enumerate(stamps * 20))
    assert all(earlier < later for earlier, later in pairwise(times))
    assert times[-1] < 0.01 * 220 + 0.25


def test_a_camera_s_clock_that_is_slow_is_followed() -> None:
    """100 millionths too slow is 8.6 s a day: uncorrected, a stamp would be of yesterday's closing time."""
    day = [(number * (1 - 1e-4), float(number)) for number in range(86_400)]
    assert dated(day)[-1] == pytest.approx(86_399, abs=0.01)


def test_a_camera_s_clock_that_is_fast_dates_nothing_in_the_future() -> None:
    day = [(number * (1 + 1e-4), float(number)) for number in range(86_400)]
    times = dated(day)
    assert all(time <= at for time, (_, at) in zip(times, day, strict=True))
    assert times[-1] == pytest.approx(86_399, abs=0.01)


def test_a_new_connection_counts_its_stamps_from_its_own_first() -> None:
    """By the first connection's, the next picture would have been under way for 4 s."""
    live_time = LiveTime()
    dated([(7.0, 0.0), (7.04, 0.04)], live_time=live_time)
    live_time.new_connection()
    assert dated([(63.0, 60.0), (63.04, 60.04)], live_time=live_time) == pytest.approx([60.0, 60.04])


def run(live_time: LiveTime, seconds: Iterable[float], wrong_by: float, *, stamped: bool = True) -> list[float]:
    return [live_time.captured_at(at if stamped else None, EPOCH + at + wrong_by, 5_000 + at) - EPOCH for at in seconds]


@pytest.mark.parametrize("step", [2.0, 5.0, WAITED_FOR_SECONDS - 1])
@pytest.mark.parametrize("stamped", [True, False])
def test_a_clock_that_is_set_back_a_little_is_waited_for(step: float, *, stamped: bool) -> None:
    live_time = LiveTime()
    run(live_time, STEADY, wrong_by=0, stamped=stamped)
    later = [4 + number / 25 for number in range(25 * 1_800)]
    times = run(live_time, later, wrong_by=-step, stamped=stamped)

    assert all(0.0359 < two - one < 0.0401 for one, two in pairwise(times)), "a tenth slower at most, and never back"
    waited = next(at for at, time in zip(later, times, strict=True) if time <= at - step + JUMP_SECONDS) - 4
    assert waited == pytest.approx((step - JUMP_SECONDS) * 10, abs=1)
    assert times[-1] == pytest.approx(later[-1] - step, abs=0.01)
    assert live_time.clock.jumps == 1
    assert live_time.clock.ahead_seconds == pytest.approx(0, abs=0.01)


def test_pictures_are_dated_by_their_stamps_while_a_clock_is_waited_for() -> None:
    live_time = LiveTime()
    lateness = [0.0, 0.03, 0.01, 0.05, 0.02]
    arrivals = [(number / 25, number / 25 + lateness[number % 5]) for number in range(500)]
    dated(arrivals[:100], live_time=live_time)
    times = [live_time.captured_at(stamp, EPOCH + at - 30, 5_000 + at) for stamp, at in arrivals[100:]]
    assert live_time.clock.ahead_seconds > 25
    assert all(0.03 < later - earlier < 0.0401 for earlier, later in pairwise(times))


def test_a_clock_that_is_set_back_and_right_again_has_cost_next_to_nothing() -> None:
    live_time = LiveTime()
    run(live_time, [0.0, 0.04], wrong_by=0)
    assert run(live_time, [0.08, 0.12], wrong_by=-50) == pytest.approx([0.08, 0.12], abs=0.01)
    assert live_time.clock == pytest.approx(ClockState(1, 50), abs=0.01)
    assert run(live_time, [0.16], wrong_by=0) == pytest.approx([0.16], abs=0.01)
    assert live_time.clock == pytest.approx(ClockState(2, 0), abs=0.01)


def test_a_clock_that_is_waited_for_over_a_break_is_not_taken_for_one_that_was_set_again() -> None:
    live_time = LiveTime()
    run(live_time, [0.0, 0.04], wrong_by=0)
    run(live_time, [0.08], wrong_by=-50)
    live_time.new_connection()
    assert run(live_time, [100.08], wrong_by=-50) == pytest.approx([90.08], abs=0.02)
    live_time.new_connection()
    assert run(live_time, [200.08], wrong_by=-50) == pytest.approx([180.08], abs=0.02)
    assert live_time.clock == pytest.approx(ClockState(1, 30), abs=0.02)


@pytest.mark.parametrize("steps", [[-86_400.0], [-WAITED_FOR_SECONDS - 1], [-40.0, -80.0]])
def test_a_clock_that_is_set_back_further_ends_the_stream_and_is_followed_in_the_next_one(steps: list[float]) -> None:
    live_time = LiveTime()
    run(live_time, [0.0, 0.04], wrong_by=0)
    for number, step in enumerate(steps[:-1]):
        run(live_time, [0.08 + number], wrong_by=step)
    with pytest.raises(ClockSetBackError, match="this device's clock was set back, by"):
        run(live_time, [5.0], wrong_by=steps[-1])
    live_time.new_connection()
    expected = [6.0 + steps[-1], 6.04 + steps[-1]]
    assert run(live_time, [6.0, 6.04], wrong_by=steps[-1]) == pytest.approx(expected)
    assert live_time.clock == pytest.approx(ClockState(len(steps), 0))


def test_a_clock_that_is_set_forward_is_followed_at_once() -> None:
    live_time = LiveTime()
    run(live_time, [0.0, 0.04], wrong_by=0)
    assert run(live_time, [0.08, 0.12], wrong_by=3_600) == pytest.approx([3_600.08, 3_600.12])
    assert live_time.clock == pytest.approx(ClockState(1, 0))


def test_a_clock_set_forward_by_less_than_the_longest_lag_is_followed_as_well() -> None:
    live_time = LiveTime()
    run(live_time, [0.0, 0.04], wrong_by=0)
    step = LONGEST_LAG_SECONDS / 2
    assert run(live_time, [0.08, 0.12], wrong_by=step) == pytest.approx([step + 0.08, step + 0.12])


@pytest.mark.parametrize("step", [0.4, -0.4])
def test_a_small_correction_is_followed_so_slowly_that_no_duration_shows_it(step: float) -> None:
    live_time = LiveTime()
    run(live_time, STEADY, wrong_by=0)
    times = run(live_time, [4 + number / 25 for number in range(25 * 600)], wrong_by=step)
    assert all(0.0399 < later - earlier < 0.0401 for earlier, later in pairwise(times))
    assert times[-1] == pytest.approx(604 - 0.04 + step, abs=0.05)
    assert live_time.clock.jumps == 0


def test_a_device_that_thinks_it_is_1970_is_believed_until_it_knows_better() -> None:
    live_time = LiveTime()
    assert run(live_time, [0.0, 0.04], wrong_by=-EPOCH) == pytest.approx([-EPOCH, -EPOCH + 0.04])
    assert run(live_time, [0.08], wrong_by=0) == pytest.approx([0.08])
