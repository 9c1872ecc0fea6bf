"""Kill -9 of every process of a whole store, with many events under way: each event is at each sink exactly once.

And the same with a safeguard taken out of a real module: then the same check finds faults. tests/host/test_kill_nine.py
kills a router and a sender alone, at the worst moments.

`STOREFLOW_KILL_MINUTES=60 pytest -s tests/system/test_kill_nine.py -k every_sink` spreads 100 kills over an hour.
"""

import os
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rich.console import Console
from rich.table import Table

from local_azure.supervisor.supervisor import EDGE_HUB, run_module

MODULES = ("video_capture", "inference", "zone_analytics", "upstream_router")
VICTIMS = (EDGE_HUB, *MODULES)
MUTATED = Path(__file__).parents[1] / "host" / "mutated_module.py"
MINUTES = float(os.environ.get("STOREFLOW_KILL_MINUTES", "0"))
"""Over which the kills are spread at random moments; 0: one after another, and half as many."""
KILLS_EACH = 20 if MINUTES else 10
UNDER_WAY = 20
"""Rows in an outbox at the moment of a kill, at least."""
COLUMNS, ROWS = 12, 6
EventName = tuple[str, str]


class Kill(NamedTuple):
    """One kill -9."""

    at: float
    """Seconds from the first."""
    victim: str
    holder: str
    """The module whose outbox was looked into."""
    rows_before: int
    rows_after: int
    back_after: float
    """Seconds until the victim was connected again."""


def busy_layout() -> dict[str, Any]:
    """Zones like the squares of a board and lines between them: whoever takes a step makes events."""
    zones: dict[str, Any] = dict.fromkeys(("aisle_pantry", "aisle_kitchen", "queue"))
    for column in range(COLUMNS):
        for row in range(ROWS):
            left, right = column / COLUMNS, (column + 1) / COLUMNS
            top, bottom = 0.3 + 0.7 * row / ROWS, 0.3 + 0.7 * (row + 1) / ROWS
            square = [[left, top], [right, top], [right, bottom], [left, bottom]]
            zones[f"square_{column}_{row}"] = {"polygon": square, "min_visit_seconds": 0, "reentry_seconds": 0}
    lines = {
        f"line_{number}": {"start": [number / COLUMNS / 2, 1.0], "end": [number / COLUMNS / 2, 0.2]}
        for number in range(1, 2 * COLUMNS)
    }
    return {"zones": zones, "lines": lines}


def busy(new_store: Callable[..., Any], clip: Path, **options: Any) -> Any:
    """A store in which something is always under way; every playing of the clip has times and ids of its own."""
    return new_store(
        clip,
        cameras={"entrance": {"playback": {"starts_at": None}}},
        layout=busy_layout(),
        telemetry={"sinks": {"file": {"max_bytes": 1_000_000_000}}},  # what is rotated away could not be counted
        environment={"STOREFLOW_RESEND_SECONDS": "2"},
        **options,
    )


