"""A lake in a folder of this machine: for a laptop, a notebook, and a rebuild beside the real one."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from storeflow.errors import StorageError

_LABELS = ".labels"


class FolderFiles:
    """`Files` in a folder; labels lie beside each file, under its name and `.labels`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def create(self, path: str, content: bytes, labels: Mapping[str, str]) -> bool:
        """Keep a file, whole or not at all; False where there is one."""
        target = self._root / path
        if not self._write(target, content, replace=False):
            return False
        return self._write(target.with_name(target.name + _LABELS), json.dumps(dict(labels)).encode(), replace=True)

    def labels(self, path: str) -> dict[str, str]:
        """What `create` was given with a file; nothing where it was interrupted."""
        if not (self._root / (path + _LABELS)).exists():
            return {}
        found: dict[str, str] = json.loads(self.read(path + _LABELS))
        return found

    def read(self, path: str) -> bytes:
        """The content of a file."""
        try:
            return (self._root / path).read_bytes()
        except OSError as error:
            raise StorageError(f"{path}: {error}") from error

    def replace(self, path: str, content: bytes) -> None:
        """Give a file that is there other content."""
        self._write(self._root / path, content, replace=True)

    def remove(self, path: str) -> None:
        """Take a file away; its labels first, so that a name without a file never keeps any."""
        try:
            (self._root / (path + _LABELS)).unlink(missing_ok=True)
            (self._root / path).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{path}: {error}") from error

    def files(self, folder: str) -> list[str]:
        """The paths of all files below a folder."""
        found = (entry for entry in (self._root / folder).rglob("*") if entry.is_file())
        return sorted(
            self._path(entry) for entry in found if not entry.name.startswith(".") and entry.suffix != _LABELS
        )

    def folders(self, folder: str) -> list[str]:
        """The paths of the folders in a folder."""
        place = self._root / folder
        return sorted(self._path(entry) for entry in place.iterdir() if entry.is_dir()) if place.is_dir() else []

    def _path(self, entry: Path) -> str:
        return entry.relative_to(self._root).as_posix()

    def _write(self, target: Path, content: bytes, *, replace: bool) -> bool:
        """Write beside the file, then give it its name: who reads it finds all of it or nothing."""
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            number, name = tempfile.mkstemp(prefix=".", dir=target.parent)
            try:
                with os.fdopen(number, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                if replace:
                    Path(name).replace(target)
                    return True
                os.link(name, target)
            except FileExistsError:
                return False
            finally:
                Path(name).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{target}: {error}; free space on its disk, or mend it") from error
        return True
