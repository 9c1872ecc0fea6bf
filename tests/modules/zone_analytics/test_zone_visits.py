from collections.abc import Callable
from typing import Any

import pytest

from modules.zone_analytics.decisions import OccupancyChanged, VisitBegan, VisitDwells, VisitEnded
from storeflow.contract.twins import read_section

ROOM = {"room": {"polygon": [[0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6]]}}
LEFT_OF_IT, INSIDE, RIGHT_OF_IT = (0.3, 0.5), (0.5, 0.5), (0.7, 0.5)
TOP, RIGHT, BOTTOM, LEFT = range(4)


def test_a_visit_has_its_length_and_the_edges_crossed(floor: Callable[..., Any]) -> None:
    place = floor(zones=ROOM).walk("1", LEFT_OF_IT, INSIDE).walk("1", INSIDE, INSIDE, seconds=5)
    place.walk("1", INSIDE, RIGHT_OF_IT).wait(2)
    (began,), (ended,) = place.decided(VisitBegan), place.decided(VisitEnded)
    assert (began.side, ended.side, ended.censored) == (LEFT, RIGHT, None)
    assert began.at == ended.entered_at == pytest.approx(0.5, abs=0.11)
    assert ended.at == pytest.approx(6.5, abs=0.11)


def test_on_a_wide_picture_a_zone_is_where_it_was_drawn(floor: Callable[..., Any]) -> None:
    room = {"polygon": [[0.6, 0.4], [0.9, 0.4], [0.9, 0.6], [0.6, 0.6]]}
    place = floor(width=2000, zones={"room": room}).walk("1", (0.7, 0.5), (0.8, 0.5), seconds=2)
    assert len(place.decided(VisitBegan)) == 1


def test_who_steps_out_for_less_than_the_reentry_time_never_left(floor: Callable[..., Any]) -> None:
    place = floor(zones=ROOM).walk("1", INSIDE, INSIDE, seconds=2)
    place.walk("1", LEFT_OF_IT, LEFT_OF_IT, seconds=0.8).walk("1", INSIDE, INSIDE, seconds=2).wait(3)
    assert [(visit.entered_at, visit.at) for visit in place.decided(VisitEnded)] == [pytest.approx((0.0, 4.7))]


def test_who_is_away_for_longer_comes_on_a_second_visit(floor: Callable[..., Any]) -> None:
    place = floor(zones=ROOM).walk("1", INSIDE, INSIDE, seconds=2)
    place.walk("1", LEFT_OF_IT, LEFT_OF_IT, seconds=1.3).walk("1", INSIDE, INSIDE, seconds=2).wait(3)
    assert len(place.decided(VisitBegan)) == len(place.decided(VisitEnded)) == 2


def test_the_zone_may_set_its_own_reentry_time(floor: Callable[..., Any]) -> None:
    zones = {"room": {**ROOM["room"], "reentry_seconds": 3}}
    place = floor(zones=zones).walk("1", INSIDE, INSIDE, seconds=2)
    place.walk("1", LEFT_OF_IT, LEFT_OF_IT, seconds=1.5).walk("1", INSIDE, INSIDE, seconds=2).wait(5)
    assert len(place.decided(VisitEnded)) == 1


def test_a_visit_shorter_than_the_shortest_is_none(floor: Callable[..., Any]) -> None:
    place = floor(zones=ROOM).walk("1", LEFT_OF_IT, RIGHT_OF_IT, seconds=0.8).wait(3)
    assert place.end() == []


def test_a_hidden_visitor_who_comes_back_as_another_track_is_one_visit(floor: Callable[..., Any]) -> None:
    place = (
        floor(zones=ROOM).walk("1", INSIDE, INSIDE, seconds=2).wait(0.8).walk("2", INSIDE, INSIDE, seconds=2).wait(4)
    )
    assert [visit.person_id for visit in place.decided(VisitEnded)] == ["1"]


@pytest.mark.parametrize(
    ("way", "censored"),
    [
        ((INSIDE, INSIDE), "both"),
        ((LEFT_OF_IT, INSIDE), "end"),
        ((INSIDE, LEFT_OF_IT), "start"),
    ],
    ids=["appeared and vanished inside", "vanished inside", "appeared inside"],
)
def test_a_visit_that_the_camera_cut_short_says_at_which_end(
    floor: Callable[..., Any], way: tuple[Any, Any], censored: str
) -> None:
    place = floor(zones=ROOM).walk("1", *way, seconds=3).wait(4)
    assert [visit.censored for visit in place.decided(VisitEnded)] == [censored]


def test_dwelling_is_emitted_while_the_visitor_is_still_inside_and_once(floor: Callable[..., Any]) -> None:
    zones = {"room": {**ROOM["room"], "min_dwell_seconds": 3}}
    place = floor(zones=zones).walk("1", INSIDE, INSIDE, seconds=5)
    assert [(dwell.at, dwell.entered_at) for dwell in place.decided(VisitDwells)] == [pytest.approx((3.0, 0.0))]
    assert place.decided(VisitEnded) == []


def test_occupancy_counts_visitors_and_comes_back_to_nobody(floor: Callable[..., Any]) -> None:
    place = floor(zones=ROOM)
    for _ in range(10):
        place.see({"1": (0.45, 0.5), "2": (0.55, 0.5)})
    for _ in range(20):
        place.see({"1": (0.45, 0.5)})
    place.wait(3)
    assert [change.occupancy for change in place.decided(OccupancyChanged)] == [2, 1, 0]


