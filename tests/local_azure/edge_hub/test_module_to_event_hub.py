"""From a module on the real IoT SDK to a reader on the real Event Hubs SDK, and what kills do in between.

The first test runs on Microsoft's emulator, too: `STOREFLOW_EVENT_HUBS` is its connection string, with `EntityPath`. It
doesn't run on a namespace in Azure, which speaks nothing but TLS: what stands in for IoT Hub doesn't.
"""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from azure.eventhub.aio import EventHubConsumerClient
from azure.iot.device.exceptions import ClientError

from local_azure.edge_hub.event_hub_routing import BATCH
from local_azure.edge_hub.process import EdgeHubProcess
from local_azure.event_hubs.connection_string import ConnectionString
from local_azure.event_hubs.process import EventHubsProcess

HUBS_VARIABLE = "STOREFLOW_EVENT_HUBS"
UP = {"up": "FROM /messages/modules/m/* INTO $upstream"}

# Basic, whose publications are no larger than a message may be: IoT Hub's words beside it make some too large.
CONFIG = {"Type": "EventHub", "Name": "emulatorNs1", "Sku": "Basic"}
ENTITIES = [{"Name": "telemetry", "PartitionCount": 4}, {"Name": "alerts", "PartitionCount": 1}]
ALERTS = {
    "endpoints": {"eventHubs": [{"name": "alarms", "entityPath": "alerts"}]},
    "routes": [
        {
            "name": "high",
            "source": "DeviceMessages",
            "condition": "$body.severity = 'high'",
            "endpointNames": ["alarms"],
            "isEnabled": True,
        }
    ],
}

pytestmark = pytest.mark.filterwarnings(
    # azure-eventhub 5.15 leaves connections that were cut to the garbage collector.
    "ignore:unclosed:ResourceWarning"
)


@pytest.fixture(scope="module")
def namespace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventHubsProcess]:
    """A namespace of ours."""
    if HUBS_VARIABLE in os.environ:
        pytest.skip(f"kills the namespace, or needs it to be Basic, and {HUBS_VARIABLE} names another")
    state = tmp_path_factory.mktemp("namespace")
    config = state / "Config.json"
    document = {"UserConfig": {"NamespaceConfig": [{**CONFIG, "Entities": ENTITIES}]}}
    config.write_text(json.dumps(document))
    with EventHubsProcess(state, "--config", str(config)) as process:
        yield process


@pytest.fixture(scope="module")
def event_hub(request: pytest.FixtureRequest) -> str:
    """The connection string of the event hub that stands for the built-in endpoint."""
    text = os.environ.get(HUBS_VARIABLE)
    if text is None:
        stand_in: EventHubsProcess = request.getfixturevalue("namespace")
        return stand_in.connection_string("telemetry")
    if not ConnectionString.parse(text).development:
        pytest.skip(f"the stand-in for IoT Hub speaks no TLS, and {HUBS_VARIABLE} names a namespace that does")
    return text


@pytest.fixture(scope="module")
def module_hub(tmp_path_factory: pytest.TempPathFactory, event_hub: str) -> Iterator[EdgeHubProcess]:
    """One hub process for all tests of this file, which routes to the event hub."""
    state = tmp_path_factory.mktemp("hub")
    connection, routing = state / "event_hubs", state / "routing.json"
    connection.write_text(event_hub)
    routing.write_text(json.dumps({} if HUBS_VARIABLE in os.environ else ALERTS))
    options = ("--event-hubs", str(connection), "--routing", str(routing))
    with EdgeHubProcess(state, options=options) as hub:
        hub.client.set_routes(UP)
        yield hub


@pytest.fixture
def hub(module_hub: EdgeHubProcess) -> EdgeHubProcess:
    """That hub, with its one route."""
    module_hub.client.set_routes(UP)
    return module_hub


def read(connection_string: str, case: str, is_last: Callable[[Any], bool]) -> list[tuple[str, Any]]:
    """Read an event hub from its beginning to the last event of a case: partition and event, in order."""
    found: list[tuple[str, Any]] = []

    async def run() -> None:
        enough = asyncio.Event()

        async def on_batch(context: Any, events: list[Any]) -> None:
            for event in events:
                if (event.properties or {}).get(b"case") == case.encode():
                    found.append((context.partition_id, event))
                    if is_last(event):
                        enough.set()

        client: Any = EventHubConsumerClient.from_connection_string(connection_string, consumer_group="$Default")
        async with client:
            task = asyncio.create_task(client.receive_batch(on_batch, max_batch_size=1000, starting_position="-1"))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(enough.wait(), 15)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    return found


def test_a_reader_sees_a_modules_message_as_iot_hub_hands_it_on(event_hub: str, open_module: Any) -> None:
    case = str(uuid.uuid4())
    module = open_module("m", variant="workload")
    module.client.connect()
    began = time.time()
    binary = bytes(range(256)) * 40
    module.send(binary, "events", properties={"case": case, "größe": "5 µ & = %"})
    module.send("plain", "events", properties={"case": case}, message_id="id-1", correlation_id="c-1", user_id="u-1")
    module.send({"n": "é"}, "events", properties={"case": case, "last": "yes"}, message_id="id-2")

    events = read(event_hub, case, lambda event: b"last" in event.properties)
    assert [b"".join(event.body) for _, event in events] == [binary, b"plain", b'{"n": "\\u00e9"}']
    assert len({partition for partition, _ in events}) == 1
    first, second, third = (event for _, event in events)
    assert first.properties == {b"case": case.encode(), "größe".encode(): "5 µ & = %".encode()}
    stamped = {
        b"iothub-connection-device-id": b"store-1",
        b"iothub-connection-module-id": b"m",
        b"iothub-connection-auth-method": b'{"scope":"module","type":"sas","issuer":"iothub",'
        b'"acceptingIpFilterRule":null}',
        b"iothub-connection-auth-generation-id": b"1",
        b"iothub-message-source": b"Telemetry",
        b"x-opt-partition-key": b"store-1",
    }
    own = [
        {},
        {b"message-id": b"id-1", b"correlation-id": b"c-1", b"user-id": b"u-1"},
        {b"message-id": b"id-2", b"content-type": b"application/json", b"content-encoding": b"utf-8"},
    ]
    brokers = {b"x-opt-sequence-number", b"x-opt-offset", b"x-opt-enqueued-time", b"iothub-enqueuedtime"}
    for event, mine in zip((first, second, third), own, strict=True):
        seen = event.system_properties
        assert {name: value for name, value in seen.items() if name not in brokers} == {**stamped, **mine}
        assert began - 1 <= seen[b"iothub-enqueuedtime"] / 1000 <= time.time()


