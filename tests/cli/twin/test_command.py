import ast
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from modules.inference.module import Inference
from modules.upstream_router.module import UpstreamRouter
from modules.video_capture.module import VideoCapture
from modules.zone_analytics.module import ZoneAnalytics
from storeflow.cli.main import main
from storeflow.cli.twin.lint import MODULES, lint, lint_module
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState
from storeflow.contract.twins import read_section
from storeflow.errors import ContractError
from storeflow.host import custody
from storeflow.host.courier import HasCouriers
from storeflow.host.custody import RECEIPTS
from storeflow.host.module import HasInputs, Module, ModuleContext

CLASSES: dict[str, Callable[[ModuleContext, bytes | None], Module]] = {
    "video_capture": VideoCapture,
    "inference": Inference,
    "zone_analytics": ZoneAnalytics,
    "upstream_router": UpstreamRouter,
}
DOOR = {"start": [0.1, 0.5], "end": [0.9, 0.5]}
Template = dict[str, Any]


@pytest.fixture
def template(repository: Path) -> Template:
    document: Template = json.loads((repository / "deployment.template.json").read_text())
    return document


def desired(template: Template, module_id: str) -> dict[str, Any]:
    section: dict[str, Any] = template["modulesContent"][module_id]["properties.desired"]
    return section


def test_the_template_of_this_repository_has_no_fault_and_a_size_for_every_twin(template: Template) -> None:
    report = lint(template)
    assert report.problems == []
    assert set(report.sizes) == {"$edgeHub", *MODULES}
    assert all(0 < size < 2000 for size in report.sizes.values())


def test_a_fault_is_told_with_its_path(template: Template) -> None:
    desired(template, "zone_analytics")["layout"]["zones"]["queue"]["polygon"] = [[0, 0], [1, 1], [1, 0], [0, 1]]
    desired(template, "video_capture")["cameras"]["entrance"]["url"] = "rtsp://user:pass@camera/1"
    desired(template, "inference")["layout"] = {}
    told = lint(template).problems
    assert [problem.partition(": ")[0] for problem in told] == [
        "video_capture.cameras.entrance.url",
        "inference.layout",
        "zone_analytics.layout.zones.queue.polygon",
    ]
    assert "pass" not in told[0].replace("password", "")


def test_what_only_a_device_refused_until_now_is_told_before() -> None:
    urls = ("rtsp://10.0.0.1/x?password=hunter2", "file:../../etc/passwd", "pattern:walkr", "rtsp:///x")
    told = lint({"cameras": {f"camera_{number}": {"url": url} for number, url in enumerate(urls)}}).problems
    assert [problem.partition(": ")[0] for problem in told] == [f"cameras.camera_{number}.url" for number in range(4)]
    assert "hunter2" not in str(told)


@pytest.mark.parametrize("kind", ["lines", "zones", "queues"])
def test_a_camera_that_the_template_has_not_is_told(template: Template, kind: str) -> None:
    layout = desired(template, "zone_analytics")["layout"]
    corners = [[0, 0], [0.5, 0], [0.5, 0.5]]
    drawn: dict[str, Template] = {
        "lines": {**DOOR},
        "zones": {"polygon": corners},
        "queues": {"polygon": corners, "service": corners},
    }
    layout.setdefault(kind, {})["new"] = {**drawn[kind], "camera_id": "entrance"}
    assert lint(template).problems == []

    layout[kind]["new"]["camera_id"] = "entrence"
    told = f"zone_analytics.layout.{kind}.new.camera_id: no camera is called entrence; there are: entrance"
    assert lint(template).problems == [told]
    desired(template, "video_capture")["cameras"] = {}
    assert any(problem.endswith("no camera is called entrence; there is none") for problem in lint(template).problems)
    del desired(template, "video_capture")["cameras"]
    assert lint(template).problems == [], "a layered deployment may bring them"
    template["modulesContent"]["zone_analytics"]["properties.desired"]["layout"] = 7
    assert [problem.partition(": ")[0] for problem in lint(template).problems] == ["zone_analytics.layout"]


