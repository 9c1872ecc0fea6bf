"""SQLite files of modules and of the hub, read while their owners write to them, and never changed."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from storeflow.errors import StorageError


def ask(path: Path, query: str, *values: bytes) -> list[Any]:
    """The rows that a query finds; none where there is no such file, or its owner has not made its tables yet.

    Raises:
        StorageError: the file can't be read; its path is named.
    """
    if not path.is_file():
        return []
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            return database.execute(query, values).fetchall()
    except sqlite3.Error as error:
        if "no such table" in str(error):
            return []
        raise StorageError(f"{path}: {error}") from error
