"""Automatic and layered deployments, from the service API to a module on the real SDK."""

import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_azure.edge_hub.client import HubClient, HubError
from local_azure.edge_hub.process import EdgeHubProcess

ENTRANCE = {"start": [0.2, 0.6], "end": [0.8, 0.6]}
PROMO = {"polygon": [[0.1, 0.1], [0.4, 0.1], [0.4, 0.4]]}
TILL = {"polygon": [[0.5, 0.5], [0.9, 0.5], [0.9, 0.9]]}
LAYOUT = {"lines": {"entrance": ENTRANCE}, "zones": {"till": TILL}}
RUNTIME = {"$edgeAgent": {"properties.desired": {"schemaVersion": "1.1", "modules": {"analytics": {}}}}}
NORTH = "tags.region = 'north'"


def base(name: str, desired: dict[str, Any], priority: int = 0, target: str = NORTH) -> dict[str, Any]:
    modules = {**RUNTIME, "analytics": {"properties.desired": desired}}
    return {"id": name, "content": {"modulesContent": modules}, "priority": priority, "targetCondition": target}


def layer(name: str, path: str, value: Any, priority: int, target: str = NORTH) -> dict[str, Any]:
    modules = {"analytics": {f"properties.desired.{path}": value}}
    return {"id": name, "content": {"modulesContent": modules}, "priority": priority, "targetCondition": target}


@pytest.fixture
def service(hub: EdgeHubProcess, tag_device: Any) -> Iterator[HubClient]:
    """The hub's service side, with no deployment on a device in the north."""
    tag_device(hub.client, {"region": "north"})
    yield hub.client
    for deployment in hub.client.deployments():
        hub.client.delete_deployment(deployment["id"])


def heard(module: Any) -> dict[str, Any]:
    """The next patch that the module hears of, without its version."""
    patch: dict[str, Any] = module.patches.get(timeout=10)
    del patch["$version"]
    return patch


def test_a_zone_comes_with_a_layer_and_goes_with_it(service: HubClient, open_module: Any) -> None:
    service.put_deployment(base("season", {"layout": LAYOUT}))
    module = open_module("analytics").listen()
    assert module.client.get_twin()["desired"]["layout"] == LAYOUT

    service.put_deployment(layer("promo", "layout.zones.promo", PROMO, 10))
    assert heard(module) == {"layout": {"zones": {"promo": PROMO}}}

    service.put_deployment(layer("no-zones", "layout.zones", {}, 20))
    assert heard(module) == {"layout": {"zones": {"till": None, "promo": None}}}
    assert service.desired("analytics")["layout"] == {"lines": {"entrance": ENTRANCE}, "zones": {}}

    service.delete_deployment("no-zones")
    assert heard(module) == {"layout": {"zones": {"till": TILL, "promo": PROMO}}}

    service.delete_deployment("promo")
    assert heard(module) == {"layout": {"zones": {"promo": None}}}
    assert module.client.get_twin()["desired"]["layout"] == LAYOUT


def test_a_layer_that_removes_wins_over_one_that_adds_by_priority_alone(service: HubClient, open_module: Any) -> None:
    service.put_deployment(layer("without", "layout.zones.promo", None, 20))
    service.put_deployment(base("season", {"layout": LAYOUT}))
    module = open_module("analytics").listen()
    module.client.get_twin()
    made = service.put_deployment(layer("with", "layout.zones.promo", PROMO, 10))
    assert service.desired("analytics")["layout"] == LAYOUT
    service.put_deployment({**made, "priority": 30}, etag=made["etag"])
    assert heard(module) == {"layout": {"zones": {"promo": PROMO}}}


def test_a_tag_brings_a_device_under_a_deployment_and_takes_it_away(
    service: HubClient, tag_device: Any, open_module: Any
) -> None:
    service.put_deployment(base("everywhere", {"layout": LAYOUT}, target="*"))
    service.put_deployment(layer("south-only", "layout.zones.promo", PROMO, 10, "tags.region = 'south'"))
    module = open_module("analytics").listen()
    module.client.get_twin()
    assert "promo" not in service.desired("analytics")["layout"]["zones"]
    tag_device(service, {"region": "south"})
    assert heard(module) == {"layout": {"zones": {"promo": PROMO}}}
    tag_device(service, {"region": None})
    assert heard(module) == {"layout": {"zones": {"promo": None}}}


def test_of_two_bases_the_higher_applies_and_the_other_takes_over_when_it_goes(service: HubClient) -> None:
    service.put_deployment(base("old", {"layout": LAYOUT}, 1))
    service.put_deployment(base("new", {"layout": {"lines": {}}}, 2))
    service.put_deployment(layer("between", "layout.zones.promo", PROMO, 2))
    assert service.desired("analytics") == {"layout": {"lines": {}}}
    assert service.twin("analytics")["configurations"] == {
        "old": {"status": "Targeted"},
        "new": {"status": "Applied"},
        "between": {"status": "Targeted"},
    }
    service.delete_deployment("new")
    assert service.desired("analytics")["layout"]["zones"] == {"till": TILL, "promo": PROMO}
    assert service.twin("$edgeAgent")["configurations"]["between"] == {"status": "Applied"}


def test_deleting_the_last_deployment_leaves_everything_as_it_is(service: HubClient) -> None:
    service.put_deployment(base("only", {"layout": LAYOUT}))
    service.delete_deployment("only")
    assert service.desired("analytics") == {"layout": LAYOUT}


