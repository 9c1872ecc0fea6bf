"""A module in its host, on the in-process hub."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from modules.upstream_router.module import UpstreamRouter
from storeflow.contract.cloudevents import CloudEvent, traceparent
from storeflow.contract.events import CameraState, instant
from storeflow.errors import ConfigError, StoreflowError
from storeflow.host.database import CorruptDatabaseError
from storeflow.host.delivery import DeliveryTiming
from storeflow.host.host import Host
from storeflow.host.module import ModuleContext, ModuleFactory, Output
from storeflow.host.outbox import Outbox
from storeflow.transport.memory import MemoryHub

CAMERA = {"url": "file:door.mp4"}
ZONE = {"polygon": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]}
TIMING = DeliveryTiming(resend_seconds=0.3, retry_seconds=0.05)
ROUTES = {
    "emitter/events": "upstream_router/events",
    "upstream_router/receipts": "emitter/receipts",
    **{f"upstream_router/{output}": "$upstream" for output in ("upstream", "alerts")},
}


def event(number: int) -> CloudEvent:
    data = CameraState(
        store_id="store-1", camera_id="door", captured_at=instant(1e9 + number), state="streaming", detail=str(number)
    )
    return CloudEvent.of(data, source="//hub/device/door", id=f"{number:032d}", subject="door")


class _Emitter:
    """Emits one event for every order it is given, and remembers how many."""

    sections: ClassVar[tuple[str, ...]] = ("cameras", "layout")
    orders: int = 0
    """How many it is to emit in all; set by the test."""

    def __init__(self, context: ModuleContext, checkpoint: bytes | None) -> None:  # noqa: ARG002 - a module's signature
        self.emitted = int(checkpoint or b"0")
        self.in_force: dict[str, tuple[Any, int]] = {}
        self.threads = {threading.get_ident()}
        self.closed = False

    def configure(self, section: str, value: Any, version: int) -> None:
        self.in_force[section] = (value, version)

    def work(self, timeout: float) -> Sequence[Output]:
        self.threads.add(threading.get_ident())
        if self.emitted >= self.orders:
            time.sleep(min(timeout, 0.01))
            return ()
        self.emitted += 1
        return [Output("events", event(self.emitted))]

    def on_message(self, input_name: str, body: bytes) -> Sequence[Output]:  # noqa: ARG002 - a module's signature
        if body == b"bug":
            raise ZeroDivisionError
        return ()

    def checkpoint(self) -> bytes:
        return str(self.emitted).encode()

    def metrics(self) -> Mapping[str, float]:
        return {"emitted": float(self.emitted)}

    def close(self) -> None:
        self.closed = True


class _Running:
    """A host at work in the test's event loop."""

    def __init__(self, host: Host, outbox: Outbox) -> None:
        self.host, self.outbox = host, outbox
        self.task = asyncio.create_task(host.run())

    @property
    def module(self) -> Any:
        return self.host._module_thread._module


def context(tmp_path: Path, module_id: str) -> ModuleContext:
    folder = tmp_path / module_id
    return ModuleContext(module_id, "hub", "device", "store-1", folder, tmp_path, tmp_path, (), tmp_path)


@asynccontextmanager
async def running(
    hub: MemoryHub, tmp_path: Path, factory: ModuleFactory, module_id: str = "emitter", **settings: Any
) -> AsyncIterator[_Running]:
    where = context(tmp_path, module_id)
    outbox = Outbox(where.state_folder / "outbox.db")
    host = Host(factory, where, hub.transport(module_id), outbox, timing=TIMING, **settings)
    run = _Running(host, outbox)
    try:
        await until(lambda: run.module)
        yield run
    finally:
        host.stop()
        await run.task


async def until(condition: Callable[[], Any], seconds: float = 8.0) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it did not come to pass in time"
        await asyncio.sleep(0.01)


def rows(box: Outbox) -> int:
    return sum(len(box.waiting(destination, 10_000)) for destination in box.destinations())


def lines(path: Path) -> list[CloudEvent]:
    return [CloudEvent.from_json(line) for line in path.read_bytes().splitlines()] if path.exists() else []


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub(ROUTES)


