import copy
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from storeflow.cli.manifest import containers
from storeflow.cli.manifest.create_options import MAX_CHUNK, MAX_CHUNKS, split
from storeflow.cli.manifest.lint import SCHEMAS, problems
from storeflow.cli.manifest.render import image_names, render
from storeflow.cli.twin.lint import MODULES, lint
from storeflow.sample_store import store

OFFLINE_SECONDS = 259_200
"""Three days: figures that matter survive a long weekend without a line."""
Template = dict[str, Any]


def deployed(template: Template) -> dict[str, Any]:
    modules: dict[str, Any] = template["modulesContent"]["$edgeAgent"]["properties.desired"]["modules"]
    return modules


def desired(template: Template, module_id: str) -> dict[str, Any]:
    section: dict[str, Any] = template["modulesContent"][module_id]["properties.desired"]
    return section


def every_bind(template: Template) -> list[tuple[str, Path, str]]:
    """Every bind of every container: whose, of which folder of the host, and where it sees that."""
    agent = desired(template, "$edgeAgent")
    return [
        (name, Path(host), inside)
        for name, module in (agent["modules"] | agent["systemModules"]).items()
        for host, inside, *_ in (bind.split(":") for bind in module["settings"]["createOptions"]["HostConfig"]["Binds"])
    ]


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


def test_neither_the_template_nor_its_manifest_has_a_fault_also_by_the_published_schemas(
    template: Template, repository: Path, public_schemas: Path
) -> None:
    assert problems(template, public_schemas) == []
    images = image_names(repository / "modules", "amd64")
    assert problems(render(template, images, {"CONTAINER_REGISTRY_SERVER": "example"}), public_schemas) == []


@pytest.mark.parametrize("name", SCHEMAS.values())
@pytest.mark.parametrize(
    "fault",
    [("inference", "restartPolicy", "sometimes"), ("video_capture", "startupOrder", "4"), ("inference", "env", [])],
)
def test_the_published_schemas_are_really_asked(
    fault: tuple[str, str, Any], name: str, template: Template, public_schemas: Path
) -> None:
    module_id, field, value = fault
    broken = copy.deepcopy(template)
    deployed(broken)[module_id][field] = value
    if name == SCHEMAS[False]:
        images = {f"MODULES.{folder}": f"example/{folder}:1" for folder in MODULES}
        broken = render(broken, images, {})
    (told,) = set(problems(broken, public_schemas)) - set(problems(broken))
    assert f".{module_id}.{field}: {value!r}" in told
    assert told.endswith(f"see {name}")


def test_create_options_fit_into_a_manifest(options: dict[str, Any]) -> None:
    assert len("".join(split(options).values())) < MAX_CHUNK * MAX_CHUNKS / 2, "room for a store's own"


def test_no_module_is_root_or_may_become_it(options: dict[str, Any]) -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", options["User"])
    host = options["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]


def test_no_module_writes_to_its_image_or_shares_a_namespace_of_the_host(options: dict[str, Any]) -> None:
    host = options["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    allowed = {"ReadonlyRootfs", "CapDrop", "SecurityOpt", "Tmpfs", "Binds", "LogConfig", "Memory", "PidsLimit"}
    assert host.keys() <= allowed, "not Privileged, CapAdd, Devices, IpcMode, NetworkMode …"
    assert containers.problems(options, ours=True) == []


def test_no_module_can_starve_the_others(options: dict[str, Any]) -> None:
    host = options["HostConfig"]
    assert 0 < host["Memory"] <= 2 * 1024**3
    assert 0 < host["PidsLimit"] <= 256
    assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}
    assert "noexec" in host["Tmpfs"]["/tmp"]  # noqa: S108 - the container's own


def test_what_a_module_only_reads_is_bound_read_only(options: dict[str, Any]) -> None:
    writable = {bind.split(":")[1] for bind in options["HostConfig"]["Binds"] if not bind.endswith(":ro")}
    assert writable <= {"/data", "/run/storeflow"}


def test_no_module_sees_the_secrets_of_another(template: Template) -> None:
    """Nor would it in a folder that they lie in, or in one of theirs."""
    binds = every_bind(template)
    secrets = {name: host for name, host, inside in binds if inside == "/run/secrets"}
    assert secrets.keys() == {"video_capture", "upstream_router"}
    for owner, folder in secrets.items():
        near = {name for name, host, _ in binds if folder.is_relative_to(host) or host.is_relative_to(folder)}
        assert near == {owner}


def test_the_page_has_an_administrator_make_the_folders_that_are_bound(template: Template, repository: Path) -> None:
    page = (repository / "docs" / "deployment.md").read_text()
    (commands,) = (
        block for block in re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL) if "install -d" in block
    )
    told = subprocess.run(
        ["/bin/sh", "-e"],
        env={"PATH": ""},
        input=f'sudo() {{ printf "%s\\n" "$@"; }}\n{commands}',
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert {Path(line) for line in told.splitlines() if line.startswith("/")} == {
        host for _, host, _ in every_bind(template)
    }


def test_every_folder_that_a_variable_names_is_bound(template: Template) -> None:
    for name, module in deployed(template).items():
        binds = module["settings"]["createOptions"]["HostConfig"]["Binds"]
        bound = {bind.split(":")[1] for bind in binds}
        values = (str(entry["value"]) for entry in module["env"].values())
        assert {value for value in values if value.startswith("/")} == bound, name


def test_the_modules_share_one_folder_of_channels_and_no_state(template: Template) -> None:
    hosts: dict[str, list[str]] = {}
    for module in deployed(template).values():
        binds = dict(bind.split(":")[1::-1] for bind in module["settings"]["createOptions"]["HostConfig"]["Binds"])
        for variable in ("STOREFLOW_CHANNELS", "STOREFLOW_STATE"):
            if variable in module["env"]:
                hosts.setdefault(variable, []).append(binds[module["env"][variable]["value"]])
    assert len(set(hosts["STOREFLOW_CHANNELS"])) == 1
    assert len(set(hosts["STOREFLOW_STATE"])) == len(hosts["STOREFLOW_STATE"]) == len(MODULES)
