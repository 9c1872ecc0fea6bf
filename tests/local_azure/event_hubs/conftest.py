"""A namespace, and the unmodified azure-eventhub SDK beside it.

A consumer of the SDK takes a second to open and another to close. So one reader, the `Tap`, stays for the whole session
and sees every event; tests that need consumers of their own run them side by side.
"""

import asyncio
import contextlib
import gc
import json
import os
import threading
import time
import uuid
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from azure.eventhub import EventData, EventHubProducerClient, EventHubSharedKeyCredential
from azure.eventhub.aio import EventHubConsumerClient

from local_azure.event_hubs.amqp.messages import Message
from local_azure.event_hubs.amqp.performatives import RECEIVER, Flow
from local_azure.event_hubs.amqp.types import Described, Symbol
from local_azure.event_hubs.connection_string import ConnectionString
from local_azure.event_hubs.peer import WINDOW, Peer
from local_azure.event_hubs.process import EventHubsProcess

HUBS_VARIABLE = "STOREFLOW_EVENT_HUBS"

SDK_LEAVES_OPEN = (
    # A connection that was cut, or could not be made: pyamqp drops the socket, or asyncio's stream, as it is.
    "ignore:unclosed:ResourceWarning",
)
"""What azure-eventhub 5.15 leaves to the garbage collector."""

