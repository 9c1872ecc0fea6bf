"""Judges what is in quarantine again: after an upgrade, or once a device was entered into the register.

What may land now goes to bronze, in the place of a partition called `replay`, and leaves quarantine; the rest stays,
with the reason that it has now. A message that stays as a whole stays so although events of it may land: they land
with every replay, and readers count them once.
"""

import itertools
import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from cloud_functions import quarantine
from cloud_functions.bronze import BronzeLine, pack
from cloud_functions.decode import decode
from cloud_functions.lake_port import Files
from cloud_functions.paths import BRONZE, QUARANTINE, REPLAY, LandedFile, hour_of
from cloud_functions.quarantine import QuarantineLine
from cloud_functions.stores import Stores
from storeflow.errors import ContractError

LOG = logging.getLogger(__name__)


class Replayed(NamedTuple):
    """What became of quarantine."""

    landed: int
    """Events."""
    left: int
    """Lines that stay."""
    unread: tuple[str, ...]
    """Files that are none of quarantine's, or damaged: nothing of them was touched."""


def replay(files: Files, stores: Stores, now: datetime) -> Replayed:
    """Judge everything again.

    A replay that dies is repeated as a whole: what landed already lands again, which readers count once.

    Raises:
        StorageError: the store refused.
    """
    landed = left = 0
    unread: list[str] = []
    places: dict[str, Iterator[str]] = {}
    for path in files.files(QUARANTINE):
        try:
            lines, rest = _judged(_read(files, path), stores.behind(path.split("/")[2]), now)
        except ContractError as error:
            LOG.error("%s; it stays as it is", error)  # noqa: TRY400 - what is wrong is in the file, not on the stack
            unread.append(path)
            continue
        if lines:
            folder = "/".join([BRONZE, *path.split("/")[1:3], REPLAY])
            if folder not in places:
                places[folder] = _places(files, folder, now)
            _land(files, places[folder], lines)
            # A file that has no line any more stays: its batch may come again, and must find it there.
            files.replace(path, pack(rest))
        landed, left = landed + len(lines), left + len(rest)
    return Replayed(landed, left, tuple(unread))


def _read(files: Files, path: str) -> list[QuarantineLine]:
    if LandedFile.at(path) is None:
        raise ContractError(f"{path}: no file of quarantine by its name; take it away from there")
    return list(quarantine.read(files.read(path), path))


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


def _land(files: Files, places: Iterator[str], lines: Sequence[BronzeLine]) -> None:
    """Keep lines at the first place that is free; another replay may be at work."""
    content = pack(lines)
    while not files.create(next(places), content, {}):
        pass


def _places(files: Files, folder: str, now: datetime) -> Iterator[str]:
    """Paths under the hub that something came from, behind all that was replayed before.

    Refining looks at a partition's newest hour and the one before: so a replay by a clock that is behind goes to the
    hour of the newest one.
    """
    newest = folder
    for _ in range(len(("year", "month", "day", "hour"))):
        newest = max(files.folders(newest), default=newest)
    before = max((file for path in files.files(newest) if (file := LandedFile.at(path))), default=None)
    hour = max(hour_of(now), before.hour if before else "")
    first = before.last + 1 if before and before.hour == hour else 1
    for number in itertools.count(first):
        yield f"{folder}/{hour}/{number:012d}-{number:012d}.ndjson.gz"
