"""A file of one JSON event a line, each event exactly once, whatever crashes in between.

    rows in the outbox, and offset ──> cut the file at offset ──> append ──> fsync ──> new offset, rows deleted
                  ^                                                                      (one transaction)
                  └── a crash anywhere before the transaction comes back to here ──┘

The offset that is kept with the deletion of the rows says how much of the file is true. What lies behind it was
written by a process that died before its transaction, and is written again.
"""

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from storeflow.errors import StorageError

LOG = logging.getLogger(__name__)


class NdjsonFile:
    """A `storeflow.module.Sink` on one file.

    Args:
        path: the file; its folder is there, the file is made when it is not. Nobody else may write to it. It may be
            moved away while the module is stopped.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, bodies: Sequence[bytes], state: bytes | None) -> bytes:
        """Append one line per body and return where the file now ends, as `{"file": name, "offset": bytes}`.

        Raises:
            StorageError: the disk refused; the file may end in half a line, which the next write cuts off.
        """
        lines = b"".join(body + b"\n" for body in bodies)
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o640)
            try:
                offset = self._end_of_truth(state, os.fstat(file).st_size)
                self._cut(file, offset)
                os.lseek(file, offset, os.SEEK_SET)
                _write_all(file, lines)
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            raise StorageError(f"{self._path}: {error}; free space on its disk, or mend it") from error
        return json.dumps({"file": self._path.name, "offset": offset + len(lines)}).encode()

    def _end_of_truth(self, state: bytes | None, size: int) -> int:
        """How much of the file was committed; all of it, where the state is of another file or of none."""
        known = json.loads(state) if state is not None else {}
        if known.get("file") != self._path.name:
            return size
        offset = int(known["offset"])
        if offset > size:
            LOG.error("%s: %d bytes long, %d were written: somebody cut or moved it", self._path.name, size, offset)
            return size
        return offset

    def _cut(self, file: int, offset: int) -> None:
        os.ftruncate(file, offset)


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
