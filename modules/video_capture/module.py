"""Cameras in, frames out: one thread, one source and one ring for each camera.

Frames leave by the rings, for anyone who reads them; the module's events say which cameras are read.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import ClassVar

import numpy as np

from modules.video_capture.camera_metrics import camera_metrics
from modules.video_capture.camera_state import Change, camera_state_event, log_change
from modules.video_capture.camera_test import CameraTest
from modules.video_capture.camera_thread import CameraThread
from modules.video_capture.footage import shots
from modules.video_capture.live_time import LiveTime
from modules.video_capture.source import Source
from modules.video_capture.sources import source_of
from storeflow.contract.twins import Camera, Cameras
from storeflow.errors import ConfigError
from storeflow.frames import i420
from storeflow.frames.frame import Frame
from storeflow.host.custody import EVENTS
from storeflow.host.module import Method, ModuleContext, Output

_REMOVED = "the camera was taken out of the configuration"


class VideoCapture:
    """Reads the cameras of the `cameras` section.

    Threads start with the first call of `work`: who only pulls `frames` needs none.

    Args:
        context: who and where this module is.
        checkpoint: not used; a clip is played from its start and a camera shows the present.
        clock: seconds since the epoch.
    """

    sections: ClassVar[tuple[str, ...]] = ("cameras",)

    def __init__(
        self, context: ModuleContext, checkpoint: bytes | None, clock: Callable[[], float] = time.time
    ) -> None:
        del checkpoint
        self._context = context
        self._clock = clock
        self._live_times: defaultdict[str, LiveTime] = defaultdict(LiveTime)
        self._frames_folder = context.channel_folder / "frames"
        self._cameras: Cameras = {}
        self._settled = False
        self._threads: dict[str, CameraThread] = {}
        self._changes: SimpleQueue[Change] = SimpleQueue()
        self._last: dict[str, Change] = {}
        self._test = CameraTest(
            lambda camera: source_of(camera, context.media_folder, LiveTime(), clock), lambda: self._cameras
        )
        self._past: Counter[str] = Counter()

    def configure(self, section: str, value: Cameras, version: int) -> None:  # noqa: ARG002 - one section, no version in frames
        """Take over the cameras; the next `work` starts, restarts and stops what is different, and nothing else."""
        self._cameras = dict(value)
        self._settled = False

    @property
    def methods(self) -> Mapping[str, Method]:
        """`testCamera`."""
        return {"testCamera": self._test}

    def work(self, timeout: float) -> Sequence[Output]:
        """Keep the threads as configured, and report every change of a camera's state."""
        if not self._settled:
            self._settle()
        changes: list[Change] = []
        with suppress(Empty):
            changes.append(self._changes.get(timeout=timeout))
            while True:
                changes.append(self._changes.get_nowait())
        self._last = {one.camera_id: one for one in (*self._last.values(), *changes) if one.camera_id in self._cameras}
        for change in changes:
            log_change(change)
        return [Output(EVENTS, camera_state_event(change, self._context)) for change in changes]

    def metrics(self) -> Mapping[str, float]:
        """How many cameras are configured, streaming and failed; frames published and left unread; each camera's."""
        return camera_metrics(self._cameras, self._last, self._threads, self._past)

    def close(self) -> None:
        """Stop all cameras."""
        self._stop(tuple(self._threads))

    def frames(self, camera_id: str) -> Iterator[Frame]:
        """The frames that the camera's ring would show, each in memory of its own, as fast as they are asked for.

        Raises:
            ConfigError: there is no such camera.
            SourceError: it cannot be read, or breaks off.
        """
        camera = self._cameras.get(camera_id)
        if camera is None:
            raise ConfigError([f"cameras.{camera_id}: there is no such camera"])
        chosen = shots(camera_id, camera, self._source(camera_id, camera), self._clock)
        return (shot.develop(np.empty(i420.shape(shot.width, shot.height), np.uint8)) for shot in chosen)

    def _source(self, camera_id: str, camera: Camera) -> Source:
        # A camera's time goes on when its settings change.
        return source_of(camera, self._context.media_folder, self._live_times[camera_id], self._clock)

    def _settle(self) -> None:
        self._stop([one for one, thread in self._threads.items() if self._cameras.get(one) != thread.camera])
        # Readers learn from the sockets which cameras there are; a process that was killed left its own behind.
        for socket_file in self._frames_folder.glob("*.sock"):
            if socket_file.stem not in self._cameras:
                socket_file.unlink(missing_ok=True)
        for camera_id, camera in self._cameras.items():
            if camera_id not in self._threads:
                source = self._source(camera_id, camera)
                self._threads[camera_id] = CameraThread(
                    camera_id, camera, source, self._frames_folder, on_change=self._changes.put, clock=self._clock
                )
        self._settled = True

    def _stop(self, camera_ids: Sequence[str]) -> None:
        stopping = {camera_id: self._threads.pop(camera_id) for camera_id in camera_ids}
        removed = [camera_id for camera_id in stopping if camera_id not in self._cameras]
        for camera_id, thread in stopping.items():
            thread.stop(_REMOVED if camera_id in removed else "")
        for thread in stopping.values():
            thread.join()
            self._past.update(published=thread.published, unread=thread.unread)
        for camera_id in removed:
            self._changes.put(Change(camera_id, "ended", _REMOVED, self._clock()))
