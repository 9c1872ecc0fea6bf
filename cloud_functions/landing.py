"""One batch of an event hub lands: its events in bronze, all else in quarantine.

    batch ─> decode each message ─┬─> bronze/…/{first}-{last}.ndjson.gz      create only
                                  └─> quarantine/…/{first}-{last}.ndjson.gz  create only
                                        └─> return: the host moves its checkpoint behind the batch

No message raises: one that cannot be read would be tried again for ever and hold up its partition. A store that
refuses does raise: the host's retry policy then holds the checkpoint until it is back, and the batch comes again. What
comes again soon, with the same boundaries, finds its files there; with others, or late, it makes files that have the
same events once more (bronze.py).

A batch that becomes very large once unpacked lands in pieces, one after the other, each in files of its own: what is in
memory at once is one piece. Where pieces end follows from the messages and the register of stores, so that a batch that
comes again has the same ones unless somebody was entered there.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b

from cloud_functions.bronze import BronzeLine, pack
from cloud_functions.decode import decode
from cloud_functions.lake_port import Files
from cloud_functions.message import Batch, Message
from cloud_functions.paths import bronze_path, other_content, quarantine_path
from cloud_functions.quarantine import QuarantineLine
from cloud_functions.stores import Stores

LOG = logging.getLogger(__name__)

PIECE_BYTES = 16 * 1024 * 1024
"""Of events and of what is refused, after which a piece ends; one message more may come on top."""
_DIGEST = "digest"


@dataclass(frozen=True)
class Landed:
    """What became of a batch.

    Attributes:
        events: how many are in bronze.
        quarantined: how many messages, or events of messages, are in quarantine, by code.
    """

    events: int
    quarantined: dict[str, int]


def land(batch: Batch, stores: Stores, files: Files, now: datetime) -> Landed:
    """Keep everything of a batch.

    Raises:
        StorageError: not all of it is kept; give the same batch again.
    """
    here = stores.behind(batch.hub)
    events, codes = 0, Counter[str]()
    for piece, lines, refused in _pieces(batch, here, now):
        _keep(files, bronze_path(piece, now), lines, [line.event for line in lines])
        _keep(files, quarantine_path(piece), refused, [line.body for line in refused])
        _tell(piece, refused)
        events += len(lines)
        codes.update(line.code for line in refused)
    LOG.info("landed %d events of %d messages of partition %s", events, len(batch.messages), batch.partition)
    return Landed(events, dict(codes))


def _pieces(
    batch: Batch, stores: Stores, now: datetime
) -> Iterator[tuple[Batch, list[BronzeLine], list[QuarantineLine]]]:
    """What becomes of some messages after the other; in memory are those of one piece."""
    messages: list[Message] = []
    lines: list[BronzeLine] = []
    refused: list[QuarantineLine] = []
    size = 0
    for message in batch.messages:
        landing, quarantined = decode(message, stores)
        messages.append(message)
        lines += [BronzeLine.of(one, message, batch.partition, now) for one in landing]
        refused += [QuarantineLine.of(one, message, batch.partition, now) for one in quarantined]
        size += sum(len(one.text) for one in landing) + sum(len(one.body) for one in quarantined)
        if size >= PIECE_BYTES:
            yield replace(batch, messages=messages), lines, refused
            messages, lines, refused, size = [], [], [], 0
    if messages:
        yield replace(batch, messages=messages), lines, refused


def _tell(batch: Batch, refused: Sequence[QuarantineLine]) -> None:
    """Log what is refused: a line for each code, for there may be very many."""
    counts = Counter(line.code for line in refused)
    for first in {line.code: line for line in reversed(refused)}.values():
        LOG.warning(
            "quarantined %d for %s, of partition %s; the first: message %s, from device %s: %s",
            counts[first.code],
            first.code,
            batch.partition,
            first.sequence_number,
            first.device_id,
            first.reason,
        )


def _keep(files: Files, path: str, lines: Sequence[BronzeLine] | Sequence[QuarantineLine], content: list[str]) -> None:
    """Create a file of lines.

    One of this name that holds something else is of an event hub that was made anew, or of the same batch under
    another register of stores: then both stay.
    """
    if not lines:
        return
    digest = blake2b("\n".join(content).encode(), digest_size=16).hexdigest()
    packed, labels = pack(lines), {_DIGEST: digest}
    if not files.create(path, packed, labels) and files.labels(path).get(_DIGEST) != digest:
        files.create(other_content(path, digest), packed, labels)
