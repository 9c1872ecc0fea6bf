"""Nothing that a hub acknowledged is lost when it is killed."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

from azure.iot.device.exceptions import ClientError

from local_azure.edge_hub.process import EdgeHubProcess

TO_RECEIVER = 'FROM /messages/modules/a/outputs/x INTO BrokeredEndpoint("/modules/b/inputs/in1")'


def test_500_acknowledged_messages_outlive_the_hub(hub: EdgeHubProcess, open_module: Any) -> None:
    hub.client.set_routes({"r": TO_RECEIVER})
    open_module("b").listen().close()
    sender = open_module("a")
    sender.client.connect()
    for index in range(500):
        sender.send("x" * 1000, "x", message_id=str(index))
    hub.kill()
    sender.close()
    hub.start()
    stats = hub.client.stats()
    assert stats["waiting"] == {"b": 500}
    assert "devices/store-1/modules/b/inputs/#" in stats["modules"]["b"]["subscriptions"]
    received = open_module("b").listen().received(500, seconds=20)
    assert {message.message_id for message in received} == {str(index) for index in range(500)}
    assert len(received) == 500


def test_what_was_acknowledged_before_a_kill_in_mid_stream_arrives(hub: EdgeHubProcess, open_module: Any) -> None:
    hub.client.set_routes({"r": TO_RECEIVER, "u": "FROM /messages/modules/a/* INTO $upstream"})
    start = max((message.sequence for message in hub.client.upstream()), default=0)
    receiver = open_module("b").listen()
    sender = open_module("a")
    sender.client.connect()
    acknowledged: set[str] = set()
    enough = threading.Event()

    def send() -> None:
        for index in range(10_000):
            if enough.is_set():
                return
            try:
                sender.send("x", "x", message_id=f"m{index}")
                acknowledged.add(f"m{index}")
            except ClientError:
                time.sleep(0.05)

    sending = threading.Thread(target=send)
    sending.start()
    time.sleep(0.4)
    before_kill = len(acknowledged)
    hub.kill()
    hub.start()
    give_up = time.monotonic() + 10
    while len(acknowledged) < before_kill + 50 and time.monotonic() < give_up:
        time.sleep(0.05)
    enough.set()
    sending.join()
    assert len(acknowledged) >= before_kill + 50 > 50
    missing = set(acknowledged)
    for message in iter(lambda: next(iter(receiver.received(1, seconds=3)), None), None):
        missing.discard(message.message_id)
        if not missing:
            break
    assert not missing
    left: set[str] = set()
    while page := hub.client.upstream(after=start):
        left |= {message.system["messageId"] for message in page}
        start = page[-1].sequence
    assert acknowledged <= left


def test_nothing_is_acknowledged_that_the_disk_refused(
    hub: EdgeHubProcess, open_module: Any, eventually: Callable[..., None]
) -> None:
    hub.client.set_routes({"r": 'FROM /messages/* INTO BrokeredEndpoint("/modules/d/inputs/in1")'})
    sender = open_module("a")
    sender.client.connect()
    # Another program holds the database for longer than the hub waits.
    with contextlib.closing(sqlite3.connect(hub.state / "hub.db", isolation_level=None)) as other:
        other.execute("begin immediate")
        sending = threading.Thread(target=sender.send, args=("precious", "x"), daemon=True)
        sending.start()
        eventually(lambda: hub.exit_code() == 1, "the hub ends")
        assert sending.is_alive()
    hub.start()
    sending.join(10)
    assert not sending.is_alive()
    assert open_module("d").listen().received(1)[0].data == b"precious"


def test_twins_and_routes_outlive_the_hub(
    hub: EdgeHubProcess, open_module: Any, eventually: Callable[..., None]
) -> None:
    hub.client.set_routes({"r": TO_RECEIVER})
    hub.client.replace_twin("c", {"zones": {"till": 1}})
    module = open_module("c")
    module.client.connect()
    module.client.patch_twin_reported_properties({"seen": 1})
    before = hub.client.twin("c")["properties"]
    hub.kill()
    hub.start()
    assert hub.client.twin("c")["properties"] == before
    assert hub.client.routes().keys() == {"r"}
    eventually(lambda: module.client.connected, "the module comes back by itself")
