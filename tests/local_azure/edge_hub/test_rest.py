"""The service API: what holds on a real IoT Hub too; see the fixture `service` for how to run there."""

import dataclasses
import http.client
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from storeflow.iot_hub.client import API_VERSION, HubError, IotHubClient

RUNTIME = {
    "$edgeAgent": {
        "properties.desired": {
            "schemaVersion": "1.1",
            "runtime": {"type": "docker", "settings": {}},
            "systemModules": {},
            "modules": {},
        }
    },
    "$edgeHub": {"properties.desired": {"schemaVersion": "1.1", "routes": {}, "storeAndForwardConfiguration": {}}},
}
LAYOUT = {"lines": {"entrance": {"start": [0.2, 0.6], "end": [0.8, 0.6]}}, "zones": {"till": {"floor": 1}}}


@pytest.fixture
def client(service: Any) -> IotHubClient:
    client: IotHubClient = service.client
    return client


@pytest.fixture
def names(client: IotHubClient) -> Iterator[Callable[[str], str]]:
    """Names for deployments that no other test uses; what has them is deleted in the end."""
    given: list[str] = []

    def name(text: str) -> str:
        given.append(f"storeflow-{text}-{uuid.uuid4().hex[:8]}")
        return given[-1]

    yield name
    for deployment in client.deployments():
        if deployment["id"] in given:
            client.delete_deployment(deployment["id"])


def raw(client: IotHubClient, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str, Any]:
    """Ask without the client's help: status, `iothub-errorcode` and decoded body."""
    url = urlsplit(client.base_url)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.netloc, timeout=60)
    sent = {"Content-Type": "application/json", "Authorization": client._authorization()}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, None if body is None else json.dumps(body), sent)
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response.status, response.headers.get("iothub-errorcode", ""), json.loads(data) if data else None


def twin_path(client: IotHubClient, module_id: str = "/modules/analytics") -> str:
    return f"/twins/{client.device_id}{module_id}?api-version={API_VERSION}"


def deployment(client: IotHubClient, name: str, modules: Any = None, **more: Any) -> dict[str, Any]:
    """A deployment for the tests' device alone."""
    content = {"modulesContent": modules or RUNTIME}
    return {"id": name, "content": content, "targetCondition": f"deviceId = '{client.device_id}'", **more}


def path_of(name: str) -> str:
    return f"/configurations/{name}?api-version={API_VERSION}"


def test_an_address_without_a_version_is_refused(client: IotHubClient) -> None:
    status, code, _ = raw(client, "GET", twin_path(client).partition("?")[0])
    assert (status, code) == (400, "InvalidProtocolVersion")


def test_a_token_of_another_key_is_refused(service: Any) -> None:
    wrong = dataclasses.replace(service.connection, key=b"another key of some length")
    with pytest.raises(HubError) as refused:
        IotHubClient.of(wrong, service.client.device_id).twin("analytics")
    assert (refused.value.status, refused.value.code) == (401, "IotHubUnauthorizedAccess")


def test_a_device_that_is_not_there_is_404(service: Any) -> None:
    with pytest.raises(HubError) as refused:
        IotHubClient.of(service.connection, "storeflow-nobody").twin("analytics")
    assert (refused.value.status, refused.value.code) == (404, "DeviceNotFound")


@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT"])
def test_a_module_that_is_not_there_is_404_and_is_not_made(client: IotHubClient, method: str) -> None:
    body = None if method == "GET" else {"properties": {"desired": {"a": 1}}}
    for _ in range(2):
        status, code, answer = raw(client, method, twin_path(client, "/modules/analytcs"), body)
        assert (status, code) == (404, "ModuleNotFound")
        assert answer["Message"].startswith("ErrorCode:ModuleNotFound;")
    assert "analytcs" not in {module["moduleId"] for module in client.modules()}


def test_a_module_is_made_once(client: IotHubClient) -> None:
    path = f"/devices/{client.device_id}/modules/made_twice?api-version={API_VERSION}"
    body = {"deviceId": client.device_id, "moduleId": "made_twice"}
    status, _, made = raw(client, "PUT", path, body)
    assert (status in (200, 201), made["moduleId"], made["connectionState"]) == (True, "made_twice", "Disconnected")
    assert client.desired("made_twice") == {}
    status, code, _ = raw(client, "PUT", path, body)
    assert (status, code) == (409, "ModuleAlreadyExistsOnDevice")


