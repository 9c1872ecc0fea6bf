"""Adds crossings up as they pass, and sends each window once it is over, and again when something of it changes.

An event is only put aside as it passes; what follows from it is worked out in `keep`, which the host calls before it
keeps the events themselves. So the sums are on the disk first: after a crash in between the same events come again, and
change nothing. What is made in `keep` leaves with the next event that passes; it stays in the file until the outbox has
it.
"""

import logging
from pathlib import Path
from typing import Literal

from modules.upstream_router.spread import fraction
from modules.upstream_router.windows import (
    CORRECT_AFTER_SECONDS,
    KEEP_SECONDS,
    SEND_WITHIN_SECONDS,
    UNCOVERED_SECONDS,
    Counted,
    Layout,
    Line,
    Said,
    Window,
    figures_of,
    first_after,
    heartbeat,
    lines_in_force,
    start_of,
    window_event,
    with_empty_rows,
)
from modules.upstream_router.windows_database import FILE_NAME, Camera, WindowDatabase
from modules.upstream_router.windows_read import Figures, is_of_camera, read
from modules.upstream_router.windows_series import Told
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import (
    CameraCoverage,
    LayoutApplied,
    LineCrossed,
    LineUTurn,
    PersonRecognised,
    RevisionReason,
    StreamHeartbeat,
)
from storeflow.host.module import RawEvent
from storeflow.host.outbox import event_key

LOG = logging.getLogger(__name__)
COUNTED = ("windows_sent", "windows_corrected", "windows_too_late")
Mode = Literal["off", "beside", "instead"]


