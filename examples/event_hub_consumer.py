"""Who came in and went out today, by store and line, live from the event hub: a program to copy.

    EVENT_HUB='Endpoint=…;EntityPath=store-events' CHECKPOINTS='AccountName=…' python -m examples.event_hub_consumer

Either may be an address instead (`contoso.servicebus.windows.net/store-events`, `https://contoso.blob.core.windows.net`):
then it signs in by `DefaultAzureCredential`. `--stores` takes the lake's register, for days by each store's time zone.
What is wrong at the start (an address, a key, a consumer group) is said in one line, with exit code 1.

An event may come twice: a sender that heard no answer sends again, and a reader that dies begins again at its last
checkpoint. So each crossing is noted by `source` and `id`, and checkpoints follow: no kill changes the figures.
"""

import argparse
import asyncio
import contextlib
import gzip
import json
import logging
import os
import signal
import sqlite3
import sys
import time
import zlib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from azure.core.exceptions import AzureError, ResourceExistsError
from azure.eventhub.aio import EventHubConsumerClient
from azure.eventhub.exceptions import EventHubError
from azure.eventhub.extensions.checkpointstoreblobaio import BlobCheckpointStore
from azure.identity.aio import DefaultAzureCredential
from azure.storage.blob.aio import ContainerClient
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
    except (
        ValueError,
        TypeError,
        OSError,
        EOFError,
        zlib.error,
        RecursionError,
    ):  # one bad message must not hold up its partition
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
                with contextlib.suppress(
                    KeyError, TypeError, ValueError, sqlite3.ProgrammingError
                ):  # it is not what its type says
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

    def today(self, now: datetime, day: date | None = None) -> list[tuple[str, str, int, int]]:
        """Store, line, shoppers in and out, each by its own day, or `day`; what is a week older is let go of."""
        newest = f"{day or now:%F}"
        with self._database:
            self._database.execute("DELETE FROM crossing WHERE day < date(?, '-8 days')", (newest,))
            self._database.execute("DELETE FROM no_shopper WHERE day < date(?, '-8 days')", (newest,))
        stores = self._database.execute("SELECT DISTINCT store_id FROM crossing ORDER BY 1")
        days = [(store_id, newest if day else self._day(store_id, now)) for (store_id,) in stores]
        return [(day[0], *row) for day in days for row in self._database.execute(TODAY, day)]

    def _day(self, store_id: str, at: datetime) -> str:
        return f"{at.astimezone(self._time_zones.get(store_id, ZoneInfo('UTC'))):%F}"


class NothingToReadError(Exception):
    """Why, in one line."""


