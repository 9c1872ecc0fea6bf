"""Judges what is in quarantine again: after an upgrade, or once a device was entered into the register.

What may land now goes to bronze, in the place of a partition called `replay`, and leaves quarantine; the rest stays,
with the reason that it has now.
"""

from collections.abc import Sequence
from datetime import datetime

from cloud_functions import bronze, quarantine
from cloud_functions.bronze import BronzeLine, pack
from cloud_functions.decode import decode
from cloud_functions.lake_port import Files
from cloud_functions.paths import BRONZE, QUARANTINE, REPLAY, LandedFile, hour_of
from cloud_functions.quarantine import QuarantineLine
from cloud_functions.stores import Stores


def replay(files: Files, stores: Stores, now: datetime) -> tuple[int, int]:
    """Judge everything again; return how many events landed, and how many lines stay.

    A replay that dies is repeated as a whole: what landed already lands again, which readers count once.

    Raises:
        StorageError: the store refused.
    """
    landed = left = 0
    for path in files.files(QUARANTINE):
        if LandedFile.at(path) is None:
            continue
        lines, rest = _judged(list(quarantine.read(files.read(path), path)), stores, now)
        if lines:
            _land(files, path, lines, now)
            files.replace(path, pack(rest))
        landed, left = landed + len(lines), left + len(rest)
    return landed, left


def _judged(
    lines: Sequence[QuarantineLine], stores: Stores, now: datetime
) -> tuple[list[BronzeLine], list[QuarantineLine]]:
    landing: list[BronzeLine] = []
    rest: list[QuarantineLine] = []
    for line in lines:
        message = line.message()
        events, refused = decode(message, stores)
        # An event out of a batch keeps its place there, by which it is told from its neighbours.
        offset = line.place or 0
        landing += [
            BronzeLine.of(one._replace(place=one.place + offset), message, line.partition, now) for one in events
        ]
        rest += [
            QuarantineLine.of(one, message, line.partition, now)._replace(
                place=line.place if one.place is None else one.place + offset
            )
            for one in refused
        ]
    return landing, rest


def _land(files: Files, quarantined: str, lines: Sequence[BronzeLine], now: datetime) -> None:
    """Keep lines under the hub they came from, numbered behind what was replayed in this hour before."""
    _, namespace, hub, *_ = quarantined.split("/")
    folder = f"{BRONZE}/{namespace}/{hub}/{REPLAY}/{hour_of(now)}"
    number = len(files.files(folder)) + 1
    while not files.create(f"{folder}/{number:012d}-{number:012d}.ndjson.gz", bronze.pack(lines), {}):
        number += 1
