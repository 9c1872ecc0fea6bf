"""Which modules there are: a twin edit of another is answered as IoT Hub answers it, and makes none."""

import json
from pathlib import Path
from typing import Any

import pytest

from local_azure.edge_hub.process import EdgeHubProcess
from local_azure.edge_hub.service_access import connection_string_file
from storeflow.cli.main import main
from storeflow.iot_hub.client import HubError, IotHubClient
from storeflow.iot_hub.shared_access import CONNECTION_VARIABLE, ServiceConnection

DESIRED = "properties.desired"


@pytest.fixture
def service(hub: EdgeHubProcess) -> IotHubClient:
    """The service side as an admin's script has it."""
    return IotHubClient.of(ServiceConnection.parse(connection_string_file(hub.state).read_text()), hub.device_id)


def names(client: IotHubClient) -> set[str]:
    return {module["moduleId"] for module in client.modules()}


def test_edge_hub_and_edge_agent_are_always_there(service: IotHubClient) -> None:
    assert service.twin("$edgeAgent")["moduleId"] == "$edgeAgent"
    assert {"$edgeAgent", "$edgeHub"} <= names(service)


def test_a_name_that_no_module_may_have_is_refused(service: IotHubClient) -> None:
    with pytest.raises(HubError) as refused:
        service.call("PUT", "/devices/store-1/modules/a%20b", {})
    assert (refused.value.status, refused.value.code) == (400, "ArgumentInvalid")


def test_an_environment_makes_its_module(hub: EdgeHubProcess, service: IotHubClient) -> None:
    hub.environment("of_environment")
    hub.environment("of_environment", "simulator")
    assert service.desired("of_environment") == {}


def test_a_module_that_connects_is_there(hub: EdgeHubProcess, service: IotHubClient, open_module: Any) -> None:
    stranger = open_module("stranger", environment={**hub.environment("known"), "IOTEDGE_MODULEID": "stranger"})
    with pytest.raises(HubError):
        service.twin("stranger")
    stranger.client.connect()
    assert service.twin("stranger")["connectionState"] == "Connected"


def test_a_deployment_makes_the_modules_that_it_names(service: IotHubClient, apply_content: Any) -> None:
    modules = {"in_agent": {"type": "docker"}}
    agent = {DESIRED: {"schemaVersion": "1.1", "modules": modules}}
    content = {"$edgeAgent": agent, "with_twin": {DESIRED: {}}}
    service.put_deployment(
        {"id": "names", "content": {"modulesContent": content}, "targetCondition": "deviceId = 'store-1'"}
    )
    service.delete_deployment("names")
    assert {"in_agent", "with_twin"} <= names(service)
    apply_content(service, {"$edgeAgent": {DESIRED: {"modules": {"applied": {}}}}})
    assert service.desired("applied") == {}


def test_modules_outlive_the_hub(hub: EdgeHubProcess, service: IotHubClient, open_module: Any) -> None:
    open_module("connected").client.connect()
    hub.environment("prepared")
    before = names(service)
    assert {"connected", "prepared"} <= before
    hub.kill()
    hub.start()
    assert names(service) == before


def test_storeflow_twin_tells_which_modules_there_are(
    hub: EdgeHubProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv(CONNECTION_VARIABLE, connection_string_file(hub.state).read_text())
    hub.environment("zone_analytics")
    file = tmp_path / "layout.json"
    file.write_text(json.dumps({"layout": {}}))
    for words in (["set", "zone_analytcs", str(file), "--yes"], ["get", "zone_analytcs"]):
        assert main(["twin", *words]) == 2
        told = capsys.readouterr().err
        assert told.startswith("storeflow: store-1 has no module zone_analytcs; it has $edgeAgent, $edgeHub, ")
        assert "zone_analytics" in told
