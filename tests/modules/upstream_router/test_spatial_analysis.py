"""Documents of Azure Spatial Analysis on their way through the router, and through edgeHub to IoT Hub."""

import asyncio
import copy
import json
import logging
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from local_azure.edge_hub.environment import is_edge_variable
from local_azure.edge_hub.process import EdgeHubProcess
from modules.upstream_router.module import UpstreamRouter
from storeflow.cli.twin.lint import MODULES, lint
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState, SpatialAnalysis, instant
from storeflow.contract.spatial_analysis import (
    CountProperties,
    PersonCountEvent,
    SourceInfo,
    SpatialAnalysisDocument,
)
from storeflow.contract.twins import read_section
from storeflow.errors import ContractError
from storeflow.host.custody import SPATIAL_ANALYSIS_OUTPUT
from storeflow.host.delivery import Delivery, DeliveryTiming
from storeflow.host.module import ModuleContext, Output, RawEvent
from storeflow.host.outbox import Outbox
from storeflow.transport.memory import MemoryHub

Template = dict[str, Any]
SINK = {"old": {"kind": "spatial_analysis"}}
ROUTE = f"FROM /messages/modules/upstream_router/outputs/{SPATIAL_ANALYSIS_OUTPUT} INTO $upstream"


@pytest.fixture
def router(tmp_path: Path) -> UpstreamRouter:
    context = ModuleContext("upstream_router", "hub", "device", "store-1", tmp_path, tmp_path, tmp_path, (), tmp_path)
    return UpstreamRouter(context, None)


def configure(router: UpstreamRouter, sinks: object) -> None:
    router.configure("telemetry", read_section("telemetry", {"sinks": sinks}), 1)


def counted() -> CloudEvent:
    """A document in its envelope."""
    event = PersonCountEvent(
        id="1", detection_ids=(), zone="queue", properties=CountProperties(person_count=0), trigger="event"
    )
    source = SourceInfo(id="door", timestamp="2026-01-01T00:00:00.000Z", width=640, height=360, frame_id="7")
    document = SpatialAnalysisDocument(events=(event,), source_info=source, detections=())
    data = SpatialAnalysis(store_id="store-1", camera_id="door", captured_at=instant(1.0), document=document)
    return CloudEvent.of(data, source="//hub/device/door/spatial_analysis", id="1", subject="queue")


def state() -> CloudEvent:
    data = CameraState(store_id="store-1", camera_id="door", captured_at=instant(1.0), state="streaming", detail="")
    return CloudEvent.of(data, source="//hub/device/door/state", id="1", subject="door")


def bodies(outputs: object) -> list[tuple[str, object]]:
    assert isinstance(outputs, list)
    return [(output.name, json.loads(output.event.to_json())) for output in outputs]


def test_a_document_leaves_without_its_envelope_by_an_output_of_its_own(router: UpstreamRouter) -> None:
    configure(router, {"cloud": {"kind": "upstream"}, "file": {"kind": "ndjson"}, "more": SINK["old"], **SINK})

    outputs = router.on_message("events", counted().to_json())

    assert bodies(outputs) == [
        (
            "spatialanalysis",
            {
                "events": [
                    {
                        "id": "1",
                        "detectionIds": [],
                        "zone": "queue",
                        "type": "personCountEvent",
                        "properties": {"personCount": 0},
                        "trigger": "event",
                    }
                ],
                "sourceInfo": {
                    "id": "door",
                    "timestamp": "2026-01-01T00:00:00.000Z",
                    "width": 640,
                    "height": 360,
                    "frameId": "7",
                    "imagePath": "",
                },
                "detections": [],
                "schemaVersion": "2.0",
            },
        )
    ]
    raw = outputs[0].event
    assert isinstance(raw, RawEvent)
    assert (raw.source, raw.id, raw.type) == ("//hub/device/door/spatial_analysis", "1", "storeflow.spatial_analysis")


def test_no_other_event_leaves_by_that_output(router: UpstreamRouter) -> None:
    configure(router, {"cloud": {"kind": "upstream"}, **SINK})
    assert [output.name for output in router.on_message("events", state().to_json())] == ["cloud:$upstream/alerts"]

    configure(router, SINK)
    assert router.on_message("events", state().to_json()) == []


