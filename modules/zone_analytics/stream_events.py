"""What a camera's stream says of itself: which layout is in force for it, and how far it is told.

Both are made of frames, so a clip that is played again says the same with the same ids. Only of a live camera that is
away the device's clock says that time goes on.
"""

import time
from collections.abc import Callable, Sequence

from modules.zone_analytics.camera_view import CameraView
from modules.zone_analytics.completeness import complete_until
from modules.zone_analytics.store_view import StoreView
from storeflow.contract import events
from storeflow.contract.cloudevents import CloudEvent, event_id
from storeflow.contract.events import CameraEvent, DrawnLine, DrawnQueue, DrawnZone
from storeflow.contract.instant import instant, milliseconds
from storeflow.contract.messages import Detections, StreamEnded
from storeflow.contract.twins import Layout
from storeflow.host.custody import EVENTS
from storeflow.host.module import ModuleContext, Output

HEARTBEAT_SECONDS = 300.0
"""A heartbeat is sent whenever the moment until which all is told passes another multiple of this."""
LIVE_SECONDS = 120.0
"""A camera whose frames are this near to the device's clock is live; while it is away it is told up to so long ago."""
AWAY_SECONDS = 86_400.0
"""A camera that has been away for longer has no more heartbeats."""


class StreamEvents:
    """Makes the layout events and the heartbeats of all cameras.

    Args:
        context: who and where the module is.
        clock: the device's, in seconds since the epoch.
    """

    def __init__(self, context: ModuleContext, clock: Callable[[], float] = time.time) -> None:
        self._context, self._clock = context, clock
        self._versions: dict[str, int] = {}
        """Of the layout that was announced for each camera's stream."""
        self._told: dict[str, float] = {}
        """What the last heartbeat of each camera said."""
        self._live: dict[str, bool] = {}

    def around(
        self, message: Detections | StreamEnded, store: StoreView, version: int, outputs: Sequence[Output]
    ) -> list[Output]:
        """The events of one message between what the stream has to say before them, and after.

        Args:
            message: what was taken in.
            store: after that.
            version: of its layout.
            outputs: what followed from the message.
        """
        if isinstance(message, StreamEnded):
            return [*outputs, *self.of_ended(message.camera_id, store)]
        self._live[message.camera_id] = abs(self._clock() - message.captured_at) <= LIVE_SECONDS
        view = store.cameras.get(message.camera_id)
        if view is None or view.at != message.captured_at:  # the frame came too late
            return list(outputs)
        return [*self._of_layout(view, store.layout, version), *outputs, *self._of_frame(view)]

    def of_ended(self, camera_id: str, store: StoreView) -> list[Output]:
        """The heartbeat of a camera whose stream has just ended: of its last second may yet be spoken."""
        self._versions.pop(camera_id, None)
        coverage, told = store.coverage.get(camera_id), self._told.get(camera_id)
        if coverage is None or coverage.at is None:
            return []
        edge = store.parameters.edge_seconds
        until = coverage.at - edge
        # Who was seen to walk out has crossed a line beyond the picture's edge later than the last frame.
        return self._heartbeat(camera_id, until, coverage.at + edge) if told is None or until > told else []

    def of_away(self, store: StoreView) -> list[Output]:
        """The heartbeats that are due of live cameras that are away, by the device's clock."""
        heartbeats: list[Output] = []
        now = self._clock()
        until = now - LIVE_SECONDS
        for camera_id, told in list(self._told.items()):
            coverage = store.coverage.get(camera_id)
            if coverage is None:  # forgotten, as nobody heard of it for so long
                del self._told[camera_id]
                self._live.pop(camera_id, None)
            elif coverage.window is None and coverage.at is not None and self._live.get(camera_id):
                due = _mark(until) > _mark(told) and until - coverage.at <= AWAY_SECONDS
                heartbeats += self._heartbeat(camera_id, until, now) if due else []
        return heartbeats

    def _of_layout(self, view: CameraView, layout: Layout, version: int) -> list[Output]:
        """The layout, with the first frame of a stream and the first after an edit."""
        if view.at is None or self._versions.get(view.camera_id) == version:
            return []
        self._versions[view.camera_id] = version
        data = events.LayoutApplied(
            store_id=self._context.store_id,
            camera_id=view.camera_id,
            captured_at=instant(view.at),
            config_version=version,
            lines=_lines(layout, view.camera_id),
            zones=_zones(layout, view.camera_id),
            queues=_queues(layout, view.camera_id),
        )
        return [self._wrapped(data, version, milliseconds(view.at))]

    def _of_frame(self, view: CameraView) -> list[Output]:
        """A heartbeat, if one is due."""
        told = self._told.get(view.camera_id)
        if view.at is None or (told is not None and _mark(view.at) <= _mark(told)):
            return []
        until = complete_until(view)
        if until is None or (told is not None and _mark(until) <= _mark(told)):
            return []
        if told is None:  # nothing is due before a mark is passed
            self._told[view.camera_id] = until
            return []
        return self._heartbeat(view.camera_id, until, view.at)

    def _heartbeat(self, camera_id: str, until: float, at: float) -> list[Output]:
        self._told[camera_id] = until
        data = events.StreamHeartbeat(
            store_id=self._context.store_id,
            camera_id=camera_id,
            captured_at=instant(at),
            complete_until=instant(until),
        )
        return [self._wrapped(data, milliseconds(until), milliseconds(at))]

    def _wrapped(self, data: CameraEvent, *parts: int) -> Output:
        source = self._context.source(data.camera_id)
        name = event_id(source, data.event_type, *parts)
        return Output(EVENTS, CloudEvent.of(data, source=source, id=name, subject=data.camera_id))


def _mark(at: float) -> float:
    return at // HEARTBEAT_SECONDS


def _lines(layout: Layout, camera_id: str) -> tuple[DrawnLine, ...]:
    return tuple(
        DrawnLine(
            id=name,
            object_class=line.object_class,
            start=line.start,
            end=line.end,
            to_right="in" if line.in_ == "right" else "out",
        )
        for name, line in layout.lines.items()
        if line.camera_id in (None, camera_id)
    )


def _zones(layout: Layout, camera_id: str) -> tuple[DrawnZone, ...]:
    return tuple(
        DrawnZone(id=name, object_class=zone.object_class, polygon=zone.polygon, staff_only=zone.staff_only)
        for name, zone in layout.zones.items()
        if zone.camera_id in (None, camera_id)
    )


def _queues(layout: Layout, camera_id: str) -> tuple[DrawnQueue, ...]:
    return tuple(
        DrawnQueue(id=name, object_class=queue.object_class, polygon=queue.polygon, service=queue.service)
        for name, queue in layout.queues.items()
        if queue.camera_id in (None, camera_id)
    )
