"""Poison on its way to the lake: by AMQP through an event hub, the real function app and storage, good events about it.

IoT Hub and edgeHub take no message of 300 KB, their limit is 256; an event hub does, from whoever may send there. So it
is sent there, like all the others, as IoT Hub would hand it on.

`STOREFLOW_EVENT_HUBS` may name an event hub of Microsoft's emulator, with a consumer group `landing`; none in Azure:
what stands in for IoT Hub speaks no TLS.
"""

import asyncio
import contextlib
import json
import os
import time
import uuid
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient
from deltalake import DeltaTable

from cloud_functions import bronze, quarantine
from cloud_functions.paths import BRONZE, QUARANTINE, LandedFile
from local_azure.event_hubs.connection_string import ConnectionString
from local_azure.event_hubs.iot_hub import device_to_cloud
from local_azure.event_hubs.process import EventHubsProcess
from local_azure.event_hubs.sender import EventSender
from local_azure.functions_host.event_hub import CONTAINER as CHECKPOINTS
from local_azure.functions_host.process import FunctionsHostProcess
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import LineCrossed
from storeflow.contract.geometry import Point

HUBS_VARIABLE = "STOREFLOW_EVENT_HUBS"
GROUP, IOT_HUB = "landing", "contoso.azure-devices.net"
BY_HAND_ALONE = "0 0 0 29 2 *"
JSON = {"contentType": "application/json", "contentEncoding": "utf-8"}
NEWER = ("storeflow.robot.greeted", "https://storeflow.example/schemas/v1/storeflow.robot.greeted/1.99")


class Shop:
    """A device in a store, neither of which any other test or run has."""

    def __init__(self) -> None:
        name = uuid.uuid4().hex[:12]
        self.store_id, self.device_id = f"store-{name}", f"box-{name}"

    def crossed(self, **changes: Any) -> bytes:
        """Somebody who comes in, as the store would say it; with some of it changed."""
        data = LineCrossed(
            store_id=changes.pop("store_id", self.store_id),
            camera_id="door",
            captured_at=datetime.now(UTC).replace(microsecond=0),
            config_version=1,
            model_version="m",
            track_id="t",
            line_id="entrance",
            direction="in",
            object_class="person",
            reason="settled",
            position=Point(0.5, 0.5),
        )
        source = f"//{IOT_HUB}/{self.device_id}/door"
        event = CloudEvent.of(data, source=source, id=uuid.uuid4().hex, subject="entrance")
        document: dict[str, Any] = json.loads(event.to_json()) | changes
        return json.dumps(document).encode()


class Sent(NamedTuple):
    """A message, and what must become of it."""

    code: str | None
    """By which it is in quarantine; none where it lands."""
    body: bytes
    properties: dict[str, str] = JSON


def messages(shop: Shop) -> list[Sent]:
    """A good event, all the poison, an event of a newer sender, a good event."""
    whole = shop.crossed()
    return [
        Sent(None, shop.crossed()),
        Sent("not_json", whole[:-1]),
        Sent("not_an_event", shop.crossed(type="com.example.greeted")),
        Sent("too_large", shop.crossed(pad="x" * 300_000)),
        Sent("content_type", whole, JSON | {"contentType": "text/plain"}),
        Sent("not_utf8", whole.replace(b"entrance", b"entr\xe9e")),
        Sent("not_an_event", shop.crossed(id=None)),
        Sent("store", shop.crossed(store_id="another-store")),
        Sent(None, shop.crossed(type=NEWER[0], dataschema=NEWER[1])),
        Sent(None, shop.crossed()),
    ]