def test_a_layered_deployment_may_name_cameras_of_what_it_is_put_onto(template: Template) -> None:
    line = {**DOOR, "camera_id": "entrance"}
    layer: Template = {
        "modulesContent": {
            "zone_analytics": {"properties.desired.layout": {"lines": {"new": line}}},
            "video_capture": {"properties.desired.cameras": {"back": {"url": "pattern:walker"}}},
        }
    }
    assert lint(layer).problems == []
    line["camera_id"] = "bakc"
    assert [one.partition(": ")[2] for one in lint(layer, template).problems] == [
        "no camera is called bakc; there are: back"
    ]


def with_route(route: str) -> Callable[[Template], None]:
    def change(template: Template) -> None:
        desired(template, "$edgeHub")["routes"]["more"] = route

    return change


def without_route(name: str) -> Callable[[Template], None]:
    def change(template: Template) -> None:
        del desired(template, "$edgeHub")["routes"][name]

    return change


def without_module(name: str) -> Callable[[Template], None]:
    def change(template: Template) -> None:
        del desired(template, "$edgeAgent")["modules"][name]

    return change


EVENTS = 'BrokeredEndpoint("/modules/upstream_router/inputs/events")'


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            with_route(f"FROM /messages/modules/zone_analytics/outputs/evnts INTO {EVENTS}"),
            "routes.more: no module of this deployment has the output /messages/modules/zone_analytics/outputs/evnts",
        ),
        (
            with_route('FROM /messages/* INTO BrokeredEndpoint("/modules/upstream_router/inputs/telemetry")'),
            "routes.more: no module of this deployment has the input /modules/upstream_router/inputs/telemetry",
        ),
        (with_route("FROM /messages/* TO $upstream"), "routes.more: 'FROM /messages/* TO $upstream' is not FROM"),
        (
            without_route("toCloud"),
            "routes: none takes /messages/modules/upstream_router/outputs/upstream: edgeHub would drop",
        ),
        (without_route("cameraReceipts"), "routes: none leads to /modules/video_capture/inputs/receipts: nothing"),
        (
            without_module("video_capture"),
            "routes.cameraEvents: no module of this deployment has the output /messages/modules/video_capture",
        ),
    ],
)
def test_a_route_that_leads_nowhere_is_told(template: Template, change: Callable[[Template], None], told: str) -> None:
    change(template)
    problems = lint(template).problems
    assert problems
    assert problems[0].startswith(told)


def test_a_wrong_route_is_found_where_only_the_twin_of_edge_hub_is_edited() -> None:
    (told,) = lint_module("$edgeHub", {"routes": {"more": "FROM /messages/* TO $upstream"}}).problems
    assert told.startswith("routes.more: 'FROM /messages/* TO $upstream' is not FROM")


@pytest.mark.parametrize(
    "route",
    [
        "FROM /messages/* INTO $upstream",
        "FROM /messages/modules/video_capture/* INTO $upstream",
        "FROM /twinChangeNotifications INTO $upstream",
        f"FROM /messages/modules/weather/outputs/any INTO {EVENTS}",
        'FROM /messages/modules/zone_analytics/outputs/events INTO BrokeredEndpoint("/modules/weather/inputs/any")',
    ],
)
def test_a_route_from_a_group_of_sources_or_with_a_module_that_is_not_ours_is_good(
    template: Template, route: str
) -> None:
    desired(template, "$edgeAgent")["modules"]["weather"] = {}
    template["modulesContent"]["weather"] = {"properties.desired": {"anything": True}}
    with_route(route)(template)
    assert lint(template).problems == []


def test_a_section_of_a_layered_deployment_is_checked_too() -> None:
    layered: Template = {
        "modulesContent": {"$edgeAgent": {}, "zone_analytics": {"properties.desired.layout": {"line": {}}}}
    }
    assert lint(layered).problems[0].startswith("zone_analytics.layout.line: ")


