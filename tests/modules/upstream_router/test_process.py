"""The router as its container runs it, on the real SDK and the edgeHub stand-in."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_azure.edge_hub.environment import is_edge_variable
from local_azure.edge_hub.process import EdgeHubProcess
from storeflow.host.module import Output, RawEvent
from storeflow.host.outbox import FILE_NAME, Outbox

COMMAND = [sys.executable, "-m", "modules.upstream_router"]
LOG_LINE = re.compile(r"<\d> \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \+00:00 \[[A-Z]{3}\] - .+")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[EdgeHubProcess]:
    with EdgeHubProcess(tmp_path / "hub") as process:
        yield process


def environment(**more: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not is_edge_variable(name)} | more


def wait_for(condition: Callable[[], Any], seconds: float = 15.0) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it did not come to pass in time"
        time.sleep(0.05)


def test_it_takes_twin_edits_while_it_runs_and_leaves_when_asked(hub: EdgeHubProcess, tmp_path: Path) -> None:
    log = tmp_path / "log"

    def reported() -> dict[str, Any]:
        status: dict[str, Any] = hub.client.reported("upstream_router").get("telemetry", {})
        return status

    def edited(telemetry: Any) -> dict[str, Any]:
        desired = hub.client.patch_twin("upstream_router", {"telemetry": telemetry})["properties"]["desired"]
        wait_for(lambda: reported().get("av") == desired["$version"])
        return reported()

    ours = {"STOREFLOW_STATE": str(tmp_path / "state"), "STOREFLOW_HTTP_ADDRESS": "127.0.0.1:0"}
    where = environment(**ours, **hub.environment("upstream_router"))
    with log.open("wb") as output, subprocess.Popen(COMMAND, env=where, stdout=output, stderr=output) as process:  # noqa: S603 - ours
        try:
            wait_for(lambda: reported().get("ad") == "not in the twin: default")
            assert edited({"sinks": {"file": {"kind": "ndjson"}}})["ac"] == 200
            typo = edited({"sinks": {"file": {"fiel": "x"}}})
            assert (typo["ac"], typo["ad"]) == (400, "telemetry.sinks.file.fiel: there is no such setting")
            assert edited({"sinks": {"file": {"fiel": None, "file": ".."}}})["ac"] == 400
            assert edited(None)["ad"] == "not in the twin: default"
            metrics = hub.client.invoke_method("upstream_router", "metrics").payload
            assert metrics["events_accepted"] == metrics["host_dropped"] == 0
        finally:
            asked_at = time.monotonic()
            process.terminate()
        assert process.wait(10) == 0
        assert time.monotonic() - asked_at < 5
    told = log.read_text().splitlines()
    assert all(LOG_LINE.fullmatch(line) for line in told), told
    assert any("events go to file" in line for line in told)


def test_after_days_without_a_line_alerts_leave_before_all_that_edge_hub_has_in_store(
    hub: EdgeHubProcess, tmp_path: Path, repository: Path
) -> None:
    """An edgeHub acknowledges at once, whether IoT Hub is there or not: only the priority of its routes counts then."""
    template = json.loads((repository / "deployment.template.json").read_text())
    hub.client.set_routes(template["modulesContent"]["$edgeHub"]["properties.desired"]["routes"])
    hub.client.cloud(away=True)
    one_by_one = {"kind": "upstream", "batch": {"max_events": 1, "max_seconds": 0}}
    hub.client.patch_twin("upstream_router", {"telemetry": {"sinks": {"cloud": one_by_one}}})
    ours = {"STOREFLOW_STATE": str(tmp_path / "state"), "STOREFLOW_HTTP_ADDRESS": "off"}
    where = environment(**ours, **hub.environment("upstream_router"))

    def hand_over(destination: str, event_type: str, *numbers: int) -> None:
        outbox = Outbox(tmp_path / "state" / FILE_NAME)
        events = [RawEvent("s", str(number), event_type, "1.0", "s", b"%d" % number) for number in numbers]
        outbox.commit([Output(destination, each) for each in events], None, time.time())
        outbox.close()
        before = hub.client.stats()["waiting"].get("$upstream", 0)
        with subprocess.Popen(COMMAND, env=where, stdout=subprocess.DEVNULL) as router:  # noqa: S603 - ours
            try:
                wait_for(lambda: hub.client.stats()["waiting"].get("$upstream", 0) >= before + len(numbers))
            finally:
                router.terminate()

    hand_over("cloud:$upstream", "storeflow.line.crossed", *range(20))
    hand_over("cloud:$upstream/alerts", "storeflow.camera.state", 20)
    hub.client.cloud(away=False)
    wait_for(lambda: not hub.client.stats()["waiting"].get("$upstream", 0))

    left = [int(each.body) for each in hub.client.upstream()]
    assert left[0] == 20
    assert set(left) == set(range(21)), "some may have left twice: the router was ended before it knew"


def test_started_outside_iot_edge_it_says_so_and_ends() -> None:
    ended = subprocess.run(COMMAND, env=environment(), capture_output=True, text=True, timeout=20, check=False)  # noqa: S603 - ours

    assert ended.returncode == 1
    assert "[FTL] - " in ended.stdout
    assert "was this started by edgeAgent?" in ended.stdout
