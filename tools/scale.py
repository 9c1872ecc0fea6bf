"""`python -m tools.scale`: from what one event was measured to cost to fleets of stores; the tables of docs/scale.md.

--write puts them into the page. All of it is arithmetic on benchmarks/results; nothing is measured here.
"""

import argparse
import json
import re
import sys
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any, Self

from cloud_functions.lake.gold.days import EVENTS_AT_ONCE
from tools.fleet.plan import BUSY

ROOT = Path(__file__).resolve().parents[1]
PAGE, RESULTS = ROOT / "docs" / "scale.md", ROOT / "benchmarks" / "results"
FLEETS = (100, 1_000, 10_000)
WAITS = {"by_itself": "each event by itself", "default": "as by default", "minute": "packed by the minute"}
"""How long an event waits for others, in words, by its name in landing.json."""

PEAK = max(BUSY) / sum(BUSY)
"""Share of a day's events in its busiest hour, which all stores have at once."""
REFINE_SECONDS = 300
DAYS_ANEW = 2
"""UTC days that a run makes anew: today's and, because somebody who turns back may speak of it, yesterday's."""
PARTITIONS = 32
"""Of a Standard namespace's event hub, at most: azure/event-hubs/event-hubs-quotas."""
INSTANCE_MB = 4096
"""The largest instance of the Flex Consumption plan: azure/azure-functions/flex-consumption-plan, "Instance memory"."""

IOT_HUB = (("S1", 400_000, 12, 200), ("S2", 6_000_000, 120, 200), ("S3", 300_000_000, 6_000, 10))
"""Tier; messages of 4 KB a day and sends a second that a unit takes; units at most:
azure/iot-hub/iot-hub-devguide-quotas-throttling."""
_MOST_STORES = 10_000_000
LEAST_SENDS = 100
"""In a second, which every hub takes."""
_HOST = json.loads((ROOT / "cloud_functions" / "host.json").read_text())["extensions"]["eventHubs"]
BATCH_MESSAGES: int = _HOST["minEventBatchSize"]
_HOURS, _MINUTES, _SECONDS = map(int, _HOST["maxWaitTime"].split(":"))
BATCH_SECONDS = _HOURS * 3600 + _MINUTES * 60 + _SECONDS
"""For how many messages of a partition landing waits, and for how long at most:
azure/azure-functions/functions-bindings-event-hubs."""

TU_BYTES, TU_MESSAGES, TU_MOST = 1_000_000, 1_000, 40
"""What a throughput unit takes in a second, and how many there are: azure/event-hubs/event-hubs-scalability."""


@dataclass(frozen=True)
class Wire:
    """A store's day as messages.

    Attributes:
        billed: as IoT Hub counts them, in pieces of 4 KB.
        size: bytes of all bodies.
    """

    messages: int
    billed: int
    size: int


