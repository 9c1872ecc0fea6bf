from datetime import datetime

import pytest

from modules.zone_analytics.area_day import begins_a_day, latest_reset, next_day
from modules.zone_analytics.area_state import AreaState, CameraClock
from storeflow.contract.twins import Area

HOUR = 3600.0
DAY = 24 * HOUR
AREA = Area(lines={"front": "in"})


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


NOON = moment("2026-11-20T12:00:00+00:00")
FOUR = moment("2026-11-21T04:00:00+00:00")
"""The first reset after noon."""


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-06-01T02:00:00+00:00", "2026-06-01T02:00:00+00:00"),
        ("2026-06-01T01:59:59+00:00", "2026-05-31T02:00:00+00:00"),
        ("2026-12-01T12:00:00+00:00", "2026-12-01T03:00:00+00:00"),
        ("2026-03-29T12:00:00+00:00", "2026-03-29T02:00:00+00:00"),
        ("2026-10-25T12:00:00+00:00", "2026-10-25T03:00:00+00:00"),
    ],
    ids=["at the very time", "a second before", "in winter", "a day of 23 hours", "a day of 25 hours"],
)
def test_the_day_begins_by_the_clock_on_the_wall(at: str, expected: str) -> None:
    area = Area(lines={"front": "in"}, reset_at="04:00", time_zone="Europe/Berlin")
    assert latest_reset(moment(at), area) == moment(expected)


@pytest.mark.parametrize(
    ("day", "expected"),
    [("2026-03-29", "2026-03-29T01:30:00+00:00"), ("2026-10-25", "2026-10-25T00:30:00+00:00")],
    ids=["an hour that is left out", "an hour that comes twice"],
)
def test_a_day_begins_once_also_in_the_hour_that_the_clock_is_changed(day: str, expected: str) -> None:
    area = Area(lines={"front": "in"}, reset_at="02:30", time_zone="Europe/Berlin")
    midnight = moment(f"{day}T00:00:00+00:00") - HOUR
    resets = {latest_reset(midnight + minute * 60, area) for minute in range(25 * 60)}
    assert sorted(resets)[1] == moment(expected)
    assert len(resets) == 2


def test_a_leader_that_took_one_frame_on_the_day_before_is_not_forgotten_with_those_who_were_away() -> None:
    since = latest_reset(NOON, AREA)
    cameras = {name: CameraClock(NOON, at=NOON, last_reset=since) for name in ("first", "other")}
    state = AreaState("shop", NOON, NOON, cameras=cameras, leader="first", last_reset=since)
    assert begins_a_day(state, AREA, "first", NOON + DAY)
    day = next_day(state, AREA, NOON + DAY, named=())
    assert (day.leader, list(day.cameras), day.reset_at) == ("first", ["first"], FOUR)
    assert not begins_a_day(day, AREA, "first", NOON + DAY + 1)


@pytest.mark.parametrize(("named", "kept"), [(("back",), ["first", "back"]), ((), ["first"])])
def test_a_camera_that_was_away_all_day_is_kept_if_a_line_names_it(named: tuple[str, ...], kept: list[str]) -> None:
    cameras = {"first": CameraClock(NOON, at=NOON, is_away=False), "back": CameraClock(NOON)}
    state = AreaState("shop", NOON, NOON, cameras=cameras, leader="first")
    assert list(next_day(state, AREA, NOON + DAY, named).cameras) == kept
