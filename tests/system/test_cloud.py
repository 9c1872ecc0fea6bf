"""From the camera to the figures: a store's processes, IoT Hub's routing, the Event Hub, the real function app, a lake.

The functions host is killed while events land. What it had kept and had not struck off comes again, in batches of other
sizes, so that some events lie in bronze twice; and the store sends events by a second way, too, straight to a hub of
its own: silver and gold must not say so.

The event hubs are the supervisor's, and `STOREFLOW_EVENT_HUBS` names no others: every event in them has to be of this
store. `STOREFLOW_STORAGE` names another storage.
"""

import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient
from deltalake import DeltaTable

from cloud_functions import bronze
from cloud_functions.paths import BRONZE, QUARANTINE, LandedFile
from local_azure.event_hubs.authentication import sign
from local_azure.event_hubs.connection_string import ConnectionString
from local_azure.functions_host.event_hub import CONTAINER as CHECKPOINTS
from local_azure.functions_host.process import FunctionsHostProcess
from storeflow.sample_store.render import SampleStore

HUB, DIRECT, GROUP = "telemetry", "direct", "landing"
SECRET = "event_hub"  # noqa: S105 - its name
SECRETS = "srv/storeflow/upstream_router_secrets"
"""Where the deployment's template has the router look for it."""
IN_FLIGHT = 3
"""Messages that are in the lake and not struck off at the moment of the kill, at least."""
SPEED = 3
"""Of the clip: it goes on while the functions host is away, and after it has come back."""
BY_HAND_ALONE = "0 0 0 29 2 *"
"""A schedule that is not due while tests run: the test itself asks for the function."""


