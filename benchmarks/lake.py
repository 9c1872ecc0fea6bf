"""Does an event cost more to refine where the tables are a hundred times as long?

    .venv/bin/python -m benchmarks.lake

The same new events reach three lakes. One has 5,000 events; one has a hundred times as many because it is older; one
because it has a hundred times as many stores, on the same days. Rows of the long ones are copies of the first's, moved
to other days or stores; upkeep has been through all three. No day of the older one is beside those that are made anew,
for what a day beside costs, a lake of three days has to pay as well. Ratios are of CPU time of this process, on which
other load of the machine has little effect, and of the time that passed.

Beside them what docs/scale.md reckons with: CPU time, memory and bytes for each event. The result goes to
benchmarks/results/lake.json.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.landing import NOW, STORES, Side, batches, fleet, messages, timed
from cloud_functions import landing
from cloud_functions.folder import FolderFiles
from cloud_functions.lake.gold import dimensions, facts
from cloud_functions.lake.ledger import FILES
from cloud_functions.lake.silver import EVENTS, RUNS
from cloud_functions.lake.tables import Lake, append, mark, query
from cloud_functions.lake_port import DeltaPlace, Files
from cloud_functions.rebuild import GOLD
from cloud_functions.refine import refine_silver
from cloud_functions.stores import Stores
from cloud_functions.upkeep import upkeep
from tools.fleet.stream import Arrival

ROUNDS = 5
BUSY_DAYS = 5
"""To make the one in the middle, the days beside it are looked at, and because of these the ones beside them."""
TIMES, STORED, NEW = 100, 5_000, 2_500
"""How many times as long the long tables are; events of the short ones; events that are new."""
ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "lake.json"


@dataclass(frozen=True)
class Place:
    """A lake's tables in a folder."""

    root: Path
    stores: Stores

    @property
    def lake(self) -> Lake:
        """The tables as they are now."""
        return Lake(DeltaPlace(str(self.root), {}))

    def gold(self) -> None:
        """Bring gold up with silver, as `refine` does."""
        facts.catch_up(self.lake, self.stores)
        dimensions.catch_up(self.lake, self.stores)

    def sizes(self) -> dict[str, float]:
        """Rows of silver, and bytes that the newest version of silver and of gold has."""
        events = self.lake.open(EVENTS)
        gold = (_bytes(self.lake.open(form)) for form in GOLD)
        return {"events": events.count(), "silver_bytes": _bytes(events), "gold_bytes": sum(gold)}


def _bytes(table: Any) -> int:
    return int(pc.sum(pa.table(table.get_add_actions(flatten=True))["size_bytes"]).as_py() or 0)


def with_other_ids(rows: pa.Table, number: int) -> pa.Table:
    """The same with ids that no other copy has: each copy exchanges the hexadecimal digits in its own way."""
    digits = "0123456789abcdef"
    others = str.maketrans(digits, "".join(Random(number).sample(digits, len(digits))))
    for name in ("id", "traceparent", "first_crossing_id", "second_crossing_id", "crossing_ids"):
        place = rows.schema.get_field_index(name)
        texts = [text and text.translate(others) for text in rows[name].to_pylist()]
        rows = rows.set_column(place, rows.schema.field(place), pa.array(texts, pa.string()))
    return rows


def copies_of_days(rows: pa.Table, number: int, days: int) -> pa.Table:
    """The same on earlier days, of which two are left out before the first of these."""
    for place, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type) or pa.types.is_date(field.type):
            moved = pc.subtract(rows[field.name], pa.scalar(timedelta(days=number * days + 2)))
            rows = rows.set_column(place, field, pc.cast(moved, field.type))
    return rows


def copies_of_stores(rows: pa.Table, number: int) -> pa.Table:
    """The same in other stores, with devices of their own."""
    for name in ("store_id", "source", "device_id"):
        other = pc.replace_substring(rows[name], "store-", f"store-{number}-")
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), other)
    return rows


