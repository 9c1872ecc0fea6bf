"""One store's events, handed to its router as modules do: `feeder.py PLAN NUMBER PACE ROUTER OUT`.

PLAN is a fleet's plan in JSON, NUMBER the store's, PACE how many events a second it sends at most, ROUTER the folder
with the router's outbox, OUT a folder; the environment is that of a module. What the router has no receipt for is sent
again. Half of the copies go by the router, which knows them; the others go past it straight to IoT Hub, so that the
cloud has to know them, too. Of all copies, and of what is late, half is held back until all else is sent and SIGUSR1
comes. At the end the truth is in OUT, and `fed.json` says so.
"""

import asyncio
import json
import logging
import signal
import sqlite3
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from storeflow.errors import TransportError
from storeflow.host.custody import EVENTS, RECEIPTS, decode
from storeflow.host.outbox import FILE_NAME
from storeflow.transport.edge_hub import EdgeHubTransport
from tools.fleet.plan import Plan
from tools.fleet.stream import Arrival, arrivals
from tools.fleet.truth import KEYS, Truth

LOG = logging.getLogger(__name__)

PAST_THE_ROUTER = "past_the_router"
"""The output whose messages are routed to `$upstream`."""
FED = "fed.json"
_EVENTS, _BYTES = 200, 190_000
"""In one message, at most."""
_UNDER_WAY = 8
"""Messages without all of their receipts."""
_ROWS = 20_000
"""In the router's outbox: a store makes no events faster than its box lets go of them, and a full outbox drops some."""
_RESEND_SECONDS = 5.0
_RETRY_SECONDS = 0.2

Name = tuple[str, str]


@dataclass
class Fed:
    """How far it has come.

    Attributes:
        events: sent for the first time.
        kept: of those, how many have a receipt.
        again: copies that went by the router.
        past: copies that went past it.
        late: how many were late.
        resent: messages that were sent another time.
        waits: whether it has nothing but what it holds back, and waits until it may send that.
    """

    events: int = 0
    kept: int = 0
    again: int = 0
    past: int = 0
    late: int = 0
    resent: int = 0
    waits: bool = False
    done: bool = False


@dataclass
class _Message:
    """Events that travel together.

    Attributes:
        missing: those of them without a receipt.
    """

    body: bytes
    missing: set[Name]
    sent_at: float = 0.0
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


