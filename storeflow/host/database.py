"""A module's SQLite file: opened so that it outlives power cuts, set aside when it is spoilt, one thread at a time.

Two kinds of error leave here. A StorageError may pass (disk full, input/output error), so the same can be tried again,
and it says what to do meanwhile; after a CorruptDatabaseError the file is of no use any more.
"""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from storeflow.errors import StorageError

LOG = logging.getLogger(__name__)
_CURES = {
    sqlite3.SQLITE_BUSY: "another process has it open: end it, or give each module a state folder of its own",
    sqlite3.SQLITE_FULL: "free space on its disk",
    sqlite3.SQLITE_IOERR: "free space on its disk, and look into the kernel's log for faults of it",
    sqlite3.SQLITE_READONLY: "make the file writable, and its file system, too",
    sqlite3.SQLITE_CANTOPEN: "make the file and its folder readable and writable",
}
"""By SQLite's primary error code (sqlite.org/rescode.html)."""
_PRIMARY = 0xFF


class CorruptDatabaseError(StorageError):
    """The file is no longer a database. The next start sets it aside and begins a new one."""


class Database:
    """A connection that any thread may use, one at a time.

    Args:
        path: the file; created with its folder where there is none. A file that is no database is moved aside to
            `<name>.corrupt-<n>`, and logged.
        schema: statements that make the tables where they are not there yet.
        lost: what the log says is gone with a file that was moved aside.

    Raises:
        StorageError: the folder or the disk refused.
    """

    def __init__(
        self,
        path: Path,
        schema: str,
        lost: str = "events that had not left, the checkpoint and the sequence numbers are lost",
    ) -> None:
        self._path = path
        self.lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._connection = _open(path, schema)
            except CorruptDatabaseError as error:
                _move_aside(path, error, lost)
                self._connection = _open(path, schema)
        except OSError as error:
            raise StorageError(f"{path}: {error}; make its folder writable") from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for as long as the lock is held."""
        with self.lock, _storage_errors(self._path):
            yield self._connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection, for changes of which all are on the disk afterwards or none is."""
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file; what was committed is there."""
        with self.lock:
            self._connection.close()


def _open(path: Path, schema: str) -> sqlite3.Connection:
    with _storage_errors(path):
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            # FULL: a commit is on the disk, not only with the kernel, when it returns (power cuts are normal in shops).
            connection.execute("PRAGMA synchronous = FULL")
            # Half a megabyte of pages in memory, not SQLite's two, which fill up over a day: the kernel has the file.
            connection.execute("PRAGMA cache_size = -500")
            _check(connection, path)
            connection.executescript(schema)
        except BaseException:
            connection.close()
            raise
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise CorruptDatabaseError(f"{path}: {verdict}")


def _move_aside(path: Path, error: CorruptDatabaseError, lost: str) -> None:
    """Keep a file that is no database for anyone who wants to look into it, and say what is lost."""
    names = (path.with_name(f"{path.name}.corrupt-{number}") for number in count(1))
    aside = next(name for name in names if not name.exists())
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    LOG.error(
        "%s; it lies in %s now, and a new one is begun: %s; check the disk",
        error,
        aside.name,
        lost,
    )


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    """Keep what can be tried again (disk full, input/output error) apart from a file that is no longer a database."""
    try:
        yield
    except (sqlite3.OperationalError, sqlite3.ProgrammingError) as error:
        cure = _CURES.get(getattr(error, "sqlite_errorcode", 0) & _PRIMARY, "look at its disk")
        raise StorageError(f"{path}: {error}; {cure}") from error
    except sqlite3.DatabaseError as error:
        raise CorruptDatabaseError(f"{path}: {error}") from error