def test_a_twin_has_versions_an_etag_and_the_age_of_every_property(client: IotHubClient) -> None:
    before = client.twin("analytics")
    after = client.patch_twin("analytics", {"layout": {"zones": {"till": {"floor": 1}}}, "other": 1})
    assert after["deviceId"] == client.device_id
    assert (after["moduleId"], after["connectionState"]) == ("analytics", "Disconnected")
    assert after["version"] == before["version"] + 1
    assert after["etag"] != before["etag"]
    desired = after["properties"]["desired"]
    assert desired["$version"] == before["properties"]["desired"]["$version"] + 1
    again = client.patch_twin("analytics", {"other": 2})["properties"]["desired"]
    old, new = desired["$metadata"], again["$metadata"]
    assert new["layout"]["zones"]["till"] == old["layout"]["zones"]["till"]
    assert new["other"]["$lastUpdatedVersion"] == again["$version"] == new["$lastUpdatedVersion"]
    assert new["other"]["$lastUpdated"] > old["other"]["$lastUpdated"]


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_twin_that_somebody_changed_meanwhile_is_412(client: IotHubClient, method: str) -> None:
    stale = client.twin("analytics")["etag"]
    seen = client.patch_twin("analytics", {"other": {"x": 1}})["etag"]
    body = {"properties": {"desired": {"other": {"x": 2}}}}
    status, code, _ = raw(client, method, twin_path(client), body, If_Match=f'"{stale}"')
    assert (status, code) == (412, "PreconditionFailed")
    assert client.desired("analytics")["other"] == {"x": 1}
    status, _, twin = raw(client, method, twin_path(client), body, If_Match=f'"{seen}"')
    assert (status, twin["properties"]["desired"]["other"]) == (200, {"x": 2})


@pytest.mark.parametrize("condition", ["*", "no quotes, no condition"])
def test_some_conditions_hold_for_every_twin(client: IotHubClient, condition: str) -> None:
    body = {"properties": {"desired": {"other": condition}}}
    status, _, twin = raw(client, "PATCH", twin_path(client), body, If_Match=condition)
    assert (status, twin["properties"]["desired"]["other"]) == (200, condition)


def test_tags_are_the_services_own_and_a_put_takes_them_away(client: IotHubClient) -> None:
    before = client.twin("analytics")
    _, _, tagged = raw(client, "PATCH", twin_path(client), {"tags": {"a": {"b": 1, "c": 2}}})
    _, _, tagged = raw(client, "PATCH", twin_path(client), {"tags": {"a": {"b": None}}})
    assert tagged["tags"] == {"a": {"c": 2}}
    assert tagged["etag"] != before["etag"]
    assert tagged["properties"]["desired"]["$version"] == before["properties"]["desired"]["$version"]
    replaced = client.replace_twin("analytics", {"layout": {"zones": {}}})
    assert replaced.get("tags", {}) == {}
    assert client.desired("analytics") == {"layout": {"zones": {}}}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"tags": {"a b": 1}}, id="tag with a space"),
        pytest.param({"tags": {f"k{i}": "x" * 1000 for i in range(9)}}, id="tags over 8 KB"),
        pytest.param({"properties": {"desired": {"a.b": 1}}}, id="key with a dot"),
        pytest.param({"properties": {"desired": {"s": "x" * 4097}}}, id="long text"),
        pytest.param({"properties": {"desired": {f"k{i}": "x" * 1000 for i in range(33)}}}, id="over 32 KB"),
        pytest.param({"tags": {"good": 1}, "properties": {"desired": {"a.b": 1}}}, id="half of it good"),
    ],
)
def test_a_twin_over_a_limit_is_refused_whole(client: IotHubClient, body: Any) -> None:
    before = client.twin("analytics")
    status, code, _ = raw(client, "PATCH", twin_path(client), body)
    assert (status, code) == (400, "ArgumentInvalid")
    assert client.twin("analytics")["version"] == before["version"]


def test_a_devices_own_twin_has_tags(client: IotHubClient, tag_device: Any) -> None:
    before = client.twin()
    after = tag_device(client, {"conformance": {"run": 1}})
    assert after["tags"]["conformance"] == {"run": 1}
    assert after["version"] == before["version"] + 1
    assert after["capabilities"]["iotEdge"] is True
    assert "moduleId" not in after
    assert "conformance" not in tag_device(client, {"conformance": None})["tags"]


def test_modules_are_listed(client: IotHubClient) -> None:
    client.patch_twin("analytics", {"other": 1})
    modules = {module["moduleId"]: module for module in client.modules()}
    assert {"$edgeAgent", "$edgeHub", "analytics"} <= modules.keys()
    assert modules["$edgeHub"]["managedBy"] == "iotEdge"
    assert modules["analytics"]["deviceId"] == client.device_id
    assert modules["analytics"]["connectionState"] in ("Connected", "Disconnected")


def test_a_method_of_a_module_that_is_away_is_404_in_iot_hubs_words(client: IotHubClient) -> None:
    status, code, body = raw(
        client, "POST", twin_path(client, "/modules/analytics/methods"), {"methodName": "ping", "payload": {}}
    )
    assert (status, code) == (404, "DeviceNotOnline")
    told = json.loads(body["Message"])
    assert (told["errorCode"], told["message"]) == (404103, "Timed out waiting for device to connect.")


