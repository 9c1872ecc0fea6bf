"""What Linux knows of a process, read from /proc."""

import os
from collections.abc import Mapping
from pathlib import Path

_ESTABLISHED = "01"
_NOTHING = (FileNotFoundError, ProcessLookupError)


class Meter:
    """How much processor time this process's children have taken, by kind, those that have ended among them.

    Args:
        kinds: a word of the command line of each kind, and what to call it.
    """

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self._kinds = kinds
        self._seconds: dict[tuple[str, int], float] = {}

    def look(self) -> None:
        """Read the clocks of those that live; what a process takes after the last look at it is not counted."""
        for pid in _children():
            if kind := self._kind(pid):
                self._seconds[kind, pid] = cpu_seconds(pid) or self._seconds.get((kind, pid), 0.0)

    def seconds(self) -> dict[str, float]:
        """Processor time by kind."""
        sums = dict.fromkeys(self._kinds.values(), 0.0)
        for (kind, _), seconds in self._seconds.items():
            sums[kind] += seconds
        return sums

    def _kind(self, pid: int) -> str | None:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_text()
        except _NOTHING:
            return None
        return next((name for word, name in self._kinds.items() if word in words), None)


def _children() -> list[int]:
    """The processes that any thread of this one has started."""
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        try:
            found += map(int, (task / "children").read_text().split())
        except _NOTHING:
            continue
    return found


def unread_bytes(port: int) -> int:
    """Return how many bytes have arrived at connections of a local TCP port which nobody has read.

    While the process that listens there is stopped by a signal, these are requests that it has not begun with.
    Source: proc(5), `/proc/net/tcp`.
    """
    found: dict[str, int] = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, queues, *_ = line.split()
        if state == _ESTABLISHED and int(local.rpartition(":")[2], 16) == port:
            # The file is read in pieces: while others connect, a connection may stand in two of them.
            found[remote] = int(queues.rpartition(":")[2], 16)
    return sum(found.values())


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process, its threads together; 0 when it is gone. Source: proc(5), `stat`."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except _NOTHING:
        return 0.0
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
