"""What holds on a real edge device too; see the fixture `device` for how to run there."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local_azure.edge_hub.client import HubError

ROUTE = 'FROM /messages/modules/sender/outputs/detections INTO BrokeredEndpoint("/modules/receiver/inputs/in1")'


def test_a_message_takes_its_route_with_its_properties(device: Any, device_module: Any) -> None:
    device.hub.patch_twin("$edgeHub", {"routes": {"storeflow_conformance": ROUTE}})
    receiver = device_module("receiver").listen()
    sender = device_module("sender")
    properties = {"kind": "zone", "sp ace/&=": "v+ %ü"}
    sender.client.connect()
    sender.send({"count": 3}, "detections", properties=properties, message_id="id-1", correlation_id="c-1")
    (received,) = receiver.received(1, seconds=60)
    assert received.input_name == "in1"
    assert received.data == b'{"count": 3}'
    assert (received.message_id, received.correlation_id) == ("id-1", "c-1")
    assert (received.content_type, received.content_encoding) == ("application/json", "utf-8")
    assert received.custom_properties["kind"] == "zone"
    assert received.custom_properties["sp ace/&="] == "v+ %ü"
    assert received.custom_properties["$.cmid"] == "sender"


def test_a_module_reads_its_twin_and_hears_of_patches(
    device: Any, device_module: Any, eventually: Callable[..., None]
) -> None:
    before = device.hub.replace_twin("receiver", {"zones": {"till": {"p": 1, "q": 2}}, "old": 1})
    receiver = device_module("receiver").listen()
    desired = receiver.client.get_twin()["desired"]
    assert desired["zones"] == {"till": {"p": 1, "q": 2}}
    assert desired["$version"] == before["properties"]["desired"]["$version"]
    device.hub.patch_twin("receiver", {"zones": {"till": {"q": None, "r": 3}}})
    patch = receiver.patches.get(timeout=30)
    assert patch["zones"] == {"till": {"q": None, "r": 3}}
    assert patch["$version"] == desired["$version"] + 1
    eventually(lambda: receiver.client.get_twin()["desired"]["zones"] == {"till": {"p": 1, "r": 3}}, "the merge")


def test_replacing_a_twin_tells_the_module_what_went(device: Any, device_module: Any) -> None:
    device.hub.replace_twin("receiver", {"keep": 1, "gone": 2})
    receiver = device_module("receiver").listen()
    receiver.client.get_twin()
    device.hub.replace_twin("receiver", {"keep": 5})
    patch = receiver.patches.get(timeout=30)
    assert (patch["keep"], patch["gone"]) == (5, None)
    assert "gone" not in receiver.client.get_twin()["desired"]


def test_what_a_module_reports_reaches_the_service(
    device: Any, device_module: Any, eventually: Callable[..., None]
) -> None:
    receiver = device_module("receiver")
    receiver.client.connect()
    receiver.client.patch_twin_reported_properties({"layout": {"ac": 200, "av": 7}, "stale": 1})
    receiver.client.patch_twin_reported_properties({"layout": {"ad": "ok"}, "stale": None})
    expected = {"layout": {"ac": 200, "av": 7, "ad": "ok"}}
    eventually(lambda: device.hub.reported("receiver")["layout"] == expected["layout"], "the report", 60)
    assert "stale" not in device.hub.reported("receiver")


@pytest.mark.parametrize(
    "report",
    [
        pytest.param({"a.b": 1}, id="key"),
        pytest.param({"s": "x" * 4097}, id="string"),
        pytest.param({"n": 2**53}, id="integer"),
        pytest.param({"l": [None]}, id="null in an array"),
        pytest.param({f"k{i}": "x" * 1000 for i in range(33)}, id="size"),
    ],
)
def test_a_report_over_a_limit_is_refused_with_400(device_module: Any, report: Any) -> None:
    receiver = device_module("receiver")
    receiver.client.connect()
    with pytest.raises(Exception, match="Unexpected failure") as refused:
        receiver.client.patch_twin_reported_properties(report)
    assert "400" in str(refused.value.__cause__)


@pytest.mark.parametrize("desired", [{"a b": 1}, {f"k{i}": "x" * 1000 for i in range(33)}])
def test_desired_properties_over_a_limit_are_refused_with_400(device: Any, desired: dict[str, Any]) -> None:
    with pytest.raises(HubError) as refused:
        device.hub.patch_twin("receiver", desired)
    assert refused.value.status == 400


def test_a_direct_method_is_answered_by_the_module(device: Any, device_module: Any) -> None:
    device_module("receiver").listen()
    answer = device.hub.invoke_method("receiver", "reset counts", {"zone": "till"}, connect_timeout=10)
    assert answer.status == 200
    assert answer.payload == {"method": "reset counts", "payload": {"zone": "till"}}


def test_a_direct_method_of_an_absent_module_is_404(device: Any) -> None:
    with pytest.raises(HubError) as refused:
        device.hub.invoke_method("nobody", "ping")
    assert refused.value.status == 404


def test_a_body_that_is_json_survives_as_it_was(device: Any, device_module: Any) -> None:
    device.hub.patch_twin("$edgeHub", {"routes": {"storeflow_conformance": ROUTE}})
    receiver = device_module("receiver").listen()
    sender = device_module("sender")
    sender.client.connect()
    body = {"text": "Kasse 3: 10 €", "points": [[0.1, 0.2]]}
    sender.send(body, "detections")
    (received,) = receiver.received(1, seconds=60)
    assert json.loads(received.data) == body