def with_copies(stores: Stores) -> Stores:
    """The register with the stores of `copies_of_stores`."""
    document = stores.model_dump(mode="json")
    copies = {}
    for number in range(1, TIMES):
        for name, store in document["stores"].items():
            other = name.replace("store-", f"store-{number}-")
            copies[other] = store | {"devices": [{"id": other}]}
    return Stores.from_json(json.dumps(document | {"stores": document["stores"] | copies}).encode())


def grown(folder: Path, small: Place, of_events: pa.Table, of_files: pa.Table) -> dict[str, Place]:
    """The short lake and the two long ones, without gold."""
    days = len(set(of_events["event_date"].to_pylist()))
    places = {
        "short": small,
        "older": Place(folder / "older", small.stores),
        "more_stores": Place(folder / "more_stores", with_copies(small.stores)),
    }
    for name in ("older", "more_stores"):
        shutil.copytree(small.root, places[name].root)
        events, files = places[name].lake.open(EVENTS), places[name].lake.open(FILES)
        for start in range(1, TIMES, 11):
            numbers = range(start, min(TIMES, start + 11))
            if name == "older":
                append(files, pa.concat_tables([copies_of_days(of_files, one, days) for one in numbers]), {})
                made = [copies_of_days(of_events, one, days) for one in numbers]
            else:
                made = [copies_of_stores(of_events, one) for one in numbers]
            made = [with_other_ids(rows, one) for rows, one in zip(made, numbers, strict=True)]
            append(events, pa.concat_tables(made), {RUNS: mark(events, RUNS) or 0})
    return places


def busy(folder: Path, stores: Stores, of_events: pa.Table) -> Place:
    """A lake of days that each have as many events as the busiest of these, in a hundred times as many stores."""
    place = Place(folder / "busy", with_copies(stores))
    dates = of_events["event_date"]
    ((busiest, _),) = Counter(dates.to_pylist()).most_common(1)
    day = of_events.filter(pc.equal(dates, pa.scalar(busiest)))
    for number in range(BUSY_DAYS):
        for start in range(0, TIMES, 20):
            made = [
                with_other_ids(copies_of_stores(day, one) if one else day, one)
                for one in range(start, min(TIMES, start + 20))
            ]
            rows = numbered_on(copies_of_days(pa.concat_tables(made), number, 1), BUSY_DAYS - number)
            append(place.lake.open(EVENTS), rows, {RUNS: 1})
    return place


def numbered_on(rows: pa.Table, days: int) -> pa.Table:
    """The same with the numbers that their sources give them some days later."""
    numbers = pc.add(pc.cast(rows["sequence"], pa.int64()), days * STORED)
    texts = pc.utf8_lpad(pc.cast(numbers, pa.string()), 12, "0")
    return rows.set_column(rows.schema.get_field_index("sequence"), rows.schema.field("sequence"), texts)


def gold_anew(place: Place) -> dict[str, float]:
    """Make all of gold, in a process of its own: CPU seconds, and megabytes at most."""
    register_file = place.root.with_suffix(".json")
    register_file.write_text(place.stores.model_dump_json())
    command = [sys.executable, "-m", "benchmarks.lake", "gold", str(place.root), str(register_file)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)  # noqa: S603 - this file
    found: dict[str, float] = json.loads(done.stdout)
    return found


def gold_here(root: Path, register_file: Path) -> None:
    """What `gold_anew` runs."""
    place = Place(root, Stores.from_json(register_file.read_bytes()))
    _, cpu = timed(place.gold)
    # ru_maxrss would be that of the process which started this one, where that had more.
    most = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"cpu_seconds": cpu, "megabytes": int(most.split()[1]) / 1024}))