@dataclass(frozen=True)
class Measured:
    """What benchmarks/landing.py, lake.py and reading.py found: CPU microseconds and bytes are for one event.

    Attributes:
        events: of a store's day.
        wires: by how long an event waits for others.
        alerts: events of a store's day that go by themselves in any case.
        landing_us: in full batches, where each event is a message.
        landing_file_us: for a batch of one message, which is a file.
        read_us: to read a file of bronze, when several are read at once.
        read_seconds: until it is read then, where each reading takes 10 ms more than here.
        silver_us: to become a row of silver.
        gold_us: for a day that is made anew.
        gold_piece_seconds: besides, for each piece that days are made in: taken to be what all of gold of a lake of
            5,000 events took, most of which is questions and commits.
        gold_base_mb: memory at most while one store's day is made.
        gold_mb: for one event more in a piece, whose day is between days as busy.
    """

    events: int
    wires: dict[str, Wire]
    alerts: int
    landing_us: float
    landing_file_us: float
    read_us: float
    read_seconds: float
    silver_us: float
    gold_us: float
    gold_piece_seconds: float
    gold_base_mb: float
    gold_mb: float
    bronze_bytes: float
    silver_bytes: float
    gold_bytes: float

    @classmethod
    def of(cls, landing: dict[str, Any], lake: dict[str, Any], reading: dict[str, Any]) -> Self:
        """Read landing.json, lake.json and reading.json."""
        wire, refining, bulk = landing["wire"], lake["refining"], lake["bulk"]
        alone, many = landing["landing"]["a message a batch"], landing["landing"]["one event a message"]
        away = reading["reading"]["10 ms away"]
        short, more = (refining["gold_anew"][name] for name in ("short", "more_stores"))
        sizes, busy = refining["tables"], refining["busy_days"]
        difference = sizes["more_stores"]["events"] - sizes["short"]["events"]

        return cls(
            events=wire["events"],
            wires={
                name: Wire(wire[name]["messages"], wire[name]["billed_messages"], wire[name]["bytes"]) for name in WAITS
            },
            alerts=wire["alerts"],
            landing_us=many["cpu_us_per_event"],
            landing_file_us=alone["cpu_us_per_event"] * wire["events"] / alone["files"],
            read_us=away["cpu_ms_a_file"]["several at once"] * 1e3,
            read_seconds=away["ms_a_file"]["several at once"] / 1e3,
            silver_us=bulk["silver_cpu_seconds"] / bulk["events"] * 1e6,
            gold_us=(more["cpu_seconds"] - short["cpu_seconds"]) / difference * 1e6,
            gold_piece_seconds=short["cpu_seconds"],
            gold_base_mb=short["megabytes"],
            gold_mb=(busy["megabytes"] - short["megabytes"]) / busy["events_a_day"],
            bronze_bytes=alone["bronze_bytes_per_event"],
            silver_bytes=sizes["older"]["silver_bytes"] / sizes["older"]["events"],
            gold_bytes=sizes["older"]["gold_bytes"] / sizes["older"]["events"],
        )


@dataclass(frozen=True)
class Fleet:
    """What so many stores come to."""

    stores: int
    of: Measured

    @property
    def events(self) -> int:
        """A day."""
        return self.stores * self.of.events

    def at_peak(self, a_store_day: float) -> float:
        """What is a second in the busiest hour."""
        return self.stores * a_store_day * PEAK / 3600

    def iot_hub(self, wire: Wire) -> str:
        """The units that would do, by tier, up to the first of which one does."""
        found = []
        for tier, quota, sends, most in IOT_HUB:
            rate = self.at_peak(wire.messages)
            of_rate = 1 if rate <= LEAST_SENDS else ceil(rate / sends)
            units = max(ceil(self.stores * wire.billed / quota), of_rate)
            if units <= most:
                found.append(f"{units} {tier}")
            if units == 1:
                break
        return " or ".join(found)

    def throughput_units(self, wire: Wire) -> int:
        """Of Event Hubs, in the busiest hour."""
        return max(ceil(self.at_peak(wire.size) / TU_BYTES), ceil(self.at_peak(wire.messages) / TU_MESSAGES))

    def landed_files(self, wire: Wire) -> float:
        """A second in the busiest hour, as host.json has it: a batch is a file, and waits for others for a while."""
        of_partition = self.at_peak(wire.messages) / PARTITIONS
        return PARTITIONS * min(of_partition, max(1 / BATCH_SECONDS, of_partition / BATCH_MESSAGES))

    @property
    def landing_cores(self) -> float:
        """Busy in the busiest hour, by the default of a twin."""
        files, events = self.landed_files(self.of.wires["default"]), self.at_peak(self.of.events)
        return (files * self.of.landing_file_us + events * self.of.landing_us) / 1e6

    @property
    def silver_seconds(self) -> float:
        """CPU seconds of a run in the busiest hour, by the default of a twin; reading files is part of it."""
        files, events = self.landed_files(self.of.wires["default"]), self.at_peak(self.of.events)
        return REFINE_SECONDS * (files * self.of.read_us + events * self.of.silver_us) / 1e6

    @property
    def gold_seconds(self) -> float:
        """CPU seconds of a run at the end of a day, where every store has something new.

        Without what is written anew of the stores that share a file with those of a piece.
        """
        return DAYS_ANEW * self.events * (self.of.gold_us / 1e6 + self.of.gold_piece_seconds / EVENTS_AT_ONCE)

    @property
    def memory_mb(self) -> float:
        """Of a run at the end of a day, which makes no more at once than a piece may have, or one store has."""
        at_once = min(DAYS_ANEW * self.events, max(EVENTS_AT_ONCE, self.of.events))
        return self.of.gold_base_mb + self.of.gold_mb * at_once

    def gigabytes_a_year(self, a_event: float) -> float:
        """Of storage."""
        return self.events * 365 * a_event / 1e9