class Chain:
    """The function app on an event hub, with a lake of its own."""

    def __init__(self, app: Path, state: Path, event_hub: str, container: Any) -> None:
        self._container = container
        begin = {"type": "fromEnqueuedTime", "enqueuedTimeUtc": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        event_hubs = {f"initialOffsetOptions__{name}": value for name, value in begin.items()}
        event_hubs["minEventBatchSize"] = "1"
        settings = {
            "AzureWebJobsStorage": container.connection_string,
            "AzureFunctionsWebHost__hostid": container.name,
            "EVENT_HUB": event_hub,
            "EVENT_HUB_NAME": ConnectionString.parse(event_hub).hub,
            "EVENT_HUB_CONSUMER_GROUP": GROUP,
            "REFINE_SCHEDULE": BY_HAND_ALONE,
            "UPKEEP_SCHEDULE": BY_HAND_ALONE,
            "LAKE_CONNECTION_STRING": container.connection_string,
            "LAKE_CONTAINER": container.name,
        }
        settings |= {f"AzureFunctionsJobHost__extensions__eventHubs__{name}": text for name, text in event_hubs.items()}
        self.host = FunctionsHostProcess(app, state, settings)

    def landed(self, shop: Shop) -> list[dict[str, Any]]:
        """The events of a shop in bronze, in the order in which they were sent."""
        lines = [line for path, content in self._files(BRONZE) for line in bronze.read(content, path)]
        events = [json.loads(line.event) for line in sorted(lines, key=lambda line: line.sequence_number)]
        return [event for event in events if f"/{shop.device_id}/" in event["source"]]

    def quarantined(self, shop: Shop) -> list[quarantine.QuarantineLine]:
        """What is in quarantine of a shop, in the order in which it was sent."""
        lines = [line for path, content in self._files(QUARANTINE) for line in quarantine.read(content, path)]
        mine = [line for line in lines if line.device_id == shop.device_id]
        return sorted(mine, key=lambda line: line.sequence_number)

    def refine(self) -> None:
        """Have the timer's function run once, to its end."""
        request = Request(f"{self.host.url}/admin/functions/refine", b"{}", {"Content-Type": "application/json"})  # noqa: S310 - our own address
        with urlopen(request, timeout=10) as answer:  # noqa: S310 - our own address
            assert answer.status == 202
        self.wait_for(lambda: "Executed 'Functions.refine' (Succeeded" in self.host.log.read_text(), "refine")

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows of a Delta table."""
        where = DeltaTable(self._container.delta_uri(table), storage_options=self._container.delta_options)
        found: list[dict[str, Any]] = where.to_pyarrow_table().to_pylist()
        return found

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Wait until it holds, else fail with the host's log."""
        give_up = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < give_up, f"{what}\n{self.host.log.read_text()[-3000:]}"
            time.sleep(0.1)

    def _files(self, folder: str) -> Iterator[tuple[str, bytes]]:
        for path in self._container.client.list_blob_names(name_starts_with=f"{folder}/"):
            if LandedFile.at(path):
                yield path, self._container.client.download_blob(path).readall()


@pytest.fixture
def shop() -> Shop:
    """A shop of the test's own."""
    return Shop()


@pytest.fixture
def event_hub(tmp_path: Path) -> Iterator[str]:
    """The event hub that IoT Hub routes to: the stand-in's, or the one that is named."""
    if text := os.environ.get(HUBS_VARIABLE):
        if not ConnectionString.parse(text).development:
            pytest.skip(f"the stand-in for IoT Hub speaks no TLS, and {HUBS_VARIABLE} names a namespace that does")
        yield text
        return
    with EventHubsProcess(tmp_path / "namespace", "--hub", f"telemetry:2:{GROUP}") as process:
        yield process.connection_string("telemetry")


@pytest.fixture
def chain(repository: Path, tmp_path: Path, event_hub: str, container: Any, shop: Shop) -> Iterator[Chain]:
    """The function app, which knows the shop."""
    of_shop = {"name": "A shop", "time_zone": "Europe/Berlin", "devices": [shop.device_id]}
    register = {"iot_hubs": [IOT_HUB], "stores": {shop.store_id: of_shop}}
    container.client.upload_blob("config/stores.json", json.dumps(register))
    to = ConnectionString.parse(event_hub)
    with (
        ContainerClient.from_connection_string(container.connection_string, CHECKPOINTS) as checkpoints,
        contextlib.suppress(ResourceNotFoundError),
    ):
        # Of an earlier run: behind them may be more than can be read in time.
        for name in checkpoints.list_blob_names(name_starts_with=f"{to.host}:{to.port}/{to.hub}/{GROUP}/"):
            checkpoints.delete_blob(name)
    chain = Chain(repository / "cloud_functions", tmp_path / "host", event_hub, container)
    with chain.host:
        yield chain


def send(event_hub: str, shop: Shop, sent: list[Sent]) -> None:
    """Hand messages on as IoT Hub does, to one partition in one publication."""
    address = ConnectionString.parse(event_hub)
    mine = {"connectionDeviceId": shop.device_id, "connectionModuleId": "upstream_router"}
    events = [device_to_cloud(each.body, {}, each.properties | mine, time.time()) for each in sent]

    async def go() -> None:
        async with EventSender(replace(address, hub=f"{address.hub}/Partitions/0")) as sender:
            await sender.send(events)

    asyncio.run(go())


def test_poison_ends_in_quarantine_with_its_reason_and_everything_else_in_silver(
    chain: Chain, event_hub: str, shop: Shop
) -> None:
    sent = messages(shop)
    send(event_hub, shop, sent)
    chain.wait_for(lambda: len(chain.landed(shop)) + len(chain.quarantined(shop)) >= len(sent), "all of it somewhere")

    before, newer, after = [json.loads(each.body) for each in sent if each.code is None]
    assert [event["id"] for event in chain.landed(shop)] == [before["id"], newer["id"], after["id"]]
    refused = [(line.code, b64decode(line.body), bool(line.reason)) for line in chain.quarantined(shop)]
    assert refused == [(each.code, each.body, True) for each in sent if each.code is not None]

    chain.refine()
    silver = [row["id"] for row in chain.rows("silver/events") if row["store_id"] == shop.store_id]
    assert sorted(silver) == sorted([before["id"], after["id"]])
    waiting = [one for row in chain.rows("silver/files") for one in json.loads(row["waiting"])]
    assert list(NEWER) in waiting, "what a newer sender says waits for an upgrade"
