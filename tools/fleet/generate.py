"""`python -m tools.fleet generate`: a fleet's events, its truth and its register in a folder.

events/<store>.ndjson.gz   one event a line, in the order of arrival
truth/<fact>.parquet       the rows of gold that must come of them
stores.json                what is put into the lake as config/stores.json
"""

import gzip
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tools.fleet.plan import Plan
from tools.fleet.register import register
from tools.fleet.stream import arrivals
from tools.fleet.truth import KEYS, Truth

_LEVEL = 1
_TOLD_SECONDS = 30.0
"""Where no bar can be drawn a line is printed so often."""


def generate(plan: Plan, folder: Path, console: Console) -> int:
    """Write everything and return how many events, copies among them; what was in the folder is written over."""
    for part in ("events", "truth"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    truth, written, told_at = Truth(), 0, time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("stores", total=plan.stores)
        for number, store in enumerate(plan.all_stores(), start=1):
            with gzip.open(folder / "events" / f"{store.store_id}.ndjson.gz", "wb", _LEVEL) as file:
                for arrival in arrivals(store, truth):
                    file.write(arrival.event.body + b"\n")
                    written += 1
            progress.advance(task)
            if not console.is_terminal and time.monotonic() - told_at > _TOLD_SECONDS:
                told_at = time.monotonic()
                console.print(f"{number:,} of {plan.stores:,} stores", highlight=False)
    for fact in KEYS:
        pq.write_table(pa.Table.from_pylist(list(truth.rows(fact))), folder / "truth" / f"{fact}.parquet")
    (folder / "stores.json").write_text(register(plan))
    return written