def limits(of: Measured) -> dict[str, float]:
    """With how many stores each part is at its end, as it is built today."""
    one = Fleet(1, of)
    return {
        "a run of refining reads files as fast as they come": most(
            of, lambda it: it.landed_files(of.wires["default"]) * of.read_seconds <= 1
        ),
        "a run of refining takes five minutes on one core": most(
            of, lambda it: it.silver_seconds + it.gold_seconds <= REFINE_SECONDS
        ),
        "200 units of S1 take each event by itself": IOT_HUB[0][1] * IOT_HUB[0][3] / of.wires["by_itself"].billed,
        "40 throughput units take each event by itself": min(
            TU_MOST * TU_BYTES / one.at_peak(of.wires["by_itself"].size),
            TU_MOST * TU_MESSAGES / one.at_peak(of.wires["by_itself"].messages),
        ),
        "32 instances land all, on a core each": most(of, lambda it: it.landing_cores <= PARTITIONS),
    }


def most(of: Measured, fits: Callable[[Fleet], bool]) -> int:
    """How many stores fit, of ten million; what fits with more of them has to fit with fewer."""
    return bisect_left(range(1, _MOST_STORES), x=True, key=lambda stores: not fits(Fleet(stores, of)))


def short(number: float) -> str:
    """A number with two digits that count."""
    if number >= 10:  # noqa: PLR2004 - below it there are digits behind the point
        return f"{round(number, 2 - len(str(int(number)))):,.0f}"
    return f"{number:.1f}" if number >= 1 else f"{number:.1g}"


