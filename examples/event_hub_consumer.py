"""Who came in and went out today, by store and line, live from the event hub: a program to copy.

    EVENT_HUB='Endpoint=…;EntityPath=store-events' CHECKPOINTS='AccountName=…' python -m examples.event_hub_consumer

Either may be an address instead (`contoso.servicebus.windows.net/store-events`, `https://contoso.blob.core.windows.net`):
then it signs in by `DefaultAzureCredential`. `--stores` takes the lake's register, for days by each store's time zone.

An event may come twice: a sender that heard no answer sends again, and a reader that dies begins again at its last
checkpoint. So each crossing is noted by `source` and `id`, and checkpoints follow: no kill changes the figures.
"""

import argparse
import asyncio
import contextlib
import gzip
import json
import os
import signal
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from azure.eventhub.aio import EventHubConsumerClient
from azure.eventhub.extensions.checkpointstoreblobaio import BlobCheckpointStore
from azure.identity.aio import DefaultAzureCredential
from rich.live import Live
from rich.table import Table

TABLES = """
CREATE TABLE IF NOT EXISTS crossing (source, id, day, store_id, line_id, direction, PRIMARY KEY (source, id));
CREATE TABLE IF NOT EXISTS no_shopper (source, id, day, PRIMARY KEY (source, id));
"""
TODAY = """
SELECT line_id, SUM(direction = 'in'), SUM(direction = 'out') FROM crossing
WHERE store_id = ? AND day = ? AND (source, id) NOT IN (SELECT source, id FROM no_shopper) GROUP BY 1 ORDER BY 1
"""


def events_in(message: Any) -> list[dict[str, Any]]:
    """The events of one message: one, or a JSON array of them; plain or gzip. None where it can't be read."""
    said, body = message.system_properties, b"".join(message.body)
    try:
        document = json.loads(gzip.decompress(body) if said.get(b"content-encoding") == b"gzip" else body)
        events = document if b"batch" in said.get(b"content-type", b"") else [document]
        return [event for event in events if "specversion" in event]  # not documents of Azure Spatial Analysis
    except (ValueError, TypeError, OSError):  # one bad message must not hold up its partition
        return []


class Counts:
    """Every crossing once, in a file; `repeated` is how many events had been noted before."""

    def __init__(self, file: Path, time_zones: dict[str, ZoneInfo]) -> None:
        self._database, self._time_zones, self.repeated = sqlite3.connect(file), time_zones, 0
        self._database.executescript(TABLES)

    def add(self, events: list[dict[str, Any]]) -> None:
        """Note events, all or none."""
        with self._database:
            for event in events:
                with contextlib.suppress(KeyError, TypeError, ValueError):  # it is not what its type says
                    self._add(event["type"], event["source"], event["id"], event["data"])

    def _add(self, event_type: str, source: str, event_id: str, data: dict[str, Any]) -> None:
        """Note one. Whoever turned round, or works here, takes crossings out that came before, or come later."""
        day = self._day(data["store_id"], datetime.fromisoformat(data["captured_at"]))
        out = [event_id] if data.get("staff") else data.get("crossing_ids", [])
        if event_type == "storeflow.line.crossed":
            row = (source, event_id, day, data["store_id"], data["line_id"], data["direction"])
            noted = self._database.execute("INSERT OR IGNORE INTO crossing VALUES (?, ?, ?, ?, ?, ?)", row)
            self.repeated += not noted.rowcount
        elif event_type == "storeflow.line.u_turn":
            out = [data["first_crossing_id"], data["second_crossing_id"]]
        out = [(source, crossing_id, day) for crossing_id in out]
        self._database.executemany("INSERT OR IGNORE INTO no_shopper VALUES (?, ?, ?)", out)

    def today(self, now: datetime) -> list[tuple[str, str, int, int]]:
        """Store, line, shoppers in and out, each store by its own day; what is older than a week is let go of."""
        with self._database:
            self._database.execute("DELETE FROM crossing WHERE day < date(?, '-8 days')", (f"{now:%F}",))
            self._database.execute("DELETE FROM no_shopper WHERE day < date(?, '-8 days')", (f"{now:%F}",))
        stores = self._database.execute("SELECT DISTINCT store_id FROM crossing ORDER BY 1")
        days = [(store_id, self._day(store_id, now)) for (store_id,) in stores]
        return [(day[0], *row) for day in days for row in self._database.execute(TODAY, day)]

    def _day(self, store_id: str, at: datetime) -> str:
        return f"{at.astimezone(self._time_zones.get(store_id, ZoneInfo('UTC'))):%F}"


