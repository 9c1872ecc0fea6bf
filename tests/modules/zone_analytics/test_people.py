from collections.abc import Callable

import pytest

from modules.zone_analytics.parameters import DECISIONS
from modules.zone_analytics.people import HEIGHT_OBSERVATIONS, Observation, People, velocity
from storeflow.contract.geometry import BoundingBox, Point
from storeflow.contract.messages import Detections, Track

FrameOf = Callable[..., Detections]


class Crowd:
    """People who are fed frames of one track at a time, ten a second."""

    def __init__(self, frame: FrameOf) -> None:
        self.people, self.frame, self.at = People(DECISIONS), frame, 0.0

    def walk(self, track_id: str, start: tuple[float, float], step: float, frames: int) -> list[str]:
        """Walk to the right; the persons that were seen."""
        seen_now = []
        for number in range(frames):
            tracks = self.frame(self.at, {track_id: (start[0] + number * step, start[1])}).tracks
            seen_now += [seen.person.person_id for seen in self.people.update(self.at, 1.0, tracks)]
            self.people.forget(self.at)
            self.at = round(self.at + 0.1, 3)
        return seen_now

    def wait(self, seconds: float) -> None:
        """Let time pass without frames."""
        self.at = round(self.at + seconds, 3)


@pytest.fixture
def crowd(frame: FrameOf) -> Crowd:
    return Crowd(frame)


def test_a_track_born_where_another_would_be_by_now_is_the_same_person(crowd: Crowd) -> None:
    crowd.walk("1", (0.2, 0.5), 0.01, 20)
    crowd.wait(0.5)
    assert set(crowd.walk("2", (0.46, 0.5), 0.01, 10)) == {"1"}


@pytest.mark.parametrize(
    ("gap", "place"),
    [(0.5, (0.6, 0.5)), (0.5, (0.2, 0.5)), (1.9, (0.6, 0.5))],
    ids=["too far on", "behind", "too late"],
)
def test_a_track_born_elsewhere_or_too_late_is_another_person(
    crowd: Crowd, gap: float, place: tuple[float, float]
) -> None:
    crowd.walk("1", (0.2, 0.5), 0.01, 20)
    crowd.wait(gap)
    assert set(crowd.walk("2", place, 0.01, 5)) == {"2"}


def test_a_track_born_beside_someone_who_is_still_seen_is_another_person(frame: FrameOf) -> None:
    people = People(DECISIONS)
    for number in range(10):
        feet = {"1": (0.5, 0.5)} if number < 5 else {"1": (0.5, 0.5), "2": (0.51, 0.5)}
        seen_now = people.update(number / 10, 1.0, frame(number / 10, feet).tracks)
    assert [seen.person.person_id for seen in seen_now] == ["1", "2"]


def test_who_vanishes_at_the_pictures_edge_has_left_and_who_comes_next_is_someone_else(crowd: Crowd) -> None:
    crowd.walk("1", (0.2, 0.5), -0.01, 18)  # the box is 0.05 wide: its left side is at 0.005 now
    crowd.wait(0.5)
    assert set(crowd.walk("2", (0.08, 0.5), 0.01, 5)) == {"2"}


def test_a_child_does_not_go_on_as_the_adult_who_vanished(crowd: Crowd) -> None:
    crowd.walk("1", (0.5, 0.5), 0.0, 10)
    small = Track(track_id="2", box=BoundingBox(0.48, 0.44, 0.52, 0.5), confidence=0.9, confirmed=True)
    assert [seen.person.person_id for seen in crowd.people.update(crowd.at, 1.0, (small,))] == ["2"]


def test_a_track_that_comes_back_after_another_took_its_place_gets_an_id_of_its_own(crowd: Crowd) -> None:
    crowd.walk("1", (0.5, 0.5), 0.0, 10)
    crowd.walk("2", (0.5, 0.5), 0.0, 5)
    assert set(crowd.walk("1", (0.8, 0.8), 0.0, 3)) == {"1@1500"}


def test_a_person_is_seen_once_confirmed_with_every_observation_before(frame: FrameOf) -> None:
    people = People(DECISIONS)
    for at in (0.0, 0.1):
        assert people.update(at, 1.0, frame(at, {"1": (0.5, 0.5)}, confirmed=False).tracks) == []
    (seen,) = people.update(0.2, 1.0, frame(0.2, {"1": (0.5, 0.5)}).tracks)
    assert [observation.at for observation in seen.observations] == [0.0, 0.1, 0.2]


def test_who_was_not_seen_for_long_enough_has_left_once(crowd: Crowd) -> None:
    crowd.walk("1", (0.5, 0.5), 0.0, 5)
    assert [person.person_id for person in crowd.people.forget(0.4 + DECISIONS.forget_seconds + 0.01)] == ["1"]
    assert crowd.people.forget(100.0) == []


