"""The unmodified azure-iot-device against the edgeHub stand-in: every trap of the SDK that the transport heeds."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from local_azure.edge_hub.process import EdgeHubProcess
from storeflow.errors import TransportError
from storeflow.transport import edge_hub
from storeflow.transport.edge_hub import EdgeHubTransport, Timing, _network_thread_died
from storeflow.transport.port import MAX_BODY_BYTES

FAST = Timing(
    answer=2.0, connect=10.0, silence=60.0, check=0.1, retry=0.2, backoff=0.2, max_backoff=0.5, useless_clients=3
)
ROUTES = {
    "events": 'FROM /messages/modules/zones/outputs/events INTO BrokeredEndpoint("/modules/router/inputs/events")',
    "upstream": "FROM /messages/modules/zones/outputs/upstream WHERE $body.n > 0 INTO $upstream",
}


# Paho 1.6, which azure-iot-device 2.14 needs, leaves sockets of lost connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture(scope="module")
def hub_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeHubProcess]:
    with EdgeHubProcess(tmp_path_factory.mktemp("hub")) as process:
        process.client.set_routes(ROUTES)
        yield process


@pytest.fixture
def hub(hub_process: EdgeHubProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[EdgeHubProcess]:
    become(hub_process, "zones", monkeypatch)
    yield hub_process
    gc.collect()  # here, where what the SDK left open fails no other test
    hub_process.client.faults(refuse_connect=None, no_puback=None, wipe_session=None)


def become(hub: EdgeHubProcess, module_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process a module's environment; the simulator's, as the SDK leaves its workload sockets unclosed."""
    for name, value in hub.environment(module_id, "simulator").items():
        monkeypatch.setenv(name, value)


@asynccontextmanager
async def running(inbox: Any, timing: Timing = FAST, *, connect: bool = True) -> AsyncIterator[EdgeHubTransport]:
    transport = EdgeHubTransport(timing)
    task = asyncio.create_task(transport.run(inbox))
    try:
        if connect:
            await until(lambda: True in inbox.connections)
        yield transport
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], Any], seconds: float = 15.0) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it did not come to pass in time"
        await asyncio.sleep(0.02)


async def healed(transport: EdgeHubTransport, seconds: float = 15.0) -> None:
    """Wait until a twin request is answered again."""
    give_up = time.monotonic() + seconds
    while True:
        try:
            await transport.twin()
        except TransportError:
            assert time.monotonic() < give_up, "it did not heal in time"
            await asyncio.sleep(0.1)
        else:
            return


def test_a_message_carries_what_hub_routing_needs(hub: EdgeHubProcess, inbox: Any) -> None:
    async def scene() -> None:
        async with running(inbox) as transport:
            await transport.send("upstream", b'{"n": 1}', {"eventType": "t", "storeId": "s"}, "id-1")
            await transport.send("upstream", b'{"n": 0}', {}, "id-2")
            with pytest.raises(TransportError, match="204801 bytes"):
                await transport.send("upstream", b"x" * (MAX_BODY_BYTES + 1), {}, "id-3")

    asyncio.run(scene())

    (message,) = hub.client.upstream()
    assert message.body == b'{"n": 1}', "$body was read, so content type and encoding were there"
    assert message.properties == {"eventType": "t", "storeId": "s"}
    assert message.system["messageId"] == "id-1"


def test_messages_that_wait_for_a_module_are_not_lost_while_it_connects(
    hub: EdgeHubProcess, monkeypatch: pytest.MonkeyPatch, inbox: Any, new_inbox: Callable[[], Any]
) -> None:
    async def scene() -> None:
        become(hub, "router", monkeypatch)
        async with running(inbox):
            pass
        become(hub, "zones", monkeypatch)
        async with running(new_inbox()) as transport:
            bodies = [b'{"n": %d}' % number for number in range(50)]
            await asyncio.gather(
                *(transport.send("events", body, {}, f"m{number}") for number, body in enumerate(bodies))
            )
        become(hub, "router", monkeypatch)
        async with running(inbox):
            await until(lambda: len(inbox.messages) >= 50)
        assert sorted(inbox.messages) == sorted(("events", body) for body in bodies)

    asyncio.run(scene())


def test_twin_reports_and_methods_reach_their_ends(hub: EdgeHubProcess, inbox: Any) -> None:
    async def scene() -> None:
        async with running(inbox) as transport:
            before = (await transport.twin())["desired"]
            await asyncio.to_thread(hub.client.patch_twin, "zones", {"layout": {"zones": {}}})
            await until(lambda: inbox.twin_changes)
            after = (await transport.twin())["desired"]
            assert after["$version"] == before["$version"] + 1
            assert after["layout"] == {"zones": {}}
            await transport.report({"layout": {"ac": 200}, "gone": None})
            assert (await transport.twin())["reported"]["layout"] == {"ac": 200}
            answer = await asyncio.to_thread(hub.client.invoke_method, "zones", "metrics", {"all": True})
            assert (answer.status, answer.payload) == (200, {"name": "metrics", "payload": {"all": True}})

    asyncio.run(scene())

    assert hub.client.reported("zones") == {"layout": {"ac": 200}}


def test_a_hub_that_comes_later_or_comes_back_is_found(hub: EdgeHubProcess, inbox: Any) -> None:
    async def scene() -> None:
        await asyncio.to_thread(hub.kill)
        async with running(inbox, connect=False) as transport:
            await asyncio.sleep(1.0)
            with pytest.raises(TransportError, match="not connected"):
                await transport.send("upstream", b"{}", {}, "id")
            await asyncio.to_thread(hub.start)
            await until(lambda: True in inbox.connections)
            inbox.connections.clear()
            await asyncio.to_thread(hub.kill)
            await until(lambda: False in inbox.connections)
            await asyncio.to_thread(hub.start)
            await until(lambda: True in inbox.connections)
            await healed(transport)
            await transport.send("upstream", b"{}", {}, "id")

    asyncio.run(scene())