def shown(counts: Counts) -> Table:
    """The figures, for the terminal."""
    table = Table(
        "store", "line", "in", "out", title="Shoppers today", caption=f"{counts.repeated} crossings came again"
    )
    for store, line, came, went in counts.today(datetime.now(UTC)):
        table.add_row(store, line, f"{came:,}", f"{went:,}")
    return table


async def consume(counts: Counts, options: argparse.Namespace) -> None:
    """Read until cancelled."""
    began, checkpointed = time.monotonic(), dict[str, float]()

    async def on_batch(context: Any, messages: list[Any]) -> None:
        counts.add([event for message in messages for event in events_in(message)])
        if messages and time.monotonic() - checkpointed.get(context.partition_id, began) >= options.checkpoint_seconds:
            await context.update_checkpoint(messages[-1])
            checkpointed[context.partition_id] = time.monotonic()

    hub, blobs, group, wait = os.environ["EVENT_HUB"], os.environ["CHECKPOINTS"], options.group, options.balance_seconds
    async with contextlib.AsyncExitStack() as stack:
        how: dict[str, Any] = {"load_balancing_interval": wait, "partition_ownership_expiration_interval": 3 * wait}
        credential = await stack.enter_async_context(DefaultAzureCredential())
        if blobs.startswith("http"):
            how["checkpoint_store"] = BlobCheckpointStore(blobs, options.container, credential=credential)
        else:
            how["checkpoint_store"] = BlobCheckpointStore.from_connection_string(blobs, options.container)
        if hub.startswith("Endpoint="):
            consumer = EventHubConsumerClient.from_connection_string(hub, group, **how)
        else:
            consumer = EventHubConsumerClient(*hub.split("/", 1), group, credential, **how)  # type: ignore[call-arg, arg-type]
        await stack.enter_async_context(consumer)
        await consumer.receive_batch(on_batch, starting_position="-1", max_wait_time=1, max_batch_size=300)


async def main() -> None:
    """Read, and show the figures once a second, until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Shoppers in and out today, live from the event hub.")
    parser.add_argument("--state", type=Path, default=Path("counts.db"), help="the database (default: %(default)s)")
    parser.add_argument("--stores", type=Path, help="the lake's config/stores.json, for time zones")
    parser.add_argument("--group", default="$Default", help="one that nobody else reads with")
    parser.add_argument("--container", default="checkpoints", help="of blobs, for checkpoints (default: %(default)s)")
    parser.add_argument("--checkpoint-seconds", type=float, default=5, help="between checkpoints (5)")
    parser.add_argument("--balance-seconds", type=float, default=10, help="between looks at who reads what (10)")
    options = parser.parse_args()
    stores = json.loads(options.stores.read_text())["stores"] if options.stores else {}
    counts = Counts(options.state, {name: ZoneInfo(store["time_zone"]) for name, store in stores.items()})
    reading = asyncio.create_task(consume(counts, options))
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, reading.cancel)
    with Live(shown(counts)) as live, contextlib.suppress(asyncio.CancelledError):
        while not (await asyncio.wait([reading], timeout=1))[0]:
            live.update(shown(counts))
        await reading


if __name__ == "__main__":
    asyncio.run(main())
