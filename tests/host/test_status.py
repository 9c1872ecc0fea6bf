"""What a running host says of itself: direct methods, health, metrics; on the in-process hub."""

import asyncio
import json
import logging
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from modules.video_capture.module import VideoCapture
from storeflow.errors import StorageError
from storeflow.host.delivery import DeliveryTiming
from storeflow.host.host import Host
from storeflow.host.module import ModuleContext, ModuleFactory, Output
from storeflow.host.outbox import Outbox
from storeflow.observability.http_address import HttpAddress
from storeflow.observability.http_server import Readings, StatusServer
from storeflow.observability.logs import RecentLines
from storeflow.transport.memory import MemoryHub

PASSWORD, TYPED = "hunter2", "letmein"
LINE = {"start": [0.1, 0.5], "end": [0.9, 0.5]}
MODULE_ID = "zones"


class _Zones:
    """A module that does nothing, for as long as the test wants."""

    sections: ClassVar[tuple[str, ...]] = ("layout",)
    busy: ClassVar[threading.Event]
    """Cleared: `work` does not come back."""
    configured: ClassVar[list[Any]]

    def __init__(self, context: ModuleContext, checkpoint: bytes | None) -> None:
        pass

    def configure(self, section: str, value: Any, version: int) -> None:
        self.configured.append((section, value, version))

    def work(self, timeout: float) -> Sequence[Output]:
        self.busy.wait(20)
        time.sleep(min(timeout, 0.01))
        return ()

    def metrics(self) -> Mapping[str, float]:
        return {"frames": 1.0}

    def close(self) -> None:
        pass


class _Running:
    """A host at work, and the way to ask it from outside."""

    def __init__(self, hub: MemoryHub, host: Host, server: StatusServer) -> None:
        self.hub, self.host, self._server = hub, host, server

    async def invoke(self, method: str, payload: Any = None) -> tuple[int, Any]:
        return await asyncio.to_thread(self.hub.invoke, MODULE_ID, method, payload)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.port}{path}"

    async def get(self, path: str) -> tuple[int, str]:
        return await asyncio.to_thread(_get, self.url(path))

    async def until(self, condition: Callable[[], bool], seconds: float = 8.0) -> None:
        give_up = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < give_up, "it did not come to pass in time"
            await asyncio.sleep(0.01)


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - http, of this test
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub({})


@pytest.fixture(autouse=True)
def _not_busy() -> Iterator[None]:
    _Zones.busy, _Zones.configured = threading.Event(), []
    _Zones.busy.set()
    yield
    _Zones.busy.set()


@asynccontextmanager
async def running(
    hub: MemoryHub,
    folder: Path,
    factory: ModuleFactory = _Zones,
    *,
    stall_seconds: float = 300.0,
    recent: RecentLines | None = None,
) -> AsyncIterator[_Running]:
    (folder / "media").mkdir(exist_ok=True)
    context = ModuleContext(MODULE_ID, "hub", "device", "store-1", folder, folder, folder / "media", (), folder)
    lines = recent.lines if recent else tuple
    host = Host(
        factory,
        context,
        hub.transport(MODULE_ID),
        Outbox(folder / "outbox.db"),
        timing=DeliveryTiming(retry_seconds=0.05),
        stall_seconds=stall_seconds,
        recent_lines=lines,
    )
    readings = Readings(host.status.not_alive, host.status.not_ready, host.status.exposition)
    server = StatusServer(HttpAddress("127.0.0.1", 0), readings)
    server.start()
    task = asyncio.create_task(host.run())
    run = _Running(hub, host, server)
    try:
        await run.until(lambda: MODULE_ID in hub.inboxes)
        yield run
    finally:
        host.stop()
        await asyncio.wait({task})
        server.close()