def refine_new(folder: Path) -> dict[str, Any]:
    """The same new events on three lakes, in turns."""
    stores, events = fleet(1, 2)
    bronze = FolderFiles(folder / "bronze")
    small = Place(folder / "short", stores)

    def land(name: str, some: Sequence[Arrival]) -> None:
        for batch in batches(name, messages(some, 100)):
            landing.land(batch, stores, bronze, batch.messages[-1].enqueued_at)

    land("first", events[:STORED])
    refine_silver(bronze, small.lake, NOW)
    kept_events, kept_files = (query("SELECT * FROM t", t=small.lake.open(form)) for form in (EVENTS, FILES))
    places = grown(folder, small, kept_events, kept_files)
    anew = {name: gold_anew(place) for name, place in places.items()}
    busy_days = busy(folder, stores, kept_events)
    of_busy = gold_anew(busy_days) | {"events_a_day": busy_days.lake.open(EVENTS).count() / BUSY_DAYS}
    for place in places.values():
        upkeep(place.lake)
    sizes = {name: place.sizes() for name, place in places.items()}
    land("new", events[STORED : STORED + NEW])
    rounds: list[dict[str, dict[str, Side]]] = []
    for number in range(ROUNDS + 1):
        order = list(places) if number % 2 else list(reversed(places))
        rounds.append({name: _refined(folder, bronze, places[name]) for name in order})
    del rounds[0]
    ratios = {
        name: {
            step: {
                "of_cpu": median(one[name][step][1] / one["short"][step][1] for one in rounds),
                "of_time": median(one[name][step][0] / one["short"][step][0] for one in rounds),
            }
            for step in ("silver", "gold", "both")
        }
        for name in places
        if name != "short"
    }
    cpu = {name: {step: median(one[name][step][1] for one in rounds) for step in ("silver", "gold")} for name in places}
    return {
        "new_events": NEW,
        "tables": sizes,
        "ratios": ratios,
        "cpu_seconds": cpu,
        "gold_anew": anew,
        "busy_days": of_busy,
        "rounds": rounds,
    }


def _refined(folder: Path, bronze: Files, place: Place) -> dict[str, Side]:
    """What it takes on a copy of a lake."""
    copy = Place(folder / "copy", place.stores)
    shutil.copytree(place.root, copy.root)
    try:
        of_silver = timed(lambda: refine_silver(bronze, copy.lake, NOW + timedelta(minutes=5)))
        of_gold = timed(copy.gold)
    finally:
        shutil.rmtree(copy.root)
    both = (of_silver[0] + of_gold[0], of_silver[1] + of_gold[1])
    return {"silver": of_silver, "gold": of_gold, "both": both}


def bulk(folder: Path) -> dict[str, float]:
    """A day of a few stores into an empty lake, and a run that finds nothing new: CPU seconds, without gold."""
    stores, events = fleet(STORES, 1)
    bronze, place = FolderFiles(folder / "bulk_bronze"), Place(folder / "bulk", stores)
    for batch in batches("bulk", messages(events, 100)):
        landing.land(batch, stores, bronze, batch.messages[-1].enqueued_at)
    _, silver_seconds = timed(lambda: refine_silver(bronze, place.lake, NOW))
    place.gold()
    _, idle_silver = timed(lambda: refine_silver(bronze, place.lake, NOW))
    _, idle_gold = timed(place.gold)
    return {"events": len(events), "silver_cpu_seconds": silver_seconds, "idle_cpu_seconds": idle_silver + idle_gold}


def main() -> None:
    """Run, print and keep the result."""
    with tempfile.TemporaryDirectory(prefix="lake-") as folder:
        refined = refine_new(Path(folder))
        in_bulk = bulk(Path(folder))
    for name, steps in refined["ratios"].items():
        told = ", ".join(f"{step} {each['of_cpu']:.2f} ({each['of_time']:.2f})" for step, each in steps.items())
        print(f"refining {NEW} events, {name} / short lake, CPU (time): {told}")
    facts_found = {
        "what": "refining the same events on tables 100 times as long / on short ones",
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "rounds": ROUNDS,
        "refining": refined,
        "bulk": in_bulk,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(facts_found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["gold"]:
        gold_here(*map(Path, sys.argv[2:]))
    else:
        main()