@contextmanager
def nobody_answers(store: Any, holder: str) -> Iterator[None]:
    """Keep the next owner of a module's events from acknowledging any."""
    if holder == "upstream_router":  # the hub owns them next
        store.hub.faults(module=holder, no_puback=True)
        try:
            yield
        finally:
            store.hub.faults(module="", no_puback=False)
    else:
        router = store.supervisor.pid("upstream_router")
        os.kill(router, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(router, signal.SIGCONT)


def kill(store: Any, victim: str, chance: random.Random) -> tuple[Kill, frozenset[EventName]]:
    """Kill one process while enough rows wait, and see it come back; what waited at that moment."""
    holder = victim if victim == "upstream_router" else "zone_analytics"

    def enough_and_none_leaves() -> bool:
        earlier = store.waiting(holder)
        time.sleep(0.1)  # what was answered before arrives
        return bool(earlier.rows >= UNDER_WAY and earlier.events <= store.waiting(holder).events)

    with nobody_answers(store, holder):
        store.wait_for(enough_and_none_leaves, f"{UNDER_WAY} rows in {holder}")
        time.sleep(chance.uniform(0.0, 0.5))
        pid, before = store.supervisor.pid(victim), store.waiting(holder)
        store.supervisor.kill(victim)
        killed_at, after = time.monotonic(), store.waiting(holder)

    def back() -> bool:
        return store.supervisor.status()[victim].pid not in (None, pid) and store.connected(*MODULES)

    store.wait_for(back, f"{victim} is back")
    assert store.supervisor.status()[victim].last_exit_code == -signal.SIGKILL
    told = Kill(killed_at, victim, holder, before.rows, after.rows, time.monotonic() - killed_at)
    return told, before.events | after.events


def faults(store: Any, seen_waiting: frozenset[EventName]) -> list[str]:
    """Everything that is not exactly once: nothing may be under way any more."""
    events = store.events()
    at_file = Counter((event["source"], event["id"]) for event in events)
    at_cloud = {(event["source"], event["id"]) for message in store.upstream() for event in message.events()}
    found = [f"{name}: {rows} rows never left the outbox" for name, rows in store.rows_left().items()]
    found += [f"{source}: two outboxes number its events" for source in store.numbered_twice()]
    found += [f"{source}: {id_} is in the file {count} times" for (source, id_), count in at_file.items() if count > 1]
    found += [f"{source}: {id_} waited at a kill and never came" for source, id_ in seen_waiting - at_file.keys()]
    found += [f"{source}: {id_} is in the file, not in the cloud" for source, id_ in at_file.keys() - at_cloud]
    found += [f"{source}: {id_} is in the cloud, not in the file" for source, id_ in at_cloud - at_file.keys()]
    committed = store.committed()
    for source in committed.keys() | {event["source"] for event in events}:
        numbers = sorted(int(event["sequence"]) for event in events if event["source"] == source)
        if numbers != list(range(1, committed[source] + 1)):
            found.append(f"{source}: {committed[source]} events were committed, the file has {len(numbers)} numbers")
    return found


def told(kills: list[Kill], store: Any, seconds: float) -> None:
    """Print what was killed when, and how many rows waited; `pytest -s` shows it."""
    console = Console(width=160)
    table = Table("second", "killed", "rows waiting in", "before", "after", "back after s", box=None)
    for one in kills:
        second, back = f"{one.at - kills[0].at:.1f}", f"{one.back_after:.1f}"
        table.add_row(second, one.victim, one.holder, str(one.rows_before), str(one.rows_after), back)
    console.print("", table)
    events, messages = store.events(), store.upstream()
    sent = [event for message in messages for event in message.events()]
    repeated = len(sent) - len({(event["source"], event["id"]) for event in sent})
    console.print(
        f"{len(kills)} kills in {seconds:.0f} s; at least {min(min(one[3:5]) for one in kills)} rows waited; "
        f"{sum(store.committed().values())} events committed, {len(events)} in the file, "
        f"{len(sent)} in {len(messages)} messages upstream, {repeated} of them repeated"
    )


def close_down(store: Any, seconds: float) -> None:
    """Take the camera away, which ends what is open, and give everything `seconds` to find its way."""
    store.edit("video_capture", {"cameras": {"entrance": None}})
    store.falls_quiet(seconds)


def test_every_committed_event_is_at_every_sink_exactly_once(new_store: Callable[..., Any], long_clip: Path) -> None:
    chance, started_at = random.Random(9), time.monotonic()  # noqa: S311 - moments, no secrets
    order = [victim for _ in range(KILLS_EACH) for victim in chance.sample(VICTIMS, len(VICTIMS))]
    moments = sorted(chance.uniform(0, 60 * MINUTES) for _ in order)
    kills: list[Kill] = []
    seen_waiting: frozenset[EventName] = frozenset()
    with busy(new_store, long_clip) as store:
        for victim, moment in zip(order, moments, strict=True):
            time.sleep(max(0.0, started_at + moment - time.monotonic()))
            one, events = kill(store, victim, chance)
            kills.append(one)
            seen_waiting |= events
        close_down(store, 60)
        told(kills, store, time.monotonic() - started_at)
        found = faults(store, seen_waiting)

    assert Counter(one.victim for one in kills) == Counter(dict.fromkeys(VICTIMS, KILLS_EACH))
    assert all(min(one.rows_before, one.rows_after) >= UNDER_WAY for one in kills)
    assert found == []


@pytest.mark.parametrize(
    ("module_id", "without", "fault"),
    [
        ("upstream_router", "keep", "[0-9]+ events were committed, the file has [0-9]+ numbers"),
        ("zone_analytics", "delete", "^zone_analytics: [0-9]+ rows never left the outbox$"),
        ("upstream_router", "delete", "is in the file [0-9]+ times"),
        ("upstream_router", "seen", "is in the file [0-9]+ times"),
        ("upstream_router", "cut", "is in the file [0-9]+ times"),
        ("upstream_router", "nothing", "^$"),
    ],
)
def test_the_same_check_finds_what_the_lack_of_one_safeguard_leads_to(
    new_store: Callable[..., Any], long_clip: Path, module_id: str, without: str, fault: str
) -> None:
    def command_for(folder: str) -> list[str]:
        return [sys.executable, str(MUTATED), folder, without] if folder == module_id else run_module(folder)

    chance = random.Random(4)  # noqa: S311 - moments, no secrets
    with busy(new_store, long_clip, command_for=command_for) as store:
        # The moment between file and commit is hit by about every second kill; the other safeguards by each.
        kills = {"cut": 8, "nothing": 4}.get(without, 2)
        waited = [kill(store, "upstream_router", chance)[1] for _ in range(kills)]
        close_down(store, 60 if without == "nothing" else 8)
        found = "\n".join(faults(store, frozenset().union(*waited)))

    assert re.search(fault, found), found
