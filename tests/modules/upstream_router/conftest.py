"""An event hub for the router's own sink: the stand-in's, or the one that `STOREFLOW_EVENT_HUBS` names."""

import asyncio
import gc
import os
import threading
import time
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from azure.eventhub.aio import EventHubConsumerClient

from local_azure.event_hubs.authentication import sign
from local_azure.event_hubs.connection_string import ConnectionString
from local_azure.event_hubs.process import EventHubsProcess

HUBS_VARIABLE = "STOREFLOW_EVENT_HUBS"
SDK_LEAVES_OPEN = ("ignore:unclosed:ResourceWarning", "ignore:loop is closed:ResourceWarning")
"""A connection that was cut: the SDK drops its socket, or asyncio's stream, as it is."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let those warnings pass where an event hub is used."""
    for item in items:
        if item.path.parent == Path(__file__).parent and "event_hub" in item.path.name:
            for warning in SDK_LEAVES_OPEN:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(autouse=True)
def _collected(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "event_hub" in request.path.name:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


class Reader:
    """Reads an event hub from its beginning, in a thread of its own: a consumer of the SDK takes seconds to open."""

    def __init__(self, connection_string: str) -> None:
        self._connection_string = connection_string
        self.start()

    def start(self) -> None:
        """Begin at the beginning."""
        self._events: list[Any] = []
        self._loop, self._stop = asyncio.new_event_loop(), asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._read(),))
        self._thread.start()

    def of(self, device_id: str) -> list[Any]:
        """What a device has published so far."""
        return [each for each in self._events if each.system_properties.get(b"x-opt-publisher") == device_id.encode()]

    def close(self) -> None:
        """Stop reading."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    async def _read(self) -> None:
        async def on_batch(_: Any, events: list[Any]) -> None:
            self._events.extend(events)

        consumer: Any = EventHubConsumerClient.from_connection_string(
            self._connection_string, "$Default", retry_total=50, retry_backoff_factor=0.05, retry_backoff_max=0.5
        )
        async with consumer:
            reading = consumer.receive_batch(on_batch, max_batch_size=1000, starting_position="-1")
            task = asyncio.create_task(reading)
            await self._stop.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@dataclass
class EventHubUnderTest:
    """An event hub, and a device that may publish there.

    Attributes:
        connection_string: names the event hub, and may read and send.
        device_id: a publisher that no other test uses.
        process: the stand-in's; None where it is another.
    """

    connection_string: str
    device_id: str
    process: EventHubsProcess | None = None
    reader: "Reader | None" = None

    @property
    def parsed(self) -> ConnectionString:
        """The connection string, taken apart."""
        return ConnectionString.parse(self.connection_string)

    @property
    def namespace(self) -> str:
        """As the twin names it."""
        parsed = self.parsed
        return f"{parsed.host}:{parsed.port}" if parsed.development else parsed.host

    def sink(self, **more: Any) -> dict[str, Any]:
        """The sink, as it stands in the twin."""
        address = {"namespace": self.namespace, "event_hub": self.parsed.hub, "credentials_ref": "event-hub"}
        return {"kind": "event_hub", **address, **more}

    def token(self, device_id: str = "", seconds: float = 600) -> str:
        """The secret: a connection string with a token for one publisher's path, and no key."""
        resource = f"sb://{self.namespace}/{self.parsed.hub}/publishers/{device_id or self.device_id}"
        signature = sign(resource, self.parsed.policy, self.parsed.key, int(time.time() + seconds))
        emulator = ";UseDevelopmentEmulator=true" if self.parsed.development else ""
        return f"Endpoint=sb://{self.namespace};SharedAccessSignature={signature}{emulator}"

    def events(self, count: int, seconds: float = 15.0, *, different: bool = False) -> list[Any]:
        """What the device published: once there are so many, or so many `different` ones, or the time is up."""
        assert self.reader is not None, "nobody reads this event hub"
        give_up = time.monotonic() + seconds
        while True:
            mine = self.reader.of(self.device_id)
            found = {b"".join(each.body) for each in mine} if different else mine
            if len(found) >= count or time.monotonic() > give_up:
                return mine
            time.sleep(0.05)

    def read_again(self) -> None:
        """Have a new reader: one whose namespace was killed takes its time to come back."""
        assert self.reader is not None, "nobody reads this event hub"
        self.reader.close()
        self.reader.start()


@pytest.fixture(scope="module")
def namespace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventHubsProcess]:
    """A namespace of ours."""
    with EventHubsProcess(tmp_path_factory.mktemp("namespace"), "--hub", "telemetry:2:landing") as process:
        yield process


@pytest.fixture(scope="module")
def _reader(request: pytest.FixtureRequest) -> Iterator[Reader]:
    text = os.environ.get(HUBS_VARIABLE) or request.getfixturevalue("namespace").connection_string("telemetry")
    reader = Reader(text)
    yield reader
    reader.close()


@pytest.fixture
def event_hub(request: pytest.FixtureRequest, _reader: Reader) -> EventHubUnderTest:
    """The event hub, real or not; tests that need a switch look at `process`."""
    device_id = f"store-{uuid.uuid4().hex[:12]}"
    if text := os.environ.get(HUBS_VARIABLE):
        return EventHubUnderTest(text, device_id, reader=_reader)
    process = request.getfixturevalue("namespace")
    process.client.heal()
    return EventHubUnderTest(process.connection_string("telemetry"), device_id, process, _reader)
