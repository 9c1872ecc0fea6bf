"""One camera: a thread that plays its source into its ring, and says how it fares."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from modules.video_capture.footage import shots
from modules.video_capture.pace import Pace
from modules.video_capture.source import Source
from modules.video_capture.state import Change, State
from storeflow.contract.messages import StreamEnded
from storeflow.contract.twins import Camera
from storeflow.errors import StoreflowError
from storeflow.frames.ring import FrameWriter

FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 1.0, 60.0
_IDLE_SECONDS = 1.0
_STOP_SECONDS = 5.0
_BEFORE_THE_FIRST = -1
"""Sequence number of a stream that ended before its first frame."""

_log = logging.getLogger(__name__)


class CameraThread:
    """Decodes one camera into its own ring until stopped.

    A source that cannot be opened is tried again, less and less often. One that breaks off after frames were shown is
    not: a clip played twice would be counted twice. At the end of a clip its readers are told, also those to come.

    Args:
        camera_id: names the ring's socket too, `<frames_folder>/<camera_id>.sock`.
        camera: its settings.
        source: what its url names.
        frames_folder: of all cameras' sockets.
        tell: takes every change of state; called on this thread.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        camera_id: str,
        camera: Camera,
        source: Source,
        frames_folder: Path,
        *,
        tell: Callable[[Change], None],
        clock: Callable[[], float],
    ) -> None:
        self.camera = camera
        self.published = 0
        """Frames put into the ring."""
        self.unread = 0
        """Of these, how many no reader took at once: there was none, or none had room."""
        self._camera_id, self._source, self._tell, self._clock = camera_id, source, tell, clock
        self._socket_path = frames_folder / f"{camera_id}.sock"
        self._writer: FrameWriter | None = None
        self._last: tuple[int, float] | None = None
        self._failure = ""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"camera {camera_id}", daemon=True)
        self._thread.start()

    def stop(self, reason: str = "") -> None:
        """Tell the thread to end; with a reason, readers are told that no more frames come. `join` next."""
        self._stopped.set()
        if self._writer is not None:
            self._writer.close(self._end(reason) if reason else None)

    def join(self) -> None:
        """Wait until the thread has let go of its source and its ring."""
        self._thread.join(_STOP_SECONDS)
        if self._thread.is_alive():
            _log.error("camera %s: its source does not let go; the thread is left behind", self._camera_id)

    def _run(self) -> None:
        delay = FIRST_RETRY_SECONDS
        while not self._stopped.is_set():
            try:
                if self._writer is None:
                    self._writer = FrameWriter(self._socket_path, lossless=self.camera.playback.pace == "lossless")
                self._play(self._writer)
            except StoreflowError as error:
                self._fail(str(error))
            except Exception as error:  # noqa: BLE001 - what no one foresaw in one camera must not silence it
                _log.exception("camera %s", self._camera_id)
                self._fail(f"{type(error).__name__}: {error}")
            if self._last is not None:
                break
            self._idle(delay)
            delay = min(2 * delay, LONGEST_RETRY_SECONDS)
        while not self._stopped.is_set():
            self._idle(_IDLE_SECONDS)
        if self._writer is not None:
            self._writer.close()

    def _play(self, writer: FrameWriter) -> None:
        pace = Pace(self.camera.playback.speed)
        with closing(shots(self._camera_id, self.camera, self._source, self._clock)) as chosen:
            for shot in chosen:
                picture = writer.acquire(shot.width, shot.height)
                if picture is None or self._stopped.is_set():
                    return
                frame = shot.develop(picture)
                writer.serve(pace.wait_seconds(shot.picture.seconds, time.monotonic()))
                first, self._last = self._last is None, (shot.sequence, shot.captured_at)
                self.unread += writer.publish(frame) == 0
                self.published += 1
                if first:
                    self._failure = ""
                    self._change("streaming", f"{frame.full_width} x {frame.full_height} pixels", shot.captured_at)
        if not self._stopped.is_set():
            self._finish("ended", "the clip has ended")

    def _fail(self, reason: str) -> None:
        if reason != self._failure and not self._stopped.is_set():
            self._failure = reason
            self._finish("failed", reason)

    def _finish(self, state: State, reason: str) -> None:
        end = self._end(reason)
        if self._writer is not None:
            self._writer.end(end)
        self._change(state, reason, end.captured_at)

    def _end(self, reason: str) -> StreamEnded:
        sequence, captured_at = self._last or (_BEFORE_THE_FIRST, self._clock())
        return StreamEnded(camera_id=self._camera_id, sequence=sequence, captured_at=captured_at, reason=reason)

    def _change(self, state: State, detail: str, captured_at: float) -> None:
        self._tell(Change(self._camera_id, state, detail, captured_at))

    def _idle(self, seconds: float) -> None:
        if self._writer is None:
            self._stopped.wait(seconds)
        else:
            self._writer.serve(seconds)
