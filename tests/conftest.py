"""What every test may ask for."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local_azure.azurite.process import ACCOUNT, DELTA_OPTIONS, AzuriteProcess, azurite_command
from storeflow.errors import StorageError

REPOSITORY = Path(__file__).resolve().parents[1]

STORAGE_VARIABLE = "STOREFLOW_STORAGE"


LONGEST_FIRST = (
    "tests/system/test_kill_nine.py",
    "tests/tools/images/test_proof.py",
    "tests/transport/test_sdk_traps.py",
    "tests/host/test_kill_nine.py",
    "tests/cli/count/test_command.py",
    "tests/tools/test_hard_cases.py",
    "tests/tools/fleet/test_exactness.py",
    "tests/cloud_functions/test_erase.py",
    "tests/system/test_cloud.py",
    "tests/cli/demo/test_whole.py",
    "tests/system/test_one_store.py",
    "tests/tools/soak/test_memory.py",
    "tests/live/test_live_cameras.py",
    "tests/modules/upstream_router/test_event_hub_kills.py",
    "tests/cloud_functions/lake/gold/test_completeness.py",
    "tests/cloud_functions/lake/gold/test_facts.py",
    "tests/system/test_twin_edits.py",
    "tests/transport/test_edge_hub.py",
)
"""Each takes a worker of pytest-xdist half a minute or more: begun last, it would be what all others wait for."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest."""
    order = {REPOSITORY / path: place for place, path in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


def skip_or_fail(reason: str) -> None:
    """Skip with a reason, or fail with it where `STOREFLOW_NO_SKIP=1` forbids a skip (as in CI)."""
    if os.environ.get("STOREFLOW_NO_SKIP") == "1":
        pytest.fail(f"{reason} (STOREFLOW_NO_SKIP=1)")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def eval_data() -> Path:
    """The folder of evaluation footage, models and truth; not part of the repository."""
    folder = Path(os.environ.get("STOREFLOW_EVAL_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "MANIFEST.md").is_file():
        skip_or_fail(f"no evaluation data in {folder}: set STOREFLOW_EVAL_DATA")
    return folder


@dataclass(frozen=True)
class StorageAccount:
    """A storage account as clients see it.

    Attributes:
        connection_string: what the SDKs need.
        delta_options: `storage_options` of deltalake, for `az://{container}/{table}`.
    """

    connection_string: str
    delta_options: dict[str, str]


@dataclass(frozen=True)
class StorageContainer:
    """An empty blob container that one test has to itself.

    Attributes:
        client: of azure-storage-blob, synchronous; `name` is the container's.
    """

    account: StorageAccount
    name: str
    client: Any

    @property
    def connection_string(self) -> str:
        """Of its account."""
        return self.account.connection_string

    @property
    def delta_options(self) -> dict[str, str]:
        """`storage_options` of deltalake."""
        return self.account.delta_options

    def delta_uri(self, table: str) -> str:
        """Return the address of a Delta table in it."""
        return f"az://{self.name}/{table}"


@pytest.fixture(scope="session")
def azurite_installed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Fetch Azurite, the first time on this machine; for tests that run one of their own."""
    try:
        azurite_command(tmp_path_factory.getbasetemp())
    except StorageError as error:
        skip_or_fail(str(error))


@pytest.fixture(scope="session")
def azurite(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorageAccount]:
    """The storage account of all tests: an Azurite that keeps everything in memory.

    `STOREFLOW_STORAGE` names another one: the connection string, with its key, of an account where containers may be
    made and deleted, or of an Azurite of one's own.
    """
    with contextlib.ExitStack() as stack:
        text = os.environ.get(STORAGE_VARIABLE)
        if text is None:
            request.getfixturevalue("azurite_installed")
            process = AzuriteProcess(tmp_path_factory.mktemp("azurite"), in_memory=True)
            text = stack.enter_context(process).connection_string
        fields = dict(part.partition("=")[::2] for part in text.split(";"))
        is_azurite = fields.get("AccountName") == ACCOUNT
        if missing := {"AccountName", "AccountKey", *(["BlobEndpoint"] if is_azurite else [])} - fields.keys():
            needed = "the tests make containers and open Delta tables with the account's key, not with a signature"
            pytest.fail(f"{STORAGE_VARIABLE} has no {' and no '.join(sorted(missing))}: {needed}", pytrace=False)
        if not is_azurite:
            yield StorageAccount(text, {"account_name": fields["AccountName"], "account_key": fields["AccountKey"]})
            return
        # deltalake has where Azurite listens from this variable alone.
        on = stack.enter_context(pytest.MonkeyPatch.context())
        on.setenv("AZURITE_BLOB_STORAGE_URL", fields["BlobEndpoint"].rstrip("/").removesuffix(f"/{ACCOUNT}"))
        yield StorageAccount(text, DELTA_OPTIONS)


@pytest.fixture
def container(azurite: StorageAccount) -> Iterator[StorageContainer]:
    """A blob container of that account for one test, deleted when it ends."""
    from azure.storage.blob import ContainerClient  # noqa: PLC0415 - takes a quarter of a second to load

    name = f"test-{uuid.uuid4()}"
    with ContainerClient.from_connection_string(azurite.connection_string, name) as client:
        client.create_container()
        yield StorageContainer(azurite, name, client)
        client.delete_container()
