"""Where in the lake things are, and what the names of landed files say. Pure.

    config/stores.json
    bronze/{namespace}/{hub}/{partition}/{year}/{month}/{day}/{hour}/{first}-{last}.ndjson.gz
    quarantine/ ... the same
    silver/events, gold/dim_store ...    Delta tables

Names of folders are those of Event Hubs Capture as far as the hour. It is the hour in which the event hub took in the
*last* message of the file, whatever batches its messages came in. What lands late, when refining may have gone on to
later hours of its partition and looks at that one no more, is in bronze under the hour in which it lands.
"""

import re
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from cloud_functions.message import Batch

BRONZE = "bronze"
QUARANTINE = "quarantine"
REPLAY = "replay"
"""In place of a partition's id: what came out of quarantine again."""

LATE = timedelta(minutes=30)
"""Less than the hour that refining looks back: a file that is an hour's last is seen though it takes long to write."""

_HOUR = "%Y/%m/%d/%H"
_LANDED = re.compile(
    rf"(?P<partition>({BRONZE}|{QUARANTINE})/[^/]+/[^/]+/[^/]+)/(?P<hour>\d{{4}}/\d\d/\d\d/\d\d)/"
    r"(?P<first>\d{12,})-(?P<last>\d{12,})(-[0-9a-f]{8})?\.ndjson\.gz"
)


class LandedFile(NamedTuple):
    """A file by its name; files of a partition sort by their hour, and in it by their last message."""

    hour: str
    """`year/month/day/hour`."""
    last: int
    """Sequence number of its last message."""
    first: int
    path: str

    @classmethod
    def at(cls, path: str) -> Self | None:
        """Read a path; none where it is no landed file's: somebody else may keep things beside them."""
        found = _LANDED.fullmatch(path)
        if found is None or not _is_hour(found["hour"]):
            return None
        return cls(found["hour"], int(found["last"]), int(found["first"]), path)


def hour_of(moment: datetime) -> str:
    """The four folders of an hour."""
    return moment.strftime(_HOUR)


def _is_hour(folders: str) -> bool:
    try:
        datetime.strptime(folders, _HOUR)  # noqa: DTZ007 - nothing but whether there is such an hour
    except ValueError:
        return False
    return True


def bronze_path(batch: Batch, now: datetime) -> str:
    """The path of what lands of a batch; of one that comes again soon it is the same, and later it is another one.

    Event Hubs takes messages in by its own clock, and `now` is the function's: one that is behind counts as in time.
    """
    taken_in = batch.messages[-1].enqueued_at
    return _path(BRONZE, batch, taken_in if now - taken_in <= LATE else now)


def quarantine_path(batch: Batch) -> str:
    """The path of what is refused of a batch; the same batch has the same one whenever it comes."""
    return _path(QUARANTINE, batch, batch.messages[-1].enqueued_at)


def _path(area: str, batch: Batch, moment: datetime) -> str:
    first, last = batch.messages[0], batch.messages[-1]
    name = f"{first.sequence_number:012d}-{last.sequence_number:012d}.ndjson.gz"
    return f"{area}/{batch.namespace}/{batch.hub}/{batch.partition}/{hour_of(moment)}/{name}"


def other_content(path: str, digest: str) -> str:
    """The path beside `path` for what has the same numbers and is not the same."""
    return f"{path.removesuffix('.ndjson.gz')}-{digest[:8]}.ndjson.gz"
