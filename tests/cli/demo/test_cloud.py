"""The cloud of `make run` under the supervisor of its store: killed, it comes back where it was.

It kills its storage, so `STOREFLOW_STORAGE` names no other, and `STOREFLOW_EVENT_HUBS` no other than the supervisor's.
"""

import gc
import json
import socket
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from azure.core.exceptions import AzureError
from azure.storage.blob import ContainerClient

from local_azure.event_hubs.connection_string import ConnectionString
from local_azure.supervisor.restart_policy import RuntimeStatus
from local_azure.supervisor.supervisor import Supervisor
from storeflow.cli.demo.cloud import CONTAINER, Cloud, event_hub
from storeflow.cli.demo.lake import Figures

NO_MODULES: dict[str, Any] = {
    "modulesContent": {
        "$edgeAgent": {"properties.desired": {"modules": {}}},
        "$edgeHub": {"properties.desired": {"routes": {}}},
    }
}


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """A store without modules, whose processes are started again soon."""
    root = tmp_path_factory.mktemp("store")  # not tmp_path: a socket's path has at most 107 bytes
    template = root / "deployment.template.json"
    template.write_text(json.dumps(NO_MODULES))
    with Supervisor(template, root, backoff_scale=0.02, event_hubs=(event_hub(),)) as supervisor:
        yield supervisor


def eventually(condition: Callable[[], object], what: str) -> None:
    give_up = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < give_up, what
        time.sleep(0.05)


@pytest.mark.usefixtures("azurite_installed")
def test_storage_and_the_function_app_are_started_again_where_they_were(store: Supervisor, tmp_path: Path) -> None:
    cloud = Cloud(tmp_path / "cloud")
    cloud.land_for(store)
    assert store.ready_after.keys() == {"eventHubs", "edgeHub", "azurite", "functionsHost"}
    settings = dict(line.split("=", 1) for line in cloud.consumer_file.read_text().splitlines())
    assert ConnectionString.parse(settings["EVENT_HUB"]).hub == "telemetry"
    assert cloud.consumer_file.stat().st_mode & 0o077 == 0
    url = urlsplit(json.loads((cloud.logs.parent / "endpoints.json").read_text())["url"])

    def registered() -> bool:
        with ContainerClient.from_connection_string(settings["CHECKPOINTS"], CONTAINER, retry_total=0) as container:
            try:
                return bool(container.download_blob("config/stores.json").readall())
            except AzureError:
                return False

    def answers() -> bool:
        try:
            socket.create_connection((url.hostname or "", url.port or 0), timeout=5).close()
        except OSError:
            return False
        return True

    def is_back(name: str) -> bool:
        status = store.status()[name]
        return status.status is RuntimeStatus.RUNNING and status.restart_count == 1

    assert registered()
    assert answers()
    for name in ("azurite", "functionsHost"):
        store.kill(name)
    nothing = Figures(lines={}, zones={})
    assert cloud.figures([], nothing) == (nothing, []), "asked meanwhile, it waits"
    eventually(lambda: is_back("azurite") and registered(), "storage, with what it had")
    eventually(lambda: is_back("functionsHost") and answers(), "the functions host, at the same address")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the SDK leaves its sockets to the garbage collector
        gc.collect()
