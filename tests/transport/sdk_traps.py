"""One situation of azure-iot-device and edgeHub in a process of its own: `sdk_traps.py SITUATION FOLDER PATIENCE`.

It runs the SDK unmodified against the stand-in with a fault switched on, and ends with 0 where storeflow holds, with
`LOST` where it does not. test_sdk_traps.py plays every situation on storeflow as it is, and on copies of it that lack
one mitigation. `sdk_traps.py module` is a module's process as edgeAgent starts it.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from local_azure.edge_hub.client import HubError
from local_azure.edge_hub.process import EdgeHubProcess
from storeflow.contract.cloudevents import CloudEvent
from storeflow.errors import TransportError
from storeflow.host import module_thread, process
from storeflow.transport import edge_hub
from storeflow.transport.edge_hub import Timing
from storeflow.transport.port import MAX_BODY_BYTES
from tests.transport.stage import FAST, ROUTES, Emitter, Heard, ModuleTransport, Stage, connected, strike_network_thread

LOST = 3
"""Exit status: the situation got the better of storeflow."""

Situation = Callable[[Stage], Awaitable[None]]
SITUATIONS: dict[str, Situation] = {}


def situation(function: Situation) -> Situation:
    """Register a situation by its name."""
    SITUATIONS[function.__name__] = function
    return function


# 1: handlers before `connect`.


@situation
async def messages_wait_at_connect(stage: Stage) -> None:
    """Messages lie in the hub when a module connects."""
    async with stage.transport():
        pass
    await stage.order(range(20))
    heard = Heard()
    async with stage.transport(inbox=heard):
        await stage.until(lambda: heard.messages == list(range(20)), f"all heard: {heard.messages}")


# 2: the whole twin, at start and after every reconnect.


@situation
async def twin_changed_while_away(stage: Stage) -> None:
    """A section came before the module; a key in it goes while the connection is down."""
    Emitter.sections = ("cameras",)
    cameras = {"door": {"url": "file:door.mp4"}, "till": {"url": "file:till.mp4"}}
    await stage.ask(stage.hub.client.patch_twin, "zones", {"cameras": cameras})
    async with stage.host():
        await stage.until(lambda: Emitter.configured, "configured at start")
        assert set(Emitter.configured[-1]) == {"door", "till"}
        await stage.fault(refuse_connect=3)
        await stage.ask(stage.hub.client.drop)
        await stage.ask(stage.hub.client.patch_twin, "zones", {"cameras": {"till": None}})
        await stage.fault(refuse_connect=None)
        await stage.until(lambda: set(Emitter.configured[-1]) == {"door"}, "the key is gone in the module too")


# 3: first connect, no queue in the SDK, no time limit, few in flight, the same id again, dedupe.


@situation
async def the_hub_comes_later(stage: Stage) -> None:
    """Nobody listens when the module starts."""
    heard, environment = Heard(), stage.environment("zones")
    stage.hub.kill()
    task = asyncio.create_task(ModuleTransport(environment, FAST).run(heard))
    await asyncio.sleep(0.5)
    assert not task.done(), "it did not wait for the hub"
    await stage.ask(stage.hub.start)
    await stage.until(lambda: True in heard.connections, "connected in the end")


@situation
async def events_are_emitted_while_the_hub_is_away(stage: Stage) -> None:
    """The module goes on while there is no hub; afterwards every event arrives."""
    Emitter.total = 120
    await stage.ask(stage.hub.kill)
    async with stage.host() as (_, outbox):
        await stage.until(lambda: outbox.checkpoint() == b"120", "all emitted")
        await asyncio.sleep(0.5)
        assert outbox.rows_waiting == Emitter.total, f"{outbox.rows_waiting} of {Emitter.total} kept"
        await stage.ask(stage.hub.start)
        await stage.until(lambda: outbox.rows_waiting == 0, "all sent")
        ids = {message.system["messageId"] for message in stage.left()}
        assert len(ids) == Emitter.total, f"{len(ids)} of {Emitter.total} events left the store"


@situation
async def the_hub_stays_away(stage: Stage) -> None:
    """More events are emitted than there is room for."""
    Emitter.total = 400
    await stage.ask(stage.hub.kill)
    async with stage.host(max_rows=100) as (_, outbox):
        await stage.until(lambda: outbox.checkpoint() == b"400", "all emitted")
        rows = outbox.waiting("upstream", 1000)
        assert len(rows) <= 100, f"{len(rows)} rows"
        assert CloudEvent.from_json(rows[-1].body).id.endswith("400"), "the newest are kept"
        assert outbox.counts["dropped"] == 400 - len(rows), "and what was dropped was counted"


@situation
async def no_message_is_acknowledged(stage: Stage) -> None:
    """The hub takes messages and says nothing: a send ends, its client with it."""
    async with stage.transport() as transport:
        await stage.fault(no_puback=True)
        sending = asyncio.create_task(transport.send("upstream", b"{}", {}, "id"))
        await stage.until(sending.done, "the send is over")
        assert isinstance(sending.exception(), TransportError)
        await stage.fault(no_puback=None)
        await stage.until_answered(lambda: transport.send("upstream", b"{}", {}, "id"), "the send again")


@situation
async def more_waits_than_may_be_under_way(stage: Stage) -> None:
    """Without acknowledgements it shows how many messages are in flight: a few, not one, not all."""
    Emitter.total = 200
    await stage.fault(no_puback=True)
    async with stage.host(timing=replace(FAST, answer=3.0)):
        await stage.until(lambda: len(stage.left()) >= 16, "several at once")
        await asyncio.sleep(0.5)
        assert len(stage.left()) == 16, f"{len(stage.left())} in flight"


@situation
async def acknowledgements_are_lost(stage: Stage) -> None:
    """A connection goes after messages and before their acknowledgements: they come twice, by the same id."""
    Emitter.total = 8
    await stage.fault(puback_lost=8)
    async with stage.host() as (_, outbox):
        await stage.until(lambda: outbox.checkpoint() == b"8" and outbox.rows_waiting == 0, "all sent")
    ids = [message.system["messageId"] for message in stage.left()]
    assert len(ids) > Emitter.total, "some came twice"
    assert len(set(ids)) == Emitter.total, f"{len(set(ids))} different ids for {Emitter.total} events"


@situation
async def the_receiver_gets_everything_twice(stage: Stage) -> None:
    """What the sender sends again, the receiver passes on once."""
    Emitter.output = "events"
    await stage.ask(stage.hub.client.set_routes, {name: ROUTES[name] for name in ROUTES if name != "receipts"})
    async with stage.host("router") as (_, receiver):
        await stage.until(lambda: stage.subscribed("router"), "subscribed")
        Emitter.total = 8
        await stage.fault(puback_lost=8, module="zones")
        async with stage.host() as (_, sender):
            await stage.until(lambda: stage.count("messages") >= 16, "all were sent twice")
            await stage.until(lambda: receiver.counts["kept"] >= 8, "all were kept")
            await stage.ask(stage.hub.client.set_routes, ROUTES)
            await stage.until(lambda: sender.rows_waiting == 0, "all have their receipts")
            await stage.until(lambda: receiver.rows_waiting == 0, "all are passed on")
    assert len(stage.left()) == 8, f"{len(stage.left())} messages for 8 events"


# 4: tokens, refusals, and clients that are no use.


@situation
async def a_refused_token(stage: Stage) -> None:
    """A connection is lost and the next one refused, once: the SDK would give up for good."""
    async with stage.transport(timing=replace(FAST, useless_clients=100)) as transport:
        await stage.fault(refuse_connect=5)
        await stage.ask(stage.hub.client.drop)
        await asyncio.sleep(0.5)
        await stage.fault(refuse_connect=None)
        await stage.until_answered(transport.twin, "the twin")


@situation
async def a_token_that_ends_sooner_than_thought(stage: Stage) -> None:
    """The hub's clock is ahead by more than a token's life; then somebody sets it right."""
    async with stage.transport(timing=replace(FAST, useless_clients=100)) as transport:
        await stage.fault(clock_ahead=4000.0)
        await stage.until(lambda: not connected(transport), "the hub ended the connection")
        await asyncio.sleep(0.5)
        await stage.fault(clock_ahead=None)
        await stage.until_answered(transport.twin, "the twin")


@situation
async def a_signing_that_fails_in_the_background(stage: Stage) -> None:
    """The SDK renews its token, signing fails once, and it never tries again."""
    stage_timing = replace(FAST, token=122, renew=0.0)
    heard = Heard()
    async with stage.transport(inbox=heard, timing=stage_timing):
        await stage.fault(sign_fail=1)
        await stage.until(lambda: heard.connections[:3] == [True, False, True], "a new client")
        assert (await stage.ask(stage.hub.client.faults))["sign_fail"] == 0, "signing had failed"


@situation
async def a_token_near_its_end(stage: Stage) -> None:
    """There is a new client, with a new token, before the SDK would renew the old one."""
    heard = Heard()
    async with stage.transport(inbox=heard, timing=replace(FAST, token=3600, renew=3599.0)) as transport:
        first = transport._client
        await stage.until(lambda: transport._client not in {first, None}, "a new client")
        await stage.fault(sign_fail=1)
        await stage.until(lambda: heard.connections.count(True) >= 3, "the next, though signing failed once")


def _module_process(stage: Stage) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, **stage.environment("zones")}
    return subprocess.Popen([sys.executable, __file__, "module"], env=environment)  # noqa: S603 - ours


async def _ends(stage: Stage, process: "subprocess.Popen[bytes]", what: str) -> None:
    try:
        await stage.until(lambda: process.poll() is not None, f"the process ends: {what}")
    finally:
        process.kill()
    assert process.returncode == 1, f"exit status {process.returncode}: edgeAgent restarts what failed"


@situation
async def every_token_is_refused(stage: Stage) -> None:
    """The module's process ends, and says so by its exit status."""
    await stage.fault(refuse_connect=5)
    await _ends(stage, _module_process(stage), "no client is of any use")


