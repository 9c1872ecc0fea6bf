import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storeflow.cli.main import main
from storeflow.cli.manifest.command import sizes
from storeflow.cli.manifest.lint import agent_twin, problems
from storeflow.cli.manifest.render import image_names, render, text
from storeflow.cli.twin.lint import MODULES
from storeflow.contract.twin_limits import twin_size
from storeflow.errors import ConfigError

REGISTRY = {"CONTAINER_REGISTRY_SERVER": "example.azurecr.io"}
Document = dict[str, Any]
Change = Callable[[Document], None]


@pytest.fixture
def template(repository: Path) -> Document:
    document: Document = json.loads((repository / "deployment.template.json").read_text())
    return document


@pytest.fixture
def images(repository: Path) -> dict[str, str]:
    return image_names(repository / "modules", "amd64")


def agent(document: Document) -> Document:
    desired: Document = document["modulesContent"]["$edgeAgent"]["properties.desired"]
    return desired


def test_a_manifest_names_each_image_by_its_registry_version_and_platform(
    template: Document, images: dict[str, str]
) -> None:
    manifest = render(template, images, REGISTRY)
    found = {name: module["settings"]["image"] for name, module in agent(manifest)["modules"].items()}
    assert found == {name: f"example.azurecr.io/storeflow/{name}:0.1.0-amd64" for name in MODULES}


def test_a_manifest_has_create_options_as_strings_and_says_nothing_of_its_template(
    template: Document, images: dict[str, str]
) -> None:
    before = copy.deepcopy(template)
    manifest = render(template, images, REGISTRY)
    assert "$schema-template" not in manifest
    for name, module in agent(manifest)["modules"].items():
        chunks = [value for key, value in module["settings"].items() if key.startswith("createOptions")]
        assert all(isinstance(chunk, str) for chunk in chunks)
        assert json.loads("".join(chunks)) == agent(template)["modules"][name]["settings"]["createOptions"]
    assert template == before
    for name in MODULES:
        assert manifest["modulesContent"][name] == template["modulesContent"][name]


def test_a_layered_deployment_is_told_apart(template: Document) -> None:
    layer = {"modulesContent": {"$edgeAgent": {}, "$edgeHub": template["modulesContent"]["$edgeHub"]}}
    assert any("only a layered deployment, with paths as" in problem for problem in problems(layer))


def test_the_same_template_gives_the_same_bytes(template: Document, images: dict[str, str], repository: Path) -> None:
    again = json.loads((repository / "deployment.template.json").read_text())
    assert text(render(template, images, REGISTRY)) == text(render(again, images, {**REGISTRY, "MORE": "1"}))


def test_a_manifest_can_be_rendered_again_and_stays_as_it_is(template: Document, images: dict[str, str]) -> None:
    manifest = render(template, images, REGISTRY)
    assert render(manifest, images, {}) == manifest


def test_every_placeholder_without_a_value_is_told_with_its_path(template: Document, images: dict[str, str]) -> None:
    template["modulesContent"]["video_capture"]["properties.desired"]["cameras"]["entrance"]["url"] = "rtsp://${HOST}/1"
    agent(template)["modules"]["weather"] = {"settings": {"image": "${MODULES.weather}"}}
    with pytest.raises(ConfigError) as refused:
        render(template, images, REGISTRY)
    assert refused.value.problems == [
        "$edgeAgent.modules.weather.settings.image: ${MODULES.weather} names no folder that has a module.json",
        "video_capture.cameras.entrance.url: ${HOST} has no value; set it, or --set HOST=…",
    ]