def measured_table(of: Measured) -> list[str]:
    """What was measured of one event."""
    rows = (
        ("events of a store's day", f"{of.events:,}"),
        *((f"messages of a store's day, {words}", f"{of.wires[name].messages:,}") for name, words in WAITS.items()),
        ("of these, alerts, which go by themselves", f"{of.alerts:,}"),
        *(
            (f"bytes of an event on the line, {words}", f"{of.wires[name].size / of.events:.0f}")
            for name, words in WAITS.items()
        ),
        ("CPU to land an event, in full batches", f"{short(of.landing_us)} µs"),
        ("CPU to land a batch of one message", f"{short(of.landing_file_us)} µs"),
        ("CPU to read a file of bronze, eight at once", f"{short(of.read_us)} µs"),
        ("until one is read that is 10 ms further away", f"{of.read_seconds * 1e3:.1f} ms"),
        ("CPU to make a row of silver of an event", f"{short(of.silver_us)} µs"),
        ("CPU each time that its day is made anew in gold", f"{short(of.gold_us)} µs"),
        ("memory for each million events that are made at once", f"{short(of.gold_mb * 1e6)} MB"),
        ("events of one store's day that fit into 4 GB", f"{_fit(of):,.0f} million"),
        ("bytes of an event in bronze, silver and gold", _sizes(of)),
    )
    return ["| what | measured |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]


def _fit(of: Measured) -> float:
    return (INSTANCE_MB - of.gold_base_mb) / of.gold_mb / 1e6


def _sizes(of: Measured) -> str:
    return ", ".join(f"{size:.0f}" for size in (of.bronze_bytes, of.silver_bytes, of.gold_bytes))


def _iot_hub(fleet: Fleet, wire: Wire) -> str:
    return fleet.iot_hub(wire)


def _units(fleet: Fleet, wire: Wire) -> str:
    return str(fleet.throughput_units(wire))


def _files(fleet: Fleet, wire: Wire) -> str:
    return short(fleet.landed_files(wire) * REFINE_SECONDS)


def fleet_table(of: Measured) -> list[str]:
    """What fleets come to."""
    rows: tuple[tuple[str, Callable[[Fleet], str]], ...] = (
        ("events a day, millions", lambda it: short(it.events / 1e6)),
        ("events a second, at the peak", lambda it: short(it.at_peak(of.events))),
        *((f"IoT Hub, {words}", partial(_iot_hub, wire=of.wires[name])) for name, words in WAITS.items()),
        *((f"throughput units, {words}", partial(_units, wire=of.wires[name])) for name, words in WAITS.items()),
        ("cores busy with landing, at the peak", lambda it: short(it.landing_cores)),
        *(
            (f"files a run of refining reads, at the peak, {WAITS[name]}", partial(_files, wire=of.wires[name]))
            for name in ("default", "minute")
        ),
        ("CPU seconds of a run: silver, at the peak", lambda it: short(it.silver_seconds)),
        ("CPU seconds of a run: gold, at the day's end", lambda it: short(it.gold_seconds)),
        ("memory of a run, GB", lambda it: short(it.memory_mb / 1024)),
        ("GB a year: bronze", lambda it: short(it.gigabytes_a_year(of.bronze_bytes))),
        ("GB a year: silver", lambda it: short(it.gigabytes_a_year(of.silver_bytes))),
        ("GB a year: gold", lambda it: short(it.gigabytes_a_year(of.gold_bytes))),
    )
    fleets = [Fleet(stores, of) for stores in FLEETS]
    head = ["| stores | " + " | ".join(f"{stores:,}" for stores in FLEETS) + " |", "|---" * (len(FLEETS) + 1) + "|"]
    return head + [f"| {name} | " + " | ".join(tell(fleet) for fleet in fleets) + " |" for name, tell in rows]


def limit_table(of: Measured) -> list[str]:
    """What ends first."""
    found = sorted(limits(of).items(), key=lambda entry: entry[1])
    return ["| as long as | stores |", "|---|---|", *(f"| {name} | {short(stores)} |" for name, stores in found)]


def growth_table(lake: dict[str, Any]) -> list[str]:
    """Refining the same events on tables a hundred times as long, over short ones."""
    ratios = lake["refining"]["ratios"]
    names = {"older": "a hundred times as old", "more_stores": "a hundred times as many stores"}
    rows = [
        f"| {words} | "
        + " | ".join(f"{ratios[name][step]['of_cpu']:.2f}" for step in ("silver", "gold", "both"))
        + " |"
        for name, words in names.items()
    ]
    return ["| the lake is | silver | gold | both |", "|---|---|---|---|", *rows]


def landing_table(landing: dict[str, Any]) -> list[str]:
    """Landing over counting."""
    rows = [
        f"| {form} | {one['median_ratio_of_time']:.2f} | {one['median_ratio_of_cpu']:.3f} |"
        for form, one in landing["landing"].items()
        if "median_ratio_of_cpu" in one
    ]
    return ["| messages are | events a second | events for a CPU second |", "|---|---|---|", *rows]


def question_table(dashboards: dict[str, Any]) -> list[str]:
    """The dashboards' questions."""
    rows = [
        f"| {name} | {ratio['lake']:.1f} | {ratio['files']:.1f} |" for name, ratio in dashboards["median_ratio"].items()
    ]
    return ["| question | the lake | its files alone |", "|---|---|---|", *rows]


def tables() -> dict[str, list[str]]:
    """All tables of the page, by name."""
    landing, lake, reading, dashboards = (
        json.loads((RESULTS / f"{name}.json").read_text()) for name in ("landing", "lake", "reading", "dashboards")
    )
    of = Measured.of(landing, lake, reading)
    return {
        "event": measured_table(of),
        "fleets": fleet_table(of),
        "limits": limit_table(of),
        "landing": landing_table(landing),
        "growth": growth_table(lake),
        "questions": question_table(dashboards),
    }


def in_page(name: str) -> re.Pattern[str]:
    """Where a table stands in the page: in the group `table`."""
    return re.compile(
        rf"(?<=<!-- {name}: written by python -m tools\.scale --write -->\n)(?P<table>.*?)(?=<!-- end -->)", re.DOTALL
    )


def written(page: str, found: dict[str, list[str]]) -> str:
    """The page with these tables in it.

    Raises:
        ValueError: there is no place for one of them.
    """
    for name, lines in found.items():
        if (place := in_page(name).search(page)) is None:
            raise ValueError(f"{PAGE.name} has no place for the table {name!r}")
        page = page[: place.start()] + "\n".join(lines) + "\n" + page[place.end() :]
    return page


def main(arguments: list[str] | None = None) -> int:
    """Print the tables, or write them into the page; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.scale", description="The tables of docs/scale.md.")
    parser.add_argument("--write", action="store_true", help="into the page")
    found = tables()
    if parser.parse_args(arguments).write:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")
    else:
        print("\n\n".join("\n".join(lines) for lines in found.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