@situation
async def signing_hangs_for_ever(stage: Stage) -> None:
    """The workload API takes requests and never answers: the process ends all the same, threads that hang and all."""
    await stage.fault(sign_delay=600.0)
    await _ends(stage, _module_process(stage), "no client can be made")


@situation
async def a_variable_is_missing(stage: Stage) -> None:
    """Without one of its seven variables the SDK looks for others, in vain; no waiting fixes that."""
    environment = stage.environment("zones")
    del environment["IOTEDGE_APIVERSION"]
    task = asyncio.create_task(ModuleTransport(environment, FAST).run(Heard()))
    await stage.until(task.done, "the transport gives up")
    assert "not configured correctly" in str(task.exception())


# 5: handlers run on threads of the SDK.


@situation
async def the_module_is_slower_than_its_messages(stage: Stage) -> None:
    """A queue of bounded length fills up, what does not fit is dropped and counted, and methods are answered."""
    vars(module_thread)["_MAX_WAITING"] = 20
    Emitter.stuck_for = 600.0
    async with stage.host() as (running, _):
        await stage.until(lambda: stage.subscribed("zones"), "subscribed")
        await stage.order(range(100))
        thread = running._module_thread
        waiting = thread._messages
        await stage.until(lambda: waiting.qsize() >= 20, "the queue is full")
        try:
            answer = await stage.ask(stage.hub.client.invoke_method, "zones", "ping", response_timeout=5)
        except HubError as error:
            raise AssertionError(f"a method was not answered meanwhile: {error}") from error
        assert answer.status == 200
        await stage.until(lambda: thread.counts["messages_dropped"] >= 50, "what does not fit is dropped")
        assert waiting.qsize() <= 20