def test_a_twin_edit_is_taken_over_whole_or_refused_with_its_path_and_counts_go_on(
    hub: MemoryHub, tmp_path: Path
) -> None:
    good = {"cameras": {"door": CAMERA}, "layout": {"zones": {"queue": ZONE}}}
    many = {f"zone{number}": {"polygon": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]] * 10} for number in range(100)}
    typo = {"zones": {"queue": {**ZONE, "min_dwel_seconds": 3}}}
    secret = {"door": {"url": "file://user:pass@door"}}
    edits: list[tuple[dict[str, Any], str, str]] = [
        ({**good, "layout": typo}, "layout", "layout.zones.queue.min_dwel_seconds"),
        ({**good, "cameras": secret}, "cameras", "cameras.door.url: a URL in a twin"),
        ({**good, "layout": {"zones": many}}, "layout", "IoT Hub takes 32768"),
        ({**good, "layout": "a string"}, "layout", "layout: "),
        ({**good, "layuot": {}}, "layuot", "layuot: unknown section"),
    ]

    def status(section: str) -> dict[str, Any]:
        found: dict[str, Any] = hub.reported["emitter"].get(section, {})
        return found

    async def scene() -> None:
        hub.set_desired("emitter", good)
        async with running(hub, tmp_path, _Emitter) as run:
            await until(lambda: status("layout").get("ac") == 200)
            run.module.orders = 3
            await until(lambda: run.module.emitted == 3)
            before = dict(run.module.in_force)
            for number, (desired, section, reason) in enumerate(edits):
                hub.set_desired("emitter", desired)
                version = 3 + number
                await until(lambda: status(section).get("av") == version)  # noqa: B023 - awaited here
                assert status(section)["ac"] == 400
                assert reason in status(section)["ad"]
                assert "pass@" not in status(section)["ad"]
                assert len(status(section)["ad"].encode()) <= 4096
                assert run.module.in_force == before, "the last good one stays, whole"

            hub.set_desired("emitter", {"layout": {"zones": {"shelf": ZONE}}})
            await until(lambda: status("cameras").get("av") == 8 and not status("layuot"))
            assert status("cameras") == {"ac": 200, "av": 8, "ad": "not in the twin: default"}
            assert status("layout") == {"ac": 200, "av": 8, "ad": "in force"}
            assert run.module.in_force["cameras"] == ({}, 8), "a section that left goes back to its default"
            assert set(run.module.in_force["layout"][0].zones) == {"shelf"}

            run.module.orders = 5
            await until(lambda: run.module.emitted == 5)
            assert len(run.module.threads) == 1, "one thread calls every method"

    asyncio.run(scene())


def test_a_section_whose_words_did_not_change_keeps_its_version_and_is_not_set_again(
    hub: MemoryHub, tmp_path: Path
) -> None:
    async def scene() -> None:
        hub.set_desired("emitter", {"layout": {"zones": {"queue": ZONE}}})
        async with running(hub, tmp_path, _Emitter) as run:
            await until(lambda: len(run.module.in_force) == 2)
            hub.set_desired("emitter", {"layout": {"zones": {"queue": ZONE}}, "cameras": {"door": CAMERA}})
            await until(lambda: hub.reported["emitter"].get("cameras", {}).get("av") == 3)

            assert run.module.in_force["layout"][1] == 2
            assert run.module.in_force["cameras"][1] == 3

    asyncio.run(scene())


def test_a_module_does_not_work_before_its_first_configuration(hub: MemoryHub, tmp_path: Path) -> None:
    hub.away = True

    async def scene() -> None:
        async with running(hub, tmp_path, _Emitter) as run:
            run.module.orders = 1
            await asyncio.sleep(0.3)
            assert run.module.emitted == 0
            hub.set_away(False)
            await until(lambda: run.module.emitted == 1)

    asyncio.run(scene())


