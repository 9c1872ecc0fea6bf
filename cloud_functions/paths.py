"""Where in the lake things are, and what the names of landed files say. Pure.

    config/stores.json
    bronze/{namespace}/{hub}/{partition}/{year}/{month}/{day}/{hour}/{first}-{last}.ndjson.gz
    quarantine/ ... the same
    silver/events, gold/dim_store ...    Delta tables

Names of folders are those of Event Hubs Capture as far as the hour. It is the hour in which the event hub took in the
*last* message of the file, so that files sort by (hour, last) as their last messages do, whatever batches they came in.
"""

import re
from datetime import datetime
from typing import NamedTuple, Self

from cloud_functions.message import Batch

BRONZE = "bronze"
QUARANTINE = "quarantine"
REPLAY = "replay"
"""In place of a partition's id: what came out of quarantine again."""

_NAME = re.compile(r"(?P<first>\d{12,})-(?P<last>\d{12,})(-[0-9a-f]{8})?\.ndjson\.gz")


class LandedFile(NamedTuple):
    """A file by its name; files of a partition sort by when their last message came in."""

    hour: str
    """`year/month/day/hour`."""
    last: int
    """Sequence number of its last message."""
    first: int
    path: str

    @classmethod
    def at(cls, path: str) -> Self | None:
        """Read a path; none where it is no landed file's."""
        *_, year, month, day, hour, name = path.split("/")
        found = _NAME.fullmatch(name)
        return cls(f"{year}/{month}/{day}/{hour}", int(found["last"]), int(found["first"]), path) if found else None


def hour_of(moment: datetime) -> str:
    """The four folders of an hour."""
    return moment.strftime("%Y/%m/%d/%H")


def batch_path(area: str, batch: Batch) -> str:
    """The path of what a batch leaves in one area of the lake; the same batch has the same one whenever it comes."""
    first, last = batch.messages[0], batch.messages[-1]
    name = f"{first.sequence_number:012d}-{last.sequence_number:012d}.ndjson.gz"
    return f"{area}/{batch.namespace}/{batch.hub}/{batch.partition}/{hour_of(last.enqueued_at)}/{name}"


def other_content(path: str, digest: str) -> str:
    """The path beside `path` for what has the same numbers and is not the same."""
    return f"{path.removesuffix('.ndjson.gz')}-{digest[:8]}.ndjson.gz"
