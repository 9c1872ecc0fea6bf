"""What a fleet's heartbeats and layouts promise, held against all that is numbered after them."""

from collections import defaultdict
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import (
    CameraState,
    DecidedEvent,
    LayoutApplied,
    LineCrossed,
    LineUTurn,
    PersonRecognised,
    StreamHeartbeat,
)
from tools.fleet.camera_day import camera_day
from tools.fleet.heartbeats import EVERY, Heartbeat, heartbeats
from tools.fleet.people import Crossing, Person
from tools.fleet.plan import ENTRANCE, Plan
from tools.fleet.stream import arrivals
from tools.fleet.truth import Truth

PLAN = Plan(stores=2, cameras=3, days=3, events=10_000, seed=44)
DAY, MINUTE = 86_400_000, 60_000


@pytest.fixture(scope="module")
def series() -> dict[str, list[CloudEvent]]:
    """Every event of each camera, by number."""
    found: dict[str, list[CloudEvent]] = defaultdict(list)
    for store in PLAN.all_stores():
        for arrival in arrivals(store, Truth()):
            if not arrival.is_again and not arrival.event.source.endswith("/state"):
                found[arrival.event.source].append(CloudEvent.from_json(arrival.event.body))
    return {source: sorted(events, key=lambda event: event.sequence or "") for source, events in found.items()}


def about(event: CloudEvent, crossed_at: dict[str, datetime], seen_at: dict[str, datetime]) -> list[datetime]:
    """The moments that an event speaks of, or takes back something of."""
    data: Any = event.data
    if isinstance(data, LineUTurn):
        return [data.captured_at, crossed_at[data.first_crossing_id], crossed_at[data.second_crossing_id]]
    if isinstance(data, PersonRecognised):
        return [data.captured_at, seen_at[data.track_id], *(crossed_at[one] for one in data.crossing_ids)]
    return [data.captured_at]


def test_nothing_that_is_numbered_after_a_heartbeat_speaks_of_the_time_that_it_vouches_for(
    series: dict[str, list[CloudEvent]],
) -> None:
    kinds = set()
    for events in series.values():
        crossed_at, seen_at = dict[str, datetime](), dict[str, datetime]()
        told = datetime.min.replace(tzinfo=events[0].time.tzinfo)
        for event in events:
            data = event.data
            if isinstance(data, LineCrossed):
                crossed_at[event.id] = data.captured_at
                seen_at.setdefault(data.track_id, data.captured_at)
            assert min(about(event, crossed_at, seen_at)) >= told
            if isinstance(data, StreamHeartbeat):
                assert told < data.complete_until <= data.captured_at
                told = data.complete_until
            kinds.add(type(data))
    assert {LineUTurn, PersonRecognised, StreamHeartbeat} <= kinds


def test_each_camera_begins_with_its_layout_and_goes_by_the_one_that_it_told_of_last(
    series: dict[str, list[CloudEvent]],
) -> None:
    versions = set()
    for events in series.values():
        assert isinstance(events[0].data, LayoutApplied)
        version = 0
        for event in events:
            if isinstance(event.data, LayoutApplied):
                version = event.data.config_version
                assert {line.id for line in event.data.lines} == {"entrance", "aisle", "driveway"}
            elif isinstance(event.data, DecidedEvent):
                assert event.data.config_version == version
                versions.add(version)
    assert versions == {1, 2}


def test_a_camera_that_is_back_says_its_layout_again(series: dict[str, list[CloudEvent]]) -> None:
    again = 0
    for store in PLAN.all_stores():
        for camera_id in store.cameras:
            outages = [camera_day(store, camera_id, day).outage for day in range(PLAN.days)]
            applied = [one.time for one in series[store.source(camera_id)] if isinstance(one.data, LayoutApplied)]
            for _, ends in filter(None, outages):
                assert ends in [round(at.timestamp() * 1000) for at in applied]
                again += 1
    assert again > 0


def test_a_quiet_camera_is_told_every_five_minutes_and_ends_a_second_before_its_last_frame() -> None:
    found = list(heartbeats(0, DAY, [], None, is_first=True, is_last=True))
    assert found[:2] == [Heartbeat(EVERY + 1_000, EVERY), Heartbeat(2 * EVERY + 1_000, 2 * EVERY)]
    assert {later.complete_until - earlier.complete_until for earlier, later in pairwise(found[:-1])} == {EVERY}
    assert found[-1] == Heartbeat(DAY + 999, DAY - 1_001)
    assert len(found) == DAY // EVERY


def test_days_that_follow_each_other_leave_no_mark_out_and_tell_none_twice() -> None:
    first = list(heartbeats(0, DAY, [], None, is_first=True, is_last=False))
    second = list(heartbeats(DAY, 2 * DAY, [], None, is_first=False, is_last=False))
    marks = [beat.complete_until for beat in (*first, *second)]
    assert marks == list(range(EVERY, 2 * DAY, EVERY))


def test_nothing_since_somebody_came_is_told_until_they_have_left_view() -> None:
    came, left = 2 * EVERY + 7 * 1_000, 5 * EVERY
    stays = Person("a", "person", crossings=[Crossing(at, ENTRANCE, "in", buying_unit=True) for at in (came, left)])
    found = list(heartbeats(0, 8 * EVERY, [stays], None, is_first=True, is_last=False))
    assert found == [
        Heartbeat(EVERY + 1_000, EVERY),
        Heartbeat(2 * EVERY + 1_000, 2 * EVERY),
        Heartbeat(5 * EVERY + 1_000, 5 * EVERY),
        Heartbeat(6 * EVERY + 1_000, 6 * EVERY),
        Heartbeat(7 * EVERY + 1_000, 7 * EVERY),
    ]


def test_a_camera_that_goes_away_is_told_to_its_end_and_then_two_minutes_later_until_it_is_back() -> None:
    outage = 2 * EVERY + MINUTE, 5 * EVERY + MINUTE
    found = list(heartbeats(0, 7 * EVERY, [], outage, is_first=True, is_last=False))
    assert found == [
        Heartbeat(EVERY + 1_000, EVERY),
        Heartbeat(2 * EVERY + 1_000, 2 * EVERY),
        Heartbeat(outage[0] + 999, outage[0] - 1_001),
        Heartbeat(3 * EVERY + 2 * MINUTE, 3 * EVERY),
        Heartbeat(4 * EVERY + 2 * MINUTE, 4 * EVERY),
        Heartbeat(outage[1] + 1_000, 5 * EVERY),
        Heartbeat(6 * EVERY + 1_000, 6 * EVERY),
    ]


def test_states_of_cameras_have_a_series_without_heartbeats() -> None:
    states = [one for one in arrivals(PLAN.store(0), Truth()) if one.event.source.endswith("/state")]
    assert {type(CloudEvent.from_json(one.event.body).data) for one in states} == {CameraState}
