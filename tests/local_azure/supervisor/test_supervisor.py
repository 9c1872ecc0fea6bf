"""A deployment run as processes, with small scripts for modules.

The Event Hubs namespace here is always the supervisor's own: it is what is tested, and killed.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_azure.edge_hub.client import HubError
from local_azure.event_hubs.client import NamespaceClient
from local_azure.event_hubs.endpoints import Endpoints, endpoints_file
from local_azure.supervisor.child import bound_log
from local_azure.supervisor.process_thread import Service
from local_azure.supervisor.restart_policy import RestartPolicy, RuntimeStatus
from local_azure.supervisor.supervisor import Supervisor
from storeflow.errors import ConfigError, TransportError

STEADY = """
import json, os, signal, sys, time
from pathlib import Path
mine = Path(os.environ["NOTES"]) / os.environ["IOTEDGE_MODULEID"]
signal.signal(signal.SIGTERM, lambda *_: (mine.with_suffix(".stopped").write_text("yes"), sys.exit(0)))
mine.with_suffix(".json").write_text(json.dumps({"environment": dict(os.environ)}))
print("up", flush=True)
while True:
    time.sleep(1)
"""
FAILING = "import sys; sys.exit(3)"
DONE = "print('done')"
TALKING = """
import os, signal, sys, time
from azure.iot.device import IoTHubModuleClient
from azure.iot.device.exceptions import ClientError
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
client = IoTHubModuleClient.create_from_edge_environment(connection_retry_interval=1)
client.connect()
while True:
    try:
        client.send_message_to_output("hello", "events")
    except ClientError as error:
        print(repr(error), flush=True)
    time.sleep(0.05)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
while True:
    time.sleep(1)