@situation
async def one_message_takes_long(stage: Stage) -> None:
    """Those behind it do not overtake it."""
    heard = Heard()
    heard.slow_at = 3
    async with stage.transport(inbox=heard):
        await stage.order(range(20))
        await stage.until(lambda: len(heard.messages) == 20, "all heard")
        assert heard.messages == list(range(20)), f"out of order: {heard.messages}"


# 6: sizes.


@situation
async def a_message_is_too_large(stage: Stage) -> None:
    """The SDK would let it through and the hub hang up, again and again."""
    async with stage.transport() as transport:
        before = await stage.ask(stage.count, "connects")
        with suppress(TransportError):
            await transport.send("upstream", b"x" * 261_000, {"k" * 2000: "not counted"}, "large")
        assert await stage.ask(stage.count, "connects") == before
        assert connected(transport), "the connection was lost over it"
        await transport.send("upstream", b"x" * MAX_BODY_BYTES, {}, "the largest")


@situation
async def an_event_is_too_large(stage: Stage) -> None:
    """It is refused where it is made, and holds nothing up."""
    Emitter.total, Emitter.sizes = 3, {2: 250_000}
    async with stage.host() as (_, outbox):
        await stage.until(lambda: outbox.checkpoint() == b"3" and outbox.rows_waiting == 0, "nothing waits for ever")
        assert outbox.counts["oversized"] == 1
    assert len(stage.left()) == 2


