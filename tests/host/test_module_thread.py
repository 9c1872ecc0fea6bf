import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState, instant
from storeflow.errors import ConfigError, ContractError, StorageError
from storeflow.host import module_thread
from storeflow.host.custody import Receipt
from storeflow.host.module import ModuleContext, Output
from storeflow.host.module_thread import ModuleThread
from storeflow.host.outbox import Outbox

CAMERAS = {"door": {"url": "file:door.mp4"}}


def event(number: int) -> CloudEvent:
    data = CameraState(
        store_id="store-1", camera_id="door", captured_at=instant(number), state="streaming", detail=str(number)
    )
    return CloudEvent.of(data, source="//hub/device/door", id=f"{number:032d}", subject="door")


class _Module:
    """Does what the test asks for; hands on every event."""

    sections: ClassVar[tuple[str, ...]] = ("cameras",)

    def __init__(self, checkpoint: bytes | None) -> None:
        self.state: Callable[[], bytes | None] = lambda: checkpoint
        self.configured: list[Any] = []
        self.refuses = False
        self.trips: list[Exception] = []
        """Raised by the next messages, one each."""
        self.live = {"emitted": 1.0}

    def configure(self, section: str, value: Any, version: int) -> None:
        if self.refuses:
            raise ConfigError([f"{section} {version}: not here"])
        self.configured.append(value)

    def work(self, timeout: float) -> Sequence[Output]:
        time.sleep(min(timeout, 0.01))
        return ()

    def on_message(self, input_name: str, body: bytes) -> Sequence[Output]:  # noqa: ARG002 - a module's signature
        if self.trips:
            raise self.trips.pop(0)
        return [Output("upstream", CloudEvent.from_json(body))]

    def checkpoint(self) -> bytes | None:
        return self.state()

    def metrics(self) -> Mapping[str, float]:
        return self.live

    def close(self) -> None:
        pass


class _Play:
    """A module's thread, its module, and the receipts that became due."""

    def __init__(
        self, box: Outbox, folder: Path, prepare: Callable[[_Module], None], *, retry_seconds: float = 0.05
    ) -> None:
        self.receipts: list[Receipt] = []
        self.module: Any = None

        def factory(_: ModuleContext, checkpoint: bytes | None) -> _Module:
            module = self.module = _Module(checkpoint)
            prepare(module)
            return module

        context = ModuleContext("module", "hub", "device", "store-1", folder, folder, folder, (), folder)
        self.thread = ModuleThread(factory, context, box, committed=self.receipts.extend, retry_seconds=retry_seconds)

    def send(self, one: CloudEvent) -> None:
        """Send an event and wait until the module has seen it."""
        handled = self.thread.counts["messages_failed"] + self.thread.counts["messages_refused"] + len(self.receipts)
        self.thread.put_message("events", one.to_json())
        until(
            lambda: (
                handled
                < self.thread.counts["messages_failed"] + self.thread.counts["messages_refused"] + len(self.receipts)
            )
        )


def until(condition: Callable[[], Any], seconds: float = 5.0) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it did not come to pass in time"
        time.sleep(0.01)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Outbox]:
    box = Outbox(tmp_path / "outbox.db")
    yield box
    box.close()


@contextmanager
def playing(
    box: Outbox, *, configured: bool = True, prepare: Callable[[_Module], None] = lambda _: None
) -> Iterator[_Play]:
    play = _Play(box, Path(), prepare)
    play.thread.start()
    try:
        if configured:
            play.thread.apply_twin({"$version": 1, "cameras": CAMERAS}).result(5)
        until(lambda: play.module)
        yield play
    finally:
        play.thread.stop()
        play.thread.ended.result(5)


def quarantined(box: Outbox) -> list[Any]:
    return box._database._connection.execute("SELECT body, reason FROM quarantine").fetchall()


def test_only_a_contract_error_proves_an_event_at_fault(box: Outbox) -> None:
    with playing(box) as play:
        play.module.trips = [ContractError("no event"), KeyError("a bug"), StorageError("no room")]
        for number in (1, 2, 3, 4):
            play.send(event(number))
        until(lambda: len(play.receipts) == 2)

        assert play.receipts == [
            Receipt(event(1).source, event(1).id, refused=True),
            Receipt(event(4).source, event(4).id),
        ]
        assert (play.thread.counts["messages_refused"], play.thread.counts["messages_failed"]) == (1, 2)


def test_an_event_that_failed_and_comes_again_is_taken(box: Outbox) -> None:
    with playing(box) as play:
        play.module.trips = [KeyError("a bug")] * 4
        for _ in range(5):
            play.send(event(1))
        until(lambda: play.receipts)

        assert play.receipts == [Receipt(event(1).source, event(1).id)]
        assert quarantined(box) == []
        assert box.counts["kept"] == 1


