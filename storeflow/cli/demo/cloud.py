"""The cloud of the sample store on this machine: storage, the function app, and the tables that it makes.

IoT Hub and Event Hubs are the store's (its supervisor runs them); here are Azurite and a functions host with the app of
`cloud_functions` in it.
"""

import json
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any, Self
from urllib.error import URLError
from urllib.request import Request, urlopen

from azure.core.exceptions import AzureError
from azure.storage.blob import ContainerClient

from cloud_functions.lake.gold import footfall, visits
from cloud_functions.lake.silver import EVENTS
from cloud_functions.lake.tables import Lake, query
from cloud_functions.lake_port import DeltaPlace
from cloud_functions.stores import PATH as REGISTER
from local_azure.azurite.process import DELTA_OPTIONS, AzuriteProcess
from local_azure.functions_host.process import FunctionsHostProcess
from local_azure.supervisor.supervisor import Supervisor
from storeflow.cli.demo.lake import Figures, Row, lake_figures
from storeflow.cli.demo.processes import POLL_SECONDS, REPOSITORY
from storeflow.cli.text import shown
from storeflow.contract.cloudevents import CloudEvent
from storeflow.errors import StorageError, TransportError

EVENT_HUB, CONSUMER_GROUP, READERS = "telemetry", "landing", "bi"
PARTITIONS = 2
CONTAINER = "lake"
TIME_ZONE = "Europe/Berlin"
"""Of the sample store's days."""
_REFINE_EVERY_10_SECONDS = "*/10 * * * * *"
_PATIENCE_SECONDS = 60.0
"""Without a new row in the lake for so long, what is missing will not come."""


def event_hub() -> str:
    """The event hub that the store's IoT Hub routes to, as `Supervisor` takes it."""
    return f"{EVENT_HUB}:{PARTITIONS}:{CONSUMER_GROUP},{READERS}"


class Cloud:
    """Storage and the function app. Use as a context manager; `land_for` once the store runs.

    Args:
        root: folder for the state and the logs of both.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._running = ExitStack()
        self._azurite = AzuriteProcess(root / "azurite")
        self._functions: FunctionsHostProcess | None = None

    def __enter__(self) -> Self:
        """Start an empty storage.

        Raises:
            StorageError: Azurite cannot be fetched.
            TransportError: it does not start.
        """
        with suppress(FileNotFoundError):
            shutil.rmtree(self.root)
        self._running.enter_context(self._azurite)
        # deltalake reads this where it opens a table, in this process, too.
        os.environ.update(self._azurite.delta_environment)
        return self

    def __exit__(self, *_: object) -> None:
        """End both."""
        self._running.close()

    @property
    def logs(self) -> Path:
        """What the function app logged."""
        return self.root / "functions_host" / "host.log"

    def land_for(self, store: Supervisor) -> None:
        """Enter the store into the register, and start the function app on its event hub.

        Raises:
            StorageError: storage refused.
            TransportError: the functions host does not start.
        """
        device_id = store.device_id
        of_store = {"name": "The sample store", "time_zone": TIME_ZONE, "devices": [device_id]}
        register = {"iot_hubs": [store.iothub], "stores": {device_id: of_store}}
        try:
            with ContainerClient.from_connection_string(self._azurite.connection_string, CONTAINER) as container:
                container.create_container()
                container.upload_blob(REGISTER, json.dumps(register, indent=1))
        except AzureError as error:
            raise StorageError(f"Azurite refused the register of stores: {error}") from error
        settings = {
            **self._azurite.delta_environment,
            "AzureWebJobsStorage": self._azurite.connection_string,
            "AzureFunctionsWebHost__hostid": "storeflow",
            "EVENT_HUB": store.event_hub(EVENT_HUB),
            "EVENT_HUB_NAME": EVENT_HUB,
            "EVENT_HUB_CONSUMER_GROUP": CONSUMER_GROUP,
            "REFINE_SCHEDULE": _REFINE_EVERY_10_SECONDS,
            "UPKEEP_SCHEDULE": "0 0 * * * *",
            "LAKE_CONNECTION_STRING": self._azurite.connection_string,
            "LAKE_CONTAINER": CONTAINER,
            # One store says little, and somebody watches: nothing waits for more to land with.
            "AzureFunctionsJobHost__extensions__eventHubs__minEventBatchSize": "1",
        }
        app = REPOSITORY / "cloud_functions"
        self._functions = FunctionsHostProcess(app, self.root / "functions_host", settings)
        self._running.enter_context(self._functions)

    def figures(self, events: Sequence[CloudEvent], like: Figures) -> tuple[Figures, list[Row]]:
        """What gold and silver say, once they have what the edge has, or nothing new has come for a minute.

        Args:
            events: what the edge wrote.
            like: the edge's figures.

        Returns:
            The figures, and `source` and `id` of each row of silver.

        Raises:
            StorageError: a table cannot be read.
        """
        lake = Lake(self.place)
        names = {(event.source, event.id) for event in events}
        rows, last_news = 0, time.monotonic()
        while True:
            self._refine_now()
            found: list[Row] = query("SELECT source, id FROM events", events=lake.open(EVENTS)).to_pylist()
            figures = lake_figures(_rows(lake, footfall.FACT), _rows(lake, visits.DWELL), like)
            complete = names <= {(row["source"], row["id"]) for row in found}
            if len(found) > rows:
                rows, last_news = len(found), time.monotonic()
            if (complete and figures == like) or time.monotonic() - last_news > _PATIENCE_SECONDS:
                return figures, found
            time.sleep(4 * POLL_SECONDS)

    def copy_to(self, folder: Path) -> None:
        """Copy the lake: a Delta table is its files, and is read in a folder as it is in a container.

        Raises:
            StorageError: storage refused.
        """
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
        try:
            with ContainerClient.from_connection_string(self._azurite.connection_string, CONTAINER) as container:
                for name in container.list_blob_names():
                    copy = folder / name
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    copy.write_bytes(container.download_blob(name).readall())
        except AzureError as error:
            raise StorageError(f"the lake cannot be copied to {shown(folder)}: {error}") from error

    @property
    def place(self) -> DeltaPlace:
        """Where its tables are."""
        return DeltaPlace(f"az://{CONTAINER}", dict(DELTA_OPTIONS))

    def _refine_now(self) -> None:
        """Not at the next ten seconds. A run that is under way is not disturbed: its commits are its own."""
        if self._functions is None:
            return
        address = f"{self._functions.url}/admin/functions/refine"
        request = Request(address, b"{}", {"Content-Type": "application/json"})  # noqa: S310 - our own address
        try:
            with urlopen(request, timeout=10):  # noqa: S310 - our own address
                pass
        except (URLError, HTTPException, TimeoutError) as error:
            raise TransportError(f"the functions host does not answer: {error}; see {shown(self.logs)}") from error


def _rows(lake: Lake, fact: Any) -> list[Row]:
    found: list[Row] = query("SELECT * FROM fact", fact=lake.open(fact.form)).to_pylist()
    return found
