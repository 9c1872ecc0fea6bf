"""A lake in Azure Storage. The only file that imports its SDK."""

import os
from collections.abc import Mapping
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobPrefix, BlobServiceClient, ContainerClient, ContentSettings, ExponentialRetry

from cloud_functions.lake_port import DeltaPlace
from cloud_functions.settings import Settings
from storeflow.errors import StorageError

_DEVELOPMENT_ACCOUNT = "devstoreaccount1"
"""Of Azurite, and of no real account."""
_TIMEOUTS = {"connection_timeout": 5, "read_timeout": 30}
"""In seconds. What stays away for longer than these and three tries is the Functions host's to wait for."""
_SCOPE = "https://storage.azure.com/.default"
_IS_FOLDER = "hdi_isfolder"
_GZIP_LINES = ContentSettings(content_type="application/gzip")


class BlobFiles:
    """`Files` in one container, for several threads at once.

    Methods of a client are "thread-safe and independent of each other" (learn.microsoft.com, "Create and manage client
    objects that interact with data resources"). They have one session of `requests` in common, which the first request
    makes, or two of them if there are two first ones (azure-core, `RequestsTransport.open`); so it is made beforehand.
    """

    def __init__(self, container: ContainerClient) -> None:
        self._container = container.__enter__()

    def create(self, path: str, content: bytes, labels: Mapping[str, str]) -> bool:
        """Keep a blob, whole or not at all; False where there is one."""
        try:
            self._container.upload_blob(
                path, content, overwrite=False, metadata=dict(labels), content_settings=_GZIP_LINES
            )
        except ResourceExistsError:
            return False
        except AzureError as error:
            raise _refused(path, error) from error
        return True

    def labels(self, path: str) -> dict[str, str]:
        """What `create` was given with a blob: its metadata."""
        try:
            return dict(self._container.get_blob_client(path).get_blob_properties().metadata or {})
        except AzureError as error:
            raise _refused(path, error) from error

    def read(self, path: str) -> bytes:
        """The content of a blob."""
        try:
            return self._container.download_blob(path).readall()
        except AzureError as error:
            raise _refused(path, error) from error

    def replace(self, path: str, content: bytes) -> None:
        """Give a blob that is there other content; its metadata stay."""
        try:
            labels = self.labels(path)
            self._container.upload_blob(path, content, overwrite=True, metadata=labels, content_settings=_GZIP_LINES)
        except AzureError as error:
            raise _refused(path, error) from error

    def remove(self, path: str) -> None:
        """Delete a blob, and its snapshots; what soft delete or versioning keep of it is the account's to let go."""
        try:
            self._container.delete_blob(path, delete_snapshots="include")
        except ResourceNotFoundError:
            return
        except AzureError as error:
            raise _refused(path, error) from error

    def files(self, folder: str) -> list[str]:
        """The names of all blobs below a folder; the service lists them in the order of their text.

        Where the account has a hierarchical namespace a directory is listed as a blob, too: one without content, and
        with the metadata `hdi_isfolder` (https://learn.microsoft.com/rest/api/storageservices/list-blobs).
        """
        try:
            found = self._container.list_blobs(name_starts_with=f"{folder}/", include="metadata")
            return [blob.name for blob in found if _IS_FOLDER not in {name.lower() for name in blob.metadata or ()}]
        except AzureError as error:
            raise _refused(folder, error) from error

    def folders(self, folder: str) -> list[str]:
        """What stands between `folder/` and the next `/`."""
        try:
            found = self._container.walk_blobs(name_starts_with=f"{folder}/", delimiter="/")
            return [entry.name.removesuffix("/") for entry in found if isinstance(entry, BlobPrefix)]
        except AzureError as error:
            raise _refused(folder, error) from error


def open_files(settings: Settings) -> BlobFiles:
    """The lake's files: by the account's key, or by the identity of the app or of whoever is signed in.

    Nothing is asked of the service yet.
    """
    retry = ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=3)
    patience: dict[str, Any] = {"retry_policy": retry, **_TIMEOUTS}
    if settings.connection_string:
        text, name = settings.connection_string, settings.container
        return BlobFiles(ContainerClient.from_connection_string(text, name, **patience))
    identity = DefaultAzureCredential()
    return BlobFiles(ContainerClient(settings.account_url, settings.container, credential=identity, **patience))


def delta_place(settings: Settings) -> DeltaPlace:
    """Where the lake's tables are, and how deltalake gets there.

    By identity the options have a token that is valid for about an hour: ask anew for each run.

    Raises:
        StorageError: there is no token to be had.
    """
    folder = "/".join(part for part in (settings.container, settings.tables) if part)
    if settings.connection_string:
        return DeltaPlace(f"az://{folder}", _options_of_key(settings.connection_string))
    try:
        token = DefaultAzureCredential().get_token(_SCOPE).token
    except AzureError as error:
        raise StorageError(f"{settings.account_url}: no token for it: {error}") from error
    account = str(BlobServiceClient(settings.account_url).account_name)
    return DeltaPlace(f"az://{folder}", {"account_name": account, "bearer_token": token})


def _options_of_key(connection_string: str) -> dict[str, str]:
    service = BlobServiceClient.from_connection_string(connection_string)
    if service.account_name == _DEVELOPMENT_ACCOUNT:
        # deltalake has where Azurite listens from this variable alone.
        address = str(service.primary_endpoint).rstrip("/").removesuffix(f"/{_DEVELOPMENT_ACCOUNT}")
        os.environ["AZURITE_BLOB_STORAGE_URL"] = address
        return {"azure_storage_use_emulator": "true", "allow_http": "true"}
    return {"account_name": str(service.account_name), "account_key": service.credential.account_key}


def _refused(what: str, error: AzureError) -> StorageError:
    return StorageError(f"{what}: {str(error).splitlines()[0]}")
