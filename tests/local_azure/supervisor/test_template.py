import json
from typing import Any

import pytest

from local_azure.supervisor.restart_policy import RestartPolicy
from local_azure.supervisor.template import LAST_STARTUP_ORDER, Bind, parse_template
from storeflow.errors import ConfigError


def module(folder: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": "docker",
        "status": "running",
        "restartPolicy": "always",
        "settings": {"image": f"${{MODULES.{folder}}}"},
        **fields,
    }


def template(modules: dict[str, Any], **twins: Any) -> dict[str, Any]:
    system = {"type": "docker", "settings": {"image": "mcr.microsoft.com/azureiotedge-hub:1.5"}}
    credentials = {"r": {"address": "${REGISTRY}", "username": "${USER_NAME}", "password": "${PASSWORD}"}}
    return {
        "$schema-template": "3.0.0",
        "modulesContent": {
            "$edgeAgent": {
                "properties.desired": {
                    "schemaVersion": "1.1",
                    "runtime": {"type": "docker", "settings": {"registryCredentials": credentials}},
                    "systemModules": {"edgeAgent": system, "edgeHub": system},
                    "modules": modules,
                }
            },
            "$edgeHub": {
                "properties.desired": {
                    "schemaVersion": "1.1",
                    "routes": {"all": "FROM /messages/* INTO $upstream"},
                    "storeAndForwardConfiguration": {"timeToLiveSecs": 7200},
                }
            },
            **{name: {"properties.desired": desired} for name, desired in twins.items()},
        },
    }


FULL = template(
    {
        "zone_analytics": module("zone_analytics"),
        "video_capture": module(
            "video_capture.amd64",
            restartPolicy="on-failure",
            startupOrder=1,
            env={"CLIP": {"value": "${CLIP_FOLDER}/a.mp4"}, "LEVEL": {"value": 3}},
            settings={
                "image": "${MODULES.video_capture.amd64}",
                "createOptions": {"HostConfig": {"Binds": ["/srv/frames:/run/frames", "${CLIP_FOLDER}:/clips:ro"]}},
            },
        ),
        "spare": module("inference", status="stopped", startupOrder=0),
    },
    video_capture={"cameras": {"door": {"url": "file:${CLIP_FOLDER}/a.mp4"}}},
)


def test_modules_come_in_startup_order_with_what_they_need() -> None:
    deployment = parse_template(json.dumps(FULL), {"CLIP_FOLDER": "/data"})
    spare, capture, zones = deployment.modules
    assert (spare.module_id, spare.folder, spare.running) == ("spare", "inference", False)
    assert (capture.folder, capture.startup_order) == ("video_capture", 1)
    assert capture.restart_policy is RestartPolicy.ON_FAILURE
    assert capture.environment == {"CLIP": "/data/a.mp4", "LEVEL": "3"}
    assert capture.binds == (Bind("/srv/frames", "/run/frames"), Bind("/data", "/clips", read_only=True))
    assert capture.desired == {"cameras": {"door": {"url": "file:/data/a.mp4"}}}
    assert (zones.startup_order, zones.desired, zones.binds) == (LAST_STARTUP_ORDER, None, ())
    assert deployment.edge_hub["routes"] == {"all": "FROM /messages/* INTO $upstream"}


def test_create_options_may_be_text() -> None:
    options = json.dumps({"HostConfig": {"Binds": ["data:/data"]}})
    settings = {"image": "${MODULES.a}", "createOptions": options}
    (spec,) = parse_template(json.dumps(template({"a": module("a", settings=settings)})), {}).modules
    assert spec.binds == (Bind("data", "/data"),)


def without_hub() -> dict[str, Any]:
    document = template({})
    del document["modulesContent"]["$edgeHub"]
    return document


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        pytest.param("{", "no JSON", id="not JSON"),
        pytest.param({}, "modulesContent: expected an object", id="empty"),
        pytest.param(without_hub(), r"\$edgeHub: expected an object", id="no hub"),
        pytest.param(FULL, "env.CLIP.value: the environment has no CLIP_FOLDER", id="no variable"),
        pytest.param(
            template({"a": module("a", settings={"image": "registry/a:1"})}),
            r"modules\.a\.settings\.image: expected \$\{MODULES",
            id="an image of somebody else",
        ),
        pytest.param(template({"a": module("a", restartPolicy="sometimes")}), "'sometimes'", id="unknown policy"),
        pytest.param(template({"a": {"settings": {}}}), r"modules\.a: KeyError\('image'\)", id="no image"),
        pytest.param(
            template({"a": module("a", settings={"image": "${MODULES.a}", "createOptions": "{"})}),
            r"modules\.a: ",
            id="create options that are no JSON",
        ),
    ],
)
def test_a_template_that_cannot_be_used_is_refused_with_its_path(document: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        parse_template(document if isinstance(document, str) else json.dumps(document), {})