CONFIG = {
    "UserConfig": {
        "NamespaceConfig": [
            {
                "Type": "EventHub",
                "Name": "emulatorNs1",
                "Entities": [
                    {"Name": "telemetry", "PartitionCount": "2", "ConsumerGroups": [{"Name": "landing"}]},
                    {"Name": "other", "PartitionCount": 1},
                    {"Name": "brief", "PartitionCount": 1, "RetentionSeconds": 0.5},
                    {"Name": "small", "PartitionCount": 1, "RetentionBytes": 20000},
                    {
                        "Name": "guarded",
                        "PartitionCount": 1,
                        "AuthorizationRules": [
                            {"Name": "sender", "Key": "key of senders", "Rights": ["Send"]},
                            {"Name": "listener", "Key": "key of listeners", "Rights": ["Listen"]},
                        ],
                    },
                ],
            }
        ],
        "LoggingConfig": {"Type": "File"},
    }
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let those warnings pass in this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for warning in SDK_LEAVES_OPEN:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(scope="module", autouse=True)
def _collected() -> Iterator[None]:
    yield
    collect()


def collect() -> None:
    """Collect here what the SDK leaves open: elsewhere its warning would fail a test that has nothing to do with it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@contextlib.asynccontextmanager
async def reading(consumer: Any, on_batch: Callable[..., Any], **options: Any) -> AsyncIterator[None]:
    """Read in the background."""
    async with consumer:
        task = asyncio.create_task(consumer.receive_batch(on_batch, max_batch_size=1000, **options))
        yield
    # Closed, the SDK's task would sleep until it looked at the partitions' owners again.
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


HASTY: dict[str, Any] = {"retry_total": 0, "retry_backoff_factor": 0.01}
"""Options of a client that gives up at once: without the second of them it would wait first."""


@dataclass
class Tap:
    """Reads an event hub from now on, in a thread of its own.

    Attributes:
        events: partition, event, and what the SDK knew of the newest event then.
    """

    connection_string: str
    events: list[tuple[str, Any, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        with EventHubProducerClient.from_connection_string(self.connection_string) as producer:
            self._start = {
                partition: producer.get_partition_properties(partition)["last_enqueued_sequence_number"]
                for partition in producer.get_partition_ids()
            }
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._read(),))
        self._thread.start()

    async def _read(self) -> None:
        async def on_batch(context: Any, events: list[Any]) -> None:
            newest = context.last_enqueued_event_properties
            self.events.extend((context.partition_id, event, newest) for event in events)

        consumer: Any = EventHubConsumerClient.from_connection_string(
            self.connection_string,
            consumer_group="$Default",
            retry_total=50,
            retry_backoff_factor=0.05,
            retry_backoff_max=0.5,
        )
        options = {"starting_position": self._start, "track_last_enqueued_event_properties": True, "prefetch": 3000}
        async with reading(consumer, on_batch, **options):
            await self._stop.wait()

    def of_case(self, case: str, count: int, seconds: float) -> list[tuple[str, Any, Any]]:
        """Return what one case of a test sent, once it is `count` events or the time is up."""
        give_up = time.monotonic() + seconds
        while True:
            found = [entry for entry in self.events if (entry[1].properties or {}).get(b"case") == case.encode()]
            if len(found) >= count or time.monotonic() > give_up:
                return found
            time.sleep(0.02)

    def close(self) -> None:
        """Stop reading."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()


class Hub:
    """An event hub as clients see it: the stand-in's, the emulator's or a real one.

    Attributes:
        connection_string: names the event hub.
        tap: sees every event of it; None where nobody looks.
        producer: for whoever needs no other.
    """

    def __init__(self, connection_string: str, tap: Tap | None = None) -> None:
        self.connection_string = connection_string
        self.tap = tap
        self.producer = self.new_producer()

    @property
    def parsed(self) -> ConnectionString:
        """The connection string, taken apart."""
        return ConnectionString.parse(self.connection_string)

    def with_key(self, policy: str, key: str) -> dict[str, Any]:
        """Return what a client is made of that has another key."""
        parsed = self.parsed
        host = f"{parsed.host}:{parsed.port}" if parsed.development else parsed.host
        credential: Any = EventHubSharedKeyCredential(policy, key)
        options = {"fully_qualified_namespace": host, "eventhub_name": parsed.hub, "credential": credential}
        return options | {"use_tls": not parsed.development, **HASTY}

    def new_producer(self, *, hasty: bool = False, name: str = "", **options: Any) -> Any:
        """Make a producer that whoever asked closes, of another event hub if one is named."""
        text = str(replace(self.parsed, hub=name or self.parsed.hub))
        chosen: dict[str, Any] = (HASTY if hasty else {}) | options
        return EventHubProducerClient.from_connection_string(text, **chosen)

    def consumer(self, group: str = "$Default", **options: Any) -> Any:
        """Make a consumer, to be used with `open_reader`."""
        return EventHubConsumerClient.from_connection_string(self.connection_string, consumer_group=group, **options)

    def exchange(
        self, events: list[Any], *, producer: Any = None, seconds: float = 15, expected: int = 0, **options: Any
    ) -> list[tuple[str, Any, Any]]:
        """Send a batch and return what arrived of it: as many events, or `expected`, or as many as come in time."""
        case = str(uuid.uuid4())
        for event in events:
            event.properties = {**(event.properties or {}), "case": case}
        (producer or self.producer).send_batch(events, **options)
        assert self.tap is not None, "nobody reads this hub all the time"
        return self.tap.of_case(case, expected or len(events), seconds)

    async def receive(self, count: int, seconds: float = 15, *, group: str = "$Default", **options: Any) -> list[Any]:
        """Return the next `count` events, or as many as come in time; several at once take no longer than one."""
        found: list[Any] = []
        enough = asyncio.Event()

        async def on_batch(context: Any, events: list[Any]) -> None:
            del context
            found.extend(events)
            if len(found) >= count:
                enough.set()

        async with reading(self.consumer(group), on_batch, **options):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(enough.wait(), seconds)
        return found

    def close(self) -> None:
        """Close the producer, and the tap."""
        self.producer.close()
        if self.tap is not None:
            self.tap.close()
        del self.producer, self.tap


def _no_stand_in() -> None:
    if HUBS_VARIABLE in os.environ:
        pytest.skip(f"needs a switch or a setting that only the stand-in has, and {HUBS_VARIABLE} names another")


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventHubsProcess]:
    """One namespace of ours for all tests."""
    _no_stand_in()
    state = tmp_path_factory.mktemp("namespace")
    config = state / "Config.json"
    config.write_text(json.dumps(CONFIG))
    with EventHubsProcess(state, "--config", str(config)) as process:
        yield process


