"""What only the stand-in can show: what left the store, drops, time to live, refusals."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from azure.iot.device.exceptions import ConnectionFailedError, CredentialError

from local_azure.edge_hub.client import HubError
from local_azure.edge_hub.process import EdgeHubProcess
from storeflow.errors import ConfigError


def latest(hub: EdgeHubProcess) -> int:
    """The sequence after which this test's messages come."""
    return max((message.sequence for message in hub.client.upstream()), default=0)


def test_routes_choose_by_body_and_by_property(hub: EdgeHubProcess, open_module: Any) -> None:
    hub.client.set_routes(
        {
            "crowd": 'FROM /messages/modules/a/outputs/zone WHERE $body.count > 2 AND kind = "zone" INTO $upstream',
        }
    )
    start = latest(hub)
    sender = open_module("a")
    sender.client.connect()
    sender.send({"count": 3}, "zone", properties={"kind": "zone"})
    sender.send({"count": 2}, "zone", properties={"kind": "zone"})
    sender.send({"count": 3}, "zone", properties={"kind": "line"})
    sender.send({"count": 3}, "other", properties={"kind": "zone"})
    sender.send('{"count": 3}', "zone", properties={"kind": "zone"})
    (left,) = hub.client.upstream(after=start)
    assert left.json() == {"count": 3}
    assert left.source == "/messages/modules/a/outputs/zone"
    assert left.properties == {"kind": "zone"}


def test_what_leaves_the_store_carries_who_sent_it_and_when(hub: EdgeHubProcess, open_module: Any) -> None:
    hub.client.set_routes({"all": "FROM /messages/* INTO $upstream"})
    start = latest(hub)
    sender = open_module("a")
    sender.client.connect()
    sender.send({}, "events", message_id="event-1")
    sender.client.send_message("no output")
    first, second = hub.client.upstream(after=start)
    assert first.system["connectionDeviceId"] == "store-1"
    assert first.system["connectionModuleId"] == "a"
    assert first.system["messageId"] == "event-1"
    assert first.system["contentType"] == "application/json"
    assert "T" in first.system["enqueuedTime"]
    assert second.source == "/messages/modules/a"
    assert second.sequence > first.sequence


def test_one_endpoint_gets_one_copy_and_a_message_without_route_is_acknowledged(
    hub: EdgeHubProcess, open_module: Any
) -> None:
    hub.client.set_routes(
        {
            "one": 'FROM /messages/modules/a/* INTO BrokeredEndpoint("/modules/b/inputs/in1")',
            "again": 'FROM /messages/modules/a/outputs/x INTO BrokeredEndpoint("/modules/b/inputs/in1")',
            "other": 'FROM /messages/modules/a/outputs/x INTO BrokeredEndpoint("/modules/b/inputs/in2")',
        }
    )
    receiver = open_module("b").listen()
    client = open_module("a").client
    client.connect()
    client.send_message_to_output("hello", "x")
    inputs = sorted(message.input_name for message in receiver.received(3, seconds=1))
    assert inputs == ["in1", "in2"]
    before = hub.client.stats()["counts"]["dropped_without_route"]
    receiver.client.send_message_to_output("nobody wants this", "x")
    assert hub.client.stats()["counts"]["dropped_without_route"] == before + 1


def test_an_overdue_message_is_not_delivered(hub: EdgeHubProcess, open_module: Any) -> None:
    hub.client.set_routes(
        {
            "short": {
                "route": 'FROM /messages/modules/a/outputs/x INTO BrokeredEndpoint("/modules/late/inputs/in1")',
                "timeToLiveSecs": 1,
            },
            "long": 'FROM /messages/modules/a/outputs/y INTO BrokeredEndpoint("/modules/late/inputs/in1")',
        },
        time_to_live_seconds=600,
    )
    client = open_module("a").client
    client.connect()
    client.send_message_to_output("short", "x")
    client.send_message_to_output("long", "y")
    time.sleep(1.2)
    assert [message.data for message in open_module("late").listen().received(2, seconds=1)] == [b"long"]


def test_routes_that_cannot_be_read_are_reported_and_the_old_ones_stay(hub: EdgeHubProcess) -> None:
    hub.client.set_routes({"good": "FROM /* INTO $upstream"})
    with pytest.raises(ConfigError, match=r"routes\.bad: .*is not FROM"):
        hub.client.set_routes({"bad": "FROM somewhere INTO $upstream"})
    assert hub.client.routes().keys() == {"good"}
    assert hub.client.reported("$edgeHub")["lastDesiredStatus"]["code"] == 400


def test_a_route_that_is_nested_too_deeply_is_reported(hub: EdgeHubProcess) -> None:
    with pytest.raises(ConfigError, match=r"routes\.deep: WHERE: 2402 words and signs"):
        hub.client.set_routes({"deep": f"FROM /* WHERE {'(' * 1200} a = 'b' {')' * 1199} INTO $upstream"})


@pytest.mark.parametrize("configuration", [7200, *({"timeToLiveSecs": seconds} for seconds in ("7200", 1.5, True))])
def test_a_time_to_live_that_cannot_be_read_is_reported_and_the_old_one_stays(
    hub: EdgeHubProcess, configuration: Any
) -> None:
    hub.client.set_routes({"good": "FROM /* INTO $upstream"})
    hub.client.replace_twin("$edgeHub", {"routes": {}, "storeAndForwardConfiguration": configuration})
    status = hub.client.reported("$edgeHub")["lastDesiredStatus"]
    assert status["code"] == 400
    assert "storeAndForwardConfiguration" in status["description"]
    assert hub.client.routes().keys() == {"good"}


