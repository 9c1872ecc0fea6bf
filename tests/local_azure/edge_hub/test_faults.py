"""Each fault switch causes the trap that it is named for, with the real SDK on the other side."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from local_azure.edge_hub.faults import Faults
from local_azure.edge_hub.process import EdgeHubProcess
from storeflow.errors import ConfigError


def route_to(receiver: str) -> dict[str, str]:
    """Each test has a receiver of its own: what one leaves in a queue is not the next one's."""
    sink = f'BrokeredEndpoint("/modules/{receiver}/inputs/in1")'
    return {"r": f"FROM /messages/modules/a/outputs/x INTO {sink}"}


def test_connack_5_ends_reconnecting_until_somebody_connects_again(
    hub: EdgeHubProcess, open_module: Any, eventually: Callable[..., None]
) -> None:
    client = open_module("a").client
    client.connect()
    hub.client.faults(refuse_connect=5)
    hub.client.drop("a")
    eventually(lambda: not client.connected, "the connection is gone")
    time.sleep(0.5)
    hub.client.faults(refuse_connect=None)
    time.sleep(2.5)
    assert not client.connected, "the SDK gave up, though the hub accepts again"
    client.connect()
    assert client.connected


def test_connack_3_is_tried_again(hub: EdgeHubProcess, open_module: Any, eventually: Callable[..., None]) -> None:
    client = open_module("a").client
    client.connect()
    hub.client.faults(refuse_connect=3)
    hub.client.drop("a")
    eventually(lambda: not client.connected, "the connection is gone")
    hub.client.faults(refuse_connect=None)
    eventually(lambda: client.connected, "the SDK reconnects by itself")


def test_a_lost_puback_makes_a_duplicate(hub: EdgeHubProcess, open_module: Any) -> None:
    hub.client.set_routes(route_to("twice"))
    receiver = open_module("twice").listen()
    sender = open_module("a")
    sender.client.connect()
    hub.client.faults(puback_lost=1, module="a")
    sender.send("x", "x", message_id="once")
    assert [message.message_id for message in receiver.received(2)] == ["once", "once"]


def test_without_puback_a_send_never_returns_though_the_message_arrived(hub: EdgeHubProcess, open_module: Any) -> None:
    hub.client.set_routes(route_to("once"))
    receiver = open_module("once").listen()
    sender = open_module("a")
    sender.client.connect()
    hub.client.faults(no_puback=True, module="a")
    sending = threading.Thread(target=sender.send, args=("x", "x"), kwargs={"message_id": "stuck"}, daemon=True)
    sending.start()
    assert [message.message_id for message in receiver.received(1)] == ["stuck"]
    sending.join(1.0)
    assert sending.is_alive()
    hub.client.faults(no_puback=None)
    hub.client.drop("a")
    sending.join(10)
    assert not sending.is_alive()


def test_a_wiped_session_leaves_a_connected_module_deaf(
    hub: EdgeHubProcess, open_module: Any, eventually: Callable[..., None]
) -> None:
    hub.client.set_routes(route_to("deaf"))
    receiver = open_module("deaf").listen()
    sender = open_module("a").client
    sender.connect()
    hub.client.faults(wipe_session=1, module="deaf")
    connects = hub.client.stats()["counts"]["connects"]
    hub.client.drop("deaf")
    eventually(lambda: hub.client.stats()["counts"]["connects"] > connects, "it reconnects")
    sender.send_message_to_output("x", "x")
    assert receiver.received(1, seconds=1) == []
    assert receiver.client.connected
    state = hub.client.stats()["modules"]["deaf"]
    assert (state["subscriptions"], state["queued"]) == ([], 1)


@pytest.mark.parametrize("handlers_first", [True, False])
def test_a_message_waiting_at_connect_needs_its_handler_already(
    hub: EdgeHubProcess, open_module: Any, eventually: Callable[..., None], handlers_first: bool
) -> None:
    receiver = f"late-{handlers_first}"
    hub.client.set_routes(route_to(receiver))
    open_module(receiver).listen().close()
    sender = open_module("a").client
    sender.connect()
    sender.send_message_to_output("waiting", "x")
    module = open_module(receiver)
    if not handlers_first:
        module.client.connect()
        eventually(lambda: hub.client.stats()["modules"][receiver]["queued"] == 0, "the SDK acknowledged it")
    module.listen()
    received = [message.data for message in module.received(1, seconds=3 if handlers_first else 0.5)]
    assert received == ([b"waiting"] if handlers_first else [])


def test_a_sign_request_that_fails_keeps_a_client_from_being_made(hub: EdgeHubProcess, open_module: Any) -> None:
    hub.client.faults(sign_fail=1)
    with pytest.raises(ValueError, match="SasToken"):
        open_module("a", variant="workload")
    open_module("a", variant="workload").client.connect()


def test_a_sign_request_that_hangs_holds_its_client_up(hub: EdgeHubProcess, open_module: Any) -> None:
    hub.client.faults(sign_delay=0.5)
    started = time.monotonic()
    open_module("a", variant="workload")
    assert time.monotonic() - started >= 0.5


def test_switches_are_checked_all_or_none() -> None:
    faults = Faults()
    with pytest.raises(ConfigError) as refused:
        faults.update({"puback_lost": True, "no_puback": 1, "quake": 1, "sign_delay": 2})
    assert len(refused.value.problems) == 3
    assert faults == Faults()
    faults.update({"sign_delay": 2, "puback_lost": 1})
    assert faults.take("puback_lost", "a")
    assert not faults.take("puback_lost", "a")
    faults.update({"sign_delay": None})
    assert faults == Faults()
