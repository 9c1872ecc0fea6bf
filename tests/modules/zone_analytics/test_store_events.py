from dataclasses import replace

import pytest

from modules.zone_analytics.decisions import (
    Crossing,
    NoCrossing,
    OccupancyChanged,
    Origin,
    QueueChanged,
    VisitBegan,
    VisitDwells,
    VisitEnded,
    WaitEnded,
)
from modules.zone_analytics.store_events import to_events
from storeflow.contract.events import LineCrossed, LineUTurn, QueueLeft, QueueLength, ZoneDwelling, ZoneExited
from storeflow.contract.geometry import Point

ORIGIN = Origin("//hub/store-1/door", "store-1", "door", 3, "m@1")
CROSSING = Crossing("entrance", "18f-1", "person", 1_700_000_000.1254, "in", "settled", Point(0.5, 0.5))


def test_a_crossing_is_one_event_with_everything_needed_to_trust_it() -> None:
    (event,) = to_events(CROSSING, ORIGIN)
    assert isinstance(event.data, LineCrossed)
    assert (event.source, event.subject, event.time) == (ORIGIN.source, "entrance", event.data.captured_at)
    assert (event.data.config_version, event.data.model_version, event.data.reason) == (3, "m@1", "settled")


def test_a_turn_back_comes_beside_the_crossing_and_names_both() -> None:
    back = replace(CROSSING, at=CROSSING.at + 4, direction="out", u_turn_of=CROSSING.at)
    (first,) = to_events(CROSSING, ORIGIN)
    second, turned = to_events(back, ORIGIN)
    assert isinstance(turned.data, LineUTurn)
    assert (turned.data.first_crossing_id, turned.data.second_crossing_id) == (first.id, second.id)
    assert (turned.data.direction, turned.data.seconds_between) == ("in", 4.0)


def test_a_visit_has_its_dwell() -> None:
    (ended,) = to_events(VisitEnded("aisle", "18f-1", "person", 15.5, 2, 3.0, None), ORIGIN)
    assert isinstance(ended.data, ZoneExited)
    assert (ended.data.dwell_seconds, ended.data.side, ended.data.censored) == (12.5, 2, None)
    (dwells,) = to_events(VisitDwells("aisle", "18f-1", "person", 13.0, 3.0), ORIGIN)
    assert isinstance(dwells.data, ZoneDwelling)
    assert dwells.data.dwell_seconds == 10.0


def test_a_wait_has_its_length_and_a_queue_its_longest_wait() -> None:
    (left,) = to_events(WaitEnded("till", "18f-1", 15.5, "served", 3.0, None), ORIGIN)
    assert isinstance(left.data, QueueLeft)
    assert (left.data.wait_seconds, left.data.outcome, left.data.censored) == (12.5, "served", None)
    (length,) = to_events(QueueChanged("till", 20.0, 2, 1, 7.25), ORIGIN)
    assert isinstance(length.data, QueueLength)
    assert (length.data.length, length.data.being_served, length.data.longest_wait_seconds) == (2, 1, 7.25)


def test_what_was_not_counted_is_no_event() -> None:
    assert to_events(NoCrossing("entrance", "18f-1", 1.0, "returned"), ORIGIN) == []


def test_the_same_decision_has_the_same_id_whatever_the_configuration_and_other_decisions_another() -> None:
    decisions = (
        CROSSING,
        replace(CROSSING, person_id="18f-2"),
        replace(CROSSING, line_id="exit"),
        replace(CROSSING, at=CROSSING.at + 0.001),
        VisitBegan("entrance", "18f-1", "person", CROSSING.at, None),
        OccupancyChanged("entrance", CROSSING.at, 1),
    )
    ids = [to_events(decision, ORIGIN)[0].id for decision in decisions]
    assert len(set(ids)) == len(ids)
    assert ids == [to_events(decision, replace(ORIGIN, config_version=9))[0].id for decision in decisions]
    assert to_events(CROSSING, replace(ORIGIN, source="//hub/store-2/door"))[0].id != ids[0]


@pytest.mark.parametrize("difference", [-0.0003, 0.00005])
def test_an_id_is_made_of_milliseconds(difference: float) -> None:
    assert to_events(replace(CROSSING, at=CROSSING.at + difference), ORIGIN)[0].id == to_events(CROSSING, ORIGIN)[0].id


@pytest.mark.parametrize(
    ("entered_at", "at"), [(3.0004, 15.5006), (3.0005, 15.4995), (1_700_000_000.1, 1_700_000_007.3)]
)
def test_a_duration_is_what_lies_between_the_times_beside_it(entered_at: float, at: float) -> None:
    left = VisitEnded("aisle", "18f-1", "person", at, None, entered_at, None)
    waited = WaitEnded("till", "18f-1", at, "served", entered_at, None)
    back = replace(CROSSING, at=at, u_turn_of=entered_at)
    (exited,), (served,), (_, turned) = (to_events(one, ORIGIN) for one in (left, waited, back))
    assert isinstance(exited.data, ZoneExited)
    assert exited.data.dwell_seconds == (exited.data.captured_at - exited.data.entered_at).total_seconds()
    assert exited.data == ZoneExited.model_validate_json(exited.data.model_dump_json())
    seconds = (served.data.model_dump()["wait_seconds"], turned.data.model_dump()["seconds_between"])
    assert seconds == (exited.data.dwell_seconds, exited.data.dwell_seconds)


def test_a_position_is_in_the_picture_also_where_the_reckoning_went_a_hair_beyond() -> None:
    (event,) = to_events(replace(CROSSING, position=Point(1.0000000000000002, 0.123456)), ORIGIN)
    assert isinstance(event.data, LineCrossed)
    assert event.data.position == (1.0, 0.1235)