def test_a_platform_that_no_image_is_built_for_is_told(repository: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        image_names(repository / "modules", "arm64v8")
    assert len(refused.value.problems) == len(MODULES)
    assert refused.value.problems[0] == "modules/inference/module.json: is not built for arm64v8; there is amd64"


@pytest.mark.parametrize(
    ("content", "told"), [("{}", "has no 'image'"), ("{", "not JSON"), ('{"image": {"tag": {}}}', "has no 'platforms'")]
)
def test_a_module_json_that_is_none_is_told(content: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "till").mkdir()
    (tmp_path / "till" / "module.json").write_text(content)
    with pytest.raises(ConfigError, match=rf"till/module.json: .*{told}"):
        image_names(tmp_path, "amd64")


def of_module(name: str, **changes: Any) -> Change:
    def change(document: Document) -> None:
        agent(document)["modules"][name] |= changes

    return change


def of_host(name: str, **changes: Any) -> Change:
    def change(document: Document) -> None:
        agent(document)["modules"][name]["settings"]["createOptions"]["HostConfig"] |= changes

    return change


def of_image(name: str, image: str) -> Change:
    def change(document: Document) -> None:
        agent(document)["modules"][name]["settings"]["image"] = image

    return change


def of_agent(**changes: Any) -> Change:
    def change(document: Document) -> None:
        agent(document).update(changes)

    return change


def more(name: str, **options: Any) -> Change:
    def change(document: Document) -> None:
        settings = {"image": "example.azurecr.io/other:1", "createOptions": options}
        entry = {"type": "docker", "status": "running", "restartPolicy": "always", "settings": settings}
        agent(document)["modules"][name] = entry

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (of_agent(schemaVersion="1.1.0"), "$edgeAgent.schemaVersion: is '1.1.0'; write '1.1'"),
        (of_agent(runtime={"type": "podman"}), "$edgeAgent.runtime: is not of type docker"),
        (of_agent(modules=[]), "$edgeAgent.modules: is no object"),
        (of_agent(systemModules={}), "$edgeAgent.systemModules.edgeHub: is not there"),
        (of_module("inference", type="podman"), "$edgeAgent.modules.inference.type: is 'podman'"),
        (of_module("inference", status="up"), "$edgeAgent.modules.inference.status: is 'up'"),
        (
            of_module("inference", restartPolicy="sometimes"),
            "$edgeAgent.modules.inference.restartPolicy: is 'sometimes'",
        ),
        (
            of_module("inference", restartPolicy="never"),
            "$edgeAgent.modules.inference.restartPolicy: is never; a module",
        ),
        (
            of_module("inference", restart="always"),
            "$edgeAgent.modules.inference.restart: edgeAgent knows no such field",
        ),
        (of_module("inference", env={"A.B": {"value": 1}}), "$edgeAgent.modules.inference.env.A.B: is "),
        (of_module("inference", env={"A": "1"}), "$edgeAgent.modules.inference.env.A: is '1'"),
        (of_module("inference", env=[]), "$edgeAgent.modules.inference.env: is no object"),
        (of_module("inference", settings=None), "$edgeAgent.modules.inference.settings: is no object"),
        (
            of_image("inference", "x/inference:latest"),
            "$edgeAgent.modules.inference.settings.image: x/inference:latest",
        ),
        (
            of_image("inference", "host:5000/inference"),
            "$edgeAgent.modules.inference.settings.image: host:5000/inference",
        ),
        (
            of_image("inference", "${MODULES.till}"),
            "$edgeAgent.modules.inference.settings.image: there is no modules/till",
        ),
        (
            of_host("inference", Privileged=True),
            "$edgeAgent.modules.inference.settings.createOptions.HostConfig.Privileged: is true; take it out",
        ),
        (
            of_host("inference", ReadonlyRootfs=False),
            "$edgeAgent.modules.inference.settings.createOptions.HostConfig.ReadonlyRootfs: is not true",
        ),
        (
            of_host("inference", Binds=["/srv/storeflow/" + "x" * 4096 + ":/data"]),
            "$edgeAgent.modules.inference.settings.createOptions: ",
        ),
        (
            more("weather", HostConfig={"NetworkMode": "host"}),
            "$edgeAgent.modules.weather.settings.createOptions.HostConfig.NetworkMode: shares the host's",
        ),
    ],
)
def test_a_fault_of_a_deployment_is_told_with_its_path(template: Document, change: Change, told: str) -> None:
    change(template)
    found = problems(template)
    assert any(problem.startswith(told) and ";" in problem for problem in found), found


def test_a_module_that_is_not_ours_need_not_be_hardened_like_ours(template: Document) -> None:
    more("weather", HostConfig={})(template)
    assert problems(template) == []


@pytest.mark.parametrize("image", ["mcr.microsoft.com/a@sha256:" + "0" * 64, "host:5000/a:1.0"])
def test_a_version_or_a_digest_names_an_image(template: Document, image: str) -> None:
    of_image("inference", image)(template)
    assert problems(template) == []


