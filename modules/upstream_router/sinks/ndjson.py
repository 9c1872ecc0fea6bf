"""A file of one JSON event a line, each event exactly once, whatever crashes in between; bounded by rotation.

    rows in the outbox, and offset ──> cut the file at offset ──> append ──> fsync ──> new offset, rows deleted
                  ^                                                                      (one transaction)
                  └── a crash anywhere before the transaction comes back to here ──┘

The offset that is kept with the deletion of the rows says how much of the file is true. What lies behind it was
written by a process that died before its transaction, and is written again. A file that would grow too large becomes
`<name>.1` between cut and append, in place of the one before. By the inode in the state a process that comes after
tells the file that the offset is of, whether it bears the one name by now or the other.
"""

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from storeflow.errors import StorageError

LOG = logging.getLogger(__name__)
_TAIL_BYTES = 65_536
"""Read at a time, from the end, in search of the last line's end."""


class NdjsonFile:
    """A `storeflow.host.module.Sink` on one file.

    Args:
        path: the file; its folder is there, the file is made when it is not. Nobody else may write to it. It may be
            moved away while the module is stopped.
        max_bytes: before the file grows larger it becomes `<name>.1`, and a new one is begun. Only a batch that is
            larger by itself makes a larger file.
    """

    def __init__(self, path: Path, *, max_bytes: int = 100_000_000) -> None:
        self._path, self._max_bytes = path, max_bytes
        self._older = path.with_name(f"{path.name}.1")

    def write(self, bodies: Sequence[bytes], state: bytes | None) -> bytes:
        """Append one line per body; return where the file now ends, as `{"file": name, "inode": n, "offset": bytes}`.

        Raises:
            StorageError: the disk refused; the file may end in half a line, which the next write cuts off.
        """
        lines = b"".join(map(_line, bodies))
        try:
            file = self._open()
            try:
                offset = self._end_of_truth(state, os.fstat(file))
                self._cut(file, offset)
                if lines and offset and offset + len(lines) > self._max_bytes:
                    os.fsync(file)
                    self._path.rename(self._older)
                    full, file, offset = file, self._open(), 0
                    os.close(full)
                os.lseek(file, offset, os.SEEK_SET)
                _write_all(file, lines)
                os.fsync(file)
                inode = os.fstat(file).st_ino
            finally:
                os.close(file)
            if not offset:
                self._sync_folder()
        except OSError as error:
            raise StorageError(f"{self._path}: {error}; free space on its disk, or mend it") from error
        return json.dumps({"file": self._path.name, "inode": inode, "offset": offset + len(lines)}).encode()

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CREAT, 0o640)

    def _end_of_truth(self, state: bytes | None, found: os.stat_result) -> int:
        """How much of the file was committed; every whole line, where the state is of another file or of none."""
        known = json.loads(state) if state is not None else {}
        if known.get("file") != self._path.name:
            return self._whole_lines()
        if found.st_ino != known.get("inode") and self._is_older(known.get("inode")):
            return 0  # begun by a process that died after the rotation and before its transaction
        offset = int(known["offset"])
        if offset > found.st_size:
            LOG.error("%s: %d bytes long, %d were written: somebody cut or moved it", self._path, found.st_size, offset)
            return self._whole_lines()
        return offset

    def _is_older(self, inode: int | None) -> bool:
        try:
            return self._older.stat().st_ino == inode
        except FileNotFoundError:
            return False

    def _whole_lines(self) -> int:
        """Where the last whole line of the file ends."""
        with self._path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            while end:
                start = max(0, end - _TAIL_BYTES)
                file.seek(start)
                if (newline := file.read(end - start).rfind(b"\n")) >= 0:
                    return start + newline + 1
                end = start
        return 0

    def _cut(self, file: int, offset: int) -> None:
        os.ftruncate(file, offset)

    def _sync_folder(self) -> None:
        """Have names on the disk, not only what is in the files."""
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _line(body: bytes) -> bytes:
    """The event in one line: line breaks in JSON lie between its words, never in them."""
    return body.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