class WindowSender:
    """The windows of all cameras of a device.

    A window is sent only if the file has had all of it: from the first on that began after the file did, or from the
    camera's first event. Once windows are `off`, those that there are get finished and corrected, no other is sent.

    Args:
        folder: where the file is.
        device_id: makes the moment this device's own.
        mode: the setting in force.

    Raises:
        StorageError: the disk refused.
    """

    def __init__(self, folder: Path, device_id: str, mode: Mode) -> None:
        self.mode: Mode = mode
        self.counts = dict.fromkeys(COUNTED, 0.0)
        self.is_done = False
        """Whether the file is of no use any more: windows are off, and all of them are in the outbox."""
        self._database = WindowDatabase(folder / FILE_NAME)
        self._cameras: dict[str, Camera] | None = None
        """As the file has them; none where that is not certain."""
        self._ended_at: float | None = None
        self._jitter = SEND_WITHIN_SECONDS * fraction(device_id, "windows")
        self._passed: list[tuple[RawEvent, Mode]] = []
        """Each with the setting that it passed under."""
        self._ready: list[tuple[int, bytes]] = []
        self._read = self._left = self._in_outbox = 0
        """Numbers of outgoing events: read from the file, returned by `take`, and in the outbox for certain. What a
        process before has left in the file is read again."""

    def take(self, event: RawEvent) -> list[CloudEvent]:
        """Take in an event that passes; what is to leave beside it."""
        if is_of_camera(event.source):
            self._passed.append((event, self.mode))
        ready, self._ready = self._ready, []
        if ready:
            self._left = ready[-1][0]
        return [CloudEvent.from_json(body) for _, body in ready]

    def keep(self, now: float) -> None:
        """Work out what follows from the events that passed, and from the time, and keep it.

        Called before the outbox keeps what `take` returned: so what it had returned before the last call is kept.

        Args:
            now: seconds since the epoch.

        Raises:
            StorageError: nothing of it was kept; call again before anything else passes.
        """
        counts = dict(self.counts)
        try:
            with self._database.transaction():
                done = self._work(now)
                new = self._database.outgoing(after=self._read)
        except BaseException:
            self.counts, self._cameras = counts, None
            raise
        self._passed.clear()
        self._in_outbox, self.is_done = self._left, done
        self._ready += new
        self._read = new[-1][0] if new else self._read

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _work(self, now: float) -> bool:
        """What `keep` does in one transaction; whether the file is of no use any more."""
        if self._cameras is None:
            self._cameras, self._ended_at = self._database.cameras(), self._database.ended_at()
        self._database.forget_outgoing(self._in_outbox)
        changed: set[str] = set()
        for event, mode in self._passed:
            self._enter(mode, now)
            if self._account(self._cameras, event, now, leaves=mode != "instead"):
                changed.add(event.source)
        self._enter(self.mode, now)
        over = self._ended_at is not None and now >= self._ended_at + KEEP_SECONDS
        for camera in self._cameras.values():
            if over or camera.source in changed:
                self._give_up_waiting(camera, now, all_of_them=over)
        for window, reason in self._database.due(now, now + self._jitter + CORRECT_AFTER_SECONDS):
            self._send(window, reason)
        for camera in self._cameras.values():
            if self._vouch(camera) or camera.source in changed:
                self._database.keep_camera(camera)
        return self._ended_at is not None and self._database.is_done(for_good=over)

    def _enter(self, mode: Mode, now: float) -> None:
        """Note that windows are switched off, or on again: what began in between is not known."""
        ended_at = None if mode != "off" else now if self._ended_at is None else min(now, self._ended_at)
        if ended_at == self._ended_at:
            return
        if self._ended_at is None:
            for camera in (self._cameras or {}).values():
                camera.known_from = None
                self._database.keep_camera(camera)
        self._ended_at = ended_at
        self._database.set_ended_at(ended_at)

    def _account(self, cameras: dict[str, Camera], event: RawEvent, now: float, *, leaves: bool) -> bool:
        """Take in one event; whether it says anything of a camera that windows are made of."""
        data, number = read(event)
        camera = cameras.get(event.source)
        if camera is None:
            if data is None:
                return False
            since = 0 if number == 1 and self._ended_at is None else None
            camera = Camera(event.source, data.store_id, data.camera_id, known_from=since, complete_from=since)
            cameras[event.source] = camera
        if number is not None:
            self._take_number(camera, data, number)
        if data is None:
            return number is not None
        at = data.captured_at.timestamp()
        if not isinstance(data, StreamHeartbeat):
            camera.newest = max(camera.newest, at)
            self._forget(camera, now)
            self._add(camera, event_key(event.source, event.id), data, now, leaves=leaves)
        if (
            camera.known_from is None
            and self._ended_at is None
            and isinstance(data, CameraCoverage | LayoutApplied | StreamHeartbeat)
        ):
            # Made when the camera had come so far. What is of a later window is made later, and comes here.
            camera.known_from = first_after(at)
            # What a file before this one knew of earlier windows is lost; or windows were off, and some passed unseen.
            camera.complete_from = max(camera.complete_from or 0, camera.known_from)
        return True

    def _take_number(self, camera: Camera, data: Figures | StreamHeartbeat | None, number: int) -> None:
        """Take in the number of an event, and note what is lost for good."""
        told, at = None, 0.0 if data is None else data.captured_at.timestamp()
        if isinstance(data, StreamHeartbeat):
            told = Told(data.complete_until.timestamp(), at)
        elif at > camera.newest and camera.series.has_had(number):
            # Had before, and newer than all: its sender has lost its disk. What is lost was captured before this.
            LOG.warning("the numbers of %s begin again: what was under way is lost", camera.source)
            camera.series.begin_again()
            camera.lack(before=first_after(at))
        if given_up := camera.series.take(number, told):
            LOG.warning("%s: events that never came, and that its windows lack: %d", camera.source, given_up.numbers)
            camera.lack(before=first_after(given_up.by))

    def _add(self, camera: Camera, key: bytes, data: Figures, now: float, *, leaves: bool) -> None:
        """Add what one event says to what is kept of its camera; `leaves` is whether it leaves the store itself."""
        at = data.captured_at.timestamp()
        match data:
            case LineCrossed():
                self._crossed(camera, key, data, now, leaves=leaves)
            case LineUTurn():
                ids = (data.first_crossing_id, data.second_crossing_id)
                self._flag(camera, ids, "turned", start_of(at), now, leaves=leaves)
            case PersonRecognised():
                self._flag(camera, data.crossing_ids, "recognised", start_of(at), now, leaves=leaves)
            case CameraCoverage():
                self._looked(camera, key, data, now, leaves=leaves)
            case LayoutApplied():
                lines = tuple(Line(line.id, line.object_class) for line in data.lines)
                if self._database.add_layout(camera.source, Layout(at, data.config_version, lines)):
                    self._make_due(camera, start_of(at), start_of(camera.newest), "late_events", now)

    def _looked(self, camera: Camera, key: bytes, data: CameraCoverage, now: float, *, leaves: bool) -> None:
        start = start_of(data.window_start.timestamp())
        if not self._is_kept(camera, start):
            return
        if self._database.add_coverage(key, camera.source, start, data.observed_seconds):
            self._touch(camera, start, data.captured_at.timestamp(), covered=True, details=leaves)
            self._make_due(camera, start, start, "coverage", now)

    def _crossed(self, camera: Camera, key: bytes, data: LineCrossed, now: float, *, leaves: bool) -> None:
        at = data.captured_at.timestamp()
        start = start_of(at)
        if not self._is_kept(camera, start):
            return
        one = Counted(
            line_id=data.line_id,
            config_version=data.config_version,
            object_class=data.object_class,
            direction=data.direction,
            staff=data.staff,
            buying_unit=data.buying_unit,
            turned=False,
        )
        if self._database.add_crossing(key, camera.source, start, one):
            self._touch(camera, start, at, covered=False, details=True)
            self._make_due(camera, start, start, "late_events", now)
        if not leaves:
            self._database.note_stayed(key)

    def _flag(self, camera: Camera, ids: tuple[str, ...], column: str, start: int, now: float, *, leaves: bool) -> None:
        reason: RevisionReason = "u_turn" if column == "turned" else "staff_recognised"
        for one in ids:
            key = event_key(camera.source, one)
            of_window = self._database.flag(key, camera.source, start, column)
            if of_window is not None:
                self._make_due(camera, of_window, of_window, reason, now)
            if not leaves:
                self._database.note_stayed(key)

    def _touch(self, camera: Camera, start: int, at: float, *, covered: bool, details: bool) -> None:
        whole = camera.known_from is not None and start >= camera.known_from
        self._database.touch(camera.window(start, at), covered=covered, whole=whole, details=details)

    def _make_due(self, camera: Camera, first: int, last: int, reason: RevisionReason, now: float) -> None:
        due = now + self._jitter, now + self._jitter + CORRECT_AFTER_SECONDS
        self._database.make_due(camera.source, first, last, due, reason)

    def _is_kept(self, camera: Camera, start: int) -> bool:
        if start >= camera.kept_since:
            return True
        self.counts["windows_too_late"] += 1
        if start >= camera.said_until:
            camera.lack(before=first_after(start))
        return False

    def _forget(self, camera: Camera, now: float) -> None:
        """Forget old windows; by the camera's time, unless that is ahead of the device's."""
        since = start_of(min(camera.newest, now)) - KEEP_SECONDS
        if since > camera.kept_since:
            camera.kept_since = since
            if camera.series.runs and camera.said_until < since:
                camera.lack(before=since)  # what is in a hole comes too late for these
            for start in self._database.cover(camera.source, since):  # their coverage would come too late
                self._make_due(camera, start, start, "late_events", now)
            self._database.forget_before(camera.source, since)

    def _give_up_waiting(self, camera: Camera, now: float, *, all_of_them: bool) -> None:
        """Send windows that nobody looked at, once their coverage can't be on its way any more."""
        ended_by = max(camera.newest - UNCOVERED_SECONDS, camera.series.told_until or 0.0)
        if all_of_them:
            ended_by = max(ended_by, self._database.last_end(camera.source))
        for start in self._database.cover(camera.source, ended_by):
            self._make_due(camera, start, start, "late_events", now)

    def _send(self, window: Window, reason: RevisionReason | None) -> None:
        """Send each row of a window that was not sent as it is now."""
        seconds = self._database.observed_seconds(window)
        in_force = lines_in_force(self._database.layouts(window.source), window.start)
        details_sent = self._database.details_sent(window)
        rows, sent = figures_of(self._database.crossings(window)), self._database.sent(window)
        for row, figures in with_empty_rows(rows, in_force).items():
            before = sent.get(row)
            said = Said(0 if before is None else before.revision + 1, figures, seconds)
            if before is not None and before[1:] == said[1:]:
                continue
            event = window_event(window, row, said, reason=reason, details_sent=details_sent)
            self._database.send(window, row, said, event.to_json())
            self.counts["windows_corrected" if said.revision else "windows_sent"] += 1
        self._database.settle(window)

    def _vouch(self, camera: Camera) -> bool:
        """Say until when all windows of a camera were sent, if that is news."""
        told = camera.series.told_until
        if told is None:
            return False
        until = float(start_of(told))
        if until <= camera.said_until:
            return False
        unsent = self._database.first_unsent(camera.source)
        until = until if unsent is None else min(until, unsent)
        if self._ended_at is not None:
            until = min(until, self._database.last_end(camera.source))
        elif camera.known_from is None or until < camera.known_from:
            return False
        since = camera.complete_from or 0
        if until <= camera.said_until or until < since:
            return False
        camera.said_until = until
        at = max(camera.newest, until)
        event = heartbeat(camera.source, camera.store_id, camera.camera_id, until, at, since=since)
        self._database.send_as_is(event.to_json())
        return True
