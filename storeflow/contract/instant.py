"""Moments in events: UTC, to the millisecond, and always written with as many characters, so that they sort as text."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, PlainSerializer, WithJsonSchema

TIME_PATTERN = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$"


def instant(seconds: float) -> datetime:
    """Seconds since the epoch as UTC, to the nearest millisecond.

    Here alone times are rounded: what an event says and what its id is made of are the same millisecond.
    """
    return datetime.fromtimestamp(round(seconds, 3), UTC)


def milliseconds(seconds: float) -> int:
    """The same instant as whole milliseconds since the epoch: for ids, which have to agree with the event's time."""
    return round(instant(seconds).timestamp() * 1000)


def as_text(moment: datetime) -> str:
    """An `Instant` as `YYYY-MM-DDTHH:MM:SS.mmmZ`."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Instant = Annotated[
    AwareDatetime,
    AfterValidator(lambda moment: instant(moment.timestamp())),
    PlainSerializer(as_text, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": TIME_PATTERN}),
]
"""Whatever is read, in any time zone and with any number of digits, becomes UTC to the millisecond."""
