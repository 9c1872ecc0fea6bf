import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import AzureError, ResourceExistsError
from azure.storage.blob import BlobServiceClient, ContainerClient

from local_azure.azurite.process import AzuriteProcess
from storeflow.errors import TransportError

HASTY: dict[str, Any] = {"retry_total": 0, "connection_timeout": 2, "read_timeout": 2}


@pytest.fixture
def process(tmp_path: Path, azurite_installed: None) -> Iterator[AzuriteProcess]:
    """An Azurite that a test may kill."""
    del azurite_installed
    with AzuriteProcess(tmp_path / "azurite") as running:
        yield running


@pytest.fixture
def landing(process: AzuriteProcess) -> Iterator[ContainerClient]:
    """A container of it."""
    with BlobServiceClient.from_connection_string(process.connection_string, **HASTY) as account:
        yield account.create_container("landing")


def contents(container: ContainerClient, every: int = 1) -> dict[str, bytes]:
    return {name: container.download_blob(name).readall() for name in [*container.list_blob_names()][::every]}


def test_what_was_acknowledged_outlives_a_kill(process: AzuriteProcess, landing: ContainerClient) -> None:
    for name in ("kept", "replaced", "deleted", "deleted with others"):
        landing.upload_blob(name, b"first")
    landing.upload_blob("replaced", b"second", overwrite=True)
    landing.delete_blob("deleted")
    landing.delete_blobs("deleted with others")
    landing.get_blob_client("kept").set_blob_metadata({"events": "7"})
    ports = process.ports
    process.kill()
    process.start()
    assert process.ports == ports
    assert contents(landing) == {"kept": b"first", "replaced": b"second"}
    assert landing.get_blob_client("kept").get_blob_properties().metadata == {"events": "7"}
    with pytest.raises(ResourceExistsError):
        landing.upload_blob("kept", b"again", overwrite=False)


def test_kills_at_any_moment_lose_nothing_that_was_acknowledged(
    process: AzuriteProcess, landing: ContainerClient
) -> None:
    acknowledged: set[str] = set()
    done = threading.Event()
    chance = random.Random(5)  # noqa: S311 - a seed that can be repeated, no secret
    # Azurite saves by itself after five seconds: the last kill comes after such a save, the others before.
    pauses = [chance.uniform(0.2, 0.8), chance.uniform(0.2, 0.8), chance.uniform(5.1, 5.6)]

    def write(writer: int) -> None:
        number = 0
        while not done.is_set():
            name = f"{writer}/{number}"
            try:
                landing.upload_blob(name, name.encode(), overwrite=True)
            except AzureError:
                time.sleep(0.02)
                continue
            acknowledged.add(name)
            number += 1

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
    for thread in writers:
        thread.start()
    in_flight = []
    for pause in pauses:
        before = len(acknowledged)
        time.sleep(pause)
        process.kill()
        in_flight.append(len(acknowledged) - before)
        process.start()
    done.set()
    for thread in writers:
        thread.join()
    assert min(in_flight) > 20
    assert acknowledged - set(landing.list_blob_names()) == set()
    assert {name for name, content in contents(landing, every=20).items() if content != name.encode()} == set()


def test_a_stop_and_a_start_keep_everything(process: AzuriteProcess, landing: ContainerClient) -> None:
    landing.upload_blob("kept", b"content")
    process.stop()
    process.start()
    assert contents(landing) == {"kept": b"content"}


def test_a_port_that_is_taken_is_named(process: AzuriteProcess, tmp_path: Path) -> None:
    second = AzuriteProcess(tmp_path / "second", process.ports)
    with pytest.raises(TransportError, match=f"127.0.0.1:{process.ports.blob} is taken"):
        second.start()
    assert second.exit_code() is not None


def test_it_runs_on_the_wheels_node_too(
    azurite_installed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del azurite_installed
    monkeypatch.setenv("PATH", "")
    with (
        AzuriteProcess(tmp_path) as process,
        BlobServiceClient.from_connection_string(process.connection_string, **HASTY) as account,
    ):
        container = account.create_container("landing")
        container.upload_blob("kept", b"content")
        process.kill()
        process.start()
        assert contents(container) == {"kept": b"content"}