@situation
async def payloads_of_twenty_kilobytes(stage: Stage) -> None:
    """One at a time they wait for delayed acknowledgements, 40 ms each."""
    Emitter.total, Emitter.sizes = 150, dict.fromkeys(range(1, 151), 20_000)
    await stage.fault(delayed_ack=True, refuse_connect=3)
    async with stage.host() as (_, outbox):
        await stage.until(lambda: outbox.checkpoint() == b"150", "all decided, and none sent")
        await stage.fault(refuse_connect=None)
        await stage.until(stage.left, "the first is there")
        enough = time.monotonic() + 3.0
        await stage.until(lambda: outbox.rows_waiting == 0 or time.monotonic() > enough, "3 s are over")
        assert outbox.rows_waiting == 0, f"{outbox.rows_waiting} of 150 wait: they go one after another"


# 7: pace.


@situation
async def the_hub_freezes(stage: Stage) -> None:
    """Its sockets stay open and nothing is answered, not even a ping."""
    heard = Heard()
    async with stage.transport(inbox=heard, timing=replace(FAST, keep_alive=1)):
        stage.hub.signal(signal.SIGSTOP)
        try:
            await stage.until(lambda: False in heard.connections, "noticed")
        finally:
            stage.hub.signal(signal.SIGCONT)


@situation
async def the_connection_drops(stage: Stage) -> None:
    """At its own pace, not that of tests, a module is back in a moment."""
    heard = Heard()
    async with stage.transport(inbox=heard, timing=Timing()):
        await stage.ask(stage.hub.client.drop)
        await stage.until(lambda: False in heard.connections, "noticed")
        started_at = time.monotonic()
        await stage.until(lambda: heard.connections[-1], "back")
        assert time.monotonic() - started_at < 5.0


@situation
async def making_a_client_takes_long(stage: Stage) -> None:
    """Creating a client blocks, and so does every setter that subscribes: the module's loop goes on meanwhile."""
    await stage.fault(sign_delay=1.0)
    heard, longest, before = Heard(), 0.0, time.monotonic()
    task = asyncio.create_task(ModuleTransport(stage.environment("zones"), FAST).run(heard))
    while True not in heard.connections and not task.done():
        await asyncio.sleep(0.02)
        longest, before = max(longest, time.monotonic() - before), time.monotonic()
    assert longest < 0.8, f"the loop stood still for {longest:.1f} s"


# 8: what `$body` routes need.


@situation
async def a_route_reads_the_body(stage: Stage) -> None:
    """It matches only what says that it is JSON in UTF-8."""
    async with stage.transport() as transport:
        await transport.send("alarms", b'{"n": 1}', {}, "read")
        await transport.send("alarms", b'{"n": 0}', {}, "not meant")
    left = [message.system["messageId"] for message in stage.left()]
    assert left == ["read"], f"the route took {left}"


# Running but silent.


@situation
async def the_hub_forgets_every_subscription(stage: Stage) -> None:
    """In mid connection: the module sends as before, and hears nothing."""
    async with stage.transport(timing=replace(FAST, silence=1.0)) as transport:
        await transport.twin()
        first = transport._client
        await stage.forget("zones")
        await stage.until(lambda: transport._client not in {first, None}, "a new client")
        await stage.until_answered(transport.twin, "the twin")


