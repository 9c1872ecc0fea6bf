"""The cloud on one machine: an Event Hubs namespace, a storage account, the real function app, and its lake."""

import os
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from azure.storage.blob import ContainerClient
from deltalake import DeltaTable

from cloud_functions import bronze
from cloud_functions.lake_port import Files
from cloud_functions.paths import BRONZE, QUARANTINE, LandedFile
from cloud_functions.settings import Settings
from cloud_functions.storage import open_files
from cloud_functions.stores import PATH as REGISTER
from local_azure.azurite.process import DELTA_OPTIONS, AzuriteProcess
from local_azure.event_hubs.endpoints import connection_string_file
from local_azure.event_hubs.process import EventHubsProcess
from local_azure.functions_host.event_hub import CONTAINER as CHECKPOINTS
from local_azure.functions_host.process import FunctionsHostProcess
from tools.fleet.exactness.box import DIRECT, IOT_HUBS
from tools.fleet.plan import Plan
from tools.fleet.register import register

GROUP, LAKE = "landing", "lake"
SILVER = "silver/events"
_REPOSITORY = Path(__file__).resolve().parents[3]
_NOT_BY_ITSELF = "0 0 0 29 2 *"
_CHECKPOINT_EVERY = 4
"""Batches, so that what landed and is not struck off can be met."""
_SECONDS = 60


class Cloud:
    """All of it.

    Args:
        plan: of the fleet, for the register of stores.
        folder: for all that it keeps.
        partitions: of each event hub.
        refine_seconds: between two runs of the timer that makes figures.
    """

    def __init__(self, plan: Plan, folder: Path, *, partitions: int, refine_seconds: int) -> None:
        hubs = [option for name in (IOT_HUBS, DIRECT) for option in ("--hub", f"{name}:{partitions}:{GROUP}")]
        self.event_hubs = EventHubsProcess(folder / "event_hubs", *hubs)
        self.azurite = AzuriteProcess(folder / "azurite")
        self._plan, self._folder, self._refine_seconds = plan, folder, refine_seconds
        self._host: FunctionsHostProcess | None = None

    @property
    def host(self) -> FunctionsHostProcess:
        """The functions host; there is one after the start."""
        if self._host is None:
            raise RuntimeError("the cloud was not started: call start() first")
        return self._host

    @property
    def namespace(self) -> Path:
        """The file with the connection string of the namespace."""
        return connection_string_file(self.event_hubs.state)

    def start(self) -> None:
        """Start everything, and put the register into the lake."""
        self.event_hubs.start()
        self.azurite.start()
        os.environ.update(self.azurite.delta_environment)
        text = self.azurite.connection_string
        with ContainerClient.from_connection_string(text, LAKE) as container:
            container.create_container()
        self._files().create(REGISTER, register(self._plan).encode(), {})
        settings = {
            "AzureWebJobsStorage": text,
            "AzureFunctionsWebHost__hostid": "fleet",
            "EVENT_HUB": self.event_hubs.connection_string(),
            "EVENT_HUB_NAME": IOT_HUBS,
            "DIRECT_EVENT_HUB_NAME": DIRECT,
            "EVENT_HUB_CONSUMER_GROUP": GROUP,
            "REFINE_SCHEDULE": f"*/{self._refine_seconds} * * * * *",
            "UPKEEP_SCHEDULE": _NOT_BY_ITSELF,
            "LAKE_CONNECTION_STRING": text,
            "LAKE_CONTAINER": LAKE,
            "AzureFunctionsJobHost__extensions__eventHubs__batchCheckpointFrequency": str(_CHECKPOINT_EVERY),
        }
        self._host = FunctionsHostProcess(_REPOSITORY / "cloud_functions", self._folder / "functions_host", settings)
        self._host.start()

    def stop(self) -> None:
        """Stop everything."""
        for process in (self._host, self.azurite, self.event_hubs):
            if process is not None:
                process.stop()

    def newest(self) -> dict[str, int]:
        """The sequence number of each partition's newest message, by hub and partition; none of empty partitions."""
        return {
            f"{hub}/{partition}": stats["next"] - 1
            for hub, partitions in self.event_hubs.client.stats()["hubs"].items()
            for partition, stats in partitions.items()
            if stats["next"]
        }

    def struck_off(self) -> dict[str, int]:
        """The sequence number of each partition's checkpoint.

        Raises:
            StorageError: the storage account does not answer.
        """
        space, found = self.event_hubs.endpoints, dict[str, int]()
        checkpoints = self._files(CHECKPOINTS)
        for hub in (IOT_HUBS, DIRECT):
            for path in checkpoints.files(f"{space.host}:{space.port}/{hub}/{GROUP}/checkpoint"):
                found[f"{hub}/{path.rpartition('/')[2]}"] = int(checkpoints.labels(path)["sequencenumber"])
        return found

    def landed(self) -> dict[str, int]:
        """The greatest sequence number in bronze, of each partition."""
        found: dict[str, int] = {}
        for file in self.bronze():
            _, _, hub, partition, *_ = file.path.split("/")
            name = f"{hub}/{partition}"
            found[name] = max(file.last, found.get(name, -1))
        return found

    def bronze(self) -> list[LandedFile]:
        """Every file of bronze."""
        return [file for path in self._files().files(BRONZE) if (file := LandedFile.at(path))]

    def bronze_lines(self) -> Counter[str]:
        """How many lines bronze has, and how many of them say what another says: `lines`, `repeated`."""
        files, seen, lines = self._files(), set[tuple[str, str, int, int]](), 0
        for file in self.bronze():
            hub = file.path.split("/")[2]
            for line in bronze.read(files.read(file.path), file.path):
                seen.add((hub, line.partition, line.sequence_number, line.place))
                lines += 1
        return Counter(lines=lines, repeated=lines - len(seen))

    def quarantined(self) -> list[str]:
        """The files of what was refused."""
        return self._files().files(QUARANTINE)

    def rows(self, table: str, columns: list[str] | None = None) -> list[dict[str, Any]]:
        """The rows of a Delta table; none where there is no table."""
        address = f"az://{LAKE}/{table}"
        if not DeltaTable.is_deltatable(address, DELTA_OPTIONS):
            return []
        rows = DeltaTable(address, storage_options=DELTA_OPTIONS).to_pyarrow_table(columns=columns)
        found: list[dict[str, Any]] = rows.to_pylist()
        return found

    def refined(self) -> int:
        """How often figures were made since the beginning, and to the end."""
        return self.host.log.read_text().count("Executed 'Functions.refine' (Succeeded")

    def ask_to_refine(self) -> None:
        """Have figures made now."""
        request = Request(f"{self.host.url}/admin/functions/refine", b"{}", {"Content-Type": "application/json"})  # noqa: S310 - our own address
        with urlopen(request, timeout=_SECONDS):  # noqa: S310 - our own address
            pass

    def _files(self, container: str = LAKE) -> Files:
        return open_files(
            Settings(container, account_url="", connection_string=self.azurite.connection_string, tables="")
        )


def in_flight(ahead: dict[str, int], behind: dict[str, int]) -> int:
    """How many messages are between two places, over all partitions."""
    return sum(max(0, place - behind.get(partition, -1)) for partition, place in ahead.items())
