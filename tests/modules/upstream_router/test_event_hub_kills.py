"""Kill -9 of the router, and of Event Hubs, while events are published and not struck off: none is lost."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from local_azure.edge_hub.environment import is_edge_variable
from local_azure.edge_hub.process import EdgeHubProcess
from local_azure.event_hubs.process import EventHubsProcess
from storeflow.host.module import Output, RawEvent
from storeflow.host.outbox import FILE_NAME, Outbox

TOTAL = 2000


class _Router:
    """The router's process, with events in its outbox."""

    def __init__(self, hub: EdgeHubProcess, folder: Path, secrets: Path) -> None:
        self.state = folder / "router"
        self._log = folder / "router.log"
        outside = {name: value for name, value in os.environ.items() if not is_edge_variable(name)}
        ours = {"STOREFLOW_STATE": str(self.state), "STOREFLOW_SECRETS": str(secrets), "STOREFLOW_HTTP_ADDRESS": "off"}
        self._environment = {**outside, **hub.environment("upstream_router"), **ours}
        with closing(Outbox(self.state / FILE_NAME)) as outbox:
            events = [RawEvent("s", str(n), "storeflow.till.opened", "1.0", "s", b"%d" % n) for n in range(TOTAL)]
            outbox.commit([Output("cloud:hub", event) for event in events], None, time.time())

    def start(self) -> None:
        """Start the process."""
        command = [sys.executable, "-m", "modules.upstream_router"]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)  # noqa: S603 - ours

    def rows(self) -> int:
        """Events that are not struck off, read beside the process."""
        with closing(sqlite3.connect(f"file:{self.state / FILE_NAME}?mode=ro", uri=True, timeout=10)) as database:
            return int(database.execute("SELECT COUNT(*) FROM outbox").fetchone()[0])

    def stop(self) -> None:
        """End it, if it runs."""
        self.process.terminate()
        try:
            self.process.wait(10)
        finally:
            self.process.kill()
            self.process.wait()

    def wait_for(self, condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
        """Wait, else fail with the log."""
        give_up = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < give_up, f"not within {seconds:.0f} s: {what}\n{self._log.read_text()}"
            time.sleep(0.005)


@pytest.fixture
def edge_hub(tmp_path: Path, event_hub: Any) -> Iterator[EdgeHubProcess]:
    with EdgeHubProcess(tmp_path / "edge_hub") as process:
        sink = event_hub.sink() | {"batch": {"max_events": 1}}  # many messages: a kill finds some under way
        process.client.patch_twin("upstream_router", {"telemetry": {"sinks": {"hub": sink}}})
        yield process


@pytest.fixture
def router(edge_hub: EdgeHubProcess, event_hub: Any, tmp_path: Path) -> Iterator[_Router]:
    event_hub.device_id = edge_hub.environment("upstream_router")["IOTEDGE_DEVICEID"]
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "event-hub").write_text(event_hub.token())
    router = _Router(edge_hub, tmp_path, secrets)
    router.start()
    yield router
    router.stop()


def test_every_event_arrives_through_kills_that_hit_publications_under_way(router: _Router, event_hub: Any) -> None:
    hubs: EventHubsProcess = event_hub.process
    if hubs is None:
        pytest.skip("kills the namespace")
    chance = random.Random(1)  # noqa: S311 - moments, no secrets
    published = hubs.client.stats()["counts"]["events_in"]
    hubs.client.faults(ack_delay=0.1)  # so that a kill finds what is stored and not acknowledged

    def under_way() -> bool:
        """Whether more events are in the event hub than are struck off; if so, the router is held still."""
        router.process.send_signal(signal.SIGSTOP)
        time.sleep(0.02)
        ahead = hubs.client.stats()["counts"]["events_in"] - published - (TOTAL - router.rows())
        if ahead > 0 and router.rows() > 0:
            return True
        router.process.send_signal(signal.SIGCONT)
        time.sleep(chance.uniform(0.0, 0.05))
        return False

    router.wait_for(under_way, "events published and not struck off")
    router.process.kill()
    router.process.wait()
    router.start()
    left = router.rows()
    router.wait_for(lambda: router.rows() < left, "the router goes on")
    router.wait_for(under_way, "events published and not struck off, again")
    hubs.kill()
    router.process.send_signal(signal.SIGCONT)
    time.sleep(0.3)
    assert router.rows() > 0
    hubs.start()
    router.wait_for(lambda: router.rows() == 0, "everything has left")

    event_hub.read_again()
    found = Counter(int(b"".join(event.body)) for event in event_hub.events(TOTAL, different=True))
    assert set(found) == set(range(TOTAL))
    assert max(found.values()) > 1, "what was under way at a kill comes twice"