@situation
async def the_session_is_wiped_at_a_reconnect(stage: Stage) -> None:
    """The hub was reset: the SDK, which subscribes once in the life of a client, would be connected and deaf."""
    heard = Heard()
    async with stage.transport(inbox=heard):
        await stage.fault(wipe_session=1, module="zones")
        before = stage.count("connects")
        await stage.ask(stage.hub.client.drop, "zones")
        await stage.until(lambda: stage.count("connects") > before, "back")
        await stage.order([1])
        await stage.until(lambda: heard.messages == [1], "the message is heard")


@situation
async def only_messages_fail_to_come(stage: Stage) -> None:
    """Nothing proves that an input is still subscribed; that there is a new client before long does."""
    heard = Heard()
    async with stage.transport(inbox=heard, timing=replace(FAST, token=3600, renew=3597.0)):
        await stage.forget("zones")
        await stage.order([1])
        await stage.until(lambda: heard.messages == [1], "the message is heard")


@situation
async def no_twin_is_answered(stage: Stage) -> None:
    """The request ends, and its client with it."""
    heard = Heard()
    async with stage.transport(inbox=heard) as transport:
        await stage.fault(no_twin_answer=True)
        asking = asyncio.create_task(transport.twin())
        await stage.until(asking.done, "the request is over")
        await stage.fault(no_twin_answer=None)
        await stage.until(lambda: heard.connections[:3] == [True, False, True], "a new client")
        await stage.until_answered(transport.twin, "the twin")


@situation
async def the_network_thread_dies(stage: Stage) -> None:
    """What paho does not expect of a socket ends its thread; the SDK calls itself connected ever after."""
    async with stage.transport(timing=replace(FAST, answer=60.0)) as transport:
        strike_network_thread(b"\x32")  # a message at QoS 1
        sending = asyncio.create_task(transport.send("upstream", b"{}", {}, "id"))
        await stage.until(sending.done, "the send is over, long before its own time limit")
        assert isinstance(sending.exception(), TransportError)
        await stage.until_answered(lambda: transport.send("upstream", b"{}", {}, "id"), "the send again")


@situation
async def the_network_thread_dies_while_it_subscribes(stage: Stage) -> None:
    """The first client is never answered; nobody waits for it longer than it takes to see why."""
    strike_network_thread(b"\x82")  # a subscription
    async with stage.transport(timing=replace(FAST, connect=60.0)) as transport:
        await transport.send("upstream", b"{}", {}, "id")


@situation
async def the_hub_is_killed_in_mid_sending(stage: Stage) -> None:
    """Again and again: whatever it does to the SDK, every event arrives, and soon."""
    Emitter.total = 3000
    async with stage.host(timing=replace(FAST, answer=60.0), max_rows=10_000) as (_, outbox):
        for _ in range(3):
            await stage.until(lambda: stage.count("upstream") > 100, "events leave the store")
            assert outbox.rows_waiting > 100, "there is more to come"
            await stage.ask(stage.hub.kill)
            await asyncio.sleep(0.3)
            await stage.ask(stage.hub.start)
        await stage.until(lambda: outbox.checkpoint() == b"3000" and outbox.rows_waiting == 0, "all sent")
        ids = {message.system["messageId"] for message in stage.left()}
        assert len(ids) == 3000, f"{len(ids)} of 3000 events left the store"


def main(name: str, folder: str = "", patience: str = "15") -> int:
    """Play one situation; the process does not wait for what the SDK left behind."""
    if name == "module":
        vars(edge_hub)["Timing"] = lambda: replace(FAST, connect=1.0)
        return process.run_module(Emitter)
    with EdgeHubProcess(Path(folder) / "hub") as hub:
        hub.client.set_routes(ROUTES)
        try:
            asyncio.get_event_loop_policy().new_event_loop().run_until_complete(
                SITUATIONS[name](Stage(hub, Path(folder), float(patience)))
            )
        except AssertionError:
            traceback.print_exc()
            return LOST
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "module":
        raise SystemExit(main("module"))
    try:
        status = main(*sys.argv[1:])
    except BaseException:  # noqa: BLE001 - printed, and the process ends with it
        traceback.print_exc()
        status = 1
    sys.stderr.flush()
    os._exit(status)
