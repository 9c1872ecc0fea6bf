"""Bronze: every event that landed, as it came, with what the hub says of it. Newline-delimited JSON, gzip. Pure.

One line is one event. A message that came twice, late or in batches with other boundaries, is in two files, and an
event that was sent twice is in two messages: whoever reads bronze keeps one line for each `source` + `id` of the
events. By numbers of messages nobody can tell: an event hub that was made anew begins with the same ones again.
"""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple, Self

from cloud_functions.decode import Landing
from cloud_functions.message import Message
from storeflow.contract.instant import as_text
from storeflow.errors import ContractError

_LEVEL = 6


class BronzeLine(NamedTuple):
    """One event."""

    partition: str
    sequence_number: int
    place: int
    """Its place in its message."""
    offset: str
    enqueued_at: str
    device_id: str
    module_id: str | None
    ingested_at: str
    """When it landed, by the clock of the function."""
    event: str
    """Character by character as it came, in UTF-8 byte for byte."""

    @classmethod
    def of(cls, landing: Landing, message: Message, partition: str, now: datetime) -> Self:
        """The line of an event of a message."""
        return cls(
            partition,
            message.sequence_number,
            landing.place,
            message.offset,
            as_text(message.enqueued_at),
            message.device_id or "",
            message.module_id,
            as_text(now),
            landing.text,
        )


def pack(lines: Iterable[NamedTuple]) -> bytes:
    """Lines as a file; the same lines make the same bytes."""
    text = "".join(json.dumps(line._asdict(), separators=(",", ":"), ensure_ascii=False) + "\n" for line in lines)
    return gzip.compress(text.encode(), _LEVEL, mtime=0)


def read(file: bytes, path: str) -> Iterator[BronzeLine]:
    """The lines of a file.

    Raises:
        ContractError: `pack` did not write it.
    """
    try:
        for line in gzip.decompress(file).splitlines():
            yield BronzeLine(**json.loads(line))
    except (OSError, EOFError, zlib.error, ValueError, TypeError) as error:
        raise ContractError(f"{path}: no bronze file: {error}") from error