def test_an_event_that_fails_every_time_is_set_aside_and_only_then_refused(
    box: Outbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise StorageError("no room")

    with playing(box) as play:
        play.module.trips = [KeyError("a bug")] * 8
        for _ in range(4):
            play.send(event(1))
        play.send(event(2))
        with monkeypatch.context() as patch:
            patch.setattr(box, "quarantine", full)
            play.send(event(1))
        until(lambda: "can't be set aside" in caplog.text)
        assert play.receipts == []

        play.send(event(1))
        until(lambda: play.receipts)
        assert play.receipts == [Receipt(event(1).source, event(1).id, refused=True)]
        assert quarantined(box) == [(event(1).to_json(), "KeyError: 'a bug'")]
        assert play.thread.counts["messages_quarantined"] == 1

        play.send(event(1))
        until(lambda: len(play.receipts) == 2)
        assert len(quarantined(box)) == 1, "the receipt may have been lost: it is answered again, and kept once"


class _Still:
    """A module with no work, no inputs and no checkpoint."""

    sections: ClassVar[tuple[str, ...]] = ()

    def __init__(self, context: ModuleContext, checkpoint: bytes | None) -> None:
        pass

    def configure(self, section: str, value: Any, version: int) -> None:
        pass

    def metrics(self) -> Mapping[str, float]:
        return {"still": 1.0}

    def close(self) -> None:
        pass


def test_a_module_need_have_no_work_no_inputs_and_no_checkpoint(
    box: Outbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receipts: list[Receipt] = []
    context = ModuleContext("module", "hub", "device", "store-1", tmp_path, tmp_path, tmp_path, (), tmp_path)
    thread = ModuleThread(_Still, context, box, committed=receipts.extend, retry_seconds=0.05)
    thread.start()
    thread.put_message("events", event(1).to_json())
    until(lambda: receipts)
    thread.put_message("control", b"{}")
    until(lambda: thread.counts["messages_refused"] == 2)
    before = time.process_time()
    time.sleep(0.6)
    spent = time.process_time() - before
    thread.stop()
    thread.ended.result(5)

    assert receipts == [Receipt(event(1).source, event(1).id, refused=True)]
    assert "input 'control': this module has no inputs; 2 bytes were dropped" in caplog.text
    assert spent < 0.3, "it waits for messages"
    assert box.checkpoint() is None


def test_a_module_that_never_worked_leaves_its_last_checkpoint_alone(box: Outbox) -> None:
    box.commit([], b"7", 0.0)

    def forget(module: _Module) -> None:
        module.state = lambda: b"nothing yet"

    with playing(box, configured=False, prepare=forget):
        time.sleep(0.1)
    assert box.checkpoint() == b"7"

    with playing(box, prepare=forget) as play:
        until(lambda: play.thread.metrics)
    assert box.checkpoint() == b"nothing yet"


@pytest.mark.parametrize("changing", [True, False])
def test_a_quiet_module_writes_a_checkpoint_once_a_second_and_only_when_it_changed(
    box: Outbox, monkeypatch: pytest.MonkeyPatch, changing: bool
) -> None:
    box.commit([], b"0", 0.0)
    commits: list[bytes | None] = []
    commit = box.commit

    def counted(outputs: Sequence[Output], checkpoint: bytes | None, now: float) -> int:
        commits.append(checkpoint)
        return commit(outputs, checkpoint, now)

    def change(module: _Module) -> None:
        if changing:
            module.state = lambda: repr(time.monotonic()).encode()

    monkeypatch.setattr(box, "commit", counted)
    with playing(box, prepare=change) as play:
        time.sleep(1.3)
        quiet = len(commits)
        play.send(event(1))
        until(lambda: play.receipts)

    assert 1 <= quiet <= 2 if changing else quiet == 0
    assert len(commits) >= 1, "with an event the checkpoint goes into its transaction"
    assert len(commits) <= quiet + 2


def test_metrics_are_those_of_the_last_commit_whatever_the_module_does_to_its_own(box: Outbox) -> None:
    with playing(box) as play:
        until(lambda: play.thread.metrics)
        play.module.live["emitted"] = 2.0

        assert play.thread.metrics == {"emitted": 1.0}


def test_a_saved_section_that_could_not_be_used_is_tried_again(box: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module_thread, "_RESTORE_SECONDS", 0.05)
    box.save_section("cameras", CAMERAS, 3)

    def refuse(module: _Module) -> None:
        module.refuses = True

    with playing(box, configured=False, prepare=refuse) as play:
        time.sleep(0.3)
        assert play.module.configured == []
        play.module.refuses = False
        until(lambda: play.module.configured)
        assert set(play.module.configured[0]) == {"door"}


@pytest.mark.parametrize("freed", [True, False])
def test_events_that_a_full_disk_refuses_as_the_module_is_stopped_are_kept_with_their_checkpoint_or_neither_is(
    box: Outbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, freed: bool
) -> None:
    box.commit([], b"before", 0.0)
    commit, waiting, full = box.commit, [Output("upstream", event(1))], threading.Event()
    refused = 0

    def commit_if_there_is_room(outputs: Sequence[Output], checkpoint: bytes | None, now: float) -> int:
        nonlocal refused
        if outputs and (refused == 0 or not freed):
            refused += 1
            full.set()
            raise StorageError("no room")
        return commit(outputs, checkpoint, now)

    def emit_once(module: _Module) -> None:
        module.state = lambda: b"before" if waiting else b"after"
        monkeypatch.setattr(module, "work", lambda _: [waiting.pop()] if waiting else ())

    monkeypatch.setattr(box, "commit", commit_if_there_is_room)
    play = _Play(box, Path(), emit_once, retry_seconds=60.0)
    play.thread.start()
    play.thread.apply_twin({"$version": 1, "cameras": CAMERAS}).result(5)
    assert full.wait(5)
    until(lambda: "the module waits" in caplog.text)
    play.thread.stop()
    play.thread.ended.result(5)

    rows = [row.body for row in box.waiting("upstream", 10)]
    if freed:
        assert ([CloudEvent.from_json(body).id for body in rows], box.checkpoint()) == ([event(1).id], b"after")
    else:
        assert (rows, box.checkpoint()) == ([], b"before"), "what was not sent must not be remembered as sent"
        assert refused == 2
        assert "1 events are not kept" in caplog.text


def test_a_disk_that_goes_on_refusing_is_logged_once_and_again_when_it_refuses_for_another_reason(
    box: Outbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reasons = ["no room"] * 20 + ["no disk"] * 20
    commit, waiting = box.commit, [Output("upstream", event(1))]

    def refuse(outputs: Sequence[Output], checkpoint: bytes | None, now: float) -> int:
        if reasons:
            raise StorageError(reasons.pop(0))
        return commit(outputs, checkpoint, now)

    def emit_once(module: _Module) -> None:
        monkeypatch.setattr(module, "work", lambda _: [waiting.pop()] if waiting else ())

    monkeypatch.setattr(box, "commit", refuse)
    play = _Play(box, Path(), emit_once, retry_seconds=0.001)
    play.thread.start()
    play.thread.apply_twin({"$version": 1, "cameras": CAMERAS}).result(5)
    until(lambda: box.waiting("upstream", 10))
    play.thread.stop()
    play.thread.ended.result(5)

    lines = [record.getMessage() for record in caplog.records if "the module waits" in record.getMessage()]
    assert [line.partition("waits: ")[2] for line in lines] == ["no room", "no disk"]


def test_a_disk_that_refuses_what_the_module_keeps_beside_the_outbox_ends_nothing_and_loses_nothing(
    box: Outbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Once the module has kept it, it is not asked again before the outbox has its part, too."""
    asked, refusals = [], ["no room"] * 2
    commit = box.commit

    def state() -> bytes:
        asked.append(box.rows_waiting)
        if len(asked) <= 3:
            raise StorageError("no room beside")
        return b"after"

    def refuse_at_first(outputs: Sequence[Output], checkpoint: bytes | None, now: float) -> int:
        if refusals:
            raise StorageError(refusals.pop())
        return commit(outputs, checkpoint, now)

    monkeypatch.setattr(box, "commit", refuse_at_first)
    monkeypatch.setattr(module_thread, "_CHECKPOINT_SECONDS", 60.0)
    waiting = [Output("upstream", event(1))]

    def emit_once(module: _Module) -> None:
        module.state = state
        monkeypatch.setattr(module, "work", lambda _: [waiting.pop()] if waiting else ())

    play = _Play(box, Path(), emit_once, retry_seconds=0.001)
    play.thread.start()
    play.thread.apply_twin({"$version": 1, "cameras": CAMERAS}).result(5)
    until(lambda: box.waiting("upstream", 10) or play.thread.ended.done())
    assert asked == [0, 0, 0, 0]
    play.thread.stop()
    play.thread.ended.result(5)

    assert (box.checkpoint(), refusals) == (b"after", [])
    assert caplog.text.count("the module waits") == 2