def test_a_token_signed_with_another_key_is_refused(
    hub: EdgeHubProcess, open_module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stolen = hub.environment("b", "simulator")["EdgeHubConnectionString"].replace("ModuleId=b", "ModuleId=a")
    genuine = hub.environment("a", "simulator")
    monkeypatch.setattr(hub, "environment", lambda *_: {**genuine, "EdgeHubConnectionString": stolen}, raising=True)
    impostor = open_module("a")
    with pytest.raises((CredentialError, ConnectionFailedError)):
        impostor.client.connect()
    assert not impostor.client.connected


def test_a_method_that_is_not_answered_is_504(hub: EdgeHubProcess, open_module: Any) -> None:
    module = open_module("b")
    module.mute = True
    module.listen()
    with pytest.raises(HubError) as refused:
        hub.client.invoke_method("b", "ping", response_timeout=5)
    assert refused.value.status == 504


def test_a_second_connection_of_a_module_ends_the_first(
    hub: EdgeHubProcess, open_module: Any, eventually: Callable[..., None]
) -> None:
    first, second = open_module("a", connection_retry=False), open_module("a", connection_retry=False)
    first.client.connect()
    second.client.connect()
    eventually(lambda: not first.client.connected, "the first client loses its connection")
    assert second.client.connected
    assert hub.client.stats()["modules"]["a"]["connected"]


def test_large_payloads_one_at_a_time_do_not_wait_for_delayed_acknowledgements(
    hub: EdgeHubProcess, open_module: Any
) -> None:
    client = open_module("a").client
    client.connect()
    started = time.monotonic()
    for _ in range(50):
        client.send_message_to_output("x" * 40_000, "frames")
    # With a delayed acknowledgement each would take 44 ms: 2.2 s.
    assert time.monotonic() - started < 1.5
    assert hub.client.stats()["modules"]["a"]["connected"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        pytest.param("GET", "/twins/elsewhere/modules/a", None, 404, id="another device"),
        pytest.param("GET", "/nowhere", None, 404, id="unknown path"),
        pytest.param("DELETE", "/twins/store-1/modules/a", None, 404, id="method not served"),
        pytest.param("PATCH", "/twins/store-1/modules/a", {"properties": {}}, 400, id="no desired"),
        pytest.param("PATCH", "/twins/store-1/modules/a", [1], 400, id="no object"),
        pytest.param("PATCH", "/twins/store-1/modules/a", {"properties": "x"}, 400, id="properties that are text"),
        pytest.param("PUT", "/twins/store-1/modules/a", {"properties": [{}]}, 400, id="properties in a list"),
        pytest.param("PATCH", "/twins/store-1/modules/a", {"properties": 0}, 400, id="properties that are a number"),
        pytest.param("GET", "/twins/store-1/modules/nobody", None, 404, id="unknown module"),
        pytest.param("PATCH", "/twins/store-1/modules/a", {"tags": [1]}, 400, id="tags that are no object"),
        pytest.param("PUT", "/twins/store-1/modules/a", {}, 400, id="nothing to put"),
        pytest.param(
            "PATCH", "/twins/store-1/modules/a", {"properties": {"desired": {"a": float("nan")}}}, 400, id="NaN"
        ),
        pytest.param("POST", "/twins/store-1/methods", {"methodName": "m"}, 404, id="a method of the device"),
        pytest.param("GET", "/devices/elsewhere/modules", None, 404, id="modules of another device"),
        pytest.param("PUT", "/configurations", {}, 405, id="a deployment without a name"),
        pytest.param("POST", "/configurations/testQueries", {}, 405, id="no test of queries"),
        pytest.param("GET", "/configurations/a/b", None, 404, id="too long an address"),
        pytest.param(
            "PUT",
            "/configurations/deep",
            {"content": {"modulesContent": {"$edgeAgent": {}}}, "targetCondition": "NOT " * 3000 + "deviceId = 'a'"},
            400,
            id="a condition of 3,000 NOT",
        ),
        pytest.param("POST", "/local/cloud", {"away": 1}, 400, id="neither away nor there"),
        pytest.param("POST", "/twins/store-1/modules/a/methods", {"methodName": ""}, 400, id="no name"),
        pytest.param(
            "POST",
            "/twins/store-1/modules/a/methods",
            {"methodName": "m", "responseTimeoutInSeconds": 1},
            400,
            id="time limit out of range",
        ),
        pytest.param("POST", "/local/faults", {"earthquake": True}, 400, id="unknown fault"),
        pytest.param("POST", "/local/faults", {"puback_lost": "3"}, 400, id="fault of another type"),
        pytest.param("GET", "/local/upstream?after=x", None, 400, id="no number"),
    ],
)
def test_a_bad_request_is_refused_with_its_status(
    hub: EdgeHubProcess, method: str, path: str, body: Any, status: int
) -> None:
    hub.environment("a")  # so that there is one
    with pytest.raises(HubError) as refused:
        hub.client.call(method, path, body)
    assert refused.value.status == status
    assert hub.exit_code() is None