def test_ping_is_answered_while_the_module_is_busy(hub: MemoryHub, tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(hub, tmp_path) as run:
            await run.until(lambda: bool(hub.reported[MODULE_ID]))
            _Zones.busy.clear()
            await asyncio.sleep(0.2)
            started_at = time.monotonic()
            status, document = await run.invoke("ping")
            assert time.monotonic() - started_at < 1
            _Zones.busy.set()
        assert (status, document["moduleId"]) == (200, MODULE_ID)
        assert document["time"].endswith("+00:00")

    asyncio.run(scene())


def test_the_configuration_in_force_is_answered_with_its_version_and_what_is_refused_with_its_reason(
    hub: MemoryHub, tmp_path: Path
) -> None:
    async def scene() -> None:
        hub.set_desired(MODULE_ID, {"layout": {"lines": {"door": LINE}}})
        async with running(hub, tmp_path) as run:
            await run.until(lambda: bool(hub.reported[MODULE_ID]))
            good = (await run.invoke("getConfig"))[1]
            typo = {"lines": {"door": {**LINE, "inn": "left"}}}
            hub.set_desired(MODULE_ID, {"layout": typo, "layuot": {}})
            await run.until(lambda: hub.reported[MODULE_ID]["layout"]["av"] == 3)
            bad = (await run.invoke("getConfig"))[1]

        assert good["sections"]["layout"]["in_force"] == {"lines": {"door": LINE}}
        assert (good["twin_version"], good["refused"]) == (2, {})
        assert bad["sections"]["layout"]["in_force"] == {"lines": {"door": LINE}}
        assert bad["sections"]["layout"]["version"] == 2
        assert bad["sections"]["layout"]["state"]["ac"] == 400
        assert bad["refused"] == {
            "layout": "layout.lines.door.inn: there is no such setting",
            "layuot": "layuot: unknown section; there is layout",
        }

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("payload", "problems"),
    [
        ({}, []),
        ({"layout": {"lines": {"door": LINE}}, "$version": 7, "$metadata": {}}, []),
        ({"layout": {"lines": {"door": {"start": [0, 0]}}}}, ["layout.lines.door.end: is missing"]),
        ({"layout": {}, "cameras": {}}, ["cameras: unknown section; there is layout"]),
        ({"layout": "text"}, ["layout: is text, an object is expected"]),
    ],
)
def test_a_configuration_is_judged_without_being_taken_over(
    hub: MemoryHub, tmp_path: Path, payload: dict[str, Any], problems: list[str]
) -> None:
    async def scene() -> None:
        async with running(hub, tmp_path) as run:
            await run.until(lambda: bool(hub.reported[MODULE_ID]))
            before = await run.invoke("getConfig")
            assert await run.invoke("validateConfig", payload) == (200, {"problems": problems})
            await asyncio.wrap_future(
                run.host._module_thread.apply_twin(hub.desired[MODULE_ID])
            )  # behind whatever waits
            assert await run.invoke("getConfig") == before
            assert len(_Zones.configured) == 1
            assert hub.reported[MODULE_ID].keys() == {"layout"}

    asyncio.run(scene())


def test_what_iot_hub_would_not_take_is_answered_before_it_is_sent_there(hub: MemoryHub, tmp_path: Path) -> None:
    many = {f"zone{number}": {"polygon": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]] * 10} for number in range(100)}
    deep: dict[str, Any] = {}
    for _ in range(12):
        deep = {"a": deep}
    bottomless: dict[str, Any] = {}
    for _ in range(500):
        bottomless = {"a": bottomless}

    async def scene() -> None:
        async with running(hub, tmp_path) as run:
            await run.until(lambda: bool(hub.reported[MODULE_ID]))
            for document, fact in (
                ({"zones": many}, "IoT Hub takes 32768"),
                (deep, "nested 11 levels deep, IoT Hub takes 10"),
                (bottomless, "nested far deeper"),
            ):
                status, answer = await run.invoke("validateConfig", {"layout": document})
                assert status == 200
                assert any(fact in problem for problem in answer["problems"]), answer
            assert await run.invoke("validateConfig", ["layout"]) == (
                400,
                {"error": "payload: expected an object, got list"},
            )

    asyncio.run(scene())