def test_a_refused_token_ends_the_sdk_but_not_the_module(hub: EdgeHubProcess, inbox: Any) -> None:
    async def scene() -> None:
        async with running(inbox, replace(FAST, useless_clients=100)) as transport:
            await asyncio.to_thread(hub.client.faults, refuse_connect=5)
            await asyncio.to_thread(hub.client.drop)
            await until(lambda: False in inbox.connections)
            await asyncio.sleep(1.0)
            await asyncio.to_thread(hub.client.faults, refuse_connect=None)
            await healed(transport)

    asyncio.run(scene())


def test_a_hub_that_never_acknowledges_costs_a_client_and_not_for_ever(hub: EdgeHubProcess, inbox: Any) -> None:
    async def scene() -> None:
        async with running(inbox) as transport:
            first = transport._client
            await asyncio.to_thread(hub.client.faults, no_puback=True)
            with pytest.raises(TransportError, match="no answer within 2 s"):
                await transport.send("upstream", b"{}", {}, "id")
            await asyncio.to_thread(hub.client.faults, no_puback=None)
            await until(lambda: transport._client not in {first, None})
            await transport.send("upstream", b"{}", {}, "id")

    asyncio.run(scene())


def test_a_client_that_is_connected_and_deaf_is_found_out_and_replaced(hub: EdgeHubProcess, inbox: Any) -> None:
    async def scene() -> None:
        async with running(inbox, replace(FAST, silence=2.0)) as transport:
            await transport.twin()
            first = transport._client
            await asyncio.to_thread(hub.client.faults, wipe_session=1)
            await asyncio.to_thread(hub.client.drop)
            await until(lambda: transport._client not in {first, None})
            await healed(transport)

    asyncio.run(scene())


def test_clients_that_are_no_use_one_after_another_end_the_process(hub: EdgeHubProcess, inbox: Any) -> None:
    hub.client.faults(refuse_connect=5)

    with pytest.raises(TransportError, match="3 clients were no use"):
        asyncio.run(asyncio.wait_for(EdgeHubTransport(FAST).run(inbox), 20))


@pytest.mark.parametrize("answered", [True, False])
def test_only_clients_over_which_nothing_was_heard_add_up(hub: EdgeHubProcess, inbox: Any, *, answered: bool) -> None:
    """Each of them is soon given up, over a message that is not acknowledged; after three in a row it would end."""

    async def scene() -> bool:
        transport, used = EdgeHubTransport(replace(FAST, answer=1.0)), {None}
        task = asyncio.create_task(transport.run(inbox))
        await asyncio.to_thread(hub.client.faults, no_puback=True)
        for _ in range(5):
            await until(lambda: transport._client not in used or task.done())
            if task.done():
                assert "3 clients were no use" in str(task.exception())
                break
            used.add(transport._client)
            if answered:
                await transport.twin()
            with pytest.raises(TransportError, match="no answer within 1 s"):
                await transport.send("upstream", b"{}", {}, "id")
        return task.done() or not task.cancel()

    assert asyncio.run(scene()) is not answered


@pytest.mark.usefixtures("hub")
def test_anyone_who_waits_for_a_client_that_is_replaced_hears_so_at_once_and_does_not_cost_the_next_one(
    inbox: Any,
) -> None:
    async def scene() -> None:
        async with running(inbox) as transport:
            first = transport._client
            waiting = asyncio.create_task(transport._answered(asyncio.sleep(60.0), 60.0, "a request to the first"))
            with pytest.raises(TransportError, match="another: no answer within 0 s"):
                await transport._answered(asyncio.sleep(60.0), 0.1, "another")
            with pytest.raises(TransportError, match="a request to the first: another: no answer"):
                await asyncio.wait_for(waiting, 1.0)
            await until(lambda: transport._client not in {first, None})
            second = transport._client
            await asyncio.sleep(3 * FAST.check)
            assert transport._client is second

    asyncio.run(scene())


@pytest.mark.usefixtures("hub")
def test_what_is_under_way_when_a_token_nears_its_end_is_waited_for(inbox: Any) -> None:
    async def scene() -> None:
        async with running(inbox, replace(FAST, token=3600, renew=3599.5)) as transport:
            asking = asyncio.create_task(transport._answered(asyncio.sleep(1.0, "the answer"), 5.0, "a long request"))
            await until(lambda: False in inbox.connections)
            assert await asking == "the answer"

    asyncio.run(scene())


@pytest.mark.usefixtures("hub")
def test_a_watch_that_fails_ends_the_transport_with_it(inbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Any) -> bool:
        raise ZeroDivisionError

    async def scene() -> None:
        transport = EdgeHubTransport(FAST)
        task = asyncio.create_task(transport.run(inbox))
        await until(lambda: True in inbox.connections)
        with monkeypatch.context() as patched:
            patched.setattr(edge_hub, "_network_thread_died", fail)
            await until(lambda: transport._client is None or task.done())
        with pytest.raises(ZeroDivisionError):
            await task

    asyncio.run(scene())


def test_a_client_that_cannot_be_looked_into_is_not_said_to_be_dead() -> None:
    assert not _network_thread_died(object())


def test_the_figures_are_those_that_were_decided() -> None:
    timing = Timing()
    assert timing.retry <= 2.0
    assert timing.keep_alive == 15
    assert timing.renew > 120.0, "the SDK renews a token 120 s before its end"
