"""The queue of the sample store, decided on the true places of its people: who is served, and after how long?"""

from collections.abc import Iterator

import numpy as np
import pytest

from modules.zone_analytics.camera_view import CameraView
from modules.zone_analytics.decisions import WaitEnded
from modules.zone_analytics.parameters import DECISIONS
from storeflow.contract.geometry import BoundingBox
from storeflow.contract.messages import Detections, Track
from storeflow.contract.twins import read_section
from storeflow.sample_store.film import Film
from storeflow.sample_store.store import CAMERA, FPS, ZONES
from storeflow.sample_store.truth import inside

TILL = ((2.3, 4.6), (3.2, 4.6), (3.2, 6.6), (2.3, 6.6))
"""Where those stand who reach for the till, in metres of the floor."""
BODY = 1.7
FILM = Film()


@pytest.fixture(scope="module")
def left() -> dict[str, WaitEnded]:
    """What became of everyone who waited."""
    queue = {"polygon": [CAMERA.floor_point(*corner) for corner in ZONES["queue"]]}
    service = {"service": [CAMERA.floor_point(*corner) for corner in TILL]}
    view = CameraView("camera", read_section("layout", {"queues": {"till": queue | service}}), DECISIONS)
    decisions = [decision for frame in frames() for decision in view.observe(frame)]
    return {one.person_id: one for one in [*decisions, *view.end()] if isinstance(one, WaitEnded)}


def frames() -> Iterator[Detections]:
    for number in range(FILM.frames):
        here = [(one.actor.name, one.poses[number]) for one in FILM.performances if one.present[number]]
        yield Detections(
            camera_id="camera",
            sequence=number,
            captured_at=number / FPS,
            frame_width=CAMERA.width,
            frame_height=CAMERA.height,
            model_version="truth",
            tracks=tuple(
                Track(track_id=name, box=body(pose.x, pose.z), confidence=1.0, confirmed=True) for name, pose in here
            ),
        )


def body(x: float, z: float) -> BoundingBox:
    ends, _ = CAMERA.project(np.array([[x, 0.0, z], [x, BODY, z]], dtype=np.float32))
    (foot, bottom), (_, top) = (ends / (CAMERA.width, CAMERA.height)).tolist()
    return BoundingBox(foot - 0.02, top, foot + 0.02, bottom)


def first_moment_in(place: tuple[tuple[float, float], ...], name: str) -> float:
    (way,) = (one for one in FILM.performances if one.actor.name == name)
    moments = (n for n in range(FILM.frames) if way.present[n] and inside(place, (way.poses[n].x, way.poses[n].z)))
    return next(moments) / FPS


def test_everyone_of_the_schedule_who_waits_is_served_or_still_waits_at_the_end(left: dict[str, WaitEnded]) -> None:
    """`ben` is at the till for the film's first moment only: too short to know."""
    outcomes = {name: one.outcome for name, one in left.items()}
    still_there = {"ivy": "lost", "pia": "lost"}
    assert outcomes == {**dict.fromkeys(("ada", "cleo", "dov", "eli", "jon", "lou"), "served"), **still_there}
    waiting = {one.actor.name for one in FILM.performances if "queues" in one.actor.situations}
    assert waiting == outcomes.keys() - {"ada"}


def test_who_was_in_the_queue_when_the_film_began_waited_for_longer_than_was_seen(left: dict[str, WaitEnded]) -> None:
    begun_before = {name for name, one in left.items() if one.censored in ("start", "both")}
    assert begun_before == {"ada", "cleo", "dov"}


@pytest.mark.parametrize("name", ["eli", "jon", "lou"])
def test_a_wait_lasts_from_the_queue_to_the_till_as_measured_on_the_floor(
    left: dict[str, WaitEnded], name: str
) -> None:
    queue = tuple(ZONES["queue"])
    assert left[name].arrived_at == pytest.approx(first_moment_in(queue, name), abs=0.11)
    assert left[name].at == pytest.approx(first_moment_in(TILL, name), abs=0.11)
