import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storeflow.cli.database_file import ask
from storeflow.errors import StorageError


def test_rows_are_found_while_the_owner_writes_and_none_before_there_is_a_file_or_a_table(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    assert ask(path, "SELECT body FROM outbox") == []
    with closing(sqlite3.connect(path, isolation_level=None)) as owner:
        owner.execute("PRAGMA journal_mode = WAL")
        assert ask(path, "SELECT body FROM outbox") == []
        owner.execute("CREATE TABLE outbox (key BLOB, body BLOB)")
        owner.execute("INSERT INTO outbox VALUES (x'01', x'0a'), (x'02', x'0b')")
        owner.execute("BEGIN IMMEDIATE")
        assert ask(path, "SELECT body FROM outbox WHERE key = ?", b"\x02") == [(b"\x0b",)]


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    path.write_text("no database" * 100)
    with pytest.raises(StorageError, match=r"outbox\.db: file is not a database"):
        ask(path, "SELECT 1 FROM outbox")
