import numpy as np
import pytest
from numpy.typing import NDArray

from modules.video_capture.picture_health import PictureHealth, samples

Picture = NDArray[np.uint8]
ROOM = np.full((360, 640), 90, np.uint8)
NIGHT = np.full((360, 640), 16, np.uint8)


def noisy(picture: Picture, number: int, sigma: float) -> Picture:
    """The picture as a sensor with so much noise sees it for the `number`th time."""
    noise = np.random.default_rng(number).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 16, 235).astype(np.uint8)


def faults(pictures: list[Picture], freeze_seconds: float = 30.0, step: float = 1.0) -> list[str | None]:
    """What is said of pictures that come `step` seconds apart."""
    health = PictureHealth(freeze_seconds)
    return [health.fault(samples(picture), 100 + number * step) for number, picture in enumerate(pictures)]


def test_samples_are_pixels_as_they_are_and_few_of_them() -> None:
    picture = np.arange(1080 * 1920, dtype=np.uint32).astype(np.uint8).reshape(1080, 1920)
    few = samples(picture)
    assert max(few.shape) <= 64
    assert (few == picture[::17, ::30]).all()
    few[:] = 0
    assert picture.any()
    assert samples(np.zeros((2, 2), np.uint8)).shape == (2, 2)


def test_the_same_picture_is_frozen_after_its_time_and_not_before() -> None:
    assert faults([ROOM] * 33) == [None] * 30 + ["frozen"] * 3


@pytest.mark.parametrize("sigma", [0.3, 1.0, 4.0])
def test_a_still_scene_with_a_sensor_s_noise_is_not_frozen(sigma: float) -> None:
    assert set(faults([noisy(ROOM, number, sigma) for number in range(120)])) == {None}


def test_a_scene_without_any_noise_that_is_coded_anew_now_and_then_is_not_frozen() -> None:
    # Between two key frames a strong compression copies; at a key frame, rounding is another one somewhere.
    pictures = [ROOM.copy() for _ in range(120)]
    for number, picture in enumerate(pictures):
        picture[0, 0] += number // 20 % 2
    assert set(faults(pictures)) == {None}


def test_a_frozen_picture_is_over_with_the_first_other_one() -> None:
    assert faults([ROOM] * 4 + [noisy(ROOM, 1, 1.0)], freeze_seconds=2)[2:] == ["frozen", "frozen", None]


def test_time_decides_and_not_the_number_of_pictures() -> None:
    assert set(faults([ROOM] * 100, freeze_seconds=30, step=0.04)) == {None}


def test_who_asks_for_no_freeze_detection_gets_none() -> None:
    assert set(faults([ROOM] * 1000, freeze_seconds=0)) == {None}


@pytest.mark.parametrize(
    ("name", "picture", "sigma", "black"),
    [
        ("nothing at all", NIGHT, 0.0, True),
        ("a covered lens and a little noise", NIGHT, 2.0, True),
        ("a dark shop at the limit of a sensor", np.full((360, 640), 30, np.uint8), 8.0, False),
        ("an emergency exit's sign", np.where(np.arange(640) < 20, 120, NIGHT).astype(np.uint8), 1.0, False),
        ("a lit shop", ROOM, 1.0, False),
    ],
)
def test_black_is_what_shows_nothing_anywhere(name: str, picture: Picture, sigma: float, black: bool) -> None:
    told = faults([noisy(picture, number, sigma) for number in range(13)])
    assert told == ([None] * 10 + ["black"] * 3 if black else [None] * 13), name


def test_a_date_in_a_corner_does_not_hide_that_a_picture_is_black() -> None:
    dated = NIGHT.copy()
    dated[:30, :120] = 220
    assert faults([noisy(dated, number, 1.0) for number in range(11)])[-1] == "black"


def test_a_camera_that_changes_between_day_and_night_is_not_black() -> None:
    pictures = [NIGHT] * 5 + [ROOM] + [NIGHT] * 9
    assert set(faults(pictures)) == {None}


def test_a_new_connection_that_shows_the_same_ends_no_fault() -> None:
    health = PictureHealth(30.0)
    assert health.fault(samples(ROOM), 0.0) is None
    assert health.fault(samples(ROOM), 30.0) == "frozen"
    assert health.fault(samples(ROOM), 75.0) == "frozen"  # a retry later
    assert health.fault(samples(noisy(ROOM, 1, 1.0)), 105.0) is None
