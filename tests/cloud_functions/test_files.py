"""The promises of `Files`, which every lake keeps."""

from collections.abc import Callable
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from cloud_functions.folder import FolderFiles
from cloud_functions.lake_port import Files
from cloud_functions.paths import LandedFile
from cloud_functions.settings import Settings
from cloud_functions.storage import delta_place, open_files
from storeflow.errors import StorageError


def test_a_file_is_created_once_and_stays_as_it_was(files: Files) -> None:
    assert files.create("bronze/a/1.gz", b"first", {"digest": "1"})
    assert not files.create("bronze/a/1.gz", b"second", {"digest": "2"})
    assert (files.read("bronze/a/1.gz"), files.labels("bronze/a/1.gz")) == (b"first", {"digest": "1"})


def test_a_file_that_is_replaced_keeps_its_labels(files: Files) -> None:
    files.create("bronze/1.gz", b"first", {"digest": "1"})
    files.replace("bronze/1.gz", b"second")
    assert (files.read("bronze/1.gz"), files.labels("bronze/1.gz")) == (b"second", {"digest": "1"})


def test_files_and_folders_are_listed_in_order_and_only_those_asked_for(files: Files) -> None:
    paths = ["bronze/a/0/2.gz", "bronze/a/0/10.gz", "bronze/a/1/1.gz", "bronze/ab/1.gz", "quarantine/a/1.gz"]
    for path in paths:
        files.create(path, b"", {})
    assert files.files("bronze/a") == ["bronze/a/0/10.gz", "bronze/a/0/2.gz", "bronze/a/1/1.gz"]
    assert files.folders("bronze") == ["bronze/a", "bronze/ab"]
    assert files.folders("bronze/a") == ["bronze/a/0", "bronze/a/1"]
    assert files.files("gold") == files.folders("gold") == []


def test_a_file_that_is_removed_is_gone_with_its_labels_and_may_be_created_again(files: Files) -> None:
    files.create("erasure/job.json", b"first", {"digest": "1"})
    files.remove("erasure/job.json")
    files.remove("erasure/job.json")
    assert files.files("erasure") == []
    assert files.create("erasure/job.json", b"second", {})
    assert (files.read("erasure/job.json"), files.labels("erasure/job.json")) == (b"second", {})


def test_a_directory_of_a_hierarchical_namespace_is_no_file(container: Any) -> None:
    """Such an account lists each as a blob without content."""
    files = open_files(Settings(container.name, "", container.connection_string, ""))
    for path in ("bronze/a", "bronze/a/0"):
        container.client.upload_blob(path, b"", metadata={"hdi_isfolder": "true"})
    files.create("bronze/a/0/1.gz", b"", {})
    assert files.files("bronze") == ["bronze/a/0/1.gz"]
    assert (files.folders("bronze"), files.folders("bronze/a")) == (["bronze/a"], ["bronze/a/0"])


@pytest.mark.parametrize(
    "path",
    [
        "quarantine/readme.txt",
        "bronze/000000000001-000000000001.ndjson.gz",
        "bronze/contoso/hub/0/2026/11/20/9/000000000001-000000000001.ndjson.gz",
        "bronze/contoso/hub/0/2026/02/30/09/000000000001-000000000001.ndjson.gz",
        "backup/contoso/hub/0/2026/11/20/09/000000000001-000000000001.ndjson.gz",
    ],
)
def test_what_lies_beside_landed_files_is_none(path: str) -> None:
    assert LandedFile.at(path) is None


def test_a_file_that_is_not_there_is_named(files: Files) -> None:
    with pytest.raises(StorageError, match=r"config/stores\.json"):
        files.read("config/stores.json")


def test_a_lake_that_cannot_be_reached_is_a_storage_error() -> None:
    text = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;BlobEndpoint=http://127.0.0.1:9/a"
    files: Any = open_files(Settings("lake", "", text, ""))
    files._container._config.retry_policy.total_retries = 0
    calls: list[Callable[[], object]] = [
        lambda: files.create("a", b"", {}),
        lambda: files.labels("a"),
        lambda: files.read("a"),
        lambda: files.replace("a", b""),
        lambda: files.files("a"),
        lambda: files.folders("a"),
    ]
    for call in calls:
        with pytest.raises(StorageError):
            call()


def test_a_folder_that_cannot_be_written_to_is_a_storage_error(tmp_path: Any) -> None:
    (tmp_path / "bronze").write_text("a file where a folder belongs")
    with pytest.raises(StorageError, match="bronze"):
        FolderFiles(tmp_path).create("bronze/1.gz", b"", {})


IDENTITY = Settings("lake", "https://contoso.blob.core.windows.net", "", "rebuilt")


def test_tables_are_reached_by_the_token_of_an_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Identity:
        def get_token(self, scope: str) -> AccessToken:
            asked.append(scope)
            return AccessToken("secret", 0)

    monkeypatch.setattr("cloud_functions.storage.DefaultAzureCredential", Identity)
    place = delta_place(IDENTITY)
    assert (place.root, place.options) == ("az://lake/rebuilt", {"account_name": "contoso", "bearer_token": "secret"})
    assert asked == ["https://storage.azure.com/.default"]


def test_an_identity_that_gets_no_token_is_a_storage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nobody:
        def get_token(self, scope: str) -> AccessToken:
            raise ClientAuthenticationError(f"nobody is signed in, for {scope}")

    monkeypatch.setattr("cloud_functions.storage.DefaultAzureCredential", Nobody)
    with pytest.raises(StorageError, match=r"contoso\.blob.* nobody is signed in"):
        delta_place(IDENTITY)