class Cloud:
    """The function app on one store's event hub, with a lake of its own."""

    def __init__(self, app: Path, state: Path, event_hub: str, container: Any) -> None:
        self.container = container
        namespace = ConnectionString.parse(event_hub)
        self._namespace = f"{namespace.host}:{namespace.port}"
        settings = {
            "AzureWebJobsStorage": container.connection_string,
            "AzureFunctionsWebHost__hostid": container.name,
            "EVENT_HUB": event_hub,
            "EVENT_HUB_NAME": HUB,
            "DIRECT_EVENT_HUB_NAME": DIRECT,
            "EVENT_HUB_CONSUMER_GROUP": GROUP,
            "REFINE_SCHEDULE": BY_HAND_ALONE,
            "UPKEEP_SCHEDULE": BY_HAND_ALONE,
            "LAKE_CONNECTION_STRING": container.connection_string,
            "LAKE_CONTAINER": container.name,
            "AzureFunctionsJobHost__extensions__eventHubs__minEventBatchSize": "1",
            # What comes between two checkpoints is given out again after a kill.
            "AzureFunctionsJobHost__extensions__eventHubs__batchCheckpointFrequency": "4",
        }
        self.host = FunctionsHostProcess(app, state, settings)

    def landed(self, hub: str = HUB) -> list[LandedFile]:
        """The files of an event hub in bronze."""
        names = self.container.client.list_blob_names(name_starts_with=f"{BRONZE}/")
        return [file for name in names if (file := LandedFile.at(name)) and f"/{hub}/" in name]

    def lines(self, hub: str = HUB) -> Counter[tuple[int, str, str]]:
        """How often bronze has each event, by its message's number, `source` and `id`."""
        found: Counter[tuple[int, str, str]] = Counter()
        for file in self.landed(hub):
            content = self.container.client.download_blob(file.path).readall()
            for line in bronze.read(content, file.path):
                event = json.loads(line.event)
                found[line.sequence_number, event["source"], event["id"]] += 1
        return found

    def quarantined(self) -> list[str]:
        """What was refused."""
        return list(self.container.client.list_blob_names(name_starts_with=f"{QUARANTINE}/"))

    def struck_off(self) -> int | None:
        """The sequence number of the checkpoint; the one device of the store has one partition."""
        folder = f"{self._namespace}/{HUB}/{GROUP}/checkpoint/"
        with ContainerClient.from_connection_string(self.container.connection_string, CHECKPOINTS) as client:
            try:
                blobs = list(client.list_blobs(name_starts_with=folder, include="metadata"))
            except ResourceNotFoundError:  # the functions host is just making it
                return None
        return max((int(blob.metadata["sequencenumber"]) for blob in blobs), default=None)

    def in_flight(self) -> int:
        """How many messages are in the lake and not struck off; 0 before the first checkpoint."""
        struck_off, landed = self.struck_off(), [file.last for file in self.landed()]
        return 0 if struck_off is None else max(landed, default=struck_off) - struck_off

    def refine(self, store: Any) -> None:
        """Have the timer's function run now, and wait until it has ended well."""
        before = self._refined()
        request = Request(f"{self.host.url}/admin/functions/refine", b"{}", {"Content-Type": "application/json"})  # noqa: S310 - our own address
        with urlopen(request, timeout=10) as answer:  # noqa: S310 - our own address
            assert answer.status == 202
        store.wait_for(lambda: self._refined() > before, "refine")

    def _refined(self) -> int:
        return self.host.log.read_text().count("Executed 'Functions.refine' (Succeeded")

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows of a Delta table; none where there is no table yet."""
        address, options = self.container.delta_uri(table), self.container.delta_options
        if not DeltaTable.is_deltatable(address, options):
            return []
        found: list[dict[str, Any]] = DeltaTable(address, storage_options=options).to_pyarrow_table().to_pylist()
        return found


def kill_while_events_land(store: Any, cloud: Cloud) -> int:
    """Kill the functions host with messages in flight, and start it again; how many there were."""

    def frozen_in_flight() -> bool:
        if cloud.in_flight() < IN_FLIGHT:
            return False
        cloud.host.signal(signal.SIGSTOP)
        if cloud.in_flight() >= IN_FLIGHT:
            return True
        cloud.host.signal(signal.SIGCONT)
        return False

    store.wait_for(frozen_in_flight, f"{IN_FLIGHT} messages in the lake that are not struck off")
    in_flight = cloud.in_flight()
    cloud.host.kill()
    assert cloud.host.exit_code() == -signal.SIGKILL
    cloud.host.start()
    return in_flight


def names(events: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    return Counter((event["source"], event["id"]) for event in events)


def names_of(lines: Counter[tuple[int, str, str]]) -> set[tuple[str, str]]:
    return {(source, event_id) for _, source, event_id in lines}


@pytest.fixture
def cloud_of(repository: Path, container: Any) -> Callable[[Any], Cloud]:
    """Make the cloud of a store that runs, and register the store there."""

    def make(store: Any) -> Cloud:
        device_id = store.supervisor.device_id
        register = {
            "iot_hubs": [store.iothub],
            "stores": {device_id: {"name": "The sample store", "time_zone": "Europe/Berlin", "devices": [device_id]}},
        }
        container.client.upload_blob("config/stores.json", json.dumps(register))
        # Its log lies with those of the store, which a test that fails shows.
        logs = store.supervisor.root / "logs"
        return Cloud(repository / "cloud_functions", logs, store.supervisor.event_hub(HUB), container)

    return make


@pytest.fixture
def store(new_store: Callable[..., Any], sample: SampleStore) -> Iterator[Any]:
    """A store that plays the sample clip and sends upstream into an event hub, and straight into another."""
    camera = {"playback": {"pace": "lossless", "speed": SPEED}}
    with new_store(
        sample.video,
        cameras={"entrance": camera},
        # Many messages of few events, so that several are in flight at the kill.
        telemetry={"sinks": {"cloud": {"batch": {"max_seconds": 0.1}}}},
        event_hubs=(f"{HUB}:2:{GROUP}", f"{DIRECT}:2:{GROUP}"),
    ) as store:
        address = ConnectionString.parse(store.supervisor.event_hub(DIRECT))
        namespace = f"{address.host}:{address.port}"
        resource = f"sb://{namespace}/{DIRECT}/publishers/{store.supervisor.device_id}"
        token = sign(resource, address.policy, address.key, int(time.time()) + 600)
        (store.supervisor.root / SECRETS / SECRET).write_text(
            f"Endpoint=sb://{namespace};SharedAccessSignature={token};UseDevelopmentEmulator=true"
        )
        sink = {"kind": "event_hub", "namespace": namespace, "event_hub": DIRECT, "credentials_ref": SECRET}
        store.edit("upstream_router", {"telemetry": {"sinks": {DIRECT: sink}}})
        yield store


def test_the_lake_has_each_event_of_the_edge_once_and_figures_that_are_true(
    store: Any, sample: SampleStore, cloud_of: Callable[[Any], Cloud]
) -> None:
    truth = json.loads(sample.truth.read_text())
    cloud = cloud_of(store)
    with cloud.host:
        in_flight = kill_while_events_land(store, cloud)
        cloud.refine(store)  # what was in flight: it comes again to a silver that has it
        store.wait_for(
            lambda: any(event["data"].get("state") == "ended" for event in store.events()), "the clip's end", 120
        )
        assert store.falls_quiet(30), store.logs()
        at_edge = names(store.events())
        store.wait_for(lambda: len(names_of(cloud.lines())) >= len(at_edge), "every event in bronze")
        cloud.refine(store)

    assert cloud.quarantined() == []
    lines, straight = cloud.lines(), names_of(cloud.lines(DIRECT))
    assert lines.total() - len(lines) >= in_flight, "the kill had nothing come again"
    assert straight, "nothing came by the other way"
    assert straight <= names_of(lines)

    assert set(at_edge.values()) == {1}
    assert names(cloud.rows("silver/events")) == at_edge

    footfall: Counter[tuple[str, str]] = Counter()
    for row in cloud.rows("gold/fact_footfall_15m"):
        footfall.update({(row["line_id"], name): row[name] for name in ("in_raw", "out_raw", "in_net", "out_net")})
    for line_id, true in truth["lines"].items():
        counted = [footfall[line_id, name] for name in ("in_raw", "out_raw", "in_net", "out_net")]
        assert counted == [true["in"], true["out"], true["net_in"], true["net_out"]], line_id
    visits: Counter[str] = Counter()
    for row in cloud.rows("gold/fact_zone_dwell_15m"):
        visits[row["zone_id"]] += row["visits"]
    assert visits == {zone_id: len(zone["visits"]) for zone_id, zone in truth["zones"].items()}