class Progress:
    """How far a reader has come in its partitions, and what is wrong.

    Where nobody lets it in (there is no such consumer group, or its key may not listen) the SDK tries again for ever
    and tells nobody (seen with azure-eventhub 5.15.1). So what was read is held against what is there.
    """

    def __init__(self, checkpoints: BlobCheckpointStore) -> None:
        self._checkpoints, self._trouble, self.begun = checkpoints, "", False
        self._read, self._there, self._fine_at = dict[str, int](), dict[str, int](), dict[str, float]()

    async def claimed(self, context: Any) -> None:
        """A partition is this reader's: it goes on behind the checkpoint; `on_partition_initialize`."""
        group = (context.fully_qualified_namespace, context.eventhub_name, context.consumer_group)
        kept = await self._checkpoints.list_checkpoints(*group)
        found = {one["partition_id"]: one["sequence_number"] for one in kept}
        name = context.partition_id
        self._read[name], self._there[name] = found.get(name, -1), -1
        self._fine_at.setdefault(name, time.monotonic())  # where every try fails it is claimed again and again

    async def lost(self, context: Any, _reason: Any) -> None:
        """Another reader has it; `on_partition_close`."""
        self._read.pop(context.partition_id, None)

    async def failed(self, _context: Any, error: Exception) -> None:
        """What the SDK does tell, and tries again; `on_error`."""
        self._trouble = f"{datetime.now(UTC):%H:%M:%S} UTC: {first_line(error)}"

    def took(self, context: Any, message: Any) -> None:
        """Everything up to a message was read."""
        name, self.begun = context.partition_id, True
        self._read[name], self._fine_at[name] = message.sequence_number, time.monotonic()

    async def look(self, consumer: EventHubConsumerClient, seconds: float) -> None:
        """Ask how far each partition goes, and wait for an answer for so long."""
        names = list(self._read)
        try:
            async with asyncio.timeout(seconds):
                found = await asyncio.gather(*map(consumer.get_partition_properties, names))
        except (AzureError, EventHubError, OSError) as error:
            await self.failed(None, error)
            return
        for name, said in zip(names, found, strict=True):
            self._there[name] = -1 if said["is_empty"] else said["last_enqueued_sequence_number"]
            if self._there[name] <= self._read.get(name, -1):
                self._fine_at[name] = time.monotonic()

    def stuck(self, seconds: float) -> list[str]:
        """The partitions that have messages of which none came for so long."""
        late = [name for name, read in self._read.items() if self._there[name] > read]
        return sorted(name for name in late if time.monotonic() - self._fine_at[name] > seconds)

    def trouble(self, seconds: float) -> str:
        """What is wrong; empty where nothing is."""
        stuck = self.stuck(seconds)
        waits = f"partition {', '.join(stuck)}: there are messages, and none comes" if stuck else ""
        return "\n".join(filter(None, [waits, self._trouble]))


