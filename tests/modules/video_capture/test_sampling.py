from itertools import pairwise

import pytest

from modules.video_capture.sampling import Sampler

START = 1_767_225_600.0


def picked(times: list[float], fps: float) -> list[float]:
    sampler = Sampler(fps)
    return [time for time in times if sampler.picks(START + time)]


@pytest.mark.parametrize(
    ("camera", "fps", "seconds", "expected"),
    [
        pytest.param(7, 10, 10, 70, id="a slow camera keeps every frame"),
        pytest.param(10, 10, 10, 100, id="as fast as asked keeps every frame"),
        pytest.param(25, 10, 10, 100, id="25 to 10"),
        pytest.param(30, 10, 10, 100, id="30 to 10"),
        pytest.param(20, 10, 10, 100, id="20 to 10 does not waver between two frames"),
        pytest.param(40, 10, 10, 101, id="40 to 10"),
        pytest.param(12.5, 10, 8, 80, id="12.5 to 10"),
        pytest.param(29.97, 30, 10, 300, id="29.97 keeps every frame at 30"),
        pytest.param(25, 5, 10, 50, id="25 to 5"),
        pytest.param(25, 1, 60, 60, id="once a second"),
        pytest.param(25, 0.1, 60, 6, id="every ten seconds"),
    ],
)
def test_a_camera_is_looked_at_as_often_as_asked_and_no_more(
    camera: float, fps: float, seconds: int, expected: int
) -> None:
    frames = [number / camera for number in range(round(camera * seconds))]
    assert len(picked(frames, fps)) == expected


def test_25_to_10_picks_evenly() -> None:
    chosen = picked([number / 25 for number in range(250)], 10)
    gaps = {round(later - earlier, 3) for earlier, later in pairwise(chosen)}
    assert gaps == {0.08, 0.12}


def test_a_slow_rate_is_kept_from_the_first_frame_on() -> None:
    assert picked([number / 25 for number in range(25 * 30)], 0.1) == [0.0, 10.0, 20.0]


def test_nothing_drifts_in_a_day() -> None:
    chosen = picked([number / 25 for number in range(25 * 3600)], 10)
    assert len(chosen) == 36_000
    assert all(abs(time - number / 10) < 0.05 for number, time in enumerate(chosen))


def test_a_camera_that_is_not_punctual_keeps_its_frames() -> None:
    late_and_early = (0.0, 0.02, -0.015, 0.01, -0.02)
    frames = [number / 10 + late_and_early[number % 5] for number in range(100)]
    assert picked(frames, 10) == frames


def test_time_stamps_rounded_to_milliseconds_lose_nothing() -> None:
    frames = [round(number / 30, 3) for number in range(300)]
    assert picked(frames, 30) == frames


def test_after_a_pause_the_next_frame_is_looked_at() -> None:
    assert picked([0.0, 0.04, 7.51, 7.55, 7.63], 10) == [0.0, 7.51, 7.63]