def test_who_stays_for_hours_is_remembered_by_a_bounded_number_of_observations(crowd: Crowd) -> None:
    crowd.walk("1", (0.5, 0.5), 0.0, 1000)
    (person,) = crowd.people
    assert len(person.recent) == HEIGHT_OBSERVATIONS
    assert person.first[-1].at <= DECISIONS.velocity_seconds


def test_a_box_without_height_or_width_is_nobody() -> None:
    people = People(DECISIONS)
    boxes = BoundingBox(0.5, 0.5, 0.6, 0.5), BoundingBox(0.5, 0.5, 0.5, 0.9)
    tracks = [Track(track_id=str(box), box=box, confidence=0.9, confirmed=True) for box in boxes]
    assert people.update(0.0, 1.0, tracks) == []


def test_a_person_is_what_the_tracker_calls_them_last() -> None:
    people = People(DECISIONS)
    for at, name in ((0.0, "truck"), (0.1, "car")):
        box = BoundingBox(0.4, 0.4, 0.6, 0.6)
        track = Track(track_id="1", box=box, confidence=0.9, confirmed=True, object_class=name)
        (seen,) = people.update(at, 1.0, (track,))
    assert (seen.person.is_a("car"), seen.person.is_a("truck")) == (True, False)
    assert seen.person.is_a("vehicle")
    assert not seen.person.is_a("person")


def test_feet_below_the_picture_are_where_the_height_known_before_puts_them() -> None:
    people = People(DECISIONS)
    for number, bottom in enumerate((0.90, 0.95, 1.0)):
        box = BoundingBox(0.4, bottom - 0.5 if bottom < 1 else 0.55, 0.6, bottom)
        track = Track(track_id="1", box=box, confidence=0.9, confirmed=True)
        (seen,) = people.update(number / 10, 2.0, (track,))
    assert seen.observations[0].foot == pytest.approx((1.0, 1.05))
    assert seen.observations[0].height == pytest.approx(0.5)


def test_who_crouches_in_full_view_has_the_feet_where_their_box_ends() -> None:
    people = People(DECISIONS)
    for number, top in enumerate((0.4, 0.4, 0.6)):
        track = Track(track_id="1", box=BoundingBox(0.4, top, 0.6, 0.8), confidence=0.9, confirmed=True)
        (seen,) = people.update(number / 10, 1.0, (track,))
    assert seen.observations[0].foot == pytest.approx((0.5, 0.8))
    assert seen.observations[0].height == pytest.approx(0.2)


def test_where_a_box_is_cut_its_own_edge_and_middle_are_kept_beside_the_feet() -> None:
    people = People(DECISIONS)
    for number, (top, bottom) in enumerate(((0.40, 0.90), (0.45, 0.95), (0.55, 1.0))):
        track = Track(track_id="1", box=BoundingBox(0.4, top, 0.6, bottom), confidence=0.9, confirmed=True)
        (seen,) = people.update(number / 10, 2.0, (track,))
    (cut,) = seen.observations
    places = [cut.seen_at(focus).foot for focus in ("footprint", "bottom_center", "center")]
    assert places == [pytest.approx(place) for place in [(1.0, 1.05), (1.0, 1.0), (1.0, 0.775)]]
    whole = people.by_track["1"].recent[0]
    places = [whole.seen_at(focus).foot for focus in ("footprint", "bottom_center", "center")]
    assert places == [pytest.approx(place) for place in [(1.0, 0.9), (1.0, 0.9), (1.0, 0.65)]]


def test_velocity_is_per_second_and_needs_two_observations() -> None:
    walk = [Observation(at / 10, Point(0.1 * at, 0.5), 0.1) for at in range(5)]
    assert velocity(walk) == pytest.approx((1.0, 0.0))
    assert velocity(walk[:1]) == (0.0, 0.0)


def test_the_number_of_people_known_at_once_is_bounded(frame: FrameOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modules.zone_analytics.people.MOST_PEOPLE", 3)
    people = People(DECISIONS)
    for number in range(6):
        people.update(number / 10, 1.0, frame(number / 10, {str(number): (number / 10, 0.5)}).tracks)
        people.forget(number / 10)
    assert [person.person_id for person in people] == ["3", "4", "5"]


def test_who_left_is_forgotten_once_also_where_there_are_too_many(
    frame: FrameOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modules.zone_analytics.people.MOST_PEOPLE", 2)
    people = People(DECISIONS)
    people.update(0.0, 1.0, frame(0.0, {"old": (0.1, 0.5)}).tracks)
    people.update(3.0, 1.0, frame(3.0, {str(number): (0.2 + number / 5, 0.5) for number in range(3)}).tracks)
    assert [person.person_id for person in people.forget(3.0)] == ["old", "0"]
    assert [person.person_id for person in people] == ["1", "2"]
