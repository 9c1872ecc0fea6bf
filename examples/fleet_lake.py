"""Lands what `python -m tools.fleet generate` made in a lake in a folder: many stores to try dashboards on.

    python -m tools.fleet generate --stores 12 --cameras 2 --days 14 --events 250000 --out run/fleet
    python -m examples.fleet_lake run/fleet run/fleet_lake

Beside the tables lies `opening_hours.csv`. It is the code of the function app that lands and refines, without the
functions host, Event Hubs and Azurite.
"""

import argparse
import gzip
import itertools
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic_core import from_json
from rich.console import Console
from rich.progress import track

from cloud_functions import landing, refine
from cloud_functions.folder import FolderFiles
from cloud_functions.lake.tables import Lake
from cloud_functions.lake_port import DeltaPlace
from cloud_functions.message import Batch, Message
from cloud_functions.stores import PATH as REGISTER
from cloud_functions.stores import Stores
from storeflow.errors import StorageError, StoreflowError
from tools.fleet.plan import CLOSES_AT, OPENS_AT

OPENING_HOURS = "opening_hours.csv"
_EVENTS_A_MESSAGE = 200
_MESSAGES_A_BATCH = 20


def land(fleet: Path, lake: Path) -> refine.Run:
    """Land and refine all events of a fleet; return what the last run of refining made.

    Raises:
        StorageError: there is a lake in the folder already, or the disk refuses.
    """
    if lake.exists():
        raise StorageError(f"{lake} is there already; name another folder, or delete it")
    files, register = FolderFiles(lake), (fleet / "stores.json").read_bytes()
    stores = Stores.from_json(register)
    files.create(REGISTER, register, {})
    (lake / OPENING_HOURS).write_text(opening_hours(stores))
    landed_at = datetime.min.replace(tzinfo=UTC)
    for number, path in enumerate(track(sorted((fleet / "events").iterdir()), "landing", console=Console(stderr=True))):
        device = stores.stores[path.name.partition(".")[0]].devices[0].id
        for batch in _batches(path, device, str(number)):
            landed_at = max(landed_at, batch.messages[-1].enqueued_at)
            landing.land(batch, stores, files, landed_at)
    return refine.refine(files, Lake(DeltaPlace(str(lake), {})), stores, landed_at)


def opening_hours(stores: Stores) -> str:
    """When the fleet's stores are open, as `examples.lake` takes it."""
    rows = [f"{store_id},{day},{OPENS_AT:02}:00,{CLOSES_AT:02}:00" for store_id in stores.stores for day in range(1, 8)]
    return "\n".join(("store_id,weekday,opens,closes", *rows, ""))


def _batches(path: Path, device: str, partition: str) -> Iterator[Batch]:
    """One store's events as Event Hubs would hand them over; each message arrives when its last event happened."""
    with gzip.open(path) as lines:
        groups = iter(lambda: [line.rstrip(b"\n") for line in itertools.islice(lines, _EVENTS_A_MESSAGE)], [])
        messages = (_message(number, events, device) for number, events in enumerate(groups))
        while some := list(itertools.islice(messages, _MESSAGES_A_BATCH)):
            yield Batch("fleet", "telemetry", partition, some)


def _message(number: int, events: list[bytes], device: str) -> Message:
    return Message(
        body=gzip.compress(b"[" + b",".join(events) + b"]", 1),
        sequence_number=number,
        offset=str(number),
        enqueued_at=datetime.fromisoformat(from_json(events[-1])["time"]),
        device_id=device,
        module_id="upstream_router",
        content_type="application/cloudevents-batch+json",
        content_encoding="gzip",
        store_id=None,
    )


def main(arguments: list[str] | None = None) -> int:
    """Do it; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.fleet_lake", description="Land a fleet in a folder.")
    parser.add_argument("fleet", type=Path, help="what `python -m tools.fleet generate --out` wrote")
    parser.add_argument("lake", type=Path, help="a folder that is not there yet")
    options = parser.parse_args(arguments)
    console = Console(stderr=True)
    try:
        with console.status("refining", spinner="line"):
            run = land(options.fleet, options.lake)
    except (StoreflowError, OSError) as error:
        console.print(str(error), style="red", highlight=False)
        return 1
    console.print(f"{run.events:,} events in {options.lake}; rows of gold: {run.figures}", highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