def test_a_module_that_no_deployment_names_keeps_its_twin(service: HubClient, open_module: Any) -> None:
    service.replace_twin("bystander", {"mine": 1})
    version = service.twin("bystander")["version"]
    module = open_module("bystander").listen()
    module.client.get_twin()
    service.put_deployment(base("season", {"layout": LAYOUT}))
    service.put_deployment(layer("promo", "layout.zones.promo", PROMO, 10))
    assert service.twin("bystander")["version"] == version
    assert module.patches.empty()


def test_a_change_that_changes_nothing_bothers_no_module(service: HubClient, tag_device: Any, open_module: Any) -> None:
    made = service.put_deployment(base("season", {"layout": LAYOUT}))
    module = open_module("analytics").listen()
    version = module.client.get_twin()["desired"]["$version"]
    service.put_deployment({**made, "labels": {"owner": "head office"}}, etag=made["etag"])
    tag_device(service, {"floor": 2})
    assert service.twin("analytics")["properties"]["desired"]["$version"] == version
    with pytest.raises(queue.Empty):
        module.patches.get(timeout=0.3)


def test_a_layer_that_makes_a_twin_too_large_is_not_applied_and_says_so(service: HubClient) -> None:
    service.put_deployment(base("season", {"layout": LAYOUT, "bulk": {f"k{i}": "x" * 1000 for i in range(20)}}))
    service.put_deployment(layer("promo", "layout.zones.promo", PROMO, 10))
    service.put_deployment(layer("bulky", "more", {f"k{i}": "x" * 1000 for i in range(20)}, 20))
    assert "more" not in service.desired("analytics")
    assert service.desired("analytics")["layout"]["zones"]["promo"] == PROMO
    assert service.twin("analytics")["configurations"]["bulky"] == {"status": "Targeted"}
    service.delete_deployment("bulky")
    assert service.twin("analytics")["configurations"]["promo"] == {"status": "Applied"}


def test_routes_come_by_layer_too(service: HubClient) -> None:
    hub_twin = {"schemaVersion": "1.1", "routes": {"all": "FROM /messages/* INTO $upstream"}}
    content = {**RUNTIME, "$edgeHub": {"properties.desired": hub_twin}}
    service.put_deployment({"id": "runtime", "content": {"modulesContent": content}, "targetCondition": NORTH})
    more = {"$edgeHub": {"properties.desired.routes.more": 'FROM /* INTO BrokeredEndpoint("/modules/b/inputs/i")'}}
    service.put_deployment({"id": "more", "content": {"modulesContent": more}, "targetCondition": NORTH, "priority": 1})
    assert service.routes().keys() == {"all", "more"}
    service.delete_deployment("more")
    assert service.routes().keys() == {"all"}


def test_one_device_may_be_deployed_to_by_hand(service: HubClient, apply_content: Any, open_module: Any) -> None:
    service.replace_twin("analytics", {"old": 1})
    module = open_module("analytics").listen()
    module.client.get_twin()
    apply_content(service, {**RUNTIME, "analytics": {"properties.desired": {"layout": LAYOUT}}})
    assert heard(module) == {"old": None, "layout": LAYOUT}
    assert service.twin("analytics")["configurations"] == {}


@pytest.fixture
def quick_hub(tmp_path: Path) -> Iterator[EdgeHubProcess]:
    """A hub that looks at its deployments every second."""
    with EdgeHubProcess(tmp_path / "hub", options=("--deployment-seconds", "0.5")) as hub:
        yield hub


def test_what_a_deployment_says_comes_back_over_an_edit_by_hand_and_over_a_kill(
    quick_hub: EdgeHubProcess, apply_content: Any, eventually: Callable[..., None]
) -> None:
    service = quick_hub.client
    service.put_deployment(base("season", {"layout": LAYOUT}, target="deviceId = 'store-1'"))
    service.patch_twin("analytics", {"layout": {"zones": {"till": None}}, "mine": 1})
    service.patch_twin("bystander", {"mine": 1})
    eventually(lambda: service.desired("analytics") == {"layout": LAYOUT}, "the deployment is applied again")
    apply_content(service, {**RUNTIME, "analytics": {"properties.desired": {"hand": 1}}})
    eventually(lambda: service.desired("analytics") == {"layout": LAYOUT}, "automatic deployments win")
    assert service.desired("bystander") == {"mine": 1}
    quick_hub.kill()
    quick_hub.start()
    service.patch_twin("analytics", {"mine": 1})
    eventually(lambda: service.desired("analytics") == {"layout": LAYOUT}, "also after a kill")


def test_other_content_is_refused_and_changes_nothing(service: HubClient) -> None:
    made = service.put_deployment(base("season", {"layout": LAYOUT}))
    other = {**base("season", {"layout": {}}), "priority": 5}
    with pytest.raises(HubError, match="stays what it is") as refused:
        service.put_deployment(other, etag=made["etag"])
    assert (refused.value.status, refused.value.code) == (400, "CannotModifyImmutableConfigurationContent")
    assert service.deployments() == [made]
    assert service.desired("analytics") == {"layout": LAYOUT}


def test_a_hub_takes_a_hundred_deployments(quick_hub: EdgeHubProcess) -> None:
    service = quick_hub.client
    for number in range(100):
        service.put_deployment(layer(f"layer-{number}", "x", number, 1, "deviceId = 'elsewhere'"))
    with pytest.raises(HubError, match="no hub takes more") as refused:
        service.put_deployment(layer("one-more", "x", 1, 1, "deviceId = 'elsewhere'"))
    assert (refused.value.status, refused.value.code) == (413, "ConfigurationCountLimitExceeded")
    service.delete_deployment("layer-50")
    service.put_deployment(layer("one-more", "x", 1, 1, "deviceId = 'elsewhere'"))
    assert len(service.deployments()) == 100
