import numpy as np
import pytest

from modules.inference.camera_tracks import CameraTracks, Profile
from modules.inference.detector import Detected
from storeflow.frames.frame import WHOLE_FRAME, Frame


def frame_at(captured_at: float, width: int = 800, height: int = 600) -> Frame:
    return Frame("door", 0, captured_at, width, height, WHOLE_FRAME, np.zeros((6, 4), np.uint8))


def detected(*labels: str, left: float = 0.4) -> Detected:
    boxes = np.array([[left + index / 10, 0.4, left + 0.06 + index / 10, 0.6] for index in range(len(labels))])
    return Detected(boxes.reshape(-1, 4), np.full(len(labels), 0.9), labels)


def test_ids_begin_with_the_milliseconds_of_the_cameras_first_frame() -> None:
    camera = CameraTracks(1_700_000_000.25)
    tracks = camera.task("person").follow(frame_at(1_700_000_000.25), detected("person", "person"), 0.4)
    assert [track.track_id for track in tracks] == [f"{1_700_000_000_250:x}-0", f"{1_700_000_000_250:x}-1"]


def test_a_person_and_a_car_never_share_an_id() -> None:
    camera = CameraTracks(0.0)
    ids = [
        track.track_id
        for task, label in (("person", "person"), ("vehicle", "car"))
        for track in camera.task(task).follow(frame_at(0.0), detected(label), 0.4)
    ]
    assert len(set(ids)) == 2


def test_a_track_is_what_it_was_called_most() -> None:
    camera = CameraTracks(0.0)
    labels = ["truck", "truck", "car", "truck", "car", "car", "car"]
    found = [
        camera.task("vehicle").follow(frame_at(index / 10), detected(label), 0.4)[0].object_class
        for index, label in enumerate(labels)
    ]
    assert found == ["truck", "truck", "truck", "truck", "truck", "truck", "car"]


def test_boxes_leave_as_the_detector_gave_them_also_beyond_the_frame() -> None:
    outside = Detected(np.array([[-0.02, 0.5, 0.05, 1.04]]), np.array([0.7]), ("person",))
    (track,) = CameraTracks(0.0).task("person").follow(frame_at(0.0), outside, 0.4)
    assert tuple(track.box) == (-0.02, 0.5, 0.05, 1.04)
    assert track.confidence == 0.7


def test_on_a_wide_picture_a_leap_sideways_is_as_far_as_it_looks() -> None:
    """0.2 of the width is less than the box's 0.24 of the height, and more than three times as long."""
    followed = CameraTracks(0.0).task("person")
    ids = []
    for index, left in enumerate((0.2, 0.2, 0.2, 0.2, 0.4)):
        leaping = Detected(np.array([[left, 0.4, left + 0.03, 0.64]]), np.array([0.9]), ("person",))
        ids += [track.track_id for track in followed.follow(frame_at(index / 10, 2000, 500), leaping, 0.4)]
    assert ids == ["0-0"] * 4 + ["0-1"]


def test_classes_of_forgotten_tracks_are_forgotten_too() -> None:
    camera = CameraTracks(0.0)
    for index in range(200):
        camera.task("vehicle").follow(frame_at(index * 3.0), detected("car", left=0.1 + 0.5 * (index % 2)), 0.4)
    assert len(camera) == 1
    assert len(camera.task("vehicle")._votes) == 1


def test_the_bytetrack_profile_reports_confirmed_tracks_only() -> None:
    camera = CameraTracks(0.0)
    found = [
        camera.task("person", "bytetrack").follow(frame_at(index / 10), detected("person"), 0.4) for index in range(3)
    ]
    assert [[track.confirmed for track in tracks] for tracks in found] == [[], [True], [True]]


def test_another_profile_begins_with_nobody_and_gives_no_id_twice() -> None:
    camera = CameraTracks(0.0)
    chosen: tuple[Profile, ...] = ("default", "bytetrack", "default")
    profiles = [profile for profile in chosen for _ in range(3)]
    found = [
        [
            track.track_id
            for track in camera.task("person", profile).follow(frame_at(index / 10), detected("person"), 0.4)
        ]
        for index, profile in enumerate(profiles)
    ]
    assert found == [["0-0"]] * 3 + [[], ["0-1"], ["0-1"]] + [["0-2"]] * 3


@pytest.mark.parametrize(
    ("captured_at", "over"),
    [(100.0, True), (90.0, True), (102.9, True), (103.1, False), (104.9, False), (105.1, False), (500.0, False)],
)
def test_a_stream_is_over_when_its_clock_is_back_at_the_start_or_far_behind(captured_at: float, over: bool) -> None:
    camera = CameraTracks(100.0)
    for at in (100.0, 105.0, 104.0):
        camera.task("person").follow(frame_at(at), detected("person"), 0.4)
    assert camera.is_over_at(captured_at) == over
