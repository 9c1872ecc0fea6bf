import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator
from referencing import Registry, Resource

from storeflow.cli.twin import MODULES, lint
from tools.sample_store import store

SCHEMA = "azure-iot-edge-deployment-template-3.0.json"
PUBLISHED_AT = "https://json.schemastore.org/"
CREATE_OPTIONS_BYTES = 4096
"""az splits them into at most eight strings of 512 characters."""
OFFLINE_SECONDS = 259_200
"""Three days: figures that matter survive a long weekend without a line."""
Template = dict[str, Any]


def deployed(template: Template) -> dict[str, Any]:
    modules: dict[str, Any] = template["modulesContent"]["$edgeAgent"]["properties.desired"]["modules"]
    return modules


def desired(template: Template, module_id: str) -> dict[str, Any]:
    section: dict[str, Any] = template["modulesContent"][module_id]["properties.desired"]
    return section


@pytest.fixture(params=MODULES)
def options(request: pytest.FixtureRequest, template: Template) -> dict[str, Any]:
    """The createOptions of each module."""
    found: dict[str, Any] = deployed(template)[request.param]["settings"]["createOptions"]
    return found


def test_the_folders_of_modules_are_the_modules_of_the_template(
    files: tuple[Path, ...], repository: Path, template: Template
) -> None:
    modules = repository / "modules"
    inside = [path.relative_to(modules) for path in files if path.is_relative_to(modules)]
    folders = {path.parts[0] for path in inside if len(path.parts) > 1}
    assert folders == set(deployed(template)) == set(MODULES)


def test_every_image_is_built_from_the_folder_of_its_module(template: Template) -> None:
    images = {name: module["settings"]["image"] for name, module in deployed(template).items()}
    assert images == {name: f"${{MODULES.{name}}}" for name in images}


def test_no_twin_and_no_route_has_a_fault(template: Template) -> None:
    assert lint(template).problems == []


def test_every_module_has_its_twin(template: Template) -> None:
    assert {name: tuple(desired(template, name)) for name in MODULES} == {
        name: ports.sections for name, ports in MODULES.items()
    }


def test_events_wait_for_the_cloud_for_days(template: Template) -> None:
    hub = desired(template, "$edgeHub")
    assert hub["storeAndForwardConfiguration"]["timeToLiveSecs"] >= OFFLINE_SECONDS
    assert hub["routes"]["toCloud"]["timeToLiveSecs"] >= OFFLINE_SECONDS


def test_the_layout_is_that_of_the_sample_store(template: Template) -> None:
    assert desired(template, "zone_analytics")["layout"] == json.loads(json.dumps(store.layout()))


@pytest.fixture(scope="module")
def validator(public_schemas: Path) -> Draft4Validator:
    schemas = {path.name: json.loads(path.read_text()) for path in public_schemas.glob("azure-iot-edge*.json")}
    registry: Registry[Any] = Registry().with_resources(
        (PUBLISHED_AT + name, Resource.from_contents(schema)) for name, schema in schemas.items()
    )
    return Draft4Validator(schemas[SCHEMA], registry=registry)


def test_the_template_is_valid_by_the_published_schema(template: Template, validator: Draft4Validator) -> None:
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(template)] == []


@pytest.mark.parametrize(
    ("module_id", "field", "value"),
    [("inference", "restartPolicy", "sometimes"), ("video_capture", "startupOrder", "4"), ("inference", "env", [])],
)
def test_the_published_schema_is_really_asked(
    module_id: str, field: str, value: Any, template: Template, validator: Draft4Validator
) -> None:
    broken = copy.deepcopy(template)
    deployed(broken)[module_id][field] = value
    assert [error.absolute_path[-1] for error in validator.iter_errors(broken)] == [field]


def test_create_options_fit_into_a_manifest(options: dict[str, Any]) -> None:
    assert len(json.dumps(options, separators=(",", ":"))) < CREATE_OPTIONS_BYTES


def test_no_module_is_root_or_may_become_it(options: dict[str, Any]) -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", options["User"])
    host = options["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]


def test_no_module_writes_to_its_image_or_shares_a_namespace_of_the_host(options: dict[str, Any]) -> None:
    host = options["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    allowed = {"ReadonlyRootfs", "CapDrop", "SecurityOpt", "Tmpfs", "Binds", "LogConfig"}
    assert host.keys() <= allowed, "not Privileged, CapAdd, Devices, IpcMode, NetworkMode …"


def test_every_folder_that_a_variable_names_is_bound(template: Template) -> None:
    for name, module in deployed(template).items():
        binds = module["settings"]["createOptions"]["HostConfig"]["Binds"]
        bound = {bind.split(":")[1] for bind in binds}
        assert {entry["value"] for entry in module["env"].values()} == bound, name


def test_the_modules_share_one_folder_of_channels_and_no_state(template: Template) -> None:
    hosts: dict[str, list[str]] = {}
    for module in deployed(template).values():
        binds = dict(bind.split(":")[1::-1] for bind in module["settings"]["createOptions"]["HostConfig"]["Binds"])
        for variable, entry in module["env"].items():
            hosts.setdefault(variable, []).append(binds[entry["value"]])
    assert len(set(hosts["STOREFLOW_CHANNELS"])) == 1
    assert len(set(hosts["STOREFLOW_STATE"])) == len(hosts["STOREFLOW_STATE"]) == len(MODULES)
