"""Schedules of timers: NCRONTAB, cron with a field for seconds. Pure.

Source: functions-bindings-timer ("NCRONTAB expressions"); atifaziz/NCrontab, `CrontabSchedule.cs`. Two of its rules
are not those of Unix: a day has to fit both its fields, and Sunday is 0 alone.
"""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

from storeflow.errors import ConfigError

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?")
_LONGEST_WAIT_DAYS = 366 * 40
"""From one 29 February that is a Sunday to the next, across a century without one."""


@dataclass(frozen=True)
class _Field:
    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()

    def read(self, text: str) -> frozenset[int]:
        """Return the values that a field allows; raises ValueError with the part of it that makes no sense."""
        return frozenset().union(*map(self._part, text.split(",")))

    def _part(self, text: str) -> range:
        match = _PART.fullmatch(text)
        if match is None:
            raise ValueError(text)
        first, last, step = match.groups()
        begin = self.least if first == "*" else self._number(first)
        end = self.most if first == "*" or step else begin
        end = self._number(last) if last else end
        if not self.least <= begin <= end <= self.most or step == "0":
            raise ValueError(text)
        return range(begin, end + 1, int(step or 1))

    def _number(self, text: str) -> int:
        short = text.lower()[:3]
        return self.names.index(short) + self.least if short in self.names else int(text)


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
)


@dataclass(frozen=True)
class Schedule:
    """The values that each field allows."""

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> "Schedule":
        """Read six fields, or five: then without seconds.

        Raises:
            ConfigError: naming the field that is wrong, or a schedule that never comes.
        """
        fields = text.split()
        if len(fields) == len(_FIELDS) - 1:
            fields.insert(0, "0")
        if len(fields) != len(_FIELDS):
            raise ConfigError([f"schedule {text!r}: expected five or six fields, got {len(fields)}"])
        read = []
        for field, value in zip(_FIELDS, fields, strict=True):
            try:
                read.append(field.read(value))
            except ValueError as error:
                raise ConfigError(
                    [f"schedule {text!r}: {field.name}: {value!r} is not within {field.least} to {field.most}"]
                ) from error
        schedule = cls(*read)
        if next(schedule._days_from(dt.date(2000, 1, 1)), None) is None:
            raise ConfigError([f"schedule {text!r}: there is no such day"])
        return schedule

    def after(self, moment: dt.datetime) -> dt.datetime:
        """Return the first occurrence later than a moment."""
        start = (moment + dt.timedelta(seconds=1)).replace(microsecond=0)
        for day in self._days_from(start.date()):
            earliest = (start.hour, start.minute, start.second) if day == start.date() else (0, 0, 0)
            for hour in sorted(hour for hour in self.hours if hour >= earliest[0]):
                for minute in sorted(minute for minute in self.minutes if (hour, minute) >= earliest[:2]):
                    for second in sorted(second for second in self.seconds if (hour, minute, second) >= earliest):
                        return dt.datetime.combine(day, dt.time(hour, minute, second, tzinfo=start.tzinfo))
        raise AssertionError("parse() refuses schedules that end")

    def _days_from(self, first: dt.date) -> Iterator[dt.date]:
        for offset in range(_LONGEST_WAIT_DAYS):
            day = first + dt.timedelta(days=offset)
            if day.month in self.months and day.day in self.days and day.isoweekday() % 7 in self.weekdays:
                yield day