def test_a_deployment_is_made_once_and_changed_by_those_who_have_seen_it(
    client: IotHubClient, names: Callable[[str], str]
) -> None:
    name = names("once")
    made = client.put_deployment(deployment(client, name, priority=3, labels={"owner": "test"}))
    assert (made["priority"], made["labels"], made["content"]["modulesContent"]) == (3, {"owner": "test"}, RUNTIME)
    assert made["createdTimeUtc"]
    for headers in ({}, {"If_Match": made["etag"]}):
        status, code, _ = raw(client, "PUT", path_of(name), made, **headers)
        assert (status, code) == (409, "ConfigurationAlreadyExists")
    changed = client.put_deployment({**made, "priority": 4, "targetCondition": "tags.x = 1"}, etag=made["etag"])
    assert (changed["priority"], changed["targetCondition"]) == (4, "tags.x = 1")
    assert changed["createdTimeUtc"] == made["createdTimeUtc"]
    with pytest.raises(HubError) as stale:
        client.put_deployment({**made, "priority": 5}, etag=made["etag"])
    assert (stale.value.status, stale.value.code) == (412, "PreconditionFailed")
    assert next(each for each in client.deployments() if each["id"] == name)["priority"] == 4


def test_the_content_of_a_deployment_never_changes(client: IotHubClient, names: Callable[[str], str]) -> None:
    name = names("immutable")
    made = client.put_deployment(deployment(client, name))
    other = {**made, "content": {"modulesContent": {**RUNTIME, "analytics": {"properties.desired": {"a": 1}}}}}
    # Microsoft's list of errors has 400; a hub that was tried answered 200 and kept what it had.
    status, _, _ = raw(client, "PUT", path_of(name), other, If_Match=f'"{made["etag"]}"')
    assert status in (200, 400)
    assert client.call("GET", f"/configurations/{name}")["content"]["modulesContent"] == RUNTIME


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"targetCondition": 'tags.region = "north"'}, "InvalidConfigurationTargetCondition"),
        ({"targetCondition": "region = 'north'"}, "InvalidConfigurationTargetCondition"),
        ({"content": None}, "InvalidConfigurationContent"),
        ({"content": {"modulesContent": {"analytics": {"properties.desired": {}}}}}, "InvalidConfigurationContent"),
    ],
)
def test_a_deployment_that_cannot_be_is_refused(
    client: IotHubClient, names: Callable[[str], str], change: dict[str, Any], code: str
) -> None:
    name = names("refused")
    status, told, _ = raw(client, "PUT", path_of(name), {**deployment(client, name), **change})
    assert (status, told) == (400, code)
    assert raw(client, "GET", path_of(name))[:2] == (404, "ConfigurationNotFound")


def test_a_deployment_is_deleted_once(client: IotHubClient, names: Callable[[str], str]) -> None:
    name = names("deleted")
    client.put_deployment(deployment(client, name))
    status, code, _ = raw(client, "DELETE", path_of(name), If_Match='"c3RhbGU="')
    assert (status, code) == (412, "PreconditionFailed")
    status, _, body = raw(client, "DELETE", path_of(name))
    assert (status, body) == (204, None)
    status, code, _ = raw(client, "DELETE", path_of(name))
    assert (status, code) == (404, "ConfigurationNotFound")


def test_a_layer_lies_on_its_base_and_rolls_back(
    service: Any, client: IotHubClient, names: Callable[[str], str], eventually: Callable[..., None]
) -> None:
    modules = {**RUNTIME, "analytics": {"properties.desired": {"layout": LAYOUT}}}
    client.put_deployment(deployment(client, names("base"), modules, priority=1))
    eventually(lambda: client.desired("analytics") == {"layout": LAYOUT}, "the base", service.patience)
    layer = {"analytics": {"properties.desired.layout.zones.promo": {"floor": 2}}}
    name = names("layer")
    client.put_deployment(deployment(client, name, layer, priority=2))
    both = {**LAYOUT, "zones": {"till": {"floor": 1}, "promo": {"floor": 2}}}
    eventually(lambda: client.desired("analytics") == {"layout": both}, "the layer", service.patience)
    client.delete_deployment(name)
    eventually(lambda: client.desired("analytics") == {"layout": LAYOUT}, "the base again", service.patience)


def test_one_device_is_deployed_to_by_hand(client: IotHubClient) -> None:
    path = f"/devices/{client.device_id}/applyConfigurationContent?api-version={API_VERSION}"
    modules = {**RUNTIME, "analytics": {"properties.desired": {"by_hand": 1}}}
    status, _, body = raw(client, "POST", path, {"modulesContent": modules})
    assert (status, body) == (204, None)
    assert client.desired("analytics") == {"by_hand": 1}
    status, code, _ = raw(client, "POST", path, {"deviceContent": {"properties.desired.a": 1}})
    assert (status, code) == (400, "InvalidConfigurationContent")
