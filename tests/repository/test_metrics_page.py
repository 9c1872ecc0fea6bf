"""docs/metrics.md against what running modules serve: a store of four modules in this process, scraped over HTTP."""

import asyncio
import re
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from modules.inference.module import Inference
from modules.upstream_router.module import UpstreamRouter
from modules.video_capture.camera_state import Change
from modules.video_capture.module import VideoCapture
from modules.zone_analytics.module import ZoneAnalytics
from storeflow.host.host import Host
from storeflow.host.module import ModuleContext, ModuleFactory
from storeflow.host.outbox import Outbox
from storeflow.observability.http_address import HttpAddress
from storeflow.observability.http_server import Readings, StatusServer
from storeflow.observability.metrics import METRICS, split
from storeflow.transport.memory import MemoryHub

Row = dict[str, str]
Tables = Callable[[str], list[list[Row]]]
Served = dict[str, tuple[str, frozenset[str]]]
"""Type and labels, by name."""
MODULES: Mapping[str, tuple[ModuleFactory, dict[str, Any]]] = {
    "video_capture": (VideoCapture, {"cameras": {"door": {"url": "pattern:walker"}}}),
    "inference": (Inference, {"models": {"person": {"name": "storeflow_nano"}}}),
    "zone_analytics": (ZoneAnalytics, {"layout": {}}),
    "upstream_router": (UpstreamRouter, {"telemetry": {"sinks": {"cloud": {"kind": "upstream"}}}}),
}
ROUTES: dict[str, str | tuple[str, ...]] = {
    "video_capture/events": "upstream_router/events",
    "zone_analytics/events": "upstream_router/events",
    "upstream_router/receipts": ("video_capture/receipts", "zone_analytics/receipts"),
    "upstream_router/upstream": "$upstream",
    "upstream_router/alerts": "$upstream",
}


@pytest.fixture(scope="module")
def chapters(repository: Path) -> dict[str, str]:
    """Headings and what is below them."""
    page = (repository / "docs" / "metrics.md").read_text()
    parts = re.split(r"^## (.+)\n", page, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.fixture(scope="module")
def store(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], dict[str, Any]]:
    """What `/metrics` and the method `metrics` of every module say, once pictures flow."""
    return asyncio.run(_run(repository, tmp_path_factory.mktemp("store")))


async def _run(repository: Path, folder: Path) -> tuple[dict[str, str], dict[str, Any]]:
    hub = MemoryHub(ROUTES)
    hosts, servers = {}, {}
    async with AsyncExitStack() as stack:
        for module_id, (factory, desired) in MODULES.items():
            hub.set_desired(module_id, desired)
            (folder / module_id).mkdir()
            context = ModuleContext(
                module_id, "hub", "device", "s", folder / module_id, folder, folder, (), repository / "models"
            )
            outbox = Outbox(context.state_folder / "outbox.db")
            host = hosts[module_id] = Host(factory, context, hub.transport(module_id), outbox)
            readings = Readings(host.status.not_alive, host.status.not_ready, host.status.exposition)
            server = servers[module_id] = StatusServer(HttpAddress("127.0.0.1", 0), readings)
            server.start()
            task = asyncio.create_task(host.run())
            stack.push_async_callback(asyncio.wait, {task})
            stack.callback(host.stop)
            stack.callback(server.close)
        deadline = time.monotonic() + 20
        while "camera_frames/door" not in hosts["inference"].status.metrics():
            assert time.monotonic() < deadline, {name: host.status.metrics() for name, host in hosts.items()}
            await asyncio.sleep(0.1)
        # A live camera's thread would tell this; the drawn one has no clock.
        capture: Any = hosts["video_capture"]._module_thread._module
        capture._changes.put(Change("door", "streaming", "", time.time(), None, 250))
        # Numbers of one camera come with its first frame; what has not come by then is missed by a test below.
        for _ in range(100):
            if {metric.name for metric in METRICS} <= _told(hosts):
                break
            await asyncio.sleep(0.1)
        texts = {name: await asyncio.to_thread(_text, server) for name, server in servers.items()}
        numbers = {name: (await asyncio.to_thread(hub.invoke, name, "metrics"))[1] for name in MODULES}
    return texts, numbers


def _told(hosts: Mapping[str, Host]) -> set[str]:
    return {split(key)[0] for host in hosts.values() for key in host.status.metrics()}


def _text(server: StatusServer) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=10) as answer:
        text: str = answer.read().decode()
    return text


def served(text: str) -> Served:
    return {
        sample.name: (family.type, frozenset(sample.labels))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def described(tables: list[list[Row]]) -> Served:
    rows = [row for table in tables for row in table if "metric" in row]
    found = {
        row["metric"].strip("`"): (row["type"], frozenset(filter(None, row["labels"].split(", ")))) for row in rows
    }
    assert len(found) == len(rows), "described once"
    assert all(row["meaning"] for row in rows)
    return found


@pytest.mark.parametrize("module_id", MODULES)
def test_what_a_module_serves_is_described_and_what_is_described_is_served(
    module_id: str, chapters: dict[str, str], tables: Tables, store: tuple[dict[str, str], dict[str, Any]]
) -> None:
    mine = described([table for name in (module_id, "Every module", "The process") for table in tables(chapters[name])])
    assert served(store[0][module_id]) == mine


@pytest.mark.parametrize("module_id", MODULES)
def test_no_number_of_a_module_lacks_its_entry_in_the_table_of_metrics(
    module_id: str, store: tuple[dict[str, str], dict[str, Any]]
) -> None:
    names = {split(key)[0] for key in store[1][module_id]}
    assert names - {metric.name for metric in METRICS} == set()


def test_no_metric_is_in_the_table_that_no_module_has(store: tuple[dict[str, str], dict[str, Any]]) -> None:
    told = {split(key)[0] for numbers in store[1].values() for key in numbers}
    assert {metric.name for metric in METRICS} == told


def test_every_chapter_is_of_a_module_or_of_all(chapters: dict[str, str], tables: Tables) -> None:
    told = {name for name, text in chapters.items() if any("metric" in row for table in tables(text) for row in table)}
    assert told == {*MODULES, "Every module", "The process"}


def test_no_other_page_and_no_question_speaks_of_a_metric_that_there_is_not(texts: dict[Path, str]) -> None:
    there_are = {metric.exposed_name for metric in METRICS}
    spoken_of = {
        name
        for path, text in texts.items()
        if path.suffix == ".md"
        for name in re.findall(r"\bstoreflow_(?:host|camera|frames|events|cameras)_\w+", text)
    }
    assert spoken_of <= there_are