def test_faults_of_twins_and_routes_are_told_in_the_same_breath(template: Document) -> None:
    template["modulesContent"]["video_capture"]["properties.desired"]["cameras"]["entrance"]["fsp"] = 1
    del template["modulesContent"]["$edgeHub"]["properties.desired"]["routes"]["toCloud"]
    template["modulesContent"]["$edgeHub"]["properties.desired"]["schemaVersion"] = "1.2"
    found = problems(template)
    assert [problem.split(": ")[0] for problem in found] == [
        "$edgeHub.schemaVersion",
        "video_capture.cameras.entrance.fsp",
        "routes",
    ]


@pytest.mark.parametrize("document", [None, [], {}, {"modulesContent": []}, {"modulesContent": {"$edgeAgent": 1}}])
def test_what_is_no_deployment_is_told(document: Any) -> None:
    assert problems(document) == ["modulesContent: is no object of objects; this is no deployment"]


def test_a_folder_without_the_schemas_is_told(template: Document, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"azure-iot-edge-deployment-template-3.0.json: is not there"):
        problems(template, tmp_path)


def test_sizes_are_those_of_what_arrives(template: Document, images: dict[str, str]) -> None:
    manifest = render(template, images, REGISTRY)
    found = {size.what: size for size in sizes(manifest)}
    assert found["$edgeAgent: properties.desired"].size == twin_size(agent(manifest))
    layout = {"layout": template["modulesContent"]["zone_analytics"]["properties.desired"]["layout"]}
    assert found["zone_analytics: properties.desired"].size == found["  layout"].size == twin_size(layout)
    chunks = agent(manifest)["modules"]["inference"]["settings"]
    length = sum(len(value) for key, value in chunks.items() if key.startswith("createOptions"))
    assert found["$edgeAgent.modules.inference: createOptions"][1:] == (length, 4096)


def test_what_a_template_sends_to_edge_agent_is_measured_as_its_manifest_is(
    template: Document, images: dict[str, str]
) -> None:
    manifest, same_images = render(template, images, REGISTRY), {"image": ""}
    for name, module in agent_twin(template)["modules"].items():
        assert module["settings"] | same_images == agent(manifest)["modules"][name]["settings"] | same_images


def test_render_writes_the_manifest_or_nothing(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONTAINER_REGISTRY_SERVER", raising=False)
    file, out = str(repository / "deployment.template.json"), tmp_path / "deployment.amd64.json"
    assert main(["manifest", "render", file, "--to", str(out)]) == 1
    assert "${CONTAINER_REGISTRY_SERVER} has no value" in capsys.readouterr().err
    assert not out.exists()
    assert main(["manifest", "render", file, "--set", "CONTAINER_REGISTRY_SERVER=r.io", "--to", str(out)]) == 0
    monkeypatch.setenv("CONTAINER_REGISTRY_SERVER", "r.io")
    capsys.readouterr()
    assert main(["manifest", "render", file]) == 0
    assert capsys.readouterr().out == out.read_text()
    assert main(["manifest", "lint", str(out)]) == 0
    assert main(["manifest", "render", file, "--set", "NAME"]) == 2
    assert "--set NAME: is not NAME=VALUE" in capsys.readouterr().err


def test_lint_tells_one_fault_a_line_and_exits_with_1(
    repository: Path, template: Document, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.json"
    of_host("inference", Privileged=True)(template)
    bad.write_text(json.dumps(template))
    assert main(["manifest", "lint", str(repository / "deployment.template.json"), str(bad)]) == 1
    good, fault = capsys.readouterr().out.splitlines()
    assert good.endswith("deployment.template.json: nothing to fix")
    assert fault.startswith(f"{bad}: $edgeAgent.modules.inference.settings.createOptions.HostConfig.Privileged: ")


def test_size_exits_with_1_when_something_is_too_large(
    template: Document, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "template.json"
    file.write_text(json.dumps(template))
    assert main(["manifest", "size", str(file)]) == 0
    of_host("inference", Binds=["/srv/" + "x" * 4096 + ":/data"])(template)
    file.write_text(json.dumps(template))
    assert main(["manifest", "size", str(file)]) == 1
    assert "inference: createOptions" in capsys.readouterr().out
