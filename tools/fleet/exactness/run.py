"""One run: feed, kill, drain, refine, compare."""

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from storeflow.errors import StorageError, StoreflowError, TransportError
from tools.fleet.comparison import Comparison, compare
from tools.fleet.exactness.box import Box
from tools.fleet.exactness.cloud import SILVER, Cloud, in_flight
from tools.fleet.exactness.kernel import Meter
from tools.fleet.exactness.kills import VICTIMS, Kill, Killer, NothingInFlight
from tools.fleet.plan import Plan
from tools.fleet.truth import KEYS

_FIRST, _LAST = 0.03, 0.92
"""Kills are between these parts of the events, at random."""
_POLL_SECONDS = 0.2
_TOLD_SECONDS = 30.0
"""Where no bar can be drawn a line is printed so often, so that a log says how far a run is."""
_SECONDS_A_KILL = 24.0
"""On average: a functions host that comes back waits for 5 s until it has the partitions of the one before, and is not
killed again before it has landed something."""
_KINDS = {
    "exactness.feeder": "feeders",
    "local_azure.edge_hub": "edge hubs",
    "modules.upstream_router": "routers",
    "local_azure.event_hubs": "event hubs",
    "azurite": "azurite",
    "local_azure.functions_host": "functions host",
}
_REFINEMENTS = 2
"""That begin after everything has landed: of those that end after it, the first may have begun before."""