@pytest.fixture
def namespace(stand_in: EventHubsProcess) -> Iterator[EventHubsProcess]:
    """That namespace in good health."""
    yield stand_in
    stand_in.client.heal()


@pytest.fixture
def own_namespace(tmp_path: Path) -> Iterator[EventHubsProcess]:
    """A namespace that a test may kill."""
    _no_stand_in()
    with EventHubsProcess(tmp_path / "own", "--hub", "telemetry:1:landing") as process:
        yield process


@pytest.fixture(scope="session")
def _telemetry(request: pytest.FixtureRequest) -> Iterator[Hub]:
    text = os.environ.get(HUBS_VARIABLE)
    connection_string = text or request.getfixturevalue("stand_in").connection_string("telemetry")
    found = Hub(connection_string, Tap(connection_string))
    yield found
    found.close()
    collect()


@pytest.fixture
def hub(_telemetry: Hub) -> Hub:
    """The event hub that conformance tests run against.

    `STOREFLOW_EVENT_HUBS` names another one: a connection string with `EntityPath`, of Microsoft's emulator or of a
    Standard namespace, whose policy may send and listen. It needs two partitions or more and a consumer group
    `landing`, and nobody else on it; the tests leave events there.
    """
    return _telemetry


@pytest.fixture
def open_hub(namespace: EventHubsProcess) -> Iterator[Callable[[str], Hub]]:
    """Name an event hub of ours."""
    opened: list[Hub] = []

    def open_one(name: str) -> Hub:
        opened.append(Hub(namespace.connection_string(name)))
        return opened[-1]

    yield open_one
    for hub in opened:
        hub.close()


@pytest.fixture
def with_peer(hub: Hub) -> Callable[..., Any]:
    """Run a coroutine function with a connection that has a token for the event hub: `with_peer(ask)`.

    What the SDK keeps to itself shows there. Not in Azure, where it would have to speak TLS.
    """
    if not hub.parsed.development:
        pytest.skip(f"speaks no TLS, and {HUBS_VARIABLE} names a namespace that speaks nothing else")

    async def run(ask: Callable[[Peer], Any]) -> Any:
        peer = Peer(hub.parsed)
        try:
            await peer.open()
            await peer.put_token(hub.parsed.hub)
            return await ask(peer)
        finally:
            await peer.close()

    return lambda ask: asyncio.run(run(ask))


@pytest.fixture
def stored(namespace: EventHubsProcess) -> Callable[..., list[tuple[int, bytes]]]:
    """Read a partition of ours from a sequence number on, without the SDK: quickly, and without waiting for more."""

    async def read(name: str, sequence_number: int, count: int) -> list[tuple[int, bytes]]:
        peer = Peer(ConnectionString.parse(namespace.connection_string(name)))
        key = Symbol("apache.org:selector-filter:string")
        selector = Described(key, f"amqp.annotation.x-opt-sequence-number >= '{sequence_number}'")
        try:
            await peer.open()
            await peer.put_token(name)
            await peer.attach(0, RECEIVER, f"{name}/ConsumerGroups/$Default/Partitions/0", {key: selector})
            peer.write(Flow(0, WINDOW, 0, WINDOW, 0, 0, count))
            messages = [Message.read((await peer.receive())[1]) for _ in range(count)]
        finally:
            await peer.close()
        return [(message.annotations["x-opt-sequence-number"], message.body) for message in messages]

    return lambda name, sequence_number, count: asyncio.run(read(name, sequence_number, count))


@pytest.fixture
def open_reader() -> Callable[..., Any]:
    """Read in the background: an asynchronous context manager of a consumer, a callback and options."""
    return reading


@pytest.fixture
def events_of() -> Callable[..., list[Any]]:
    """Make an event of each body given."""
    return lambda *bodies: [EventData(body) for body in bodies]


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Wait for a condition: `eventually(lambda: …, "what is awaited")`."""

    def wait(condition: Callable[[], object], what: str, seconds: float = 10) -> None:
        give_up = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < give_up, f"not within {seconds} s: {what}"
            time.sleep(0.05)

    return wait
