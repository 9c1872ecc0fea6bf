"""Kill -9 of real processes on the real SDK, with many events under way: each event arrives exactly once.

And the same with one of the three safeguards taken out: then it does not, and this test sees it.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_azure.edge_hub.environment import is_edge_variable
from local_azure.edge_hub.process import EdgeHubProcess

ROUTES = {
    "events": 'FROM /messages/modules/sender/* INTO BrokeredEndpoint("/modules/upstream_router/inputs/events")',
    "receipts": 'FROM /messages/modules/upstream_router/* INTO BrokeredEndpoint("/modules/sender/inputs/receipts")',
}
MUTATED = Path(__file__).with_name("mutated_module.py")
UNDER_WAY = 20
"""Rows in the outbox at the moment of the kill, at least."""


class _Process:
    """A module's process, killed and started again."""

    def __init__(self, hub: EdgeHubProcess, folder: Path, module_id: str, *arguments: str) -> None:
        self.state = folder / module_id
        outside = {name: value for name, value in os.environ.items() if not is_edge_variable(name)}
        ours = {"STOREFLOW_STATE": str(self.state), "STOREFLOW_RESEND_SECONDS": "1", "STOREFLOW_HTTP_ADDRESS": "off"}
        self._environment = {**outside, **hub.environment(module_id), **ours}
        self._command = [sys.executable, str(MUTATED), module_id, *arguments]
        self._log = folder / f"{module_id}.log"
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)  # noqa: S603 - ours

    def kill_when(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        """Kill -9 at a moment when the condition holds: hold the process still, look, then kill or let it go on."""
        give_up = time.monotonic() + seconds
        while True:
            self.process.send_signal(signal.SIGSTOP)
            if condition():
                break
            self.process.send_signal(signal.SIGCONT)
            assert self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < give_up, self._story()
            time.sleep(0.02)
        self.process.kill()
        self.process.wait()

    def _story(self) -> str:
        """Why there was no moment to kill at."""
        logs = [f"{log.name}:\n{log.read_text()}" for log in self._log.parent.glob("*.log")]
        return "\n".join([f"{self.rows()} rows and no moment to kill at", *logs])

    def stop(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(10)
        finally:
            self.process.kill()

    def rows(self) -> int:
        return int(self.ask("SELECT COUNT(*) FROM outbox") or 0)

    def ask(self, query: str) -> bytes | int | None:
        """One value from the outbox file, read beside the module."""
        path = self.state / "outbox.db"
        if not path.exists():
            return None
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            row = database.execute(query).fetchone()
        except sqlite3.OperationalError:  # it is just being made
            return None
        finally:
            database.close()
        return row[0] if row else None


class _Store:
    """A sender and a router on one hub."""

    def __init__(self, hub: EdgeHubProcess, folder: Path, total: int, without: str) -> None:
        self.total = total
        self.router = _Process(hub, folder, "upstream_router", without)
        self.sender = _Process(hub, folder, "sender", "nothing", str(total))
        self.file = self.router.state / "events.ndjson"

    def kill_both(self, chance: random.Random) -> None:
        """The router between the file and the transaction; the sender while nobody answers it."""
        time.sleep(chance.uniform(0.0, 0.3))
        self.router.kill_when(lambda: self.router.rows() >= UNDER_WAY and self._file_is_ahead())
        time.sleep(chance.uniform(0.0, 0.3))
        self.sender.kill_when(lambda: self.sender.rows() >= UNDER_WAY)
        for process in chance.sample([self.router, self.sender], 2):
            process.start()
            time.sleep(chance.uniform(0.0, 0.3))

    def _file_is_ahead(self) -> bool:
        """Whether the file holds lines whose rows are not deleted yet."""
        state = self.router.ask("SELECT value FROM state WHERE name = 'sink:file'")
        return isinstance(state, bytes) and self.file.stat().st_size > json.loads(state)["offset"]

    def told_all(self) -> bool:
        checkpoint = self.sender.ask("SELECT value FROM state WHERE name = 'checkpoint'")
        return checkpoint == str(self.total).encode() and self.sender.rows() == self.router.rows() == 0

    def numbers(self) -> Counter[int]:
        """How often each event is in the file, by its sequence number."""
        events = [json.loads(line) for line in self.file.read_bytes().split(b"\n") if line]
        assert all(int(event["sequence"]) == int(event["data"]["detail"]) for event in events)
        return Counter(int(event["sequence"]) for event in events)

    def doubled(self) -> bool:
        return self.file.exists() and any(count > 1 for count in self.numbers().values())


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[EdgeHubProcess]:
    with EdgeHubProcess(tmp_path / "hub") as process:
        process.client.set_routes(ROUTES)
        process.client.patch_twin("upstream_router", {"telemetry": {"sinks": {"file": {"kind": "ndjson"}}}})
        yield process


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.parametrize("seed", [1, 2])
def test_every_committed_event_is_in_the_file_exactly_once(hub: EdgeHubProcess, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - moments, no secrets
    store = _Store(hub, tmp_path, total=1000, without="nothing")
    try:
        for _ in range(3):
            store.kill_both(chance)
        assert wait_for(store.told_all, 40), (store.sender.rows(), store.router.rows())
    finally:
        ends = [store.sender.stop(), store.router.stop()]

    assert store.numbers() == Counter(range(1, 1001))
    assert ends == [0, 0]


@pytest.mark.parametrize("without", ["delete", "seen", "cut"])
def test_without_any_one_of_its_safeguards_events_are_doubled(
    hub: EdgeHubProcess, tmp_path: Path, without: str
) -> None:
    chance = random.Random(3)  # noqa: S311 - moments, no secrets
    store = _Store(hub, tmp_path, total=400, without=without)
    try:
        store.kill_both(chance)
        doubled = wait_for(store.doubled, 30)
    finally:
        store.sender.stop()
        store.router.stop()

    assert doubled
