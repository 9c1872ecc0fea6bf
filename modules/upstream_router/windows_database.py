"""What windows are made of, on the disk: crossings, coverage, layouts, what was sent, and what is on its way.

One transaction at a time, which is kept before the outbox keeps the events that brought it. So events may come twice,
and every change here is one that may be made twice.

    crossings  each for as long as its window may be corrected; a U-turn or recognition may come before it
    coverage   every piece
    layouts    which lines there are, and since when
    windows    which are there, whether all of them is, and when something of them is to be sent
    sent       what was sent last of each row of a window
    cameras    of each: numbers, heartbeats, the newest moment
    outgoing   events that are made, and not yet known to be in the outbox
    ended      when windows were switched off, where they are
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from modules.upstream_router.windows import WINDOW_SECONDS, Counted, Layout, Line, Row, Said, Window
from modules.upstream_router.windows_series import Run, Series
from storeflow.contract.events import RevisionReason
from storeflow.errors import StorageError
from storeflow.host.database import Database

FILE_NAME = "windows.db"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS crossings (
    key BLOB PRIMARY KEY, source TEXT NOT NULL, start INTEGER NOT NULL, line_id TEXT, config_version INTEGER,
    object_class TEXT, direction TEXT, staff INTEGER, buying_unit INTEGER, turned INTEGER NOT NULL DEFAULT 0,
    recognised INTEGER NOT NULL DEFAULT 0, stayed INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS crossings_by_window ON crossings (source, start);
CREATE TABLE IF NOT EXISTS coverage (
    key BLOB PRIMARY KEY, source TEXT NOT NULL, start INTEGER NOT NULL, seconds REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS coverage_by_window ON coverage (source, start);
CREATE TABLE IF NOT EXISTS layouts (
    source TEXT, since REAL, config_version INTEGER, lines TEXT NOT NULL,
    PRIMARY KEY (source, since, config_version)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS windows (
    source TEXT, start INTEGER, store_id TEXT NOT NULL, camera_id TEXT NOT NULL, newest REAL NOT NULL,
    covered INTEGER NOT NULL, whole INTEGER NOT NULL, details INTEGER NOT NULL, due REAL, reason TEXT,
    PRIMARY KEY (source, start)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sent (
    source TEXT, start INTEGER, line_id TEXT, config_version INTEGER, object_class TEXT, revision INTEGER NOT NULL,
    figures TEXT NOT NULL, observed_seconds REAL NOT NULL,
    PRIMARY KEY (source, start, line_id, config_version, object_class)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cameras (
    source TEXT PRIMARY KEY, store_id TEXT NOT NULL, camera_id TEXT NOT NULL, newest REAL NOT NULL,
    said_until REAL NOT NULL, kept_since INTEGER NOT NULL, known_from INTEGER, complete_from INTEGER, first INTEGER,
    last INTEGER, told_until REAL, runs TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outgoing (n INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS ended (at REAL NOT NULL);
"""


@dataclass(slots=True)
class Camera:
    """One camera, as far as its windows go."""

    source: str
    store_id: str
    camera_id: str
    newest: float = 0.0
    """`captured_at` of its newest event."""
    said_until: float = 0.0
    """Until when its windows were said to be sent."""
    kept_since: int = 0
    """Windows from before are forgotten."""
    known_from: int | None = None
    """Of windows from here on this file has had all; none while that is not known."""
    complete_from: int | None = None
    """Windows from before may lack what is lost for good, and are vouched for no more; none while that is not known."""
    series: Series = field(default_factory=Series)

    def window(self, start: int, newest: float) -> Window:
        """One of its windows."""
        return Window(self.source, self.store_id, self.camera_id, start, newest)

    def lack(self, before: int) -> None:
        """Note that windows from before a moment may lack what is lost for good."""
        if self.complete_from is not None:
            self.complete_from = max(self.complete_from, before)


