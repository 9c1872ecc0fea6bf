"""The cloud of the sample store on this machine: storage, the function app, and the tables that it makes.

IoT Hub and Event Hubs are the store's; here are Azurite and a functions host with the app of `cloud_functions` in it.
The store's supervisor runs these, too, and starts each again that ends.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from azure.core.exceptions import AzureError
from azure.storage.blob import ContainerClient

from cloud_functions.lake.gold import footfall, visits
from cloud_functions.lake.silver import EVENTS
from cloud_functions.lake.tables import Lake, query
from cloud_functions.lake_port import DeltaPlace
from cloud_functions.stores import PATH as REGISTER
from local_azure.azurite.process import (
    DELTA_OPTIONS,
    Ports,
    azurite_command,
    connection_string,
    delta_environment,
    listening,
)
from local_azure.functions_host.process import functions_host_command
from local_azure.supervisor.process_thread import Service
from local_azure.supervisor.restart_policy import RestartPolicy
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
    """Storage and the function app of one store; they run while it does, once they `land_for` it.

    Args:
        root: folder for the state and the logs of both; what is there goes.

    Raises:
        StorageError: Azurite cannot be fetched.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._storage_command = azurite_command(root / "azurite")
        self._storage = Ports()

    @property
    def logs(self) -> Path:
        """What the function app logged."""
        return self._host / "host.log"

    @property
    def consumer_file(self) -> Path:
        """What examples/event_hub_consumer.py needs in its environment, as lines of `NAME=value`."""
        return self.root / "consumer.env"

    @property
    def _host(self) -> Path:
        return self.root / "functions_host"

    def land_for(self, store: Supervisor) -> None:
        """Run an empty storage beside the store, enter the store there, and start the function app on its event hub.

        Raises:
            StorageError: storage refused.
            TransportError: one of both does not start.
        """
        with suppress(FileNotFoundError):
            shutil.rmtree(self.root)
        self._start_storage(store)
        text = connection_string(self._storage)
        device_id = store.device_id
        of_store = {"name": "The sample store", "time_zone": TIME_ZONE, "devices": [device_id]}
        register = {"iot_hubs": [store.iothub], "stores": {device_id: of_store}}
        try:
            with ContainerClient.from_connection_string(text, CONTAINER) as container:
                container.create_container()
                container.upload_blob(REGISTER, json.dumps(register, indent=1))
        except AzureError as error:
            raise StorageError(f"Azurite refused the register of stores: {error}") from error
        settings = {
            "AzureWebJobsStorage": text,
            "AzureFunctionsWebHost__hostid": "storeflow",
            "EVENT_HUB": store.event_hub(EVENT_HUB),
            "EVENT_HUB_NAME": EVENT_HUB,
            "EVENT_HUB_CONSUMER_GROUP": CONSUMER_GROUP,
            "REFINE_SCHEDULE": _REFINE_EVERY_10_SECONDS,
            "UPKEEP_SCHEDULE": "0 0 * * * *",
            "LAKE_CONNECTION_STRING": text,
            "LAKE_CONTAINER": CONTAINER,
            # One store says little, and somebody watches: nothing waits for more to land with.
            "AzureFunctionsJobHost__extensions__eventHubs__minEventBatchSize": "1",
        }
        self._start_host(store, settings)
        self.consumer_file.touch(mode=0o600)
        self.consumer_file.write_text(f"EVENT_HUB={store.event_hub(EVENT_HUB)}\nCHECKPOINTS={text}\n")

    def _start_storage(self, store: Supervisor) -> None:
        state = self.root / "azurite"
        log = state / "azurite.log"
        service = self._service(lambda: self._storage_command, {}, log)
        store.run_beside("azurite", service, lambda: listening(log) is not None)
        self._storage = listening(log) or self._storage
        self._storage_command = azurite_command(state, self._storage)  # the same ports whenever it is started again
        # deltalake reads this where it opens a table, in this process, too.
        os.environ.update(delta_environment(self._storage))

    def _start_host(self, store: Supervisor, settings: dict[str, str]) -> None:
        endpoints = self._host / "endpoints.json"

        def command() -> list[str]:
            port = int(self._url.rpartition(":")[2]) if endpoints.exists() else 0
            return functions_host_command(REPOSITORY / "cloud_functions", self._host, port)

        store.run_beside("functionsHost", self._service(command, settings, self.logs), endpoints.exists)

    @property
    def _url(self) -> str:
        return str(json.loads((self._host / "endpoints.json").read_text())["url"])

    def _service(self, command: Callable[[], list[str]], settings: dict[str, str], log: Path) -> Service:
        log.parent.mkdir(parents=True, exist_ok=True)
        return Service(
            command=command,
            environment=lambda: {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1", **settings},
            folder=self.root,
            log=log,
            policy=RestartPolicy.ALWAYS,
        )

    def figures(self, events: Sequence[CloudEvent], like: Figures) -> tuple[Figures, list[Row]]:
        """What gold and silver say, once they have what the edge has, or nothing new has come for a minute.

        Storage, or the functions host, may be away for a while: the store's supervisor starts them again.

        Args:
            events: what the edge wrote.
            like: the edge's figures.

        Returns:
            The figures, and `source` and `id` of each row of silver.

        Raises:
            StorageError: a table cannot be read, for a minute.
            TransportError: the functions host does not answer, for a minute.
        """
        lake = Lake(self.place)
        names = {(event.source, event.id) for event in events}
        rows, last_news = 0, time.monotonic()
        while True:
            is_late = time.monotonic() - last_news > _PATIENCE_SECONDS
            try:
                self._refine_now()
                found: list[Row] = query("SELECT source, id FROM events", events=lake.open(EVENTS)).to_pylist()
                figures = lake_figures(_rows(lake, footfall.FACT), _rows(lake, visits.DWELL), like)
            except (StorageError, TransportError):
                if is_late:
                    raise
            else:
                complete = names <= {(row["source"], row["id"]) for row in found}
                if len(found) > rows:
                    rows, last_news, is_late = len(found), time.monotonic(), False
                if is_late or (complete and figures == like):
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
            with ContainerClient.from_connection_string(connection_string(self._storage), CONTAINER) as container:
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
        address = f"{self._url}/admin/functions/refine"
        request = Request(address, b"{}", {"Content-Type": "application/json"})  # noqa: S310 - our own address
        try:
            with urlopen(request, timeout=10):  # noqa: S310 - our own address
                pass
        except (OSError, HTTPException) as error:
            raise TransportError(f"the functions host does not answer: {error}; see {shown(self.logs)}") from error


def _rows(lake: Lake, fact: Any) -> list[Row]:
    found: list[Row] = query("SELECT * FROM fact", fact=lake.open(fact.form)).to_pylist()
    return found