def test_a_twin_that_is_too_large_for_iot_hub_is_told_with_its_size() -> None:
    lines = {f"line_{number}": {**DOOR, "camera_id": "x" * 1000} for number in range(40)}
    report = lint({"layout": {"lines": lines}})
    assert report.sizes["desired properties"] > 40_000
    assert [problem for problem in report.problems if "IoT Hub takes 32768" in problem]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"cameras": {"door": {"url": "file:a.mp4", "fsp": 10}}}', ": cameras.door.fsp: "),
        ('{"camera": {}}', ": camera: unknown section; there is cameras, models, layout, telemetry"),
        ('{"layout": {"lines": {}, "lines": {}}}', ": layout.lines: is there twice in one object"),
        (
            '{"cameras": {"door": {"url": "file:a.mp4"}, "door": {"url": "file:b.mp4"}}}',
            ": cameras.door: is there twice in one object; only the last one would count",
        ),
        (
            '{"modulesContent": {"a": {}, "$edgeAgent": {"x": [{"b": 1, "b": 2}]}}}',
            ": modulesContent.$edgeAgent.x[0].b:",
        ),
        ('{"layout": {"zones": {"till": {"polygon": [[NaN, 0]]}}}}', ": layout.zones.till.polygon[0][0]: nan is not a"),
        ('{"cameras": {"door": {"fps": Infinity}}}', ": cameras.door.fps: inf is not a JSON number"),
        ('{"modulesContent": {"$edgeAgent": {"x": -1e999}}}', ": modulesContent.$edgeAgent.x: -inf is not a JSON"),
        ("[]", ": expected an object, got list"),
        ('{"modulesContent": {"zone_analytics": 1}}', ": modulesContent: expected an object of objects"),
    ],
)
def test_the_command_tells_one_fault_a_line_and_exits_with_1(
    text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps({"layout": {"lines": {"door": DOOR}}}))
    bad.write_text(text)
    assert main(["twin", "lint", str(bad), str(good)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith(str(bad)) and told in line for line in lines)
    assert lines[-1] == f"{good}: desired properties: 55 of 32768 bytes"


@pytest.mark.parametrize("command", ["twin", "manifest"])
def test_a_file_that_cannot_be_read_is_a_mistake_in_the_call_and_the_others_are_checked(
    command: str, repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, half, faulty = str(repository / "deployment.template.json"), tmp_path / "half.json", tmp_path / "faulty.json"
    half.write_text("{")
    faulty.write_text("[]")
    assert main([command, "lint", str(tmp_path / "gone.json"), str(half), str(faulty), good]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{tmp_path / 'gone.json'}: No such file or directory"
    assert lines[1].startswith(f"{half}: not JSON: ")
    assert lines[2].startswith(f"{faulty}: ")
    assert [line for line in lines if line.startswith(good)]


def test_the_command_exits_with_0_when_there_is_no_fault(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["twin", "lint", str(repository / "deployment.template.json")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(MODULES)


@pytest.mark.parametrize("module_id", MODULES)
def test_what_the_linter_believes_of_a_module_is_what_the_module_does(
    module_id: str, repository: Path, tmp_path: Path
) -> None:
    context = ModuleContext(module_id, "hub", "device", "store", tmp_path, tmp_path, tmp_path, (), tmp_path)
    module = CLASSES[module_id](context, None)
    assert module.sections == MODULES[module_id].sections
    # The host answers what came on `events` with receipts, and takes receipts for what it sent there.
    if isinstance(module, HasInputs):
        module.configure("telemetry", read_section("telemetry", {}), 1)
        assert module.on_message(custody.EVENTS, _event())
        assert isinstance(module, HasCouriers)
        couriers: list[Any] = list(module.couriers.values())
        outputs = {courier.carrier.output for courier in couriers} | {RECEIPTS}
        inputs = {custody.EVENTS}
        with pytest.raises(ContractError):
            module.on_message("no such input", b"{}")
    else:
        outputs = _outputs_in(repository / "modules" / module_id)
        inputs = {RECEIPTS} if custody.EVENTS in outputs else set()
    assert (set(MODULES[module_id].outputs), set(MODULES[module_id].inputs)) == (outputs, inputs)
    module.close()


def _outputs_in(folder: Path) -> set[str]:
    """Every name of an `Output`, each a constant of custody.py."""
    calls = (node for path in folder.rglob("*.py") for node in ast.walk(ast.parse(path.read_text())))
    return {
        vars(custody)[ast.unparse(call.args[0])]
        for call in calls
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Output"
    }


def _event() -> bytes:
    state = CameraState(
        store_id="s", camera_id="c", captured_at=datetime(2026, 11, 20, 9, tzinfo=UTC), state="ended", detail=""
    )
    return CloudEvent.of(state, source="//h/d/c", id="1", subject="c").to_json()
