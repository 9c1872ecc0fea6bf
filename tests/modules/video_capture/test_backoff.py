import pytest

from modules.video_capture.backoff import LONGEST_SECONDS, Backoff


def test_waits_double_up_to_half_a_minute() -> None:
    backoff = Backoff(chance=lambda: 0.0)
    assert [backoff.seconds() for _ in range(8)] == [1, 2, 4, 8, 16, 30, 30, 30]


def test_chance_takes_up_to_a_half_off() -> None:
    chances = iter([0.0, 0.5, 1.0])
    backoff = Backoff(chance=lambda: next(chances))
    assert [backoff.seconds() for _ in range(3)] == [1, 2 * 0.75, 4 * 0.5]


@pytest.mark.parametrize(("lasted", "wait"), [(LONGEST_SECONDS, 1), (LONGEST_SECONDS - 1, 4)])
def test_only_pictures_that_lasted_make_the_wait_short_again(lasted: float, wait: float) -> None:
    backoff = Backoff(chance=lambda: 0.0)
    backoff.seconds()
    backoff.seconds()
    assert backoff.seconds(lasted) == wait


def test_two_cameras_don_t_knock_at_the_same_moments() -> None:
    one, other = Backoff(), Backoff()
    assert [one.seconds() for _ in range(5)] != [other.seconds() for _ in range(5)]
