"""Every camera's frames, taken in turns from the sockets that come and go in one folder."""

import logging
import time
from pathlib import Path
from typing import NamedTuple

from storeflow.contract.messages import StreamEnded
from storeflow.frames.frame import Frame
from storeflow.frames.ring_reader import FrameReader
from storeflow.frames.seqpacket import wait_ready

_SCAN_SECONDS = 1.0
"""Between two looks into the folder: a new camera is seen this soon."""
_RECONNECT_SECONDS = 0.1
"""A camera whose writer is away cannot be waited for; all of these are tried again this often, at most."""

LOG = logging.getLogger(__name__)


class Arrival(NamedTuple):
    """What came from one camera."""

    item: Frame | StreamEnded
    """A frame's pixels are good until `FrameSockets.release`."""
    lossless: bool
    """The writer waits for its readers: nothing may be dropped farther on either."""


class FrameSockets:
    """Reads `<folder>/<camera_id>.sock` of every camera.

    Cameras take turns: of those that have something, the one whose last turn is the longest ago is next. So each gets
    the same share of a slow engine, spread evenly over time, unless it has less to show. On its turn a camera shows the
    newest of the frames that wait, at most two. Its ring takes the first one back at once and passes others by, so
    what is looked at was captured no longer ago than the camera's last turn.

    A silent camera costs no system call of its own while others have frames. One that is away is reached for at most
    twice a second (`seqpacket.LONGEST_RECONNECT_SECONDS`), a little more often at first.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._readers: dict[str, FrameReader] = {}
        """By camera, in the order of their turns."""
        self._scanned_at = self._reached_at = float("-inf")
        self._lent: FrameReader | None = None

    def receive(self, timeout: float) -> Arrival | None:
        """The next arrival, waiting up to `timeout` seconds; None when nothing came."""
        self.release()
        now = time.monotonic()
        deadline = now + timeout
        wait = 0.0
        while True:
            self._scan(now)
            self._reach(now)
            for camera_id in self._ready(wait):
                arrival = self._ask(camera_id)
                if arrival is not None:
                    return arrival
            now = time.monotonic()
            if now >= deadline:
                return None
            wait = min(deadline - now, _RECONNECT_SECONDS if self._some_are_away() else _SCAN_SECONDS)

    def release(self) -> None:
        """Give the last frame's pixels back to its camera, which may then offer a newer one."""
        if self._lent is not None:
            self._lent.release()
            self._lent = None

    def close(self) -> None:
        """Close the connection to every camera."""
        for camera_id in tuple(self._readers):
            self._drop(camera_id)

    def _scan(self, now: float) -> None:
        if now - self._scanned_at < _SCAN_SECONDS:
            return
        self._scanned_at = now
        found = {path.stem: path for path in sorted(self._folder.glob("*.sock"))}
        for camera_id in sorted(found.keys() - self._readers.keys()):
            LOG.info("camera %s: reading frames", camera_id)
            self._readers[camera_id] = FrameReader(found[camera_id])
            self._reached_at = float("-inf")
        for camera_id in sorted(self._readers.keys() - found.keys()):
            if self._readers[camera_id].fileno() is None:  # else what it still sent is read first
                LOG.info("camera %s: gone", camera_id)
                self._drop(camera_id)

    def _reach(self, now: float) -> None:
        """Try again those that are away."""
        if now - self._reached_at < _RECONNECT_SECONDS:
            return
        self._reached_at = now
        for reader in self._readers.values():
            reader.connect()

    def _ready(self, wait: float) -> list[str]:
        """The cameras that have something to say, in the order of their turns, waiting for a first one."""
        by_descriptor: dict[int, str] = {}
        ready: set[str] = set()
        for camera_id, reader in self._readers.items():
            if reader.has_end:
                ready.add(camera_id)
            if (descriptor := reader.fileno()) is not None:
                by_descriptor[descriptor] = camera_id
        readable = wait_ready(by_descriptor, [], 0.0 if ready else wait)
        ready |= {by_descriptor[descriptor] for descriptor in readable}
        return [camera_id for camera_id in self._readers if camera_id in ready]

    def _ask(self, camera_id: str) -> Arrival | None:
        reader = self._readers[camera_id]
        item = reader.receive_newest()
        if item is None:
            return None
        self._readers[camera_id] = self._readers.pop(camera_id)  # to the end of the queue
        self._lent = reader
        return Arrival(item, reader.lossless)

    def _some_are_away(self) -> bool:
        return any(reader.fileno() is None for reader in self._readers.values())

    def _drop(self, camera_id: str) -> None:
        self._readers.pop(camera_id).close()