class WindowDatabase:
    """One file, used from one thread, and but for opening and closing inside of `transaction`.

    Args:
        path: of the file. One that is damaged is moved aside, and what was in it is not known any more.

    Raises:
        StorageError: the disk refused; the same may be tried again.
        CorruptDatabaseError: the file is spoilt; the next start moves it aside.
    """

    def __init__(self, path: Path) -> None:
        self._file = Database(path, _SCHEMA, "windows that had not been sent are lost, and no other is corrected")
        self._db: sqlite3.Connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes in it are on the disk afterwards, or none is."""
        with self._file.transaction() as self._db:
            yield

    def add_crossing(self, key: bytes, source: str, start: int, one: Counted) -> bool:
        """Keep a crossing; whether it is new."""
        change = self._db.execute(
            "INSERT INTO crossings (key, source, start, line_id, config_version, object_class, direction, staff,"
            " buying_unit) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET start = excluded.start,"
            " line_id = excluded.line_id, config_version = excluded.config_version,"
            " object_class = excluded.object_class, direction = excluded.direction, staff = excluded.staff,"
            " buying_unit = excluded.buying_unit WHERE line_id IS NULL",
            (key, source, start, *one[:4], one.staff, one.buying_unit),
        )
        return change.rowcount > 0

    def flag(self, key: bytes, source: str, start: int, column: str) -> int | None:
        """Note that a crossing is `turned` or `recognised`; the window that this is news for.

        Args:
            key: of the crossing, which may come later.
            source: its.
            start: of the window that the flag itself was captured in: for so long it is kept without its crossing.
            column: `turned` or `recognised`.
        """
        row = self._db.execute(
            f"INSERT INTO crossings (key, source, start, {column}) VALUES (?, ?, ?, 1)"  # noqa: S608 - one of two names
            f" ON CONFLICT (key) DO UPDATE SET {column} = 1 WHERE {column} = 0 RETURNING start, line_id",
            (key, source, start),
        ).fetchone()
        return None if row is None or row[1] is None else int(row[0])

    def note_stayed(self, key: bytes) -> None:
        """Note that a crossing, or what was said of it later, did not leave the store."""
        self._db.execute("UPDATE crossings SET stayed = 1 WHERE key = ?", (key,))

    def add_coverage(self, key: bytes, source: str, start: int, seconds: float) -> bool:
        """Keep a piece of coverage; whether it is new."""
        change = self._db.execute("INSERT OR IGNORE INTO coverage VALUES (?, ?, ?, ?)", (key, source, start, seconds))
        return change.rowcount > 0

    def add_layout(self, source: str, layout: Layout) -> bool:
        """Keep a layout; whether it is new."""
        change = self._db.execute(
            "INSERT OR IGNORE INTO layouts VALUES (?, ?, ?, ?)",
            (source, layout.since, layout.config_version, json.dumps(layout.lines)),
        )
        return change.rowcount > 0

    def touch(self, window: Window, *, covered: bool, whole: bool, details: bool) -> None:
        """There is such a window.

        Args:
            window: which.
            covered: whether this is its coverage.
            whole: whether this file has had all of it. Only such a window is sent.
            details: whether single crossings leave the store now; once they did not, the window remembers.
        """
        self._db.execute(
            "INSERT INTO windows (source, store_id, camera_id, start, newest, covered, whole, details)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (source, start) DO UPDATE SET newest = MAX(newest, excluded.newest),"
            " covered = MAX(covered, excluded.covered), whole = MAX(whole, excluded.whole),"
            " details = MIN(details, excluded.details)",
            (*window, covered, whole, details),
        )

    def details_sent(self, window: Window) -> bool:
        """Whether all that a window is made of left the store, too."""
        row = self._db.execute(
            "SELECT details AND NOT EXISTS"
            " (SELECT 1 FROM crossings c WHERE c.source = w.source AND c.start = w.start AND stayed)"
            " FROM windows w WHERE source = ? AND start = ?",
            (window.source, window.start),
        ).fetchone()
        return bool(row[0])

    def make_due(self, source: str, first: int, last: int, due: tuple[float, float], reason: RevisionReason) -> None:
        """Of the covered windows from `first` to `last` something is to be sent: by when first, and by when again.

        Not of those of which this file has not had all.
        """
        windows = self._db.execute(
            "SELECT start, EXISTS (SELECT 1 FROM sent WHERE sent.source = w.source AND sent.start = w.start)"
            " FROM windows w WHERE source = ? AND start BETWEEN ? AND ? AND covered AND whole",
            (source, first, last),
        ).fetchall()
        self._db.executemany(
            "UPDATE windows SET due = COALESCE(due, ?), reason = COALESCE(reason, ?) WHERE source = ? AND start = ?",
            [(due[is_sent], reason if is_sent else None, source, start) for start, is_sent in windows],
        )

    def cover(self, source: str, ended_by: float) -> list[int]:
        """Take the windows that ended by then as looked at, though nobody did: which were not."""
        rows = self._db.execute(
            f"UPDATE windows SET covered = 1 WHERE source = ? AND NOT covered AND start + {WINDOW_SECONDS} <= ?"  # noqa: S608 - a constant
            " RETURNING start",
            (source, ended_by),
        )
        return [start for (start,) in rows.fetchall()]

    def due(self, now: float, latest: float) -> list[tuple[Window, RevisionReason | None]]:
        """The windows of which something is to be sent by now, and why; all where a clock was set back."""
        rows = self._db.execute(
            "SELECT source, store_id, camera_id, start, newest, reason FROM windows WHERE due <= ? OR due > ?"
            " ORDER BY source, start",
            (now, latest),
        )
        return [(Window(*row[:5]), row[5]) for row in rows.fetchall()]

    def crossings(self, window: Window) -> list[Counted]:
        """The crossings of a window."""
        rows = self._db.execute(
            "SELECT line_id, config_version, object_class, direction, staff OR recognised, buying_unit, turned"
            " FROM crossings WHERE source = ? AND start = ? AND line_id IS NOT NULL",
            (window.source, window.start),
        )
        return [Counted(*row[:4], *map(bool, row[4:])) for row in rows]

    def observed_seconds(self, window: Window) -> float:
        """How long the camera looked in a window."""
        row = self._db.execute(
            "SELECT COALESCE(SUM(seconds), 0) FROM coverage WHERE source = ? AND start = ?",
            (window.source, window.start),
        ).fetchone()
        return round(float(row[0]), 3)

    def layouts(self, source: str) -> list[Layout]:
        """The layouts of a camera."""
        rows = self._db.execute("SELECT since, config_version, lines FROM layouts WHERE source = ?", (source,))
        return [
            Layout(since, version, tuple(Line(*line) for line in json.loads(text))) for since, version, text in rows
        ]

    def sent(self, window: Window) -> dict[Row, Said]:
        """What was sent last of each row of a window."""
        rows = self._db.execute(
            "SELECT line_id, config_version, object_class, revision, figures, observed_seconds FROM sent"
            " WHERE source = ? AND start = ?",
            (window.source, window.start),
        )
        return {Row(*row[:3]): Said(row[3], json.loads(row[4]), row[5]) for row in rows}

    def send(self, window: Window, row: Row, said: Said, body: bytes) -> None:
        """Keep what is sent of a row, and the event on its way."""
        values = (window.source, window.start, *row, said.revision, json.dumps(said.figures), said.observed_seconds)
        self._db.execute("INSERT OR REPLACE INTO sent VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        self.send_as_is(body)

    def settle(self, window: Window) -> None:
        """Nothing more of a window is to be sent for now."""
        key = (window.source, window.start)
        self._db.execute("UPDATE windows SET due = NULL, reason = NULL WHERE source = ? AND start = ?", key)

    def send_as_is(self, body: bytes) -> None:
        """Keep an event on its way."""
        self._db.execute("INSERT INTO outgoing (body) VALUES (?)", (body,))

    def outgoing(self, after: int) -> list[tuple[int, bytes]]:
        """The events on their way, from a number on."""
        return self._db.execute("SELECT n, body FROM outgoing WHERE n > ? ORDER BY n", (after,)).fetchall()

    def forget_outgoing(self, up_to: int) -> None:
        """Those are in the outbox."""
        self._db.execute("DELETE FROM outgoing WHERE n <= ?", (up_to,))

    def forget_before(self, source: str, start: int) -> None:
        """Forget a camera's windows from before, but for those of which something is to be sent."""
        old = "source = ?1 AND start < ?2"
        self._db.execute(f"DELETE FROM windows WHERE {old} AND due IS NULL", (source, start))  # noqa: S608 - fixed text
        for table in ("crossings", "coverage", "sent"):
            kept = "SELECT start FROM windows WHERE source = ?1"
            self._db.execute(f"DELETE FROM {table} WHERE {old} AND start NOT IN ({kept})", (source, start))  # noqa: S608 - fixed text
        newest = "SELECT MAX(since) FROM layouts WHERE source = ?1 AND since <= ?2"
        self._db.execute(f"DELETE FROM layouts WHERE source = ?1 AND since < ({newest})", (source, start))  # noqa: S608 - fixed text

    def first_unsent(self, source: str) -> int | None:
        """The beginning of a camera's first window of which something is to be sent, or that waits for its coverage."""
        row = self._db.execute(
            "SELECT MIN(start) FROM windows WHERE source = ? AND whole AND (due IS NOT NULL OR NOT covered)", (source,)
        ).fetchone()
        return None if row[0] is None else int(row[0])

    def last_end(self, source: str) -> float:
        """The end of a camera's last window that is or was sent; 0 where there is none."""
        row = self._db.execute("SELECT MAX(start) FROM windows WHERE source = ? AND whole", (source,)).fetchone()
        return 0.0 if row[0] is None else float(row[0] + WINDOW_SECONDS)

    def is_done(self, *, for_good: bool) -> bool:
        """Whether all is in the outbox; and if it is not `for_good`, whether no window is left to be corrected."""
        waits = "" if not for_good else " AND (due IS NOT NULL OR NOT covered)"
        row = self._db.execute(
            f"SELECT EXISTS (SELECT 1 FROM outgoing) OR EXISTS (SELECT 1 FROM windows WHERE whole{waits})"  # noqa: S608 - fixed text
        ).fetchone()
        return not row[0]

    def ended_at(self) -> float | None:
        """When windows were switched off, in seconds since the epoch; none while they are on."""
        row = self._db.execute("SELECT at FROM ended").fetchone()
        return None if row is None else float(row[0])

    def set_ended_at(self, at: float | None) -> None:
        """Keep what `ended_at` returns."""
        self._db.execute("DELETE FROM ended")
        if at is not None:
            self._db.execute("INSERT INTO ended VALUES (?)", (at,))

    def cameras(self) -> dict[str, Camera]:
        """Every camera, by its source."""
        rows = self._db.execute(
            "SELECT source, store_id, camera_id, newest, said_until, kept_since, known_from, complete_from,"
            " first, last, told_until, runs FROM cameras"
        )
        found: dict[str, Camera] = {}
        for row in rows:
            series = Series(row[8], row[9], row[10], [Run(*run) for run in json.loads(row[11])])
            found[row[0]] = Camera(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], series)
        return found

    def keep_camera(self, camera: Camera) -> None:
        """Keep what `cameras` returns."""
        series = camera.series
        self._db.execute(
            "INSERT OR REPLACE INTO cameras VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(camera.source, camera.store_id, camera.camera_id),
                *(camera.newest, camera.said_until, camera.kept_since, camera.known_from, camera.complete_from),
                *(series.first, series.last, series.told_until, json.dumps(series.runs)),
            ),
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def remove(path: Path) -> None:
    """Delete the file and what SQLite keeps beside it, where there is one.

    Raises:
        StorageError: the folder refused.
    """
    try:
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{path}: {error}; make its folder writable") from error
