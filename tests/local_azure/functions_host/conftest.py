"""A functions host with an app of the tests' own, a real event hub's stand-in and a storage account.

A host takes a second to start and another to get its partitions; so one serves all tests, but for those that kill it.
"""

import contextlib
import gc
import json
import os
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.eventhub import EventData, EventHubProducerClient
from azure.storage.blob import ContainerClient

from local_azure.azurite.process import AzuriteProcess
from local_azure.event_hubs.connection_string import ConnectionString
from local_azure.event_hubs.process import EventHubsProcess
from local_azure.functions_host.event_hub import CONTAINER as CHECKPOINTS
from local_azure.functions_host.process import FunctionsHostProcess

HUBS_VARIABLE = "STOREFLOW_EVENT_HUBS"
APP = Path(__file__).with_name("app")
FUNCTIONS = ("land", "single", "patient", "tick", "nightly", "counts", "anyone", "on_blob")


@dataclass
class Telemetry:
    """The event hub: the stand-in's, the emulator's or a real one."""

    connection_string: str
    producer: Any = field(init=False)

    def __post_init__(self) -> None:
        self.producer = EventHubProducerClient.from_connection_string(self.connection_string)

    @property
    def settings(self) -> dict[str, str]:
        """What the app needs to know."""
        return {
            "TELEMETRY": self.connection_string,
            "TELEMETRY_HUB": ConnectionString.parse(self.connection_string).hub,
        }

    @property
    def checkpoints(self) -> str:
        """Where every processor of Azure's keeps its checkpoints of this event hub: a folder of `CHECKPOINTS`."""
        to = ConnectionString.parse(self.connection_string)
        return f"{to.host}:{to.port}/{to.hub}/" if to.development else f"{to.host}/{to.hub}/"

    def send(self, case: str, bodies: list[dict[str, Any]], *, to: str | None = None, **options: Any) -> None:
        """Send events of a case, numbered, in one batch; to a partition, if one is named."""
        events = [EventData(json.dumps({"case": case, "number": n, **body})) for n, body in enumerate(bodies)]
        for event in events:
            event.properties = {"eventType": "test"}
        self.producer.send_batch(events, partition_id=to, **options)


@dataclass
class Running:
    """A host, and what its functions wrote down."""

    process: FunctionsHostProcess
    folder: Path

    def seen(self, function: str, case: str = "", **facts: Any) -> list[dict[str, Any]]:
        """Return what a function wrote, of one case or all, and with these facts."""
        file = self.folder / "seen.ndjson"
        lines = map(json.loads, file.read_text().splitlines()) if file.exists() else ()
        return [
            line
            for line in lines
            if line["function"] == function
            and (not case or any(event["case"] == case for event in line["events"]))
            and all(line.get(name) == value for name, value in facts.items())
        ]

    def numbers(self, function: str, case: str, **facts: Any) -> set[int]:
        """Return the numbers of the events of a case that a function wrote down."""
        lines = self.seen(function, case, **facts)
        return {event["number"] for line in lines for event in line["events"] if event["case"] == case}

    @property
    def log(self) -> str:
        """All that the host logged."""
        return self.process.log.read_text()


@pytest.fixture(scope="session")
def telemetry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telemetry]:
    """The event hub of all tests.

    `STOREFLOW_EVENT_HUBS` names another one: a connection string with `EntityPath`, of Microsoft's emulator or of a
    Standard namespace. It needs two partitions and the consumer groups `landing`, `single` and `patient`.
    """
    with contextlib.ExitStack() as stack:
        text = os.environ.get(HUBS_VARIABLE)
        if text is None:
            hub = ("--hub", "telemetry:2:landing,single,patient", "--memory")
            text = stack.enter_context(EventHubsProcess(tmp_path_factory.mktemp("hub"), *hub)).connection_string(
                "telemetry"
            )
        found = Telemetry(text)
        stack.callback(found.producer.close)
        yield found


@pytest.fixture(scope="session", autouse=True)
def _collected() -> Iterator[None]:
    yield
    collect()


def collect() -> None:
    """Collect what azure-eventhub 5.15 leaves open: elsewhere its warning would fail a test of something else."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let that warning pass in this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"))


@pytest.fixture
def own_hub(tmp_path: Path) -> Iterator[tuple[EventHubsProcess, Telemetry]]:
    """An event hub with one partition that a test may kill; always the stand-in's."""
    with EventHubsProcess(tmp_path / "hub", "--hub", "telemetry:1") as process:
        telemetry = Telemetry(process.connection_string("telemetry"))
        yield process, telemetry
        telemetry.producer.close()
    del telemetry
    collect()


@pytest.fixture
def own_storage(tmp_path: Path, azurite_installed: None) -> Iterator[AzuriteProcess]:
    """A storage account that a test may kill; always Azurite's."""
    del azurite_installed
    with AzuriteProcess(tmp_path / "storage") as process:
        yield process


@pytest.fixture(scope="session")
def settings(telemetry: Telemetry, azurite: Any) -> dict[str, str]:
    """Settings of the app, but for those that a test chooses."""
    storage = {"AzureWebJobsStorage": azurite.connection_string, "AzureFunctionsWebHost__hostid": str(uuid.uuid4())}
    groups = {"LANDING_GROUP": "landing", "SINGLE_GROUP": "single", "PATIENT_GROUP": "patient"}
    # An event hub may keep what other runs sent, more than can be read in time; and some of it asks functions to fail.
    with (
        ContainerClient.from_connection_string(azurite.connection_string, CHECKPOINTS) as container,
        contextlib.suppress(ResourceNotFoundError),
    ):
        for name in container.list_blob_names(name_starts_with=telemetry.checkpoints):
            container.delete_blob(name)
    start = {"type": "fromEnqueuedTime", "enqueuedTimeUtc": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    begin = {f"AzureFunctionsJobHost__extensions__eventHubs__initialOffsetOptions__{k}": v for k, v in start.items()}
    return telemetry.settings | storage | groups | begin | {"NIGHTLY": "0 0 3 * * *"}


def _run(app: Path, folder: Path, settings: dict[str, str], *options: str) -> Running:
    folder.mkdir(exist_ok=True)
    return Running(FunctionsHostProcess(app, folder / "state", settings | {"SEEN": str(folder)}, *options), folder)


@pytest.fixture(scope="session")
def host(settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One host for all tests that leave it alive; it asks for keys."""
    running = _run(APP, tmp_path_factory.mktemp("host"), settings, "--authorised")
    with running.process:
        yield running


@pytest.fixture
def own_host(settings: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Make a host that a test may kill, with some functions alone: `own_host("nightly", NIGHTLY="…")`.

    It reads by the consumer group `$Default`, so one function of it may read.
    """
    made: list[Running] = []
    groups = dict.fromkeys(("LANDING_GROUP", "SINGLE_GROUP", "PATIENT_GROUP"), "$Default")

    def make(*functions: str, app: Path = APP, options: tuple[str, ...] = (), **more: str) -> Running:
        disabled = {f"AzureWebJobs.{name}.Disabled": "true" for name in FUNCTIONS if name not in functions}
        made.append(_run(app, tmp_path / "host", settings | groups | disabled | more, *options))
        return made[-1]

    yield make
    for running in made:
        running.process.stop()


@pytest.fixture
def case() -> str:
    """The name of one test's events."""
    return str(uuid.uuid4())


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Wait for a condition: `eventually(lambda: …, "what is awaited")`."""

    def wait(condition: Callable[[], object], what: str, seconds: float = 15) -> None:
        give_up = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < give_up, f"not within {seconds} s: {what}"
            time.sleep(0.05)

    return wait
