from modules.video_capture.pace import Pace


def test_the_first_frame_is_due_at_once_and_the_others_at_their_distance_from_it() -> None:
    pace = Pace(speed=1)
    assert pace.wait_seconds(3.0, now=50.0) == 0
    assert pace.wait_seconds(3.5, now=50.125) == 0.375


def test_speed_shortens_the_wait() -> None:
    pace = Pace(speed=4)
    pace.wait_seconds(0.0, now=50.0)
    assert pace.wait_seconds(2.0, now=50.0) == 0.5


def test_lateness_is_made_up_for() -> None:
    pace = Pace(speed=1)
    pace.wait_seconds(0.0, now=50.0)
    assert pace.wait_seconds(1.0, now=55.0) == 0
    assert pace.wait_seconds(6.0, now=55.0) == 1.0
