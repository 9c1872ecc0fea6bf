"""Layered deployments, as `storeflow manifest lint` and `storeflow twin lint` look at them."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from storeflow.cli.main import main
from storeflow.cli.manifest.lint import problems
from storeflow.cli.manifest.render import image_names, render
from storeflow.cli.twin.layers import is_layer, put_onto
from storeflow.cli.twin.lint import lint
from storeflow.errors import ConfigError

Document = dict[str, Any]
PROMO = {"polygon": [[0.1, 0.1], [0.4, 0.1], [0.4, 0.4]]}


@pytest.fixture
def template(repository: Path) -> Document:
    document: Document = json.loads((repository / "deployment.template.json").read_text())
    return document


def layer(module: str, path: str, value: Any) -> Document:
    return {"modulesContent": {module: {f"properties.desired.{path}": value}}}


def module_of(**options: Any) -> Document:
    settings = {"image": "example.azurecr.io/weather:1", "createOptions": options}
    return {"type": "docker", "status": "running", "restartPolicy": "always", "settings": settings}


def test_a_layer_is_told_apart(template: Document) -> None:
    assert is_layer(layer("zone_analytics", "layout.zones.promo", PROMO))
    assert [is_layer(each) for each in (template, None, {}, {"modulesContent": [1]})] == [False] * 4


def test_a_good_layer_has_nothing_to_mend(template: Document) -> None:
    before = copy.deepcopy(template)
    for good in (
        layer("zone_analytics", "layout.zones.promo", PROMO),
        layer("zone_analytics", "layout.zones.queue", None),
        layer("$edgeAgent", "modules.weather", module_of()),
        layer("$edgeHub", "routes.weather", {"route": "FROM /messages/modules/zone_analytics/* INTO $upstream"}),
        layer("weather", "settings.city", "Graz"),
    ):
        assert (problems(good), lint(good).problems) == ([], [])
        assert (problems(good, base=template), lint(good, template).problems) == ([], [])
    assert template == before


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("layout.zones.promo", {"polygn": []}, "zone_analytics.layout.zones.promo.polygn: there is no such setting"),
        ("layout.zones.promo.polygon", [[0, 0], [1, 1]], "zone_analytics.layout.zones.promo.polygon: "),
        ("layout.lines.entrance.in", "up", "zone_analytics.layout.lines.entrance.in: "),
    ],
)
def test_what_a_layer_makes_of_a_section_is_checked_on_its_base(
    template: Document, path: str, value: Any, told: str
) -> None:
    bad = layer("zone_analytics", path, value)
    assert lint(bad).problems == [], "by itself it can't be read"
    for found in (problems(bad, base=template), lint(bad, template).problems):
        assert any(problem.startswith(told) for problem in found), found
        assert all(problem.startswith("zone_analytics.layout.") for problem in found), found


def test_a_section_that_a_module_does_not_have_is_told_without_a_base() -> None:
    bad = layer("zone_analytics", "layuot.zones.promo", PROMO)
    told = "zone_analytics.properties.desired.layuot.zones.promo: layuot is an unknown section; there is layout"
    assert lint(bad).problems == problems(bad) == [told]


def test_a_route_of_a_layer_is_joined_with_those_of_its_base(template: Document) -> None:
    bad = layer("$edgeHub", "routes.lost", {"route": "FROM /messages/modules/inference/outputs/x INTO $upstream"})
    (told,) = problems(bad, base=template)
    assert told.startswith("routes.lost: no module of this deployment has the output")


def test_a_module_of_a_layer_may_do_no_more_than_another(template: Document) -> None:
    bad = layer("$edgeAgent", "modules.weather", module_of(HostConfig={"privileged": True}))
    told = "$edgeAgent.modules.weather.settings.createOptions.HostConfig.Privileged: is true; take it out"
    assert problems(bad) == problems(bad, base=template) == [told]
    deep = layer("$edgeAgent", "modules.inference.settings.createOptions.HostConfig.Mounts", [{"Type": "bind"}])
    (found,) = problems(deep, base=template)
    assert found.startswith("$edgeAgent.modules.inference.settings.createOptions.HostConfig.Mounts: / is the host")


def test_a_layer_lies_on_a_manifest_as_on_a_template(template: Document, repository: Path) -> None:
    images = image_names(repository / "modules", "amd64")
    manifest = render(template, images, {"CONTAINER_REGISTRY_SERVER": "example.azurecr.io"})
    for base in (template, manifest):
        assert problems(layer("zone_analytics", "layout.zones.promo", {"polygon": 1}), base=base)
        assert problems(layer("zone_analytics", "layout.zones.promo", PROMO), base=base) == []


def test_faults_that_the_base_has_by_itself_are_not_the_layers(template: Document) -> None:
    template["modulesContent"]["zone_analytics"]["properties.desired"]["layout"]["zones"]["queue"]["colour"] = "red"
    assert problems(template)
    good = layer("zone_analytics", "layout.zones.promo", PROMO)
    assert (problems(good, base=template), lint(good, template).problems) == ([], [])


def test_what_iot_hub_would_not_take_as_a_path_is_told() -> None:
    two = layer("zone_analytics", "layout", {})
    two["modulesContent"]["zone_analytics"]["properties.reported.x"] = 1
    assert problems(two) == [
        "zone_analytics.properties.reported.x: expected properties.desired or properties.desired.<path>"
    ]
    assert lint(two).problems == problems(two)


@pytest.mark.parametrize("base", [[], {}, {"modulesContent": {"a": 1}}, layer("zone_analytics", "layout", {})])
def test_a_base_that_is_none_is_told(base: Any) -> None:
    with pytest.raises(ConfigError, match=r"--base: has no modulesContent with properties\.desired"):
        put_onto(base, layer("zone_analytics", "layout", {}))


@pytest.mark.parametrize("command", ["manifest", "twin"])
def test_the_command_takes_a_base(
    command: str, repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, base = tmp_path / "layer.json", str(repository / "deployment.template.json")
    file.write_text(json.dumps(layer("zone_analytics", "layout.zones.promo", {"polygon": 1})))
    assert main([command, "lint", str(file)]) == 0
    assert ("--base FILE checks what comes of it" in capsys.readouterr().out) == (command == "manifest")
    assert main([command, "lint", str(file), "--base", base]) == 1
    assert f"{file}: zone_analytics.layout.zones.promo.polygon: " in capsys.readouterr().out
    assert main([command, "lint", str(file), "--base", str(tmp_path / "gone.json")]) == 2
