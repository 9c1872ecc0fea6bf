"""Erasure: takes what leads to people out of everything the lake keeps, in bronze, quarantine, silver and gold.

    one person of one visit   --track SOURCE#TRACK
    a time                    --before DATE, or --from DATE --to DATE
    a store                   --all: nothing of it stays

What stays of an event is said in anonymous.py. It may die anywhere and be given again, because of this order:

    1. erasure/job.json     what is asked, and the key that new names are made with
    2. bronze, quarantine   each file is written anew, whole or not at all
    3. silver               rows become what bronze has now
    4. gold                 is made anew where a row changed
    5. history              versions that are no longer the newest are deleted
    6. erasure/job.json     is deleted, and with the key every way back

What comes of an erased event later, because a store sends it again, is another event: erase once more when the event
hub keeps it no longer.
"""

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from cloud_functions import bronze, quarantine
from cloud_functions.anonymous import (
    ERASED,
    Name,
    Names,
    anonymous,
    is_of_people,
    is_readable,
    joined_anew,
    quarter_after,
    quarter_before,
)
from cloud_functions.bronze import BronzeLine, pack
from cloud_functions.erasure_wish import Wish
from cloud_functions.lake import erasure
from cloud_functions.lake.reading import Reader
from cloud_functions.lake.tables import Lake
from cloud_functions.lake_port import Files
from cloud_functions.paths import BRONZE, QUARANTINE, LandedFile
from cloud_functions.quarantine import QuarantineLine
from cloud_functions.refine import refine
from cloud_functions.stores import Stores
from storeflow.contract.events import LineCrossed, PersonRecognised
from storeflow.errors import ConfigError, ContractError

JOB = "erasure/job.json"

_DAY = timedelta(days=1)
"""For how long after a crossing an event may name it: somebody comes back, or is recognised, on the day after."""
_KEY_BYTES = 32


class Erased(NamedTuple):
    """What an erasure did, or would do."""

    lines: int
    """Of bronze, that are changed or gone."""
    quarantined: int
    """Lines of quarantine that are gone."""
    rows: int
    """Of silver; 0 where it was only asked what it would do."""
    unread: tuple[str, ...]
    """Files that can't be read, which may hold what should be erased."""


@dataclass
class Job:
    """What must be remembered until an erasure has ended.

    Attributes:
        key: of the new names.
        stay: crossings that are not erased, of the day before those that are.
        erased: crossings that are, of the last day.
        groups: of the person who is erased.
        staff_tracks: of those who turned out to work in the store.
        staff_crossings: likewise.
    """

    key: bytes
    stay: set[Name] = field(default_factory=set)
    erased: set[Name] = field(default_factory=set)
    groups: set[Name] = field(default_factory=set)
    staff_tracks: set[Name] = field(default_factory=set)
    staff_crossings: set[Name] = field(default_factory=set)

    @property
    def names(self) -> Names:
        """The new names."""
        return Names(self.key, self.stay, self.staff_tracks, self.staff_crossings)

    def learn(self, document: dict[str, Any], moment: datetime, wish: Wish) -> None:
        """Remember what an event of the store says of others."""
        name = document["source"], document["id"]
        data, is_of = document["data"], wish.is_of(document, moment)
        if document["type"] == LineCrossed.event_type:
            if is_of and (wish.track_id or moment >= wish.until - _DAY):
                self.erased.add(name)
            if not is_of and not wish.track_id and wish.since - _DAY <= moment < wish.since:
                self.stay.add(name)
        if document["type"] == PersonRecognised.event_type:
            self.staff_tracks.add((document["source"], data["track_id"]))
            self.staff_crossings |= {(document["source"], one) for one in data["crossing_ids"]}
        if wish.track_id and is_of:
            self.groups |= {(document["source"], one) for one in (data.get("group_id"), f"g{wish.track_id}") if one}