def first_line(error: Exception) -> str:
    """What an SDK says is wrong; the lines that follow are for its authors."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def shown(counts: Counts, day: date | None, trouble: str) -> Table:
    """The figures of a day, or of today, for the terminal."""
    now = datetime.now(UTC)
    caption = "\n".join(filter(None, [f"{counts.repeated} crossings came again", trouble]))
    table = Table("store", "line", "in", "out", title=f"Shoppers of {day or now:%F}", caption=caption)
    for store, line, came, went in counts.today(now, day):
        table.add_row(store, line, f"{came:,}", f"{went:,}")
    return table


async def opened(
    stack: contextlib.AsyncExitStack, options: argparse.Namespace
) -> tuple[EventHubConsumerClient, BlobCheckpointStore]:
    """A reader of an event hub that is there, and its checkpoints: their container is made where it is missing.

    Raises:
        NothingToReadError: one of both can't be had.
    """
    hub, blobs, group, wait = os.environ["EVENT_HUB"], os.environ["CHECKPOINTS"], options.group, options.balance_seconds
    how: dict[str, Any] = {"load_balancing_interval": wait, "partition_ownership_expiration_interval": 3 * wait}
    how["retry_backoff_factor"] = 0.2  # three more tries at the start take three seconds, not twelve
    credential = await stack.enter_async_context(DefaultAzureCredential())
    what = f"CHECKPOINTS, container {options.container}"
    try:
        if blobs.startswith("http"):
            container = ContainerClient(blobs, options.container, credential=credential, retry_total=0)
            checkpoints = BlobCheckpointStore(blobs, options.container, credential=credential)
        else:
            container = ContainerClient.from_connection_string(blobs, options.container, retry_total=0)
            checkpoints = BlobCheckpointStore.from_connection_string(blobs, options.container)
        await stack.enter_async_context(checkpoints)
        async with container, asyncio.timeout(options.patience_seconds):
            if not await container.exists():
                with contextlib.suppress(ResourceExistsError):  # another reader was faster
                    await container.create_container()
        what, how["checkpoint_store"] = "EVENT_HUB", checkpoints
        if hub.startswith("Endpoint="):
            consumer = EventHubConsumerClient.from_connection_string(hub, group, **how)
        else:
            namespace, _, name = hub.partition("/")
            consumer = EventHubConsumerClient(namespace, name, group, credential, **how)
        await stack.enter_async_context(consumer)
        what += f", {consumer.eventhub_name}"
        async with asyncio.timeout(options.patience_seconds):
            await consumer.get_eventhub_properties()
    except (AzureError, EventHubError, OSError, ValueError) as error:
        raise NothingToReadError(f"{what}: {first_line(error)}") from error
    return consumer, checkpoints


async def consume(counts: Counts, options: argparse.Namespace) -> None:
    """Read, and show the figures once a second, until cancelled.

    Raises:
        NothingToReadError: nobody lets this reader in.
    """
    began, looked, checkpointed = time.monotonic(), 0.0, dict[str, float]()
    patience = options.patience_seconds
    async with contextlib.AsyncExitStack() as stack:
        consumer, checkpoints = await opened(stack, options)
        progress = Progress(checkpoints)

        async def on_batch(context: Any, messages: list[Any]) -> None:
            if not messages:
                return
            counts.add([event for message in messages for event in events_in(message)])
            progress.took(context, messages[-1])
            if time.monotonic() - checkpointed.get(context.partition_id, began) >= options.checkpoint_seconds:
                await context.update_checkpoint(messages[-1])
                checkpointed[context.partition_id] = time.monotonic()

        reading = asyncio.create_task(
            consumer.receive_batch(
                on_batch,
                on_error=progress.failed,
                on_partition_initialize=progress.claimed,
                on_partition_close=progress.lost,
                starting_position="-1",
                max_batch_size=300,
            )
        )
        with Live() as live:

            def draw() -> None:
                live.update(shown(counts, options.day, progress.trouble(patience)), refresh=True)

            looking = asyncio.create_task(progress.look(consumer, patience))
            try:
                while not reading.done():
                    draw()
                    await asyncio.wait([reading], timeout=1)
                    if looking.done() and time.monotonic() - looked > patience / 3:
                        looking.result()
                        looked = time.monotonic()
                        looking = asyncio.create_task(progress.look(consumer, patience))
                    if progress.stuck(patience) and not progress.begun:
                        raise NothingToReadError(
                            f"EVENT_HUB, {consumer.eventhub_name}: it has messages, and none comes for {patience:g} s: "
                            f"is there a consumer group {options.group!r}, and may whoever signs in listen?"
                        )
                await reading
            finally:
                reading.cancel()
                looking.cancel()
                await asyncio.wait([reading, looking])
                draw()


async def main() -> str | None:
    """Read and show until Ctrl-C; what is wrong."""
    parser = argparse.ArgumentParser(description="Shoppers in and out today, live from the event hub.")
    parser.add_argument("--state", type=Path, default=Path("counts.db"), help="the database (default: %(default)s)")
    parser.add_argument("--stores", type=Path, help="the lake's config/stores.json, for time zones")
    parser.add_argument("--group", default="$Default", help="one that nobody else reads with (default: %(default)s)")
    parser.add_argument("--container", default="checkpoints", help="of blobs, for checkpoints (default: %(default)s)")
    parser.add_argument("--day", type=date.fromisoformat, help="as 2026-01-05: show this day, not today")
    parser.add_argument("--checkpoint-seconds", type=float, default=5, help="between checkpoints (5)")
    parser.add_argument("--balance-seconds", type=float, default=10, help="between looks at who reads what (10)")
    parser.add_argument("--patience-seconds", type=float, default=30, help="to wait for a word (30)")
    options = parser.parse_args()
    if missing := [name for name in ("EVENT_HUB", "CHECKPOINTS") if not os.environ.get(name)]:
        parser.error(f"set {' and '.join(missing)}; the first lines of {Path(__file__).name} say how")
    logging.getLogger("azure").addHandler(logging.NullHandler())  # the table has its errors; warnings would tear it
    stores = json.loads(options.stores.read_text())["stores"] if options.stores else {}
    counts = Counts(options.state, {name: ZoneInfo(store["time_zone"]) for name, store in stores.items()})
    consuming = asyncio.create_task(consume(counts, options))
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, consuming.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        try:
            await consuming
        except NothingToReadError as error:
            return str(error)
    return None


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
