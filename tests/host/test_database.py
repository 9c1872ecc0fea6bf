import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storeflow.errors import StorageError
from storeflow.host.database import CorruptDatabaseError, Database

SCHEMA = "CREATE TABLE IF NOT EXISTS notes (text TEXT NOT NULL);"
NOTE = "x" * 500


def write(database: Database, *notes: str) -> None:
    with database.transaction() as connection:
        connection.executemany("INSERT INTO notes (text) VALUES (?)", [(note,) for note in notes])


def read(database: Database) -> list[str]:
    with database.reading() as connection:
        return [note for (note,) in connection.execute("SELECT text FROM notes")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "outbox.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(path, SCHEMA)
    yield database
    database.close()


def test_what_was_committed_is_there_after_a_restart(database: Database, path: Path) -> None:
    write(database, "first", "second")
    database.close()

    again = Database(path, SCHEMA)
    assert read(again) == ["first", "second"]
    again.close()


def test_of_a_transaction_that_fails_nothing_is_kept(database: Database) -> None:
    write(database, "first")

    def write_and_fail() -> None:
        with database.transaction() as connection:
            connection.execute("INSERT INTO notes (text) VALUES ('second')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()

    assert read(database) == ["first"]
    write(database, "third")
    assert read(database) == ["first", "third"]


def test_commits_are_on_the_disk_when_they_return(database: Database) -> None:
    with database.reading() as connection:
        (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
        (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()

    assert (journal, synchronous) == ("wal", 2)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.write_bytes(bytes(8192)), id="zeros"),
        pytest.param(lambda path: path.write_bytes(b"garbage " * 1000), id="garbage"),
        pytest.param(
            lambda path: path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 20_000), id="garbage behind the header"
        ),
    ],
)
def test_a_file_that_is_no_database_is_moved_aside_and_a_new_one_begun(
    path: Path, damage: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    first = Database(path, SCHEMA)
    write(first, *[NOTE] * 50)
    first.close()
    damage(path)
    spoilt = path.read_bytes()

    database = Database(path, SCHEMA)

    assert read(database) == []
    write(database, "new")
    assert "outbox.db.corrupt-1" in caplog.text
    assert "sequence numbers are lost" in caplog.text
    assert path.with_name("outbox.db.corrupt-1").read_bytes() == spoilt
    database.close()


def test_damage_found_while_running_is_kept_apart_from_what_can_be_tried_again(path: Path) -> None:
    first = Database(path, SCHEMA)
    write(first, *[NOTE] * 200)
    first.close()
    database = Database(path, SCHEMA)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with database.reading() as connection:
        connection.execute("PRAGMA shrink_memory")  # SQLite forgets the pages it had read before

    with pytest.raises(CorruptDatabaseError):
        write(database, "one more")
    database.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")

    with pytest.raises(StorageError, match="state"):
        Database(tmp_path / "state" / "outbox.db", SCHEMA)


@pytest.mark.parametrize(
    ("pragma", "cure"),
    [
        ("PRAGMA max_page_count = 1", "database or disk is full; free space on its disk"),
        ("PRAGMA query_only = ON", "attempt to write a readonly database; make the file writable"),
    ],
)
def test_what_can_be_tried_again_is_told_apart_and_with_what_to_do(database: Database, pragma: str, cure: str) -> None:
    with database.reading() as connection:
        connection.execute(pragma)
    with pytest.raises(StorageError, match=cure):
        write(database, *[NOTE] * 50)


def test_a_file_that_another_process_writes_to_is_not_called_full(database: Database, path: Path) -> None:
    with database.reading() as connection:
        connection.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="database is locked; another process has it open"):
        write(database, NOTE)
    other.close()
    write(database, NOTE)
