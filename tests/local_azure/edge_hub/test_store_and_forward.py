"""Priorities, times to live and a cloud that is away, as modules on the real SDK meet them."""

import contextlib
import sqlite3
import time
from typing import Any

import pytest

from local_azure.edge_hub.client import HubError
from local_azure.edge_hub.process import EdgeHubProcess


def to(module_id: str, output: str, **more: int) -> dict[str, Any]:
    route = f'FROM /messages/modules/a/outputs/{output} INTO BrokeredEndpoint("/modules/{module_id}/inputs/in1")'
    return {"route": route, **more}


def up(output: str, **more: int) -> dict[str, Any]:
    return {"route": f"FROM /messages/modules/a/outputs/{output} INTO $upstream", **more}


def latest(hub: EdgeHubProcess) -> int:
    return max((message.sequence for message in hub.client.upstream()), default=0)


def test_a_module_that_comes_back_gets_what_is_urgent_first(hub: EdgeHubProcess, open_module: Any) -> None:
    hub.client.set_routes(
        {"plain": to("late", "plain"), "low": to("late", "low", priority=9), "high": to("late", "high", priority=0)}
    )
    sender = open_module("a").client
    sender.connect()
    for output in ("plain", "low", "high", "plain", "low", "high"):
        sender.send_message_to_output(output, output)
    received = [message.data.decode() for message in open_module("late").listen().received(6)]
    # The SDK runs its handlers on several threads, so that neighbours may change places; classes may not.
    assert [sorted(received[start : start + 2]) for start in (0, 2, 4)] == [["high"] * 2, ["low"] * 2, ["plain"] * 2]


def test_a_time_to_live_is_the_routes_or_else_the_hubs_and_what_is_overdue_is_counted(
    hub: EdgeHubProcess, open_module: Any
) -> None:
    hub.client.set_routes({"own": to("gone", "own", timeToLiveSecs=600), "hub": to("gone", "hub")}, 1)
    before = hub.client.stats()["counts"].get("expired", 0)
    sender = open_module("a").client
    sender.connect()
    for output in ("hub", "own"):
        sender.send_message_to_output(output, output)
    time.sleep(1.2)
    assert [message.data for message in open_module("gone").listen().received(2, seconds=1)] == [b"own"]
    assert hub.client.stats()["counts"]["expired"] == before + 1


def test_without_a_word_messages_live_for_two_hours(hub: EdgeHubProcess, open_module: Any) -> None:
    hub.client.set_routes({"r": to("never", "x")})
    sender = open_module("a").client
    sender.connect()
    sender.send_message_to_output("x", "x")
    assert hub.client.desired("$edgeHub").keys() == {"schemaVersion", "routes"}
    assert abs(_expires_in(hub, "never") - 7200) < 30


def test_figures_that_matter_may_wait_for_three_days(hub: EdgeHubProcess, open_module: Any) -> None:
    hub.client.set_routes({"r": to("weekend", "x")}, time_to_live_seconds=259_200)
    sender = open_module("a").client
    sender.connect()
    sender.send_message_to_output("x", "x")
    assert abs(_expires_in(hub, "weekend") - 259_200) < 30


def test_while_the_cloud_is_away_senders_go_on_and_nothing_leaves_the_store(
    hub: EdgeHubProcess, open_module: Any, eventually: Any
) -> None:
    hub.client.set_routes(
        {"low": up("low", priority=9), "high": up("high", priority=0), "short": up("short", timeToLiveSecs=1)}
    )
    start = latest(hub)
    sender = open_module("a").listen().client
    hub.client.cloud(away=True)
    try:
        for output in ("low", "short", "high"):
            sender.send_message_to_output(output, output)
        assert hub.client.upstream(after=start) == []
        assert hub.client.stats()["waiting"]["$upstream"] == 3
        assert hub.client.twin()["connectionState"] == "Disconnected"
        with pytest.raises(HubError, match="Timed out waiting for device to connect") as refused:
            hub.client.invoke_method("a", "ping")
        assert (refused.value.status, refused.value.code) == (404, "DeviceNotOnline")
        time.sleep(1.2)
    finally:
        hub.client.cloud(away=False)
    eventually(lambda: len(hub.client.upstream(after=start)) == 2, "what was kept leaves")
    assert [message.body for message in hub.client.upstream(after=start)] == [b"high", b"low"]
    assert "$upstream" not in hub.client.stats()["waiting"]
    assert hub.client.twin()["connectionState"] == "Connected"
    assert hub.client.invoke_method("a", "ping").status == 200


def test_what_waits_for_the_cloud_outlives_a_kill(hub: EdgeHubProcess, open_module: Any, eventually: Any) -> None:
    hub.client.set_routes({"all": up("x")})
    start = latest(hub)
    sender = open_module("a")
    sender.client.connect()
    hub.client.cloud(away=True)
    for number in range(25):
        sender.send(str(number), "x")
    hub.kill()
    sender.close()
    hub.start()
    eventually(lambda: len(hub.client.upstream(after=start)) == 25, "all of it leaves")
    assert [message.body.decode() for message in hub.client.upstream(after=start)] == [str(n) for n in range(25)]


def _expires_in(hub: EdgeHubProcess, module_id: str) -> float:
    """Seconds for which the one message that waits for a module will still do so, as the hub's database has it."""
    with contextlib.closing(sqlite3.connect(hub.state / "hub.db")) as database:
        ((expires_at,),) = database.execute("select expires_at from queue where module_id=?", (module_id,)).fetchall()
    return float(expires_at) - time.time()