def test_whoever_wants_documents_only_is_told_that_store_events_go_to_nobody(
    router: UpstreamRouter, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        configure(router, SINK)
    assert "events go to nobody: no sink takes store events" in caplog.text
    assert "documents of Azure Spatial Analysis go to spatialanalysis" in caplog.text


def test_without_a_sink_documents_are_let_go_counted_and_warned_of_once(
    router: UpstreamRouter, caplog: pytest.LogCaptureFixture
) -> None:
    configure(router, {"cloud": {"kind": "upstream"}, "file": {"kind": "ndjson"}})

    for _ in range(3):
        assert router.on_message("events", counted().to_json()) == []

    metrics = router.metrics()
    assert (metrics["spatial_analysis_dropped"], metrics["events_accepted"], metrics["events_refused"]) == (3, 3, 0)
    assert len([record for record in caplog.records if "no sink of kind spatial_analysis" in record.message]) == 1


def test_a_document_of_a_newer_neighbour_keeps_every_field_in_its_order(router: UpstreamRouter) -> None:
    configure(router, SINK)
    event = json.loads(counted().to_json())
    event["dataschema"] = event["dataschema"].replace("urn:storeflow:schema:1.", "urn:storeflow:schema:9.")
    event["data"]["document"] = {"schemaVersion": "3.0", "wärme": [1.50, {"b": 1, "a": None}]}

    ((_, raw),) = router.on_message("events", json.dumps(event).encode())

    assert raw.to_json() == '{"schemaVersion":"3.0","wärme":[1.5,{"b":1,"a":null}]}'.encode()


@pytest.mark.parametrize("data", [None, {"store_id": "store-1"}, {"document": "none"}])
def test_an_event_without_a_document_is_refused(router: UpstreamRouter, data: object) -> None:
    configure(router, SINK)
    event = json.loads(counted().to_json())
    newer = event | {"dataschema": f"urn:storeflow:schema:9.0:{event['type']}", "data": data}

    for body in (newer, event | {"data": data}):
        with pytest.raises(ContractError, match="event"):
            router.on_message("events", json.dumps(body).encode())

    metrics = router.metrics()
    assert (metrics["events_refused"], metrics["events_accepted"]) == (2, 0)


def test_a_document_leaves_the_outbox_when_the_hub_has_it_and_not_before(
    router: UpstreamRouter, tmp_path: Path
) -> None:
    """No receipt comes back from IoT Hub: a row that waited for one would be sent for ever."""
    configure(router, SINK)
    outputs: list[Output] = list(router.on_message("events", counted().to_json()))
    box, hub = Outbox(tmp_path / "outbox.db"), MemoryHub({f"upstream_router/{SPATIAL_ANALYSIS_OUTPUT}": "$upstream"})
    box.commit(outputs, None, 0.0)
    hub.away = True

    async def until(condition: Callable[[], object]) -> None:
        give_up = time.monotonic() + 5
        while not condition():
            assert time.monotonic() < give_up
            await asyncio.sleep(0.01)

    async def scene() -> None:
        delivery = Delivery(box, hub.transport("upstream_router"), dict, DeliveryTiming(retry_seconds=0.02))
        running = asyncio.create_task(delivery.run())
        await asyncio.sleep(0.1)
        assert box.rows_waiting == 1
        hub.away = False
        await until(lambda: box.rows_waiting == 0)
        running.cancel()

    asyncio.run(scene())
    box.close()

    (message,) = hub.upstream
    assert message.body == outputs[0].event.to_json()
    assert message.properties["eventType"] == "storeflow.spatial_analysis"
    assert message.properties["storeId"] == "store-1"


def test_in_a_full_outbox_documents_go_before_what_they_repeat(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "outbox.db", max_rows=2)
    box.commit([Output("events", state()), Output("events", counted())], None, 0.0)
    box.commit([Output("events", state().model_copy(update={"id": "2"}))], None, 0.0)
    left = [json.loads(row.body)["type"] for row in box.waiting("events", 10)]
    box.close()
    assert left == ["storeflow.camera.state", "storeflow.camera.state"]


@pytest.fixture
def template(repository: Path) -> Template:
    """The deployment template with the sink and the route of the page docs/spatial-analysis.md."""
    document: Template = copy.deepcopy(json.loads((repository / "deployment.template.json").read_text()))
    content = document["modulesContent"]
    content["upstream_router"]["properties.desired"]["telemetry"]["sinks"] |= SINK
    content["zone_analytics"]["properties.desired"]["layout"]["spatial_analysis"] = True
    content["$edgeHub"]["properties.desired"]["routes"]["spatialAnalysis"] = {"route": ROUTE}
    return document


def test_a_template_with_the_sink_and_its_route_has_no_fault(template: Template, repository: Path) -> None:
    assert lint(template).problems == []
    assert f'{{"spatialAnalysis": "{ROUTE}"}}' in (repository / "docs" / "spatial-analysis.md").read_text()


def test_a_sink_without_its_route_is_told_and_a_route_without_its_sink_is_good(template: Template) -> None:
    content = template["modulesContent"]
    without_sink = copy.deepcopy(template)
    del without_sink["modulesContent"]["upstream_router"]["properties.desired"]["telemetry"]["sinks"]["old"]
    assert lint(without_sink).problems == []

    del content["$edgeHub"]["properties.desired"]["routes"]["spatialAnalysis"]
    (problem,) = lint(template).problems
    assert problem.startswith("routes: none takes /messages/modules/upstream_router/outputs/spatialanalysis: ")
    assert MODULES["upstream_router"].of_sinks == {"spatial_analysis": SPATIAL_ANALYSIS_OUTPUT}


ROUTES = {
    "storeEvents": "FROM /messages/modules/zone_analytics/outputs/events"
    ' INTO BrokeredEndpoint("/modules/upstream_router/inputs/events")',
    "storeReceipts": "FROM /messages/modules/upstream_router/outputs/receipts"
    ' INTO BrokeredEndpoint("/modules/zone_analytics/inputs/receipts")',
    "spatialAnalysis": ROUTE,
}


def test_iot_hub_gets_the_bare_document_from_the_real_modules_and_all_outboxes_are_empty(tmp_path: Path) -> None:
    waiting = Outbox(tmp_path / "zone_analytics" / "outbox.db")
    waiting.commit([Output("events", counted())], None, 0.0)
    waiting.close()
    with EdgeHubProcess(tmp_path / "hub") as hub, ExitStack() as stack:
        hub.client.set_routes(ROUTES)
        hub.client.patch_twin("upstream_router", {"telemetry": {"sinks": SINK}})
        for module_id in ("upstream_router", "zone_analytics"):
            stack.enter_context(running(hub, module_id, tmp_path))
        (message,) = wait_for(hub.client.upstream)
        assert json.loads(message.body) == json.loads(counted().to_json())["data"]["document"]
        assert message.properties["eventType"] == "storeflow.spatial_analysis"
        for module_id in ("upstream_router", "zone_analytics"):
            wait_for(partial(is_empty, tmp_path / module_id / "outbox.db"))


@contextmanager
def running(hub: EdgeHubProcess, module_id: str, folder: Path) -> Iterator[None]:
    """A module in a process of its own."""
    where = {name: value for name, value in os.environ.items() if not is_edge_variable(name)}
    where |= {"STOREFLOW_STATE": str(folder / module_id), "STOREFLOW_CHANNELS": str(folder)}
    where |= {"STOREFLOW_HTTP_ADDRESS": "127.0.0.1:0", **hub.environment(module_id)}
    command = [sys.executable, "-m", f"modules.{module_id}"]
    with (folder / f"{module_id}.log").open("wb") as log:
        process = subprocess.Popen(command, env=where, stdout=log, stderr=log)  # noqa: S603 - ours
        try:
            yield
        finally:
            process.terminate()
            process.wait(10)


def is_empty(path: Path) -> bool:
    """Whether nothing waits in an outbox that another process has open."""
    database = sqlite3.connect(path)
    (rows,) = database.execute("SELECT COUNT(*) FROM outbox").fetchone()
    database.close()
    return bool(rows == 0)


def wait_for(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    give_up = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < give_up, "it did not come to pass in time"
        time.sleep(0.05)
    return found
