"""Every camera's frames, taken in turns from the sockets that come and go in one folder."""

import logging
import time
from pathlib import Path
from typing import NamedTuple

from storeflow.contract.messages import StreamEnded
from storeflow.frames.frame import Frame
from storeflow.frames.ring import FrameReader
from storeflow.frames.seqpacket import wait_ready

_SCAN_SECONDS = 1.0
"""Between two looks into the folder: a new camera is seen this soon."""
_RECONNECT_SECONDS = 0.1
"""A camera whose writer is away cannot be waited for; its socket is tried again this often."""

LOG = logging.getLogger(__name__)


class Arrival(NamedTuple):
    """What came from one camera."""

    news: Frame | StreamEnded
    """A frame's pixels are good until `FrameSockets.release`."""
    lossless: bool
    """The writer waits for its readers: nothing may be dropped farther on either."""


class FrameSockets:
    """Reads `<folder>/<camera_id>.sock` of every camera.

    The camera that was served last is asked last, so that a fast one starves nobody. The ring itself keeps what
    waits here fresh: a reader is never more than two frames behind, and a live writer passes a slow one by.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._readers: dict[str, FrameReader] = {}
        """By camera, in the order in which they are asked."""
        self._scanned_at = float("-inf")
        self._lent: FrameReader | None = None

    def receive(self, timeout: float) -> Arrival | None:
        """The next arrival, waiting up to `timeout` seconds; None when nothing came."""
        self.release()
        deadline = time.monotonic() + timeout
        while True:
            self._scan()
            for camera_id in tuple(self._readers):
                arrival = self._ask(camera_id)
                if arrival is not None:
                    return arrival
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._wait(left)

    def release(self) -> None:
        """Give the last frame's pixels back to its camera, which may then offer a newer one."""
        if self._lent is not None:
            self._lent.release()
            self._lent = None

    def close(self) -> None:
        """Hang up on every camera."""
        for camera_id in tuple(self._readers):
            self._drop(camera_id)

    def _scan(self) -> None:
        now = time.monotonic()
        if now - self._scanned_at < _SCAN_SECONDS:
            return
        self._scanned_at = now
        found = {path.stem: path for path in sorted(self._folder.glob("*.sock"))}
        for camera_id in sorted(found.keys() - self._readers.keys()):
            LOG.info("camera %s: reading frames", camera_id)
            self._readers[camera_id] = FrameReader(found[camera_id])
        for camera_id in sorted(self._readers.keys() - found.keys()):
            if self._readers[camera_id].fileno() is None:  # else what it still sent is read first
                LOG.info("camera %s: gone", camera_id)
                self._drop(camera_id)

    def _ask(self, camera_id: str) -> Arrival | None:
        reader = self._readers[camera_id]
        news = reader.receive(0)
        if news is None:
            return None
        self._readers[camera_id] = self._readers.pop(camera_id)  # to the end of the queue
        self._lent = reader
        return Arrival(news, reader.lossless)

    def _wait(self, seconds: float) -> None:
        descriptors = [reader.fileno() for reader in self._readers.values()]
        open_ones = [descriptor for descriptor in descriptors if descriptor is not None]
        all_there = len(open_ones) == len(descriptors)
        wait_ready(open_ones, [], min(seconds, _SCAN_SECONDS if all_there else _RECONNECT_SECONDS))

    def _drop(self, camera_id: str) -> None:
        self._readers.pop(camera_id).close()
