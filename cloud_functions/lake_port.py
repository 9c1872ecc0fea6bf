"""What landing and refining need of a store of files. No SDK type crosses this line."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class Files(Protocol):
    """Files by their paths, `a/b/c`. Each method raises `StorageError` where the store refuses or cannot be reached."""

    def create(self, path: str, content: bytes, labels: Mapping[str, str]) -> bool:
        """Keep a file, whole or not at all; False, and nothing changed, where there is one of this path."""

    def labels(self, path: str) -> dict[str, str]:
        """What `create` was given with a file; nothing where it was interrupted."""

    def read(self, path: str) -> bytes:
        """The content of a file; several threads may ask at once."""

    def replace(self, path: str, content: bytes) -> None:
        """Give a file that is there other content; its labels stay."""

    def remove(self, path: str) -> None:
        """Take a file away, with its labels; nothing happens where there is none."""

    def files(self, folder: str) -> list[str]:
        """The paths of all files below a folder, in the order of their text; a folder is none, however it is kept."""

    def folders(self, folder: str) -> list[str]:
        """The paths of the folders in a folder, in the order of their text."""


class DeltaPlace(NamedTuple):
    """Where Delta tables are, in deltalake's words: the folder or container, and its `storage_options`."""

    root: str
    options: dict[str, str]