def test_a_restart_with_a_bad_twin_or_no_hub_goes_on_with_the_last_good_configuration(
    hub: MemoryHub, tmp_path: Path
) -> None:
    async def scene() -> None:
        hub.set_desired("emitter", {"layout": {"zones": {"queue": ZONE}}})
        async with running(hub, tmp_path, _Emitter) as run:
            await until(lambda: len(run.module.in_force) == 2)
        hub.set_desired("emitter", {"layout": {"zones": {"queue": {"polygon": []}}}})
        async with running(hub, tmp_path, _Emitter) as run:
            await until(lambda: hub.reported["emitter"].get("layout", {}).get("ac") == 400)
            assert set(run.module.in_force["layout"][0].zones) == {"queue"}
        hub.away = True
        async with running(hub, tmp_path, _Emitter) as run:
            await until(lambda: len(run.module.in_force) == 2)
            assert run.module.in_force["layout"][1] == 2
            run.module.orders = 1
            await until(lambda: run.module.emitted == 1)

    asyncio.run(scene())


def test_a_twin_that_changed_while_the_hub_was_away_is_read_after_the_reconnect(hub: MemoryHub, tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(hub, tmp_path, _Emitter) as run:
            await until(lambda: len(run.module.in_force) == 2)
            hub.set_away(True)
            hub.set_desired("emitter", {"layout": {"zones": {"queue": ZONE}}})
            hub.set_away(False)
            await until(lambda: run.module.in_force["layout"][0].zones)

    asyncio.run(scene())


def test_every_event_arrives_once_though_hub_router_and_sender_come_and_go(hub: MemoryHub, tmp_path: Path) -> None:
    file = tmp_path / "upstream_router" / "events.ndjson"
    hub.set_desired("upstream_router", {"telemetry": {"sinks": {"c": {"kind": "upstream"}, "f": {"kind": "ndjson"}}}})

    async def scene() -> None:
        async with running(hub, tmp_path, _Emitter) as sender:
            sender.module.orders = 30
            await until(lambda: sender.module.emitted == 30)
            await until(lambda: len(hub.sent) >= 30)
            assert rows(sender.outbox) == 30, "the hub's acknowledgement is no receipt"
        async with running(hub, tmp_path, UpstreamRouter, "upstream_router"):
            await until(lambda: len(lines(file)) == 30)
        async with running(hub, tmp_path, _Emitter) as sender:
            sender.module.orders = 60
            async with running(hub, tmp_path, UpstreamRouter, "upstream_router") as router:
                await until(lambda: len(lines(file)) > 35)
                hub.set_away(True)
                await until(lambda: sender.module.emitted == 60)
                hub.set_away(False)
                await until(lambda: rows(sender.outbox) == 0 and rows(router.outbox) == 0)

    asyncio.run(scene())

    written = lines(file)
    assert [one.sequence for one in sorted(written, key=lambda one: one.id)] == [f"{n:012d}" for n in range(1, 61)]
    upstream = {CloudEvent.from_json(message.body).id for message in hub.upstream}  # the cloud may get one twice
    assert sorted(upstream) == [one.id for one in sorted(written, key=lambda one: one.id)]
    assert {message.properties["eventType"] for message in hub.upstream} == {"storeflow.camera.state"}
    for message in hub.upstream:
        arrived = CloudEvent.from_json(message.body)
        assert message.properties["traceparent"] == arrived.traceparent == traceparent(arrived.source, arrived.id)


def test_without_a_receipt_an_event_is_sent_again_and_ever_more_rarely(tmp_path: Path) -> None:
    hub = MemoryHub({"emitter/events": "nobody/events"})

    async def scene() -> None:
        async with running(hub, tmp_path, _Emitter) as sender:
            sender.module.orders = 1
            await until(lambda: len(hub.sent) == 3)  # at 0, 0.3 and 0.9 s; the next at 2.1 s
            await asyncio.sleep(0.6)
            assert len(hub.sent) == 3
            assert len({message.message_id for message in hub.sent}) == 1
            assert rows(sender.outbox) == 1

    asyncio.run(scene())


def test_a_sink_that_cannot_write_is_tried_again_and_holds_up_no_other(
    hub: MemoryHub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "upstream_router" / "events.ndjson"
    file.mkdir(parents=True)
    hub.set_desired("upstream_router", {"telemetry": {"sinks": {"c": {"kind": "upstream"}, "f": {"kind": "ndjson"}}}})

    async def scene() -> None:
        async with (
            running(hub, tmp_path, _Emitter) as sender,
            running(hub, tmp_path, UpstreamRouter, "upstream_router") as router,
        ):
            sender.module.orders = 5
            await until(lambda: len(hub.upstream) == 5)
            await until(lambda: rows(router.outbox) == 5)
            file.rmdir()
            await until(lambda: len(lines(file)) == 5 and rows(router.outbox) == 0)

    with caplog.at_level(logging.INFO):
        asyncio.run(scene())

    assert "sink:f: " in caplog.text
    assert "sink:f: takes events again" in caplog.text


def test_events_wait_for_a_sink_that_was_taken_out_of_the_twin(
    hub: MemoryHub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "upstream_router" / "events.ndjson"
    with_file = {"telemetry": {"sinks": {"f": {"kind": "ndjson"}}}}
    box = Outbox(file.with_name("outbox.db"))
    box.commit([Output("sink:f", event(1))], None, 0.0)
    box.close()

    async def scene() -> None:
        async with running(hub, tmp_path, UpstreamRouter, "upstream_router") as router:
            await until(lambda: hub.reported["upstream_router"])
            assert rows(router.outbox) == 1
            hub.set_desired("upstream_router", with_file)
            await until(lambda: rows(router.outbox) == 0)
            hub.set_desired("upstream_router", {})
            await until(lambda: "sink:f is no longer configured" in caplog.text)

    asyncio.run(scene())

    assert [one.id for one in lines(file)] == [event(1).id]


def test_an_event_that_the_router_refuses_leaves_the_sender_and_stops_no_other(
    hub: MemoryHub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Picky(UpstreamRouter):
        def on_message(self, input_name: str, body: bytes) -> Sequence[Output]:
            return super().on_message(input_name, body.replace(b'"detail":"2"', b'"detail":2'))

    async def scene() -> None:
        async with (
            running(hub, tmp_path, _Emitter) as sender,
            running(hub, tmp_path, Picky, "upstream_router"),
        ):
            hub.inboxes["upstream_router"].on_message("events", b"nothing that has a source")
            sender.module.orders = 3
            await until(lambda: len(hub.upstream) == 2 and sender.module.emitted == 3 and rows(sender.outbox) == 0)
            await until(lambda: hub.invoke("emitter", "metrics")[1]["host_refused_by_receiver"] == 1)
            assert hub.invoke("upstream_router", "metrics")[1]["events_refused"] == 2

    with caplog.at_level(logging.WARNING):
        asyncio.run(scene())

    assert "detail: Input should be" in caplog.text


def test_a_message_that_trips_a_bug_ends_nothing(hub: MemoryHub, tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(hub, tmp_path, _Emitter) as run:
            hub.inboxes["emitter"].on_message("orders", b"bug")
            run.module.orders = 1
            await until(lambda: run.module.emitted == 1)
            assert hub.invoke("emitter", "metrics")[1]["host_messages_failed"] == 1
            assert hub.invoke("emitter", "dance")[0] == 404

    asyncio.run(scene())


def test_what_was_reported_before_the_restart_of_a_section_that_is_gone_is_taken_back(
    hub: MemoryHub, tmp_path: Path
) -> None:
    async def scene() -> None:
        hub.reported["emitter"] = {"layuot": {"ac": 400, "av": 1, "ad": "unknown section"}}
        async with running(hub, tmp_path, _Emitter):
            await until(lambda: set(hub.reported["emitter"]) == {"cameras", "layout"})

    asyncio.run(scene())


class _Late(_Emitter):
    """Refuses `cameras` until what they name has arrived."""

    arrived: ClassVar[threading.Event]
    tries: ClassVar[int]

    def configure(self, section: str, value: Any, version: int) -> None:
        if section == "cameras" and value and not self.arrived.is_set():
            type(self).tries += 1
            raise ConfigError([f"cameras: there is no {value['door'].url}"])
        super().configure(section, value, version)


def test_a_refused_section_is_tried_again_and_reported_only_when_that_changes_something(
    hub: MemoryHub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _Late.arrived, _Late.tries = threading.Event(), 0

    async def scene() -> None:
        hub.set_desired("emitter", {"cameras": {"door": CAMERA}})
        async with running(hub, tmp_path, _Late, reconfigure_seconds=0.05) as run:
            await until(lambda: hub.reported["emitter"])
            reported = hub.reported["emitter"]
            assert reported["cameras"]["ac"] == 400
            await until(lambda: _Late.tries >= 4)
            assert hub.reported["emitter"] is reported, "nothing new was reported"
            _Late.arrived.set()
            await until(lambda: hub.reported["emitter"]["cameras"]["ac"] == 200)
            assert "door" in run.module.in_force["cameras"][0]

    asyncio.run(scene())

    assert caplog.text.count("cameras: there is no") == 1


def test_a_full_disk_stops_the_module_and_loses_nothing(hub: MemoryHub, tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(hub, tmp_path, _Emitter) as run:
            run.module.orders = 5
            await until(lambda: rows(run.outbox) == 5)
            (pages,) = run.outbox._database._connection.execute("PRAGMA page_count").fetchone()
            run.outbox._database._connection.execute(f"PRAGMA max_page_count = {pages}")
            run.module.orders = 500
            await until(lambda: hub.invoke("emitter", "metrics")[0] == 200 and run.module.emitted > 5)
            await asyncio.sleep(0.3)
            stuck_at = run.module.emitted
            await asyncio.sleep(0.3)
            assert run.module.emitted == stuck_at < 500, "it waits for the disk"
            assert run.outbox.checkpoint() == str(stuck_at - 1).encode(), "state and events agree"
            run.outbox._database._connection.execute("PRAGMA max_page_count = 1000000")
            run.module.orders = stuck_at + 5
            await until(lambda: rows(run.outbox) == stuck_at + 5)

    asyncio.run(scene())


@pytest.mark.parametrize("fault", ["raises", "hangs", "loses its database"])
def test_a_module_that_cannot_go_on_ends_the_host(hub: MemoryHub, tmp_path: Path, fault: str) -> None:
    released = threading.Event()

    class Faulty(_Emitter):
        def work(self, timeout: float) -> Sequence[Output]:
            if fault == "raises":
                raise StoreflowError("out of order")
            if fault == "hangs":
                released.wait(10)
            return super().work(timeout)

    class Spoilt(Outbox):
        def commit(self, outputs: Sequence[Output], checkpoint: bytes | None, now: float) -> int:
            if fault == "loses its database":
                raise CorruptDatabaseError("malformed")
            return super().commit(outputs, checkpoint, now)

    async def scene() -> None:
        where = context(tmp_path, "emitter")
        outbox = Spoilt(where.state_folder / "outbox.db")
        host = Host(Faulty, where, hub.transport("emitter"), outbox, timing=TIMING, stall_seconds=1.0)
        asyncio.get_running_loop().call_later(2.0, released.set)
        await host.run()

    started_at = time.monotonic()
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(scene())

    assert caught.group_contains(StoreflowError, match="out of order|has not come back|malformed")
    assert time.monotonic() - started_at < 5


def test_stop_finishes_the_piece_of_work_and_keeps_it(hub: MemoryHub, tmp_path: Path) -> None:
    class Slow(_Emitter):
        orders = 1

        def work(self, timeout: float) -> Sequence[Output]:
            time.sleep(0.5 if self.emitted < self.orders else 0.01)
            return super().work(timeout)

    async def scene() -> tuple[Any, float]:
        async with running(hub, tmp_path, Slow) as run:
            await until(lambda: len(run.module.in_force) == 2)
            module, stopped_at = run.module, time.monotonic()
        return module, time.monotonic() - stopped_at

    module, seconds = asyncio.run(scene())
    outbox = Outbox(tmp_path / "emitter" / "outbox.db")

    assert module.closed
    assert seconds < 5
    assert outbox.checkpoint() == str(module.emitted).encode()
    assert rows(outbox) == module.emitted
    outbox.close()