def test_a_url_that_only_the_module_can_judge_is_judged_too(hub: MemoryHub, tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(hub, tmp_path, VideoCapture) as run:
            await run.until(lambda: bool(hub.reported[MODULE_ID]))
            camera = {"url": "pattern:dancer"}
            _, answer = await run.invoke("validateConfig", {"cameras": {"door": camera}})
            assert answer["problems"] == ["cameras.door.url: there is no pattern 'dancer', only walker"]
            _, looked = await run.invoke("testCamera", {"camera": {"url": "pattern:walker"}})
            assert looked["state"] == "streaming"
            status, refused = await run.invoke("testCamera", {"camera": camera})
            assert (status, refused["error"][:18]) == (400, "cameras.camera.url")

    asyncio.run(scene())


def test_a_module_that_hangs_is_not_healthy_and_that_ends_the_host(hub: MemoryHub, tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(hub, tmp_path, stall_seconds=1.0) as run:
            await run.until(lambda: bool(hub.reported[MODULE_ID]))
            assert (await run.get("/healthz"))[0] == 200
            _Zones.busy.clear()
            await asyncio.sleep(1.2)
            status, body = await run.get("/healthz")
            assert status == 503
            assert "the module has not come back from a call for 1 s" in json.loads(body)["reasons"]
            assert (await run.get("/readyz"))[0] == 503
            _Zones.busy.set()

    asyncio.run(scene())


def test_a_loop_that_stands_still_is_not_healthy_and_one_that_only_runs_long_is(hub: MemoryHub, tmp_path: Path) -> None:
    answers: list[tuple[int, str]] = []

    async def scene() -> None:
        async with running(hub, tmp_path, stall_seconds=1.6) as run:
            await asyncio.sleep(2.5)
            assert (await run.get("/healthz"))[0] == 200
            asking = threading.Timer(2.0, lambda: answers.append(_get(run.url("/healthz"))))
            asking.start()
            time.sleep(2.5)  # noqa: ASYNC251 - this is the fault
            asking.join()

    asyncio.run(scene())

    ((status, body),) = answers
    assert status == 503
    assert json.loads(body)["reasons"][0].startswith("the host's loop has stood still for ")


def test_a_first_twin_that_is_refused_keeps_a_module_from_being_ready_until_a_good_one_comes(
    hub: MemoryHub, tmp_path: Path
) -> None:
    async def scene() -> None:
        hub.set_desired(MODULE_ID, {"layout": {"lines": {"door": {"start": [0, 0]}}}})
        async with running(hub, tmp_path) as run:
            await run.until(lambda: bool(hub.reported[MODULE_ID]))
            status, body = await run.get("/readyz")
            assert status == 503
            assert json.loads(body)["reasons"] == [
                "layout: refused, and there is none before it; getConfig says why"
            ], "anyone who reaches the port may ask: no setting is shown"
            assert (await run.invoke("getConfig"))[1]["refused"] == {"layout": "layout.lines.door.end: is missing"}
            assert (await run.get("/healthz"))[0] == 200, "it lives: another process would be refused as well"
            hub.set_desired(MODULE_ID, {"layout": {"lines": {"door": LINE}}})
            await run.until(lambda: hub.reported[MODULE_ID]["layout"]["ac"] == 200)
            assert (await run.get("/readyz"))[0] == 200
            hub.set_desired(MODULE_ID, {"layout": "a typo"})
            await run.until(lambda: hub.reported[MODULE_ID]["layout"]["ac"] == 400)
            assert (await run.get("/readyz"))[0] == 200, "the last good one works on"

    asyncio.run(scene())


def test_what_ended_a_module_is_shown_to_anyone_who_reaches_the_port_by_its_kind_alone(
    hub: MemoryHub, tmp_path: Path
) -> None:
    class _Failing(_Zones):
        def work(self, timeout: float) -> Sequence[Output]:
            raise StorageError(f"vault.mp4 can't be written to within {timeout} s")

    async def scene() -> None:
        hub.set_desired(MODULE_ID, {"layout": {}})
        context = ModuleContext(MODULE_ID, "hub", "device", "store-1", tmp_path, tmp_path, tmp_path, (), tmp_path)
        host = Host(_Failing, context, hub.transport(MODULE_ID), Outbox(tmp_path / "outbox.db"))
        with pytest.raises(ExceptionGroup, match="unhandled"):
            await asyncio.wait_for(host.run(), 8)
        assert host.status.not_alive() == ["the module has ended: StorageError"]

    asyncio.run(scene())


def test_without_a_hub_a_module_is_not_ready_and_says_why(hub: MemoryHub, tmp_path: Path) -> None:
    hub.away = True

    async def scene() -> None:
        async with running(hub, tmp_path) as run:
            status, body = await run.get("/readyz")
            assert status == 503
            assert "not connected to edgeHub yet" in json.loads(body)["reasons"]
            hub.set_away(False)
            await run.until(lambda: bool(hub.reported[MODULE_ID]))
            assert (await run.get("/readyz"))[0] == 200
            assert 'storeflow_host_connected{module="zones"} 1.0' in (await run.get("/metrics"))[1]
            hub.set_away(True)
            assert (await run.get("/readyz"))[0] == 200, "a hub may be away for a while"
            assert 'storeflow_host_connected{module="zones"} 0.0' in (await run.get("/metrics"))[1]

    asyncio.run(scene())


def test_a_support_bundle_fits_and_says_what_happened(hub: MemoryHub, tmp_path: Path) -> None:
    recent = RecentLines(lines=2000)
    recent.handle(logging.LogRecord("n", logging.INFO, "p", 1, "the beginning", (), None))
    for number in range(1999):
        recent.handle(logging.LogRecord("n", logging.INFO, "p", 1, f"line {number} {'x' * 100}", (), None))

    async def scene() -> None:
        async with running(hub, tmp_path, recent=recent) as run:
            await run.until(lambda: bool(hub.reported[MODULE_ID]))
            status, made = await run.invoke("supportBundle")
        assert status == 200
        assert len(json.dumps(made).encode()) <= 100_000
        assert "line 1998" in made["log"][-1]
        assert made["log_lines_left_out"] == 2000 - len(made["log"]) > 0
        assert made["sections"]["layout"]["ac"] == 200
        assert made["metrics"]["host_kept"] == 0
        assert made["outbox_rows"] == {}
        assert made["disk_free_bytes"] > 0
        assert any(name.startswith("module ") for name in made["threads"])

    asyncio.run(scene())


def test_no_secret_is_in_a_bundle_a_log_a_metric_or_any_other_answer(
    hub: MemoryHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "door").write_text(f"admin:{PASSWORD}")
    monkeypatch.setenv("STOREFLOW_SECRETS", str(tmp_path / "secrets"))
    recent = RecentLines()
    logging.getLogger().addHandler(recent)
    good = {"door": {"url": "rtsp://127.0.0.1:1/live", "credentials_ref": "door"}}
    bad = {"door": {"url": f"rtsp://admin:{TYPED}@127.0.0.1:1/live"}}
    answers: list[Any] = []

    async def scene() -> None:
        hub.set_desired(MODULE_ID, {"cameras": good})
        async with running(hub, tmp_path, VideoCapture, recent=recent) as run:
            await run.until(lambda: hub.reported[MODULE_ID].get("cameras", {}).get("ac") == 200)
            hub.set_desired(MODULE_ID, {"cameras": bad, f"rtsp://admin:{TYPED}@h": {}})
            await run.until(lambda: hub.reported[MODULE_ID]["cameras"]["ac"] == 400)
            await run.until(lambda: run.host.status.metrics().get("cameras_failed") == 1)
            logging.getLogger("storeflow").warning("asked for rtsp://admin:%s@127.0.0.1:1/live", TYPED)
            for method, payload in (
                ("testCamera", {"camera_id": "door"}),
                ("testCamera", {"camera": bad["door"]}),
                ("validateConfig", {"cameras": bad}),
                ("getConfig", None),
                ("metrics", None),
                ("supportBundle", None),
                (f"rtsp://admin:{TYPED}@h", None),
            ):
                answers.append(await run.invoke(method, payload))
            answers.extend([await run.get(path) for path in ("/metrics", "/healthz", "/readyz")])

    with caplog.at_level(logging.DEBUG, "storeflow"):
        asyncio.run(scene())
    logging.getLogger().removeHandler(recent)

    shown = json.dumps(answers) + "".join(recent.lines()) + json.dumps(hub.reported[MODULE_ID]["cameras"])
    assert "carries no user name or password" in shown, "the fault itself is named"
    assert "rtsp://***@127.0.0.1:1/live" in json.dumps(answers[5]), "the bundle has the log"
    assert "can't be reached" in json.dumps(answers[0])
    for word in (PASSWORD, TYPED):
        assert word not in shown, shown[max(0, shown.find(word) - 200) : shown.find(word) + 50]
