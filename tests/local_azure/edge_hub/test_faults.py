"""Each fault switch causes the trap that it is named for, with the real SDK on the other side."""

import contextlib
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from azure.iot.device.exceptions import CredentialError

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


def test_a_session_that_is_lost_leaves_its_connection_and_nothing_else(
    hub: EdgeHubProcess, open_module: Any, eventually: Callable[..., None]
) -> None:
    hub.client.set_routes(route_to("lost"))
    receiver = open_module("lost").listen()
    sender = open_module("a").client
    sender.connect()
    connects = hub.client.stats()["counts"]["connects"]
    hub.client.faults(lose_session=1, module="lost")
    eventually(lambda: hub.client.faults()["lose_session"] == 0, "it is lost")
    sender.send_message_to_output("x", "x")
    assert receiver.received(1, seconds=1) == []
    assert receiver.client.connected
    stats = hub.client.stats()
    assert stats["counts"]["connects"] == connects
    assert (stats["modules"]["lost"]["subscriptions"], stats["modules"]["lost"]["queued"]) == ([], 1)


def test_a_twin_request_can_be_left_without_an_answer(hub: EdgeHubProcess, open_module: Any) -> None:
    client = open_module("a").client
    client.connect()
    hub.client.faults(no_twin_answer=True, module="a")
    asking = threading.Thread(target=_ask_in_vain, args=(client,), daemon=True)
    asking.start()
    asking.join(1.0)
    assert asking.is_alive()
    client.send_message_to_output("messages are taken as before", "x")
    other = open_module("b").client
    other.connect()
    assert "desired" in other.get_twin(), "another module is answered"


def _ask_in_vain(client: Any) -> None:
    with contextlib.suppress(Exception):  # what ends it is the end of the test
        client.get_twin()


def test_a_hub_whose_clock_is_ahead_ends_connections_and_refuses_tokens(
    hub: EdgeHubProcess, open_module: Any, eventually: Callable[..., None]
) -> None:
    client = open_module("a", sastoken_ttl=600).client
    client.connect()
    hub.client.faults(clock_ahead=500.0, module="a")
    time.sleep(1.5)
    assert client.connected, "its token has 100 s left even so"
    hub.client.faults(clock_ahead=700.0)
    eventually(lambda: not client.connected, "the connection ends")
    with pytest.raises(CredentialError):
        open_module("a", sastoken_ttl=600).client.connect()
    hub.client.faults(clock_ahead=None)
    open_module("a", sastoken_ttl=600).client.connect()


@pytest.mark.parametrize("delayed", [True, False])
def test_delayed_acknowledgements_make_payloads_over_16_kilobytes_slow(
    hub: EdgeHubProcess, open_module: Any, delayed: bool
) -> None:
    hub.client.faults(delayed_ack=delayed)
    client = open_module("a").client
    client.connect()
    seconds = []
    for _ in range(20):
        started_at = time.monotonic()
        client.send_message_to_output("x" * 20_000, "x")
        seconds.append(time.monotonic() - started_at)
    assert (statistics.median(seconds) > 0.035) == delayed, seconds


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
        time.sleep(0.3)  # paho acknowledges first; then another thread of the SDK finds nobody to give it to
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