def test_a_query_of_the_body_leads_to_the_other_event_hub_and_what_no_event_hub_can_take_stops_nothing(
    hub: EdgeHubProcess, namespace: EventHubsProcess, open_module: Any, eventually: Callable[..., None]
) -> None:
    def counts() -> dict[str, dict[str, int]]:
        return {name: found["counts"] for name, found in hub.client.stats()["routing"].items()}

    case = str(uuid.uuid4())
    before = counts()["events"].get("delivered", 0)
    module = open_module("m")
    module.client.connect()
    module.send({"severity": "low"}, "events", properties={"case": case})
    module.send(b"x" * 261_900, "events")
    module.send({"severity": "high"}, "events", properties={"case": case})
    eventually(lambda: counts()["events"].get("InvalidMessage") == 1, "one is too large for this event hub")
    eventually(lambda: counts()["alarms"].get("delivered") == 1, "one goes to the other event hub")
    assert counts()["events"]["delivered"] == before + 1
    ((_, event),) = read(namespace.connection_string("alerts"), case, lambda _: True)
    assert json.loads(event.body_as_str()) == {"severity": "high"}


def test_a_throttled_event_hub_gets_each_message_once_a_little_later(
    hub: EdgeHubProcess, namespace: EventHubsProcess, open_module: Any, eventually: Callable[..., None]
) -> None:
    before = stored(namespace)
    module = open_module("m")
    module.client.connect()
    namespace.client.faults(throttle=3)
    for number in range(20):
        module.send(b"%d" % number, "events")
    eventually(lambda: endpoint(hub)["waiting"] == 0, "all of it is there")
    assert namespace.client.faults()["throttle"] == 0
    assert stored(namespace) == before + 20


def test_kills_of_both_processes_with_batches_on_their_way_lose_none_of_500_messages(
    hub: EdgeHubProcess, namespace: EventHubsProcess, open_module: Any, eventually: Callable[..., None]
) -> None:
    case = str(uuid.uuid4())
    module = open_module("m")
    module.client.connect()
    numbers = itertools.count()

    def send(count: int) -> None:
        """Send until edgeHub has acknowledged; what a kill cut off is sent again under its id."""
        for number in itertools.islice(numbers, count):
            give_up = time.monotonic() + 15
            while True:
                try:
                    module.send(b"%d" % number, "events", properties={"case": case}, message_id=str(number))
                    break
                except ClientError:
                    assert time.monotonic() < give_up
                    time.sleep(0.05)

    send(100)
    eventually(lambda: endpoint(hub)["waiting"] == 0, "the first hundred are there")
    # The event hub has a batch, and edgeHub hasn't heard of it yet.
    namespace.client.faults(ack_delay=30.0)
    before = stored(namespace)
    send(100)
    eventually(lambda: stored(namespace) > before, "a batch is stored")
    assert endpoint(hub)["waiting"] > 0
    hub.kill()
    namespace.client.heal()
    hub.start()
    send(100)
    eventually(lambda: endpoint(hub)["waiting"] == 0, "all of it is there")
    # The event hub has nothing of a batch that was sent.
    namespace.signal(signal.SIGSTOP)
    send(100)
    assert endpoint(hub)["waiting"] > 0
    namespace.kill()
    eventually(lambda: endpoint(hub)["healthStatus"] == "unhealthy", "the event hub is missed")
    namespace.start()
    eventually(lambda: endpoint(hub)["waiting"] == 0, "the place moves on")
    # Neither knows what the other has.
    namespace.signal(signal.SIGSTOP)
    send(50)
    assert endpoint(hub)["waiting"] > 0
    hub.kill()
    namespace.kill()
    namespace.start()
    hub.start()
    send(50)
    eventually(lambda: endpoint(hub)["waiting"] == 0, "everything is there")

    events = read(namespace.connection_string("telemetry"), case, lambda event: event.body_as_str() == "499")
    found = [event.body_as_str() for _, event in events]
    assert list(dict.fromkeys(found)) == [str(number) for number in range(500)], "all, in order, first times looked at"
    accepted = sum(message.properties["case"] == case for message in upstream(hub) if "case" in message.properties)
    assert accepted < len(found) <= accepted + BATCH, "the batch that was stored came again, and no other"


def endpoint(hub: EdgeHubProcess) -> dict[str, Any]:
    """How far the built-in endpoint was served."""
    found: dict[str, Any] = hub.client.stats()["routing"]["events"]
    return found


def stored(namespace: EventHubsProcess) -> int:
    """How many events the event hub ever stored."""
    return sum(partition["next"] for partition in namespace.client.stats()["hubs"]["telemetry"].values())


def upstream(hub: EdgeHubProcess) -> Iterator[Any]:
    """All that IoT Hub took in."""
    after = 0
    while page := hub.client.upstream(after):
        yield from page
        after = page[-1].sequence
