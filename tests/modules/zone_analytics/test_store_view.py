from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from pydantic import TypeAdapter, ValidationError

from modules.zone_analytics.decisions import AreaCounted, VisitEnded, WindowCovered
from modules.zone_analytics.parameters import DECISIONS
from modules.zone_analytics.store_view import AREAS, MOST_COVERAGES, Decided, StoreView
from storeflow.contract.messages import Detections
from storeflow.contract.section import Identifier
from storeflow.contract.twins import read_section

FrameOf = Callable[..., Detections]
LAYOUT = {
    "lines": {
        "front": {"start": [0.1, 0.5], "end": [0.9, 0.5], "camera_id": "a"},
        "back": {"start": [0.1, 0.5], "end": [0.9, 0.5], "camera_id": "b"},
    },
    "areas": {"shop": {"lines": {"front": "in", "back": "in"}}},
}


def store(**layout: Any) -> StoreView:
    view = StoreView(DECISIONS)
    view.apply(read_section("layout", layout))
    return view


def walk_in(view: StoreView, frame: FrameOf, camera_id: str, start: float) -> list[Decided]:
    """One person over the camera's line, two seconds long."""
    decided = []
    for step in range(20):
        at = round(start + step / 10, 3)
        decided += view.observe(frame(at, {f"{camera_id}{start}": (0.5, 0.4 + step / 100)}, camera_id=camera_id))
    return decided


def counts(decided: Sequence[Decided]) -> list[tuple[str, int]]:
    counted = [(one.camera_id, one.decision) for one in decided if isinstance(one.decision, AreaCounted)]
    return [(camera_id, decision.occupancy) for camera_id, decision in counted if decision.cause != "gap"]


def test_an_area_is_counted_over_all_its_cameras(frame: FrameOf) -> None:
    view = store(**LAYOUT)
    decided = walk_in(view, frame, "a", 0.0) + walk_in(view, frame, "b", 2.0) + walk_in(view, frame, "a", 4.0)
    assert counts(decided) == [(AREAS, 0), (AREAS, 1), (AREAS, 2), (AREAS, 3)]


def test_an_edit_of_the_layout_moves_nobody_out_of_an_area(frame: FrameOf) -> None:
    view = store(**LAYOUT)
    walk_in(view, frame, "a", 0.0)
    edited = {**LAYOUT, "areas": {"shop": {"lines": {"front": "in"}, "reset_at": "05:00"}}}
    view.apply(read_section("layout", edited))
    assert counts(walk_in(view, frame, "b", 2.0)) == []
    assert counts(walk_in(view, frame, "a", 4.0))[-1] == (AREAS, 2)


def test_an_area_that_is_taken_out_is_forgotten(frame: FrameOf) -> None:
    view = store(**LAYOUT)
    walk_in(view, frame, "a", 0.0)
    view.apply(read_section("layout", {"lines": LAYOUT["lines"]}))
    assert view.area_states() == []
    view.apply(read_section("layout", LAYOUT))
    assert counts(walk_in(view, frame, "a", 4.0)) == [(AREAS, 0), (AREAS, 1)]


def test_who_is_counted_as_the_stream_ends_is_in_the_area_too(frame: FrameOf) -> None:
    """Last seen walking towards a line at the picture's edge: decided when no more frames come."""
    lines = {"front": {"start": [0.1, 0.98], "end": [0.9, 0.98], "camera_id": "a"}}
    view = store(lines=lines, areas={"shop": {"lines": {"front": "in"}}})
    for step in range(10):
        view.observe(frame(step / 10, {"1": (0.5, 0.85 + step / 100)}, camera_id="a"))
    assert counts(view.end("a")) == [(AREAS, 1)]


def test_no_camera_can_be_called_what_stands_for_the_areas() -> None:
    with pytest.raises(ValidationError, match="String should match pattern"):
        TypeAdapter(Identifier).validate_python(AREAS)
    assert urlsplit(f"//hub/device/{AREAS}").path == f"/device/{AREAS}"
    assert quote(AREAS) == AREAS


def test_a_streams_end_is_a_hole_in_the_area_until_its_next_frame(frame: FrameOf) -> None:
    view = store(**LAYOUT)
    walk_in(view, frame, "a", 0.0)
    walk_in(view, frame, "b", 0.0)
    view.end("b")
    counted = [one.decision for one in walk_in(view, frame, "a", 2.0) if isinstance(one.decision, AreaCounted)]
    assert 0 < counted[-1].unseen_seconds < 2
    for step in range(20):
        view.observe(frame(4.0 + step / 10, {}, camera_id="b"))
    counted = [one.decision for one in walk_in(view, frame, "a", 4.0) if isinstance(one.decision, AreaCounted)]
    assert counted[-1].unseen_seconds == pytest.approx(2.1)


def test_a_hole_over_a_streams_end_is_counted_and_only_of_so_many_cameras_it_is_remembered(frame: FrameOf) -> None:
    view = store()
    for number in range(MOST_COVERAGES + 1):
        view.observe(frame(0.0, {}, camera_id=f"c{number}"))
        view.end(f"c{number}")
    assert len(view.coverage) == MOST_COVERAGES
    for camera_id, hole in (("c0", 0.0), ("c2", 400.0)):
        view.observe(frame(400.0, {}, camera_id=camera_id))
        covered = [one.decision for one in view.end(camera_id) if isinstance(one.decision, WindowCovered)]
        assert [one.longest_gap_seconds for one in covered] == [hole]


def test_a_camera_whose_stream_ended_is_forgotten_and_its_visits_end(frame: FrameOf) -> None:
    view = store(zones={"room": {"polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}})
    walk_in(view, frame, "a", 0.0)
    assert [person.person_id for person in view.people("a")] == ["a0.0"]
    assert [type(one.decision) for one in view.end("a")].count(VisitEnded) == 1
    assert (view.cameras, list(view.people("a")), view.end("a")) == ({}, [], [])