class Feeder:
    """Hands a store's events over. It is the transport's inbox, too: receipts come to it.

    Args:
        coming: the events, in the order of arrival.
        pace: how many a second, at most.
        router: the folder with the router's outbox.
        out: where it notes how far it is.
    """

    def __init__(self, coming: Iterator[Arrival], pace: float, router: Path, out: Path) -> None:
        self._coming, self._pace, self._router, self._out = coming, pace, router / FILE_NAME, out
        self._transport = EdgeHubTransport()
        self._loop = asyncio.get_running_loop()
        self._news, self._connected, self._go = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._loop.add_signal_handler(signal.SIGUSR1, self._go.set)
        self._under_way: dict[str, _Message] = {}
        self._message_of: dict[Name, list[str]] = {}
        self._past: list[Arrival] = []
        self._held_back: list[Arrival] = []
        self._holds_back, self._could_be_held = True, count()
        self._began_at = 0.0
        self.fed = Fed()

    async def run(self) -> None:
        """Hand everything over, and return when there is a receipt for all of it."""
        connection = asyncio.create_task(self._transport.run(self))
        beside = asyncio.create_task(self._send_past_the_router())
        try:
            await self._connected.wait()
            self._began_at = self._loop.time()
            await self._hand_over(connection)
            self.fed.waits = True
            self._note()
            await self._go.wait()
            self._holds_back, self._coming = False, iter(self._held_back)
            await self._hand_over(connection)
        finally:
            beside.cancel()
            connection.cancel()
            await asyncio.gather(connection, beside, return_exceptions=True)

    async def _hand_over(self, connection: "asyncio.Task[None]") -> None:
        while await self._fill() or self._under_way or self._past:
            await self._send_what_is_due()
            self._note()
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), _RETRY_SECONDS)
            except TimeoutError:
                if connection.done():
                    connection.result()

    def finish(self) -> None:
        """Say that all is handed over."""
        self.fed.done = True
        self._note()

    def on_message(self, input_name: str, body: bytes) -> None:
        """Take receipts."""
        if input_name == RECEIPTS:
            self._loop.call_soon_threadsafe(self._take, body)

    def on_desired_changed(self) -> None:
        """It has no twin."""

    def on_connection(self, connected: bool) -> None:
        """Send from now on."""
        if connected:
            self._loop.call_soon_threadsafe(self._connected.set)

    def on_method(self, name: str, payload: Any) -> "Future[tuple[int, Any]]":  # noqa: ARG002 - it has no methods
        """Answer that there is no such method."""
        answer: Future[tuple[int, Any]] = Future()
        answer.set_result((404, None))
        return answer

    def _take(self, body: bytes) -> None:
        for receipt in decode(body):
            if receipt.refused:
                LOG.error("%s was refused", receipt.named)
            name = (receipt.source, receipt.id)
            messages = self._message_of.pop(name, ())
            self.fed.kept += bool(messages)
            for message_id in messages:
                message = self._under_way[message_id]
                message.missing.discard(name)
                if not message.missing:
                    del self._under_way[message_id]
        self._news.set()

    async def _fill(self) -> bool:
        """Have messages under way; False when nothing more comes."""
        while len(self._under_way) < _UNDER_WAY:
            room = min(_EVENTS, self._pace * (self._loop.time() - self._began_at) - self.fed.events)
            if room < 1 or await asyncio.to_thread(self._rows) > _ROWS:
                return True
            bodies: list[bytes] = []
            names: set[Name] = set()
            size = 0
            while len(bodies) < room and size < _BYTES - 2_000:
                arrival = next(self._coming, None)
                if arrival is None:
                    break
                if self._is_held_back(arrival):
                    continue
                self.fed.late += arrival.is_late
                if arrival.is_again and (self.fed.again + self.fed.past) % 2:
                    self.fed.past += 1
                    self._past.append(arrival)
                    continue
                self.fed.again += arrival.is_again
                self.fed.events += not arrival.is_again
                bodies.append(arrival.event.body)
                size += len(arrival.event.body) + 1
                names.add((arrival.event.source, arrival.event.id))
            if not bodies:
                return False
            message = _Message(b"[" + b",".join(bodies) + b"]", names)
            self._under_way[message.id] = message
            for name in names:
                self._message_of.setdefault(name, []).append(message.id)
        return True

    def _is_held_back(self, arrival: Arrival) -> bool:
        if not self._holds_back or not (arrival.is_again or arrival.is_late) or next(self._could_be_held) % 2:
            return False
        self._held_back.append(arrival)
        return True

    async def _send_what_is_due(self) -> None:
        now = self._loop.time()
        due = [one for one in self._under_way.values() if not one.sent_at or now - one.sent_at > _RESEND_SECONDS]
        for message in due:
            self.fed.resent += bool(message.sent_at)
            message.sent_at = now
        sendings = (self._transport.send(EVENTS, one.body, {}, one.id) for one in due)
        for message, answer in zip(due, await asyncio.gather(*sendings, return_exceptions=True), strict=True):
            if isinstance(answer, TransportError):
                message.sent_at = now - _RESEND_SECONDS + _RETRY_SECONDS
            elif answer is not None:
                raise answer

    async def _send_past_the_router(self) -> None:
        """Send copies to IoT Hub; edgeHub keeps what it has acknowledged until IoT Hub has it."""
        while True:
            while self._past:
                copy = self._past[0].event
                try:
                    await self._transport.send(PAST_THE_ROUTER, copy.body, {}, copy.id)
                    del self._past[0]
                except TransportError:
                    await asyncio.sleep(_RETRY_SECONDS)
            self._news.set()
            await asyncio.sleep(_RETRY_SECONDS)

    def _rows(self) -> int:
        """How many rows wait in the router's outbox."""
        if not self._router.exists():
            return 0
        with closing(sqlite3.connect(f"file:{self._router}?mode=ro", uri=True, timeout=10)) as database:
            try:
                return int(database.execute("SELECT COUNT(*) FROM outbox").fetchone()[0])
            except sqlite3.OperationalError:  # it is just being made, or moved
                return 0

    def _note(self) -> None:
        partial = self._out / f"{FED}.partial"
        partial.write_text(json.dumps(asdict(self.fed)))
        partial.replace(self._out / FED)


async def feed(plan: Plan, number: int, pace: float, router: Path, out: Path) -> None:
    """Hand over all events of one store, then write its truth."""
    truth = Truth()
    feeder = Feeder(arrivals(plan.store(number), truth), pace, router, out)
    await feeder.run()
    for fact in KEYS:
        pq.write_table(pa.Table.from_pylist(list(truth.rows(fact))), out / f"{fact}.parquet")
    feeder.finish()


def main(plan: str, number: str, pace: str, router: str, out: str) -> None:
    """Be the process."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("azure").setLevel(logging.WARNING)
    document = json.loads(plan)
    document["starts_on"] = date.fromisoformat(document["starts_on"])
    asyncio.run(feed(Plan(**document), int(number), float(pace), Path(router), Path(out)))


if __name__ == "__main__":
    main(*sys.argv[1:])
