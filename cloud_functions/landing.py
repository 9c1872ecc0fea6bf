"""One batch of an event hub lands: its events in bronze, all else in quarantine.

    batch ─> decode each message ─┬─> bronze/…/{first}-{last}.ndjson.gz      create only
                                  └─> quarantine/…/{first}-{last}.ndjson.gz  create only
                                        └─> return: the host moves its checkpoint behind the batch

No message raises: one that cannot be read would be tried again for ever and hold up its partition. A store that
refuses does raise: the host's retry policy then holds the checkpoint until it is back, and the batch comes again. What
comes again with the same boundaries finds its files there; with others it makes files that overlap (bronze.py).
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from cloud_functions.bronze import BronzeLine, pack
from cloud_functions.decode import decode
from cloud_functions.lake_port import Files
from cloud_functions.message import Batch
from cloud_functions.paths import BRONZE, QUARANTINE, batch_path, other_content
from cloud_functions.quarantine import QuarantineLine
from cloud_functions.stores import Stores

LOG = logging.getLogger(__name__)

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
    lines: list[BronzeLine] = []
    refused: list[QuarantineLine] = []
    for message in batch.messages:
        landing, quarantined = decode(message, stores)
        lines += [BronzeLine.of(one, message, batch.partition, now) for one in landing]
        refused += [QuarantineLine.of(one, message, batch.partition, now) for one in quarantined]
    _keep(files, batch_path(BRONZE, batch), lines, [line.event for line in lines])
    _keep(files, batch_path(QUARANTINE, batch), refused, [line.body for line in refused])
    codes = dict(Counter(line.code for line in refused))
    for line in refused:
        LOG.warning(
            "quarantined message %s of partition %s, from device %s: %s: %s",
            line.sequence_number,
            batch.partition,
            line.device_id,
            line.code,
            line.reason,
        )
    LOG.info("landed %d events of %d messages of partition %s", len(lines), len(batch.messages), batch.partition)
    return Landed(len(lines), codes)


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
