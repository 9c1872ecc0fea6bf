import datetime as dt

import pytest

from local_azure.functions_host.ncrontab import Schedule
from storeflow.errors import ConfigError

FRIDAY_EVENING = "2026-11-20T18:45:30.500"


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("schedule", "following"),
    [
        ("* * * * * *", "2026-11-20T18:45:31"),
        ("*/2 * * * * *", "2026-11-20T18:45:32"),
        ("30 45 18 * * *", "2026-11-21T18:45:30"),
        ("31 45 18 * * *", "2026-11-20T18:45:31"),
        ("0 */5 * * * *", "2026-11-20T18:50:00"),
        ("0 7/20 * * * *", "2026-11-20T18:47:00"),
        ("0 0,50 * * * *", "2026-11-20T18:50:00"),
        ("*/5 * * * *", "2026-11-20T18:50:00"),
        ("0 0 9-17/4 * * *", "2026-11-21T09:00:00"),
        ("0 30 9 * * Mon-Fri", "2026-11-23T09:30:00"),
        ("0 30 9 * January *", "2027-01-01T09:30:00"),
        ("0 0 0 * * 0", "2026-11-22T00:00:00"),
        # A day has to fit both its fields: the next Friday that is a 13th.
        ("0 0 0 13 * fri", "2027-08-13T00:00:00"),
        ("0 0 0 29 2 sun", "2032-02-29T00:00:00"),
        ("59 59 23 31 12 *", "2026-12-31T23:59:59"),
    ],
)
def test_what_comes_next(schedule: str, following: str) -> None:
    assert Schedule.parse(schedule).after(moment(FRIDAY_EVENING)) == moment(following)


def test_every_occurrence_is_later_than_the_one_before() -> None:
    schedule = Schedule.parse("0 0 */12 * * *")
    days = [schedule.after(moment("2026-11-20T00:00:00"))]
    for _ in range(3):
        days.append(schedule.after(days[-1]))
    assert days == [moment(f"2026-11-{day}") for day in ("20T12:00", "21T00:00", "21T12:00", "22T00:00")]


@pytest.mark.parametrize(
    ("schedule", "problem"),
    [
        ("* * * *", "expected five or six fields, got 4"),
        ("60 * * * * *", "second: '60' is not within 0 to 59"),
        ("0 0 0 * * 7", "day of week: '7' is not within 0 to 6"),
        ("0 0 0 0 * *", "day: '0' is not within 1 to 31"),
        ("0 */0 * * * *", "minute"),
        ("0 30-10 * * * *", "minute"),
        ("0 0 noon * * *", "hour"),
        ("0 0 0 31 feb *", "there is no such day"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(schedule: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        Schedule.parse(schedule)