"""
SCRIPTS = {"steady": STEADY, "failing": FAILING, "done": DONE, "stubborn": STUBBORN, "talking": TALKING}


def module(script: str, order: int = 1, policy: str = "always", **settings: Any) -> dict[str, Any]:
    return {
        "type": "docker",
        "status": "running",
        "restartPolicy": policy,
        "startupOrder": order,
        "env": {"NOTES": {"value": "/notes"}},
        "settings": {
            "image": f"${{MODULES.{script}}}",
            "createOptions": {"HostConfig": {"Binds": ["srv/notes:/notes"]}},
            **settings,
        },
    }


def run_script(name: str) -> list[str]:
    return [sys.executable, "-c", SCRIPTS[name]]


def supervisor_command(started: list[str]) -> Callable[[str], list[str]]:
    """A command that writes down what it was asked to run."""

    def command_for(name: str) -> list[str]:
        started.append(name)
        return run_script(name)

    return command_for


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Supervisor]]:
    """Make a supervisor of script modules; it is stopped at the end of the test."""
    made: list[Supervisor] = []

    def make_one(modules: dict[str, Any], twins: dict[str, Any] | None = None, **options: Any) -> Supervisor:
        template = {
            "modulesContent": {
                "$edgeAgent": {"properties.desired": {"modules": modules}},
                "$edgeHub": {"properties.desired": {"routes": {"all": "FROM /messages/* INTO $upstream"}}},
                **{name: {"properties.desired": desired} for name, desired in (twins or {}).items()},
            }
        }
        path = tmp_path / "deployment.template.json"
        path.write_text(json.dumps(template))
        options = {"backoff_scale": 0.02, "stop_seconds": 3, "command_for": run_script, **options}
        made.append(Supervisor(path, tmp_path / "root", **options))
        return made[-1]

    yield make_one
    for supervisor in made:
        supervisor.stop()


def wait_for(condition: Callable[[], object], what: str, seconds: float = 10) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def notes(supervisor: Supervisor, name: str) -> Any:
    """What a steady module wrote when it started."""
    path = supervisor.root / "srv" / "notes" / f"{name}.json"
    with contextlib.suppress(FileNotFoundError, ValueError):
        return json.loads(path.read_text())
    return None


def answers(supervisor: Supervisor) -> bool:
    """Say whether the hub answers."""
    try:
        supervisor.hub.stats()
    except TransportError:
        return False
    return True


def test_modules_start_in_order_with_edge_agents_environment_and_stop_when_asked(
    make: Callable[..., Supervisor],
) -> None:
    modules = {"second": module("stubborn", order=9), "first": module("steady", order=2)}
    started: list[str] = []
    command_for = supervisor_command(started)
    supervisor = make(modules, environment={"EXTRA": "1"}, command_for=command_for, stop_seconds=0.5)
    with supervisor:
        wait_for(lambda: notes(supervisor, "first"), "the first is up")
        environment = notes(supervisor, "first")["environment"]
        assert Path(environment["IOTEDGE_WORKLOADURI"].removeprefix("unix://")).is_socket()
        status = supervisor.status()
        assert {name: unit.status for name, unit in status.items()} == {
            "edgeHub": RuntimeStatus.RUNNING,
            "first": RuntimeStatus.RUNNING,
            "second": RuntimeStatus.RUNNING,
        }
        assert status["first"].pid == supervisor.pid("first") != supervisor.pid("second")
    assert started == ["steady", "stubborn"]
    assert environment["IOTEDGE_MODULEID"] == "first"
    assert environment["IOTEDGE_GATEWAYHOSTNAME"].startswith("127.")
    assert environment["NOTES"] == str(supervisor.root / "srv" / "notes")
    assert environment["EXTRA"] == "1"
    assert (supervisor.root / "srv" / "notes" / "first.stopped").read_text() == "yes"
    assert (supervisor.root / "logs" / "first.log").read_text() == "up\n"
    assert {unit.status for unit in supervisor.status().values()} == {RuntimeStatus.STOPPED}
    with pytest.raises(TransportError, match="first is not running"):
        supervisor.pid("first")


def test_a_failing_module_is_restarted_with_growing_pauses_and_others_by_their_policy(
    make: Callable[..., Supervisor], caplog: pytest.LogCaptureFixture
) -> None:
    modules = {
        "failing": module("failing", policy="on-failure"),
        "never": module("failing", policy="never"),
        "done": module("done", policy="on-failure"),
    }
    with make(modules) as supervisor:
        started = time.monotonic()
        wait_for(lambda: supervisor.status()["failing"].restart_count >= 2, "two restarts")
        # 10 s and 20 s, at a scale of 0.02.
        assert time.monotonic() - started >= 0.2 + 0.4 - 0.1
        assert supervisor.status()["failing"].last_exit_code == 3
        status = supervisor.status()
        assert (status["never"].status, status["never"].restart_count) == (RuntimeStatus.FAILED, 0)
        assert (status["done"].status, status["done"].last_exit_code) == (RuntimeStatus.STOPPED, 0)
    said = {"failing ended with 3; it is started again", "never ended with 3; it is not started again"}
    assert said | {"done ended with 0; it is not started again"} <= set(caplog.messages)


def test_a_killed_module_comes_back(make: Callable[..., Supervisor], caplog: pytest.LogCaptureFixture) -> None:
    with make({"a": module("steady")}) as supervisor:
        wait_for(lambda: notes(supervisor, "a"), "the module is up")
        before = supervisor.pid("a")
        supervisor.kill("a", signal.SIGKILL)
        wait_for(lambda: supervisor.status()["a"].pid not in (None, before), "another process")
        status = supervisor.status()["a"]
        assert (status.restart_count, status.last_exit_code) == (1, -signal.SIGKILL)
    assert "a was killed (signal 9); it is started again" in caplog.messages


def test_a_killed_hub_comes_back_where_it_was_with_what_it_knew(make: Callable[..., Supervisor]) -> None:
    with make({"a": module("steady")}, {"a": {"zones": {"till": 1}}}) as supervisor:
        address, twin = supervisor.hub.base_url, supervisor.hub.twin("a")
        supervisor.kill("edgeHub", signal.SIGKILL)
        wait_for(lambda: supervisor.status()["edgeHub"].restart_count == 1, "the hub starts again")
        wait_for(lambda: answers(supervisor), "the hub answers again")
        assert supervisor.hub.base_url == address
        assert supervisor.hub.twin("a") == twin
        assert supervisor.hub.routes().keys() == {"all"}


def test_a_module_on_the_real_sdk_talks_on_after_its_hub_was_killed(make: Callable[..., Supervisor]) -> None:
    with make({"a": module("talking")}) as supervisor:
        wait_for(lambda: len(supervisor.hub.upstream()) > 5, "messages leave the store")
        supervisor.kill("edgeHub", signal.SIGKILL)
        wait_for(lambda: supervisor.status()["edgeHub"].restart_count == 1, "the hub starts again")
        wait_for(lambda: answers(supervisor), "the hub answers again")
        last = supervisor.hub.upstream()[-1].sequence
        wait_for(lambda: len(supervisor.hub.upstream(after=last)) > 5, "messages leave the store again")
        assert supervisor.status()["a"].restart_count == 0


def test_what_goes_upstream_goes_on_to_an_event_hub_when_asked_and_does_so_after_both_were_killed(
    make: Callable[..., Supervisor],
) -> None:
    supervisor = make({"a": module("talking")}, event_hubs=("telemetry:1:landing", "other"))

    def stored() -> int:
        endpoints = Endpoints.read(endpoints_file(supervisor.root / "event_hubs"))
        hubs = NamespaceClient(endpoints.host, endpoints.control_port).stats()["hubs"]
        assert hubs["other"]["0"]["next"] == hubs["other"]["1"]["next"] == 0
        return int(hubs["telemetry"]["0"]["next"])

    with supervisor:
        connection_string = supervisor.event_hub("telemetry")
        assert ";EntityPath=telemetry" in connection_string
        wait_for(lambda: stored() > 5, "messages reach the event hub")
        assert supervisor.status().keys() == {"eventHubs", "edgeHub", "a"}
        endpoints_file(supervisor.root / "event_hubs").unlink()
        for name in ("eventHubs", "edgeHub"):
            supervisor.kill(name, signal.SIGKILL)
        wait_for(endpoints_file(supervisor.root / "event_hubs").exists, "the namespace listens again")
        before = stored()
        wait_for(lambda: stored() > before + 5, "messages reach the event hub again", 20)
        assert supervisor.event_hub("telemetry") == connection_string
        assert {name: unit.restart_count for name, unit in supervisor.status().items()} == {
            "eventHubs": 1,
            "edgeHub": 1,
            "a": 0,
        }


def test_a_deployment_is_applied_once_and_an_operators_edit_stays(make: Callable[..., Supervisor]) -> None:
    modules, twins = {"a": module("steady")}, {"a": {"zones": {"till": {"x": 1}}}}
    with make(modules, twins, desired_overrides={"a": {"zones": {"door": {"y": 2}}}}) as supervisor:
        assert supervisor.hub.desired("a") == {"zones": {"till": {"x": 1}, "door": {"y": 2}}}
        supervisor.hub.patch_twin("a", {"zones": {"till": {"x": 5}}})
        version = supervisor.hub.twin("a")["properties"]["desired"]["$version"]
    with make(modules, twins, desired_overrides={"a": {"zones": {"door": {"y": 2}}}}) as supervisor:
        assert supervisor.hub.desired("a") == {"zones": {"till": {"x": 5}, "door": {"y": 2}}}
        assert supervisor.hub.twin("a")["properties"]["desired"]["$version"] == version
    with make(modules, {"a": {"zones": {"till": {"x": 9}}}}) as supervisor:
        assert supervisor.hub.desired("a") == {"zones": {"till": {"x": 9}}}


def test_a_module_that_does_not_stop_is_killed(make: Callable[..., Supervisor]) -> None:
    supervisor = make({"a": module("stubborn")}, stop_seconds=0.3)
    with supervisor:
        wait_for((supervisor.root / "logs" / "a.log").read_text, "the module is up")
        process = supervisor.pid("a")
    assert not Path(f"/proc/{process}").exists()


def test_a_twin_over_a_limit_stops_the_start_and_leaves_nothing_running(
    make: Callable[..., Supervisor],
) -> None:
    supervisor = make({"a": module("steady")}, {"a": {"zones": "x" * 5000}})
    with pytest.raises(HubError, match="zones: string of 5000 bytes"):
        supervisor.start()
    assert {unit.status for unit in supervisor.status().values()} == {RuntimeStatus.STOPPED}


def test_an_override_of_an_unknown_module_is_refused(make: Callable[..., Supervisor]) -> None:
    with pytest.raises(ConfigError, match=r"desired_overrides\.b: the template has no such module"):
        make({"a": module("steady")}, desired_overrides={"b": {}})


def test_a_service_beside_the_store_is_started_again_and_outlives_the_modules(
    make: Callable[..., Supervisor], tmp_path: Path
) -> None:
    notes_of_it = tmp_path / "beside"
    notes_of_it.mkdir()
    service = Service(
        command=lambda: run_script("steady"),
        environment=lambda: {**os.environ, "NOTES": str(notes_of_it), "IOTEDGE_MODULEID": "storage"},
        folder=tmp_path,
        log=notes_of_it / "storage.log",
        policy=RestartPolicy.ALWAYS,
    )
    up, stopped = notes_of_it / "storage.json", notes_of_it / "storage.stopped"
    with make({"a": module("stubborn")}, stop_seconds=0.5) as supervisor:
        supervisor.run_beside("storage", service, up.exists)
        assert supervisor.ready_after.keys() == {"edgeHub", "storage"}
        first = supervisor.pid("storage")
        up.unlink()
        supervisor.kill("storage")
        wait_for(up.exists, "storage is back")
        assert supervisor.pid("storage") != first
        assert supervisor.status()["storage"].restart_count == 1
        wait_for((supervisor.root / "logs" / "a.log").read_text, "the module is up")
        began = time.time()
    assert stopped.stat().st_mtime - began > 0.4, "it was asked to end before the module had"


def test_a_service_beside_the_store_that_does_not_start_is_said_with_the_end_of_its_log(
    make: Callable[..., Supervisor], tmp_path: Path
) -> None:
    log = tmp_path / "storage.log"
    service = Service(
        command=lambda: [sys.executable, "-c", "import sys; sys.exit('no room')"],
        environment=lambda: os.environ,
        folder=tmp_path,
        log=log,
        policy=RestartPolicy.ALWAYS,
    )
    with (
        make({}) as supervisor,
        pytest.raises(TransportError, match=r"storage did not start; .*storage\.log ends: no room"),
    ):
        supervisor.run_beside("storage", service, lambda: False)


def test_two_stores_run_side_by_side(make: Callable[..., Supervisor], tmp_path: Path) -> None:
    one = make({"a": module("steady")})
    other = Supervisor(
        tmp_path / "deployment.template.json",
        tmp_path / "other",
        device_id="store-2",
        command_for=run_script,
    )
    with one, other:
        assert one.hub.base_url != other.hub.base_url
        one.hub.replace_twin("a", {"x": 1})
        assert other.hub.desired("a") == {}


def test_nothing_outlives_a_killed_supervisor(tmp_path: Path, make: Callable[..., Supervisor]) -> None:
    make({"a": module("steady"), "b": module("stubborn")})
    (tmp_path / "steady.py").write_text(STEADY)
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    program = f"""
import sys, time
from pathlib import Path
from local_azure.supervisor.supervisor import Supervisor
folder = Path({str(tmp_path)!r})
command = lambda name: [sys.executable, str(folder / (name + ".py"))]
supervisor = Supervisor(folder / "deployment.template.json", folder / "root", command_for=command)
supervisor.start()
print(*(unit.pid for unit in supervisor.status().values()), flush=True)
time.sleep(60)
"""
    repository = Path(__file__).resolve().parents[3]
    process = subprocess.Popen(  # noqa: S603 - the program above
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(repository)},
    )
    with process:
        assert process.stdout is not None
        children = [int(pid) for pid in process.stdout.readline().split()]
        assert len(children) == 3
        assert all(Path(f"/proc/{pid}").exists() for pid in children)
        process.kill()
    wait_for(lambda: not any(is_running(pid) for pid in children), "all children ended")


def is_running(pid: int) -> bool:
    """Say whether a process is there and no zombie (nobody may be left to collect it)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_log_is_kept_under_its_limit(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    bound_log(log)
    with log.open("ab") as writer:
        writer.write(b"x" * 100)
        writer.flush()
        bound_log(log, limit=100)
        assert log.stat().st_size == 100
        writer.write(b"y")
        writer.flush()
        bound_log(log, limit=100)
        writer.write(b"z")
    assert log.read_bytes() == b"z"
    assert log.with_name("a.log.1").read_bytes() == b"x" * 100 + b"y"
