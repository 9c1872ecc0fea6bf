"""`storeflow twin` against a hub, with a module on the real SDK that answers as ours do."""

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_azure.edge_hub.process import EdgeHubProcess
from local_azure.edge_hub.service_access import connection_string_file
from storeflow.cli.main import main
from storeflow.cli.twin.change import SectionAck
from storeflow.contract.instant import TIME_PATTERN
from storeflow.iot_hub.shared_access import CONNECTION_VARIABLE

DOOR = {"start": [0.1, 0.5], "end": [0.9, 0.5]}
LAYOUT = {"layout": {"lines": {"door": DOOR}}}
Run = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def run(hub: EdgeHubProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `storeflow twin …` on the hub: its exit code and the lines it printed."""
    monkeypatch.setenv(CONNECTION_VARIABLE, connection_string_file(hub.state).read_text())

    def storeflow_twin(*arguments: object) -> tuple[int, list[str]]:
        status = main(["twin", *map(str, arguments)])
        told = capsys.readouterr()
        return status, [*told.out.splitlines(), *told.err.splitlines()]

    return storeflow_twin


@pytest.fixture
def file(tmp_path: Path) -> Callable[[Any], Path]:
    """Write a JSON file."""

    def write(document: Any) -> Path:
        path = tmp_path / "twin.json"
        path.write_text(json.dumps(document))
        return path

    return write


@pytest.fixture
def analytics(hub: EdgeHubProcess, open_module: Any) -> Iterator[Any]:
    """The module `zone_analytics`, with a layout; it accepts every layout but one with a line `moat`."""
    hub.client.replace_twin("zone_analytics", LAYOUT)
    module = open_module("zone_analytics").listen()
    module.client.get_twin()
    over = threading.Event()

    def answer() -> None:
        while not over.is_set():
            desired = hub.client.twin("zone_analytics")["properties"]["desired"]
            good = "moat" not in desired.get("layout", {}).get("lines", {})
            status = {"ac": 200 if good else 400, "av": desired["$version"], "ad": "in force" if good else "no moats"}
            if hub.client.reported("zone_analytics").get("layout") != status:
                module.client.patch_twin_reported_properties({"layout": status})
            over.wait(0.05)

    answering = threading.Thread(target=answer)
    answering.start()
    yield module
    over.set()
    answering.join()


def test_a_layout_is_set_and_the_modules_answer_is_told(
    run: Run, file: Callable[[Any], Path], hub: EdgeHubProcess, analytics: Any
) -> None:
    version = hub.client.twin("zone_analytics")["properties"]["desired"]["$version"]
    new = {"layout": {"lines": {"exit": DOOR}}}
    status, lines = run("set", "zone_analytics", file(new), "--yes")
    assert lines == [
        "- layout.lines.door.end: [0.9, 0.5]",
        "- layout.lines.door.start: [0.1, 0.5]",
        "+ layout.lines.exit.end: [0.9, 0.5]",
        "+ layout.lines.exit.start: [0.1, 0.5]",
        f"zone_analytics: version {version + 1} is sent",
        f"layout: accepted, version {version + 1}: in force",
    ]
    assert status == 0
    assert hub.client.desired("zone_analytics") == new
    assert analytics.patches.get(timeout=5)["layout"] == {"lines": {"door": None, "exit": DOOR}}


def test_a_patch_merges_and_null_removes(
    run: Run, file: Callable[[Any], Path], hub: EdgeHubProcess, analytics: Any
) -> None:
    assert analytics.client.connected
    zone = {"polygon": [[0.1, 0.1], [0.4, 0.1], [0.4, 0.4]]}
    status, _ = run("patch", "zone_analytics", file({"layout": {"zones": {"till": zone}}}), "--yes")
    assert (status, hub.client.desired("zone_analytics")["layout"]["zones"]) == (0, {"till": zone})
    status, lines = run("patch", "zone_analytics", file({"layout": {"zones": {"till": None}}}), "--yes")
    assert status == 0
    assert lines[0].startswith("- layout.zones.till.polygon: ")
    assert hub.client.desired("zone_analytics")["layout"] == {"lines": {"door": DOOR}, "zones": {}}


def test_what_the_module_refuses_is_told_with_its_reason(run: Run, file: Callable[[Any], Path], analytics: Any) -> None:
    assert analytics.client.connected
    _, lines = run("patch", "zone_analytics", file({"layout": {"lines": {"exit": DOOR}}}), "--yes")
    accepted = lines[-1].removeprefix("layout: accepted, version ").removesuffix(": in force")
    moat = file({"layout": {"lines": {"moat": DOOR}}})
    status, lines = run("patch", "zone_analytics", moat, "--yes")
    assert status == 1
    cure = "put it back, or fix it, with `storeflow twin set zone_analytics FILE` or `storeflow twin patch`"
    assert lines[-2:] == [
        f"layout: refused, version {int(accepted) + 1}: no moats",
        f"layout: the twin still says this; version {accepted} works on; {cure}",
    ]
    _, lines = run("patch", "zone_analytics", file({"layout": {"lines": {"door": None}}}), "--yes")
    assert lines[-1].startswith("layout: the twin still says this; what was in force before works on; put it back")


def test_a_camera_that_video_capture_has_not_is_told_and_the_layout_is_sent(
    run: Run, file: Callable[[Any], Path], hub: EdgeHubProcess, analytics: Any
) -> None:
    assert analytics.client.connected
    there = {"lines": {"door": {**DOOR, "camera_id": "entrance"}, "back": {**DOOR, "camera_id": "entrence"}}}
    status, lines = run("set", "zone_analytics", file({"layout": there}), "--yes")
    assert status == 0
    assert not [line for line in lines if "no camera is called" in line], "nobody says which cameras there are"

    hub.client.replace_twin("video_capture", {"cameras": {"entrance": {"url": "pattern:walker"}}})
    status, lines = run("set", "zone_analytics", file({"layout": {**there, "zones": {}}}), "--yes")
    told = (
        "warning: layout.lines.back.camera_id: no camera is called entrence; there are: entrance; "
        "sent all the same, as the camera may come later"
    )
    assert [line for line in lines if "no camera is called" in line] == [told]
    assert status == 0


def test_what_lint_refuses_is_not_sent(run: Run, file: Callable[[Any], Path], hub: EdgeHubProcess) -> None:
    hub.client.replace_twin("zone_analytics", LAYOUT)
    version = hub.client.twin("zone_analytics")["version"]
    status, lines = run("patch", "zone_analytics", file({"layout": {"lnies": {}}, "cameras": {}}), "--yes")
    assert status == 1
    assert lines == [
        "zone_analytics: layout.lnies: there is no such setting",
        "zone_analytics: cameras: unknown section; there is layout",
    ]
    status, lines = run("set", "$edgeHub", file({"routes": {"x": "FROM nowhere INTO $upstream"}}), "--yes")
    assert (status, lines) == (
        1,
        ["$edgeHub: routes.x: 'FROM nowhere INTO $upstream' is not FROM <source> [WHERE <condition>] INTO <sink>"],
    )
    assert hub.client.twin("zone_analytics")["version"] == version


def test_a_key_that_is_there_twice_is_not_sent(run: Run, tmp_path: Path, hub: EdgeHubProcess) -> None:
    hub.client.register("video_capture")
    version = hub.client.twin("video_capture")["version"]
    twice = tmp_path / "cameras.json"
    twice.write_text('{"cameras": {"door": {"url": "file:a.mp4"}, "door": {"url": "file:b.mp4"}}}')
    status, lines = run("set", "video_capture", twice, "--yes")
    assert status == 2
    assert "cameras.door: is there twice in one object; only the last one would count" in lines[-1]
    assert hub.client.twin("video_capture")["version"] == version


def test_routes_are_set_and_the_hubs_answer_is_told(run: Run, file: Callable[[Any], Path], hub: EdgeHubProcess) -> None:
    document = {"schemaVersion": "1.1", "routes": {"all": "FROM /messages/* INTO $upstream"}}
    status, lines = run("set", "$edgeHub", file(document), "--yes")
    assert status == 0
    assert lines[-1].startswith("$edgeHub: accepted, version ")
    assert hub.client.routes().keys() == {"all"}


def test_a_module_that_does_not_answer_is_told_apart(
    run: Run, file: Callable[[Any], Path], hub: EdgeHubProcess
) -> None:
    hub.client.replace_twin("zone_analytics", {})
    status, lines = run("set", "zone_analytics", file(LAYOUT), "--yes", "--wait", "0.1")
    assert (status, lines[-1]) == (3, "zone_analytics: no answer in 0.1 s; it will hear of it when it is back")
    assert run("set", "zone_analytics", file({"layout": {}}), "--yes", "--wait", "0")[0] == 0
    hub.client.register("somebody_elses")
    assert run("set", "somebody_elses", file({"anything": 1}), "--yes")[0] == 0
    assert hub.client.desired("somebody_elses") == {"anything": 1}


def test_nothing_is_sent_without_a_yes(
    run: Run, file: Callable[[Any], Path], hub: EdgeHubProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.client.replace_twin("zone_analytics", {})
    status, lines = run("set", "zone_analytics", file(LAYOUT))
    assert (status, lines[-1]) == (2, "storeflow: --yes: give it where nobody can be asked")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for answer, expected in (("", 1), ("n", 1), ("yes", 0)):
        assert hub.client.desired("zone_analytics") == {}
        monkeypatch.setattr("builtins.input", lambda _, answer=answer: answer)
        assert run("set", "zone_analytics", file(LAYOUT), "--wait", "0")[0] == expected
    assert hub.client.desired("zone_analytics") == LAYOUT
    assert run("set", "zone_analytics", file(LAYOUT)) == (0, ["zone_analytics: nothing changes"])


def test_somebody_elses_change_in_between_is_not_overwritten(
    run: Run, file: Callable[[Any], Path], hub: EdgeHubProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.client.replace_twin("zone_analytics", {})
    theirs = {"layout": {"lines": {"theirs": DOOR}}}

    def meanwhile(_: str) -> str:
        hub.client.patch_twin("zone_analytics", theirs)
        return "y"

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", meanwhile)
    status, lines = run("set", "zone_analytics", file(LAYOUT))
    assert status == 1
    assert "was changed by somebody else meanwhile; nothing was sent" in lines[-1]
    assert hub.client.desired("zone_analytics") == theirs


def test_what_get_prints_is_what_set_takes(run: Run, tmp_path: Path, hub: EdgeHubProcess) -> None:
    hub.client.replace_twin("zone_analytics", LAYOUT)
    status, lines = run("get", "zone_analytics", "--desired")
    assert (status, json.loads("\n".join(lines))) == (0, LAYOUT)
    (tmp_path / "same.json").write_text("\n".join(lines))
    assert run("set", "zone_analytics", tmp_path / "same.json")[1] == ["zone_analytics: nothing changes"]
    shown = json.loads("\n".join(run("get", "zone_analytics")[1]))
    assert shown.keys() == {"desired", "reported"}
    assert shown["desired"] == LAYOUT


def test_the_devices_modules_are_listed(run: Run, analytics: Any) -> None:
    assert analytics.client.connected
    status, lines = run("get")
    assert status == 0
    (row,) = (line for line in lines if line.split()[0] == "zone_analytics")
    assert row.split()[1] == "Connected"
    assert re.fullmatch(TIME_PATTERN, row.split()[2])
    assert any(line.split() == ["$edgeHub", "-", "-"] for line in lines)


def test_a_method_is_called_and_its_answer_printed(
    run: Run, file: Callable[[Any], Path], hub: EdgeHubProcess, open_module: Any
) -> None:
    module = open_module("zone_analytics").listen()
    status, lines = run("call", "zone_analytics", "ping", "--payload", file({"a": 1}))
    assert status == 0
    assert json.loads("\n".join(lines)) == {"status": 200, "payload": {"method": "ping", "payload": {"a": 1}}}
    module.close()
    hub.client.drop("zone_analytics")
    status, lines = run("call", "zone_analytics", "ping")
    assert (status, lines) == (3, ["storeflow: zone_analytics is not connected to the hub; see its log"])
    status, lines = run("call", "zone_analytcs", "ping")
    assert status == 2
    assert lines[0].startswith("storeflow: store-1 has no module zone_analytcs; it has $edgeAgent, ")


def test_a_method_may_be_given_its_payload_at_once(run: Run, analytics: Any) -> None:
    assert analytics.client.connected
    status, lines = run("call", "zone_analytics", "ping", "--payload", '{"a": 1}')
    assert (status, json.loads("\n".join(lines))["payload"]["payload"]) == (0, {"a": 1})
    status, lines = run("call", "zone_analytics", "ping", "--payload", "gone.json")
    assert (status, lines) == (2, ["storeflow: --payload gone.json: No such file or directory"])


def test_a_template_is_no_modules_twin(run: Run, file: Callable[[Any], Path]) -> None:
    template = file({"modulesContent": {"zone_analytics": {}}})
    status, lines = run("set", "zone_analytics", template, "--yes")
    assert status == 2
    assert lines == [
        f"storeflow: {template}: is a deployment template or manifest; give the module's desired properties only"
    ]


def test_after_cameras_are_accepted_it_is_said_how_to_look_whether_they_can_be_read(
    run: Run, file: Callable[[Any], Path], hub: EdgeHubProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.client.replace_twin("video_capture", {"cameras": {"old": {"url": "pattern:walker"}}})
    monkeypatch.setattr("sys.argv", ["storeflow"])
    monkeypatch.setattr(
        "storeflow.cli.twin.command.section_acks",
        lambda _module, _patch, version, _reported: [SectionAck("cameras", accepted=True, version=version, reason="")],
    )
    _, lines = run(
        "patch", "video_capture", file({"cameras": {"door": {"url": "file:gone.mp4"}, "old": None}}), "--yes"
    )
    assert [line for line in lines if "whether" in line] == [
        'whether it can be read: storeflow twin call video_capture testCamera --payload \'{"camera_id": "door"}\''
    ]


def test_where_no_hub_is_any_more_it_is_said(run: Run, hub: EdgeHubProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    there = connection_string_file(hub.state).read_text()
    monkeypatch.setenv(CONNECTION_VARIABLE, re.sub("HostName=[^;]*", "HostName=127.0.0.1:1", there))
    status, lines = run("get")
    of_a_run = "is `make run STAY=1` still running? A new run has a new connection string"
    assert (status, lines) == (3, [f"storeflow: no hub answers at 127.0.0.1:1: {of_a_run}"])
    monkeypatch.setenv(CONNECTION_VARIABLE, re.sub("SharedAccessKey=[^;]*", "SharedAccessKey=AAAA", there))
    status, lines = run("get")
    assert status == 2
    assert lines[0].startswith(f"storeflow: {CONNECTION_VARIABLE}: the hub refuses it")


def test_the_connection_string_comes_from_the_environment_or_a_file_and_never_from_the_command_line(
    run: Run, hub: EdgeHubProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.client.register("a")
    monkeypatch.delenv(CONNECTION_VARIABLE)
    status, lines = run("get", "a")
    assert status == 2
    assert lines[-1].startswith(f"storeflow: {CONNECTION_VARIABLE}: not set; give it, or --connection-string-file FILE")
    file = connection_string_file(hub.state)
    assert run("get", "a", "--connection-string-file", file)[0] == 0
    status, lines = run("get", "a", "--connection-string-file", file.with_name("nowhere"))
    gone = f"--connection-string-file {file.with_name('nowhere')}: No such file or directory"
    assert (status, lines[-1]) == (2, f"storeflow: {gone}")
    monkeypatch.setenv(CONNECTION_VARIABLE, f"{file.read_text().strip()};DeviceId=x")
    status, lines = run("get", "a")
    assert (status, os.linesep.join(lines).count("SharedAccessKey=")) == (2, 0)
    assert run("get", "a", "--connection-string-file", file, "--device", "elsewhere")[0] == 2