@dataclass(frozen=True)
class Settings:
    """How a run is made.

    Attributes:
        kills: how many; the victims take turns in random order.
        patience: seconds without any progress after which a stage is given up.
        feed_seconds: over which events are handed to the routers, at least; 0 for a time that fits the kills.
    """

    plan: Plan
    kills: int
    partitions: int = 4
    refine_seconds: int = 20
    patience: float = 120.0
    feed_seconds: float = 0.0

    @property
    def pace(self) -> float:
        """How many events a second all boxes send together, at most: each kill finds work, and time to come back."""
        seconds = self.feed_seconds or self.kills * _SECONDS_A_KILL
        return self.plan.events / seconds if seconds else math.inf


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        faults: what is wrong, but for figures that differ; those are in `comparisons`.
        seconds: how long each stage took.
        cpu: seconds of processor time, by kind of process.
    """

    kills: list[Kill] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)

    @property
    def is_exact(self) -> bool:
        """Whether gold is the truth, and nothing was lost on the way."""
        return not self.faults and not any(one.differences for one in self.comparisons)


class _StageFailedError(StoreflowError):
    """A stage made no progress for too long, or never will."""


def run(settings: Settings, folder: Path, console: Console) -> Outcome:
    """Make a run in an empty folder."""
    plan, outcome = settings.plan, Outcome()
    cloud = Cloud(plan, folder / "cloud", partitions=settings.partitions, refine_seconds=settings.refine_seconds)
    boxes: list[Box] = []
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,}"), TimeElapsedColumn())
    with _stopped_at_the_end(cloud, boxes), Progress(*columns, console=console) as progress:
        cloud.start()
        for number in range(plan.stores):
            place = folder / plan.store(number).store_id
            boxes.append(Box(plan, number, place, cloud.namespace, pace=settings.pace / plan.stores))
            boxes[-1].start()
        stages = _Stages(settings, cloud, boxes, progress, outcome)
        try:
            stages.feed()
            stages.drain()
            stages.land()
            stages.refine()
            stages.send_held_back()
        except (_StageFailedError, NothingInFlight) as error:
            outcome.faults.append(str(error))
        outcome.cpu = stages.meter.seconds()
        _compare(cloud, boxes, outcome)
    return outcome


@contextmanager
def _stopped_at_the_end(cloud: Cloud, boxes: list[Box]) -> Iterator[None]:
    try:
        yield
    finally:
        for box in boxes:
            box.stop()
        cloud.stop()


class _Stages:
    def __init__(
        self, settings: Settings, cloud: Cloud, boxes: Sequence[Box], progress: Progress, outcome: Outcome
    ) -> None:
        self._settings, self._cloud, self._boxes = settings, cloud, list(boxes)
        self._progress, self._outcome = progress, outcome
        self._began_at = time.monotonic()
        self.meter = Meter(_KINDS)

    def feed(self) -> None:
        """Have the routers take every event, and kill on the way."""
        chance = random.Random(self._settings.plan.seed)
        rounds = range(math.ceil(self._settings.kills / len(VICTIMS)))
        victims = [victim for _ in rounds for victim in chance.sample(VICTIMS, len(VICTIMS))][: self._settings.kills]
        events = self._settings.plan.events
        moments = sorted(events * chance.uniform(_FIRST, _LAST) for _ in victims)
        killer = Killer(self._cloud, self._boxes, chance, self._began_at)
        waiting = list(zip(moments, victims, strict=True))

        def fed() -> int:
            kept = sum(box.fed().kept for box in self._boxes)
            while waiting and kept >= waiting[0][0]:
                if is_done():  # what is left is told below; gold is compared all the same
                    break
                self._outcome.kills.append(one := killer.kill(waiting.pop(0)[1]))
                self._say(f"{one.at:.0f} s: kill -9 of {one.victim}, in flight: {one.in_flight:,} {one.what}")
            return kept

        def is_done() -> bool:
            for box in self._boxes:
                if box.feeder.exit_code() not in (None, 0):
                    raise _StageFailedError(f"the feeder of {box.store.store_id} ended: read its log")
            return all(box.fed().waits for box in self._boxes)

        self._stage("fed", fed, is_done, events)
        if waiting:
            self._outcome.faults.append(f"{len(waiting)} kills had no time left: feed more events, or kill less often")

    def drain(self, name: str = "in the event hub") -> None:
        """Wait until every event has left the boxes and is in the event hub."""
        self._stage(name, lambda: -self._in_boxes(), lambda: self._in_boxes() == 0)

    def land(self, name: str = "landed") -> None:
        """Wait until every message of the event hub is in bronze."""

        def left() -> int:
            try:
                return in_flight(self._cloud.newest(), self._cloud.landed())
            except StorageError:
                return 1

        self._stage(name, lambda: -left(), lambda: left() == 0)
        self._outcome.counts["messages"] = sum(last + 1 for last in self._cloud.newest().values())

    def refine(self, name: str = "refined") -> None:
        """Have figures made of all of it."""
        before, asked = self._cloud.refined(), -1

        def refined() -> int:
            nonlocal asked
            if (done := self._cloud.refined() - before) > asked:
                self._cloud.ask_to_refine()
                asked = done
            return done

        self._stage(name, refined, lambda: self._cloud.refined() - before >= _REFINEMENTS)

    def send_held_back(self) -> None:
        """Have come what is late, and copies of what is in all figures already; then have figures made again."""
        for box in self._boxes:
            box.send_held_back()
        self._stage("late ones fed", self._done, lambda: self._done() == len(self._boxes))
        for name in ("events", "again", "past", "late", "resent"):
            self._outcome.counts[name] = sum(getattr(box.fed(), name) for box in self._boxes)
        self.drain("late ones in the event hub")
        self.land("late ones landed")
        self.refine("late ones refined")

    def _done(self) -> int:
        return sum(box.fed().done for box in self._boxes)

    def _in_boxes(self) -> int:
        try:
            return sum(box.rows_waiting() + box.unrouted() for box in self._boxes)
        except TransportError:
            return 1  # a hub is busy, and not done

    def _stage(self, name: str, progress: Callable[[], int], is_done: Callable[[], bool], total: int = 0) -> None:
        """Wait for the end of a stage; a number that does not grow for too long ends it with an error."""
        began_at = moved_at = told_at = time.monotonic()
        task, best = self._progress.add_task(name, total=total or None), -math.inf
        while not is_done():
            if (now := progress()) > best:
                best, moved_at = now, time.monotonic()
                self._progress.update(task, completed=abs(now))
            elif time.monotonic() - moved_at > self._settings.patience:
                raise _StageFailedError(f"{name}: no progress for {self._settings.patience:.0f} s, at {abs(now):,}")
            if not self._progress.console.is_terminal and time.monotonic() - told_at > _TOLD_SECONDS:
                told_at = time.monotonic()
                self._say(f"{told_at - self._began_at:.0f} s: {name}, at {abs(now):,}")
            self.meter.look()
            time.sleep(_POLL_SECONDS)
        self._progress.update(task, total=1, completed=1)
        self._outcome.seconds[name] = time.monotonic() - began_at
        if not self._progress.console.is_terminal:
            self._say(f"{time.monotonic() - self._began_at:.0f} s: {name}")

    def _say(self, line: str) -> None:
        self._progress.console.print(line, highlight=False, soft_wrap=True)


def _compare(cloud: Cloud, boxes: Sequence[Box], outcome: Outcome) -> None:
    for fact in KEYS:
        files = [box.out / f"{fact}.parquet" for box in boxes]
        truth = [row for file in files if file.exists() for row in pq.read_table(file).to_pylist()]
        outcome.comparisons.append(compare(fact, truth, cloud.rows(f"gold/{fact}")))
    names = [(row["source"], row["id"]) for row in cloud.rows(SILVER, ["source", "id"])]
    outcome.counts["rows of silver"], events = len(names), outcome.counts.get("events")
    outcome.counts |= cloud.bronze_lines()
    if len(names) != len(set(names)):
        outcome.faults.append(f"silver has {len(names) - len(set(names)):,} events more than once")
    if events is not None and len(set(names)) != events:
        outcome.faults.append(f"silver has {len(set(names)):,} events of {events:,}")
    if refused := cloud.quarantined():
        outcome.faults.append(f"{len(refused)} files in quarantine, the first: {refused[0]}")
