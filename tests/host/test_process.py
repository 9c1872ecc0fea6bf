"""A module's process on the real SDK: slow methods hold up nothing, health is served, a taken port is no end."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from local_azure.edge_hub.environment import is_edge_variable
from local_azure.edge_hub.process import EdgeHubProcess

SERVED = re.compile(r"health and metrics at http://(127\.0\.0\.1:\d+)")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeHubProcess]:
    with EdgeHubProcess(tmp_path_factory.mktemp("hub")) as process:
        yield process


@contextmanager
def running(hub: EdgeHubProcess, module_id: str, folder: Path, address: str) -> Iterator[Path]:
    """The module's process, until the end of the `with`; gives its log."""
    ours = {
        "STOREFLOW_STATE": str(folder / "state"),
        "STOREFLOW_CHANNELS": str(folder / "channels"),
        "STOREFLOW_HTTP_ADDRESS": address,
    }
    outside = {name: value for name, value in os.environ.items() if not is_edge_variable(name)}
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - ours
            [sys.executable, "-m", f"modules.{module_id}"],
            env=outside | ours | dict(hub.environment(module_id)),
            stdout=output,
            stderr=output,
        )
    try:
        wait_for(lambda: "edgeHub: connected" in log.read_text(), log)
        yield log
        process.terminate()
        assert process.wait(10) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


def wait_for(condition: Callable[[], Any], log: Path, seconds: float = 20.0) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, log.read_text()
        time.sleep(0.05)


def get(address: str, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_camera_that_never_answers_holds_up_no_other_method(hub: EdgeHubProcess, tmp_path: Path) -> None:
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as silent,
        running(hub, "video_capture", tmp_path, "127.0.0.1:0") as log,
    ):
        url = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/live"
        answers: list[Any] = []

        def look() -> None:
            answers.append(hub.client.invoke_method("video_capture", "testCamera", {"camera": {"url": url}}))

        looking = threading.Thread(target=look)
        looking.start()
        time.sleep(1.0)
        started_at = time.monotonic()
        assert hub.client.invoke_method("video_capture", "ping").payload["moduleId"] == "video_capture"
        assert hub.client.invoke_method("video_capture", "metrics").payload["host_connected"] == 1
        assert hub.client.invoke_method("video_capture", "testCamera", {"camera": {"url": url}}).status == 429
        assert time.monotonic() - started_at < 2
        assert not answers, "it is still looking"
        looking.join()
        (answer,) = answers
        assert (answer.status, answer.payload["reason"]) == (200, "unreachable"), log.read_text()


def test_health_is_served_where_the_log_says(hub: EdgeHubProcess, tmp_path: Path) -> None:
    with running(hub, "upstream_router", tmp_path, "127.0.0.1:0") as log:
        served = SERVED.search(log.read_text())
        assert served
        wait_for(lambda: get(served[1], "/readyz")[0] == 200, log)
        assert get(served[1], "/healthz")[0] == 200
        metrics = get(served[1], "/metrics")[1]
        assert 'storeflow_host_connected{module="upstream_router"} 1.0' in metrics
        assert "process_resident_memory_bytes " in metrics
        bundle = hub.client.invoke_method("upstream_router", "supportBundle").payload
        assert any("health and metrics at" in line for line in bundle["log"])


def test_a_port_that_is_taken_is_logged_and_the_module_works_on(hub: EdgeHubProcess, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with running(hub, "upstream_router", tmp_path, address) as log:
            assert "<3>" in log.read_text()
            assert f"{address} can't be served from: Address already in use" in log.read_text()
            assert hub.client.invoke_method("upstream_router", "ping").status == 200


def test_a_process_that_failed_says_why_and_ends_though_a_thread_of_it_hangs(
    hub: EdgeHubProcess, tmp_path: Path
) -> None:
    code = """
import asyncio, time
from storeflow.host.host import Host
from storeflow.host.process import run_module
from storeflow.errors import TransportError
from modules.upstream_router.module import UpstreamRouter

async def fail(self):
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 60)
    await asyncio.sleep(0.1)
    async with asyncio.TaskGroup() as group:
        group.create_task(be_of_no_use())
        group.create_task(divide())

async def be_of_no_use():
    raise TransportError("it is of no use")

async def divide():
    1 / 0

Host.run = fail
raise SystemExit(run_module(UpstreamRouter))
"""
    environment = os.environ | dict(hub.environment("upstream_router"))
    environment |= {"STOREFLOW_STATE": str(tmp_path), "STOREFLOW_HTTP_ADDRESS": "off"}
    ended = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", code], env=environment, timeout=30, check=False, capture_output=True, text=True
    )
    assert ended.returncode == 1
    ends = "the module ends, to be started again: "
    foreseen, unforeseen = ended.stdout.split(ends)[1:]
    assert foreseen.partition("\n")[0] == "it is of no use"
    assert "Traceback" not in foreseen, "its words say all there is to say"
    assert unforeseen.startswith("ZeroDivisionError: division by zero\nTraceback")
