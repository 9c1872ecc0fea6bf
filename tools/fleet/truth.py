"""The figures that must come of a fleet's events, by the definitions of docs/figures.md. Pure.

They are counted from what was played, person by person, and not from the events: neither the product's SQL nor its
code has a part in it. Rows are called as those of gold.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from tools.fleet.camera_day import WINDOW, CameraDay
from tools.fleet.drawing import LINES
from tools.fleet.people import Person
from tools.fleet.plan import CHECKOUT, SHELF, Store
from tools.fleet.writing import Writer

FOOTFALL, DWELL, QUEUE, HEALTH = "fact_footfall_15m", "fact_zone_dwell_15m", "fact_queue", "fact_device_health"
KEYS = {
    FOOTFALL: ("store_id", "camera_id", "window_start", "line_id", "config_version", "object_class"),
    DWELL: ("store_id", "camera_id", "window_start", "zone_id", "config_version", "object_class"),
    QUEUE: ("store_id", "camera_id", "window_start", "queue_id", "config_version"),
    HEALTH: ("store_id", "camera_id", "window_start", "device_id"),
}
BOUNDS = (5, 10, 20, 40, 80, 160, 320, 640, 1280)
"""Of the bins of durations, in seconds."""


def _bins(name: str) -> tuple[str, ...]:
    between = (f"{name}_{low}_to_{high}" for low, high in pairwise(BOUNDS))
    return (f"{name}_under_{BOUNDS[0]}", *between, f"{name}_from_{BOUNDS[-1]}")


_DWELL_BINS, _WAIT_BINS = _bins("dwell"), _bins("wait")
_CROSSINGS = tuple(f"{way}_{figure}" for way in ("in", "out") for figure in ("raw", "net", "shopper", "units"))
FINAL = "is_final"
FIGURES = {
    FOOTFALL: (*_CROSSINGS, "observed_seconds", FINAL),
    DWELL: ("visits", "whole_visits", "dwell_seconds", *_DWELL_BINS, FINAL),
    QUEUE: ("served", "abandoned", "lost", "whole_waits", "wait_seconds", *_WAIT_BINS, FINAL),
    HEALTH: ("observed_seconds", "frames_analysed", "frames_missed", "failures", "longest_gap_seconds", FINAL),
}
Key = tuple[Any, ...]


class Truth:
    """Adds up. Seconds are whole milliseconds until they are told.

    A line has a row for each window in which its camera looked while it was in force. A zone or a queue has one where
    somebody's visit or wait ended, whoever it was; a camera where it looked or failed.
    """

    def __init__(self) -> None:
        self._rows: dict[str, dict[Key, Counter[str]]] = {name: defaultdict(Counter) for name in KEYS}
        self._told_until: dict[Key, int] = {}
        """By store and camera, as the furthest of its heartbeats has it."""

    def add(self, store: Store, camera_id: str, day: CameraDay, writer: Writer) -> None:
        """Count one day of one camera; the writer says which layout was in force."""
        begin = (store.store_id, camera_id)
        self._told_until[begin] = max(beat.complete_until for beat in day.heartbeats)
        crossed: dict[Key, set[Key]] = defaultdict(set)
        for person in day.people:
            self._cross(begin, person, writer, crossed)
            self._stay(begin, person, writer)
        self._look(begin, day, crossed)
        health = self._rows[HEALTH]
        for piece in day.pieces:
            row = health[*begin, piece.window_start, store.store_id]
            row["observed_seconds"] += piece.observed_ms
            row["frames_analysed"] += piece.frames_analysed
            row["frames_missed"] += piece.frames_missed
            row["longest_gap_seconds"] = max(row["longest_gap_seconds"], piece.longest_gap_ms)
        if day.outage is not None:
            at = day.outage[0] + 10_000
            health[*begin, at - at % WINDOW, store.store_id]["failures"] += 1

    def rows(self, fact: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of a fact, each with all its columns."""
        for key, counted in self._rows[fact].items():
            row = dict(zip(KEYS[fact], key, strict=True))
            start = row["window_start"]
            figures = {name: _told(name, counted[name]) for name in FIGURES[fact]}
            figures[FINAL] = start + WINDOW <= self._told_until[key[:2]]
            yield {**row, "window_start": datetime.fromtimestamp(start / 1000, UTC), **figures}

    def _look(self, begin: Key, day: CameraDay, crossed: dict[Key, set[Key]]) -> None:
        """Give lines that nobody crossed their rows, and the first row of each line and window what was looked at."""
        looked: Counter[int] = Counter()
        for piece in day.pieces:
            looked[piece.window_start] += piece.observed_ms
        for start, observed in looked.items():
            versions = day.versions(start)
            for number, line in enumerate(LINES[versions[0]]):
                rows = crossed.get((start, line.id), set())
                versions_crossed = {version for version, _ in rows}
                empty = {(one, LINES[one][number].object_class) for one in versions if one not in versions_crossed}
                for row in rows | empty:
                    self._rows[FOOTFALL].setdefault((*begin, start, line.id, *row), Counter())
                self._rows[FOOTFALL][*begin, start, line.id, *min(rows | empty)]["observed_seconds"] += observed

    def _cross(self, begin: Key, person: Person, writer: Writer, crossed: dict[Key, set[Key]]) -> None:
        for one in person.crossings:
            version, start = writer.layout_version(one.at), one.at - one.at % WINDOW
            crossed[start, one.line_id].add((version, person.object_class))
            row = self._rows[FOOTFALL][*begin, start, one.line_id, version, person.object_class]
            row[f"{one.direction}_raw"] += 1
            if person.u_turn is not None and one in person.u_turn:
                continue
            row[f"{one.direction}_net"] += 1
            if not person.works_here:
                row[f"{one.direction}_shopper"] += 1
                row[f"{one.direction}_units"] += one.buying_unit

    def _stay(self, begin: Key, person: Person, writer: Writer) -> None:
        for visit in person.visits:
            at, stayed = visit.exited_at, visit.exited_at - visit.entered_at
            row = self._rows[DWELL][*begin, at - at % WINDOW, SHELF, writer.layout_version(at), person.object_class]
            if person.works_here:
                continue
            row["visits"] += 1
            if visit.censored is None:
                row["whole_visits"] += 1
                row["dwell_seconds"] += stayed
                row[_DWELL_BINS[bisect_right(BOUNDS, stayed / 1000)]] += 1
        for wait in person.waits:
            at, waited = wait.left_at, wait.left_at - wait.arrived_at
            row = self._rows[QUEUE][*begin, at - at % WINDOW, CHECKOUT, writer.layout_version(at)]
            if person.works_here:
                continue
            row[wait.outcome] += 1
            if wait.outcome == "served" and wait.censored is None:
                row["whole_waits"] += 1
                row["wait_seconds"] += waited
                row[_WAIT_BINS[bisect_right(BOUNDS, waited / 1000)]] += 1


def _told(name: str, number: int) -> float:
    return number / 1000 if name.endswith("_seconds") else number
