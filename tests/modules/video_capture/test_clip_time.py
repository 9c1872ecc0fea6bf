from fractions import Fraction

import pytest

from modules.video_capture.clip_time import ClipTime
from storeflow.errors import SourceError

MILLISECONDS, RATE = Fraction(1, 1000), Fraction(25)


@pytest.mark.parametrize(
    ("stamps", "expected", "why"),
    [
        pytest.param([500, 540, 700], [0.0, 0.04, 0.2], "", id="trusted from the first one on"),
        pytest.param([None, None, None], [0.0, 0.04, 0.08], "without a time stamp", id="none at all"),
        pytest.param([0, 40, None, 120], [0.0, 0.04, 0.08, 0.12], "without a time stamp", id="one is missing"),
        pytest.param([0, 40, 40, 9000], [0.0, 0.04, 0.08, 0.12], "jump from 0.040 s to 0.040 s", id="twice the same"),
        pytest.param([0, 1000, 40, 80], [0.0, 1.0, 1.04, 1.08], "jump from 1.000 s to 0.040 s", id="back in time"),
        pytest.param([0, 40, 10**12], [0.0, 0.04, 0.08], "jump from", id="over a day ahead"),
    ],
)
def test_stamps_are_believed_until_one_is_wrong(stamps: list[int | None], expected: list[float], why: str) -> None:
    clip = ClipTime(MILLISECONDS, RATE)
    assert [round(clip.seconds(stamp), 6) for stamp in stamps] == expected
    assert (why in clip.distrusted) if why else not clip.distrusted


def test_a_clip_with_neither_stamps_nor_a_rate_is_told() -> None:
    with pytest.raises(SourceError, match=r"without a time stamp.*names no frame rate"):
        ClipTime(None, None).seconds(None)
