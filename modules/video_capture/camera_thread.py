"""One camera: a thread that plays its source into its ring, and reports every change of its state."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from modules.video_capture.backoff import Backoff
from modules.video_capture.camera_error import CameraError
from modules.video_capture.camera_state import Change
from modules.video_capture.footage import shots
from modules.video_capture.live_time import ClockSetBackError
from modules.video_capture.pace import Pace
from modules.video_capture.source import ClockState, Source
from storeflow.contract.events.cameras import FailedReason, State
from storeflow.contract.messages import StreamEnded
from storeflow.contract.twins import Camera
from storeflow.errors import StoreflowError
from storeflow.frames.frame import Frame
from storeflow.frames.ring_writer import FrameWriter
from storeflow.observability.logs import redacted

_IDLE_SECONDS = 1.0
_STOP_SECONDS, _LIVE_STOP_SECONDS = 5.0, 0.5
"""A live camera that is silent lets go when its time-out is over, and nobody waits for that."""
_BEFORE_THE_FIRST = -1
"""Sequence number of a stream that ended before its first frame."""

LOG = logging.getLogger(__name__)


class CameraThread:
    """Decodes one camera into its own ring until stopped.

    A source that cannot be opened is tried again, less and less often. One that breaks off after frames were shown is
    tried again if it is live; a clip played twice would be counted twice. At the end of a clip, and when a camera
    fails, its readers learn of it, also those to come.

    Args:
        camera_id: names the ring's socket too, `<frames_folder>/<camera_id>.sock`.
        camera: its settings.
        source: what its url names.
        frames_folder: of all cameras' sockets.
        on_change: takes every change of state; called on this thread.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        camera_id: str,
        camera: Camera,
        source: Source,
        frames_folder: Path,
        *,
        on_change: Callable[[Change], None],
        clock: Callable[[], float],
    ) -> None:
        self.camera = camera
        self.published = 0
        """Frames put into the ring."""
        self.unread = 0
        """Of these, how many no reader took at once: there was none, or none had room."""
        self.clock_ahead_seconds = 0.0
        """So far the times of a live camera are ahead of this device's clock."""
        self._camera_id, self._source, self._on_change, self._clock = camera_id, source, on_change, clock
        self._socket_path = frames_folder / f"{camera_id}.sock"
        self._writer: FrameWriter | None = None
        self._last: tuple[int, float] | None = None
        self._streaming: ClockState | None = None
        """The clock as it was reported with `streaming`; none while the camera is not."""
        self._failures: set[str] = set()
        """The details reported since it was streaming: each retry fails as the one before it did."""
        self._lasted = 0.0
        """Seconds from the first frame to the last since the source was opened."""
        self._farewell = ""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"camera {camera_id}", daemon=True)
        self._thread.start()

    def stop(self, reason: str = "") -> None:
        """Tell the thread to end; with a reason, readers learn that no more frames come. `join` next."""
        self._farewell = reason
        self._stopped.set()
        self._close_ring()

    def join(self) -> None:
        """Wait until the thread has let go of its source; the ring is closed already."""
        self._thread.join(_LIVE_STOP_SECONDS if self._source.live else _STOP_SECONDS)
        if self._thread.is_alive() and not self._source.live:
            LOG.error("camera %s: its source does not let go; the thread is left behind", self._camera_id)

    def _run(self) -> None:
        backoff = Backoff()
        while not self._stopped.is_set():
            self._lasted = 0.0
            try:
                if self._writer is None:
                    self._writer = FrameWriter(self._socket_path, lossless=self.camera.playback.pace == "lossless")
                self._play(self._writer)
            except ClockSetBackError as error:
                self._begin_again(str(error))
            except CameraError as error:
                self._fail(error.reason, str(error))
            except StoreflowError as error:
                self._fail("unreadable", str(error))
            except Exception as error:  # what no one foresaw in one camera must not silence it
                LOG.exception("camera %s", self._camera_id)
                self._fail("unreadable", redacted(f"{type(error).__name__}: {error}"))
            if self._last is not None and not self._source.live:
                break
            self._idle(backoff.seconds(self._lasted))
        while not self._stopped.is_set():
            self._idle(_IDLE_SECONDS)
        self._close_ring()

    def _close_ring(self) -> None:
        # Whichever of two threads comes here first says goodbye.
        if self._writer is not None:
            self._writer.close(self._end(self._farewell) if self._farewell else None)

    def _play(self, writer: FrameWriter) -> None:
        pace = None if self._source.live else Pace(self.camera.playback.speed)
        sequence = 0 if self._last is None else self._last[0] + 1
        with closing(shots(self._camera_id, self.camera, self._source, self._clock, sequence=sequence)) as chosen:
            opened_at: float | None = None
            for shot in chosen:
                picture = writer.acquire(shot.width, shot.height)
                if picture is None or self._stopped.is_set():
                    return
                frame = shot.develop(picture)
                writer.serve(pace.wait_seconds(shot.picture.seconds, time.monotonic()) if pace else 0)
                self._last = shot.sequence, shot.captured_at
                self.clock_ahead_seconds = shot.picture.clock.ahead_seconds
                opened_at = opened_at or shot.captured_at
                self._lasted = shot.captured_at - opened_at
                self.unread += writer.publish(frame) == 0
                self.published += 1
                if self._streaming is None or self._streaming.jumps != shot.picture.clock.jumps:
                    self._stream(frame, shot.picture.clock)
        if not self._stopped.is_set():
            self._finish("ended", "the clip has ended")

    def _stream(self, frame: Frame, clock: ClockState) -> None:
        size = f"{frame.full_width} x {frame.full_height} pixels"
        was_set = "; this device's clock was set" if self._streaming and clock.jumps != self._streaming.jumps else ""
        offset = round(clock.ahead_seconds * 1000) if self._source.live else None
        self._failures.clear()
        self._streaming = clock
        self._change("streaming", size + was_set, frame.captured_at, clock_offset_ms=offset)

    def _fail(self, reason: FailedReason, detail: str) -> None:
        if detail in self._failures or self._stopped.is_set():
            return
        self._failures.add(detail)
        self._finish("failed", detail, reason)

    def _begin_again(self, reason: str) -> None:
        """Have readers forget everybody in view: the next frame is from before the last one, and it goes on."""
        LOG.warning("camera %s: %s; its stream begins again", self._camera_id, reason)
        if self._writer is not None:
            self._writer.end(self._end(reason))
        if (
            self._last is not None
        ):  # what is reported before there is another frame happens now, not in what was to come
            self._last = self._last[0], self._clock()

    def _finish(self, state: State, detail: str, reason: FailedReason | None = None) -> None:
        end = self._end(detail)
        if self._writer is not None:
            self._writer.end(end)
        # What fails in a second way while nobody looks does so now, not at the last frame.
        at = end.captured_at if self._streaming else max(end.captured_at, self._clock())
        self._streaming = None
        self._change(state, detail, at, reason=reason)

    def _end(self, reason: str) -> StreamEnded:
        sequence, captured_at = self._last or (_BEFORE_THE_FIRST, self._clock())
        return StreamEnded(camera_id=self._camera_id, sequence=sequence, captured_at=captured_at, reason=reason)

    def _change(
        self,
        state: State,
        detail: str,
        captured_at: float,
        *,
        reason: FailedReason | None = None,
        clock_offset_ms: int | None = None,
    ) -> None:
        self._on_change(Change(self._camera_id, state, detail, captured_at, reason, clock_offset_ms))

    def _idle(self, seconds: float) -> None:
        if self._writer is None:
            self._stopped.wait(seconds)
        else:
            self._writer.serve(seconds)