def test_the_end_of_the_stream_ends_every_visit_where_it_was_last_seen(floor: Callable[..., Any]) -> None:
    place = floor(zones=ROOM).walk("1", LEFT_OF_IT, INSIDE).walk("1", INSIDE, INSIDE, seconds=2)
    place.end()
    (ended,), (*_, emptied) = place.decided(VisitEnded), place.decided(OccupancyChanged)
    assert (ended.at, ended.censored) == (pytest.approx(2.9), "end")
    assert (emptied.at, emptied.occupancy) == (pytest.approx(2.9), 0)


def test_dwelling_is_emitted_again_at_every_interval_while_the_visitor_stays(floor: Callable[..., Any]) -> None:
    zones = {"room": {**ROOM["room"], "min_dwell_seconds": 3, "dwell_interval_seconds": 2}}
    place = floor(zones=zones).walk("1", INSIDE, INSIDE, seconds=8).walk("1", LEFT_OF_IT, LEFT_OF_IT, seconds=8)
    assert [dwell.at for dwell in place.decided(VisitDwells)] == [pytest.approx(at, abs=0.11) for at in (3, 5, 7)]


def test_a_visitor_who_was_hidden_over_two_intervals_dwells_once_more(floor: Callable[..., Any]) -> None:
    zones = {"room": {**ROOM["room"], "min_dwell_seconds": 1, "dwell_interval_seconds": 0.5, "reentry_seconds": 2}}
    place = floor(zones=zones).walk("1", INSIDE, INSIDE, seconds=1.2).wait(1.5).walk("1", INSIDE, INSIDE, seconds=0.2)
    assert [dwell.at for dwell in place.decided(VisitDwells)] == [pytest.approx(1.0), pytest.approx(2.7)]


def test_occupancy_is_emitted_again_at_every_interval_also_of_nobody(floor: Callable[..., Any]) -> None:
    zones = {"room": {**ROOM["room"], "occupancy_interval_seconds": 2}}
    place = floor(zones=zones).wait(3).walk("1", INSIDE, INSIDE, seconds=4)
    changes = [(change.at, change.occupancy) for change in place.decided(OccupancyChanged)]
    assert changes == [pytest.approx(one) for one in [(0, 0), (2, 0), (3.5, 1), (5.5, 1)]]


def test_occupancy_is_emitted_at_once_by_a_camera_that_begins_again(floor: Callable[..., Any]) -> None:
    zones = {"room": {**ROOM["room"], "occupancy_interval_seconds": 60}}
    place = floor(zones=zones)
    place.at = 86_400.0
    place.wait(1)
    place.at = 0.0
    assert [change.at for change in place.wait(1).decided(OccupancyChanged)] == [86_400.0, 0.0]


def test_a_zone_that_ends_before_its_first_frame_emits_nothing(floor: Callable[..., Any]) -> None:
    zones = {"room": {**ROOM["room"], "occupancy_interval_seconds": 60}}
    place = floor().wait(1)
    assert place.view.apply(read_section("layout", {"zones": zones})) + place.end() == []


def test_without_an_interval_occupancy_is_emitted_when_it_changes_only(floor: Callable[..., Any]) -> None:
    place = floor(zones=ROOM).wait(3).walk("1", INSIDE, INSIDE, seconds=100)
    assert [change.occupancy for change in place.decided(OccupancyChanged)] == [1]


EDGE = (0.401, 0.5)


def test_who_sways_on_a_zones_edge_is_inside_by_a_margin_or_not_at_all(floor: Callable[..., Any]) -> None:
    with_margin = {"room": {**ROOM["room"], "margin": 0.02, "reentry_seconds": 0}}
    place = floor(zones=with_margin)
    for _ in range(20):
        place.walk("1", EDGE, EDGE, seconds=0.7).walk("1", LEFT_OF_IT, LEFT_OF_IT, seconds=0.3)
    assert place.end() == []
    place = floor(zones={"room": {**with_margin["room"], "margin": 0}})
    for _ in range(20):
        place.walk("1", EDGE, EDGE, seconds=0.7).walk("1", LEFT_OF_IT, LEFT_OF_IT, seconds=0.3)
    assert len(place.decided(VisitBegan)) == 20


def test_who_is_inside_by_the_margin_stays_inside_up_to_the_edge(floor: Callable[..., Any]) -> None:
    place = floor(zones={"room": {**ROOM["room"], "margin": 0.05}})
    place.walk("1", LEFT_OF_IT, INSIDE).walk("1", INSIDE, EDGE).walk("1", EDGE, EDGE, seconds=5)
    place.walk("1", EDGE, LEFT_OF_IT).wait(3)
    (began,), (ended,) = place.decided(VisitBegan), place.decided(VisitEnded)
    assert (began.side, ended.side, ended.censored) == (LEFT, LEFT, None)
    assert began.at == pytest.approx(0.75, abs=0.11)
    assert ended.at == pytest.approx(7.0, abs=0.11)


@pytest.mark.parametrize(("focus", "is_inside"), [("footprint", False), ("bottom_center", False), ("center", True)])
def test_the_zone_says_which_place_of_a_person_counts(
    floor: Callable[..., Any], focus: str, *, is_inside: bool
) -> None:
    """Their feet are below the zone; the middle of the box, half a tenth higher, is inside."""
    place = floor(zones={"room": {**ROOM["room"], "focus": focus}}).walk("1", (0.5, 0.63), (0.5, 0.63), seconds=3)
    assert bool(place.decided(VisitBegan)) is is_inside


def test_a_visit_says_in_how_many_frames_the_visitor_was_seen(floor: Callable[..., Any]) -> None:
    place = floor(zones=ROOM).walk("1", INSIDE, INSIDE, seconds=2).wait(0.5).walk("1", INSIDE, INSIDE).wait(3)
    assert [visit.frames for visit in place.decided(VisitEnded)] == [30]