class Erasure:
    """One erasure, with all that it needs.

    Args:
        files: bronze and quarantine.
        lake: silver and gold.
        stores: the register.
        wish: what to erase.
    """

    def __init__(self, files: Files, lake: Lake, stores: Stores, wish: Wish) -> None:
        self._files, self._lake, self._stores, self._wish = files, lake, stores, wish
        self._unread: set[str] = set()

    def would(self) -> Erased:
        """Say what it would do, and change nothing."""
        with Reader(self._files) as reader:
            job = self._learnt(Job(secrets.token_bytes(_KEY_BYTES)), reader)
            lines = sum(before is not after for _, pairs in self._bronze(job, reader) for before, after in pairs)
        return Erased(lines, sum(self._quarantine(change=False)), 0, tuple(sorted(self._unread)))

    def run(self, now: datetime) -> Erased:
        """Do it, or bring to its end what was begun.

        Raises:
            ConfigError: another erasure was begun and has not ended.
            StorageError: the store refused, or somebody else was faster; give the same again.
        """
        lines = 0
        with Reader(self._files) as reader:
            job = self._learnt(self._begun(), reader)
            self._files.replace(JOB, _to_json(self._wish, job))
            for path, pairs in self._bronze(job, reader):
                changed = sum(before is not after for before, after in pairs)
                if changed:
                    self._files.replace(path, pack([after for _, after in pairs if after is not None]))
                lines += changed
        quarantined = sum(self._quarantine(change=True))
        rows = self._tables(job, now)
        self._files.remove(JOB)
        return Erased(lines, quarantined, rows, tuple(sorted(self._unread)))

    def _tables(self, job: Job, now: datetime) -> int:
        erasure.fence(self._lake, now)
        if self._wish.everything:
            rows = erasure.delete_store(self._lake, self._wish.store_id)
        else:
            found = erasure.rows_to_erase(self._lake, erasure.condition(self._wish, job.groups))
            rows = erasure.rename(self._lake, found, self._read, job.names.of_event, now)
        erasure.note_again(self._lake, self._read)
        erasure.forget_dimensions(self._lake, self._wish.store_id)
        refine(self._files, self._lake, self._stores, now)
        erasure.forget_history(self._lake)
        return rows

    def _begun(self) -> Job:
        """The job that was begun, or a new one."""
        job = Job(secrets.token_bytes(_KEY_BYTES))
        if self._files.create(JOB, _to_json(self._wish, job), {}):
            return job
        begun = json.loads(self._files.read(JOB))
        if begun.pop("wish") != _wish_to_json(self._wish):
            raise ConfigError([f"{JOB}: another erasure was begun and has not ended; give that one again first"])
        key = bytes.fromhex(begun.pop("key"))
        return Job(key, **{name: {(one[0], one[1]) for one in names} for name, names in begun.items()})

    def _learnt(self, job: Job, reader: Reader) -> Job:
        for path, content in reader.read(self._landed(BRONZE)):
            for line in self._lines(path, content):
                document = json.loads(line.event)
                if self._is_of_store(document, line) and is_readable(document):
                    job.learn(document, datetime.fromisoformat(document["data"]["captured_at"]), self._wish)
        return job

    def _bronze(self, job: Job, reader: Reader) -> Iterator[tuple[str, list[tuple[BronzeLine, BronzeLine | None]]]]:
        """The files, and of each line what it was and what it becomes: itself, another one, or none."""
        for path, content in reader.read(self._landed(BRONZE)):
            yield path, [(line, self._after(line, job)) for line in self._lines(path, content)]

    def _after(self, line: BronzeLine, job: Job) -> BronzeLine | None:
        document = json.loads(line.event)
        if not self._is_of_store(document, line):
            return line
        if self._wish.everything:
            return None
        if not is_readable(document):
            moment = datetime.fromisoformat(line.enqueued_at)
            return None if self._wish.may_be_of(line.event, line.device_id, moment) else line
        if not is_of_people(document["type"]) or document["id"].startswith(ERASED):
            return line
        if self._wish.is_of(document, datetime.fromisoformat(document["data"]["captured_at"])):
            return line._replace(
                event=_text(anonymous(document, job.names)),
                enqueued_at=quarter_before(line.enqueued_at),
                ingested_at=quarter_after(line.ingested_at),
            )
        joined = joined_anew(document, job.names, job.erased, job.groups)
        return line if joined == document else line._replace(event=_text(joined))

    def _quarantine(self, *, change: bool) -> Iterator[int]:
        """How many lines each file loses."""
        for path in self._landed(QUARANTINE):
            try:
                lines = list(quarantine.read(self._files.read(path), path))
            except ContractError:
                self._unread.add(path)
                continue
            rest = [line for line in lines if not self._wish.is_of_quarantine(line, is_there=self._is_there(line))]
            if change and len(rest) < len(lines):
                self._files.replace(path, pack(rest))
            yield len(lines) - len(rest)

    def _is_of_store(self, document: Any, line: BronzeLine) -> bool:
        return self._wish.is_of_store(document, is_there=self._is_there(line))

    def _is_there(self, line: BronzeLine | QuarantineLine) -> bool:
        """Whether the device that sent something stood in the store then, by the register."""
        moment = datetime.fromisoformat(line.enqueued_at)
        stays = self._stores.stays.get(line.device_id or "", ())
        return any(stay.store_id == self._wish.store_id and stay.covers(moment) for stay in stays)

    def _landed(self, area: str) -> list[str]:
        return [path for path in self._files.files(area) if LandedFile.at(path)]

    def _lines(self, path: str, content: Callable[[], bytes]) -> list[BronzeLine]:
        try:
            return list(bronze.read(content(), path))
        except ContractError:
            self._unread.add(path)
            return []

    def _read(self, path: str) -> bytes:
        """A file of bronze; one that somebody took away has no lines."""
        folder = path.rpartition("/")[0]
        return self._files.read(path) if path in self._files.files(folder) else pack([])


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def _wish_to_json(wish: Wish) -> dict[str, Any]:
    return asdict(wish) | {"since": wish.since.isoformat(), "until": wish.until.isoformat()}


def _to_json(wish: Wish, job: Job) -> bytes:
    names = {name: sorted(value) for name, value in vars(job).items() if name != "key"}
    return json.dumps({"wish": _wish_to_json(wish), "key": job.key.hex()} | names).encode()
