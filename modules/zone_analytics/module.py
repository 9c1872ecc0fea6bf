"""zone_analytics: per-frame tracks in, store events out."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from modules.zone_analytics import checkpoint
from modules.zone_analytics.checkpoint import decode_or_begin
from modules.zone_analytics.decisions import Crossing, NoCrossing, Origin
from modules.zone_analytics.parameters import DECISIONS
from modules.zone_analytics.spatial_analysis import to_documents
from modules.zone_analytics.store_events import to_events
from modules.zone_analytics.store_view import Decided, StoreView
from modules.zone_analytics.stream_events import StreamEvents
from storeflow.contract.messages import Detections, StreamEnded
from storeflow.frames.side_channel import MessageSubscriber
from storeflow.host.custody import EVENTS
from storeflow.host.module import ModuleContext, Output
from storeflow.observability.metrics import labelled

LOG = logging.getLogger(__name__)
MESSAGES_AT_ONCE = 32
"""Taken from the side channel before the host may commit, configure or stop again."""
SILENT_SECONDS = 30.0
"""Without a frame for so long, a camera is taken to be gone: nobody stays inside for ever."""


class ZoneAnalytics:
    """Decides what happened in front of every camera of the store.

    Args:
        context: who and where the module is.
        checkpoint: who was in view when the process ended.
        clock: a steady clock, in seconds: by it, and by nothing else, a camera's silence is measured.
        time_of_day: the device's, in seconds since the epoch: how far a camera that is away is told.
    """

    sections: ClassVar[tuple[str, ...]] = ("layout",)

    def __init__(
        self,
        context: ModuleContext,
        checkpoint: bytes | None,
        clock: Callable[[], float] = time.monotonic,
        time_of_day: Callable[[], float] = time.time,
    ) -> None:
        self._context = context
        self._clock = clock
        self._at_rest = decode_or_begin(checkpoint)
        self.config_version = self._at_rest.config_version
        self.store = StoreView(DECISIONS)
        self._heard_at: dict[str, float] = {}
        self._stream_events = StreamEvents(context, time_of_day)
        self._subscriber: MessageSubscriber | None = None
        self._outputs: list[Output] = []
        self._counts = dict.fromkeys(("frames", "streams_ended", "crossings", "crossings_refused", "events"), 0)

    def configure(self, section: str, value: Any, version: int) -> None:  # noqa: ARG002 - one section
        """Take over a layout: unchanged lines and zones lose nothing, visits to changed zones end."""
        at_rest, self._at_rest = self._at_rest, checkpoint.Checkpoint()
        for state in at_rest.views:  # the first layout: go on from where the process before ended
            self.store.cameras[state.camera_id] = checkpoint.restored_view(state, DECISIONS)
            self._heard_at[state.camera_id] = self._clock()
        self.store.coverage.update({one.camera_id: checkpoint.restored_coverage(one) for one in at_rest.coverage})
        self._outputs += self.to_outputs(self.store.apply(value, at_rest.areas))  # still under the layout before
        self.config_version = version

    def work(self, timeout: float) -> Sequence[Output]:
        """Take what inference saw from the side channel."""
        if self._subscriber is None:
            self._subscriber = MessageSubscriber(self._context.channel_folder / "detections.sock")
        message = self._subscriber.receive(timeout)
        for _ in range(MESSAGES_AT_ONCE):
            if message is None:
                break
            outputs = self.on_side_channel(message)
            self._outputs += self._stream_events.around(message, self.store, self.config_version, outputs)
            message = self._subscriber.receive(0)
        self._end_silent_views()
        self._outputs += self._stream_events.of_away(self.store)
        outputs, self._outputs = self._outputs, []
        self._counts["events"] += len(outputs)
        return outputs

    def on_side_channel(self, message: Detections | StreamEnded) -> list[Output]:
        """The events that follow from one message."""
        return self.to_outputs(self.decide(message))

    def decide(self, message: Detections | StreamEnded) -> list[Decided]:
        """The decisions that follow from one message."""
        self._heard_at[message.camera_id] = self._clock()
        if isinstance(message, StreamEnded):
            # A stream's end may be sent more than once; the first one finds everybody.
            self._counts["streams_ended"] += message.camera_id in self.store.cameras
            decided = self.store.end(message.camera_id)
        else:
            self._counts["frames"] += 1
            decided = self.store.observe(message)
        self._counts["crossings"] += sum(isinstance(one.decision, Crossing) for one in decided)
        self._counts["crossings_refused"] += sum(isinstance(one.decision, NoCrossing) for one in decided)
        return decided

    def to_outputs(self, decided: Sequence[Decided]) -> list[Output]:
        """Decisions as events on their way to the router."""
        from_origins = [(one, self._origin(one)) for one in decided]
        events = [event for one, origin in from_origins for event in to_events(one.decision, origin)]
        events += [event for one, origin in from_origins for event in to_documents(one.decision, one.scene, origin)]
        return [Output(EVENTS, event) for event in events]

    def checkpoint(self) -> bytes:
        """Everyone in view, every passage and visit that is open, every area's count."""
        with_frame = self.store.layout.spatial_analysis
        states = [checkpoint.view_state(view, with_frame=with_frame) for view in self.store.cameras.values()]
        views = [*self._at_rest.views, *states]
        areas = [*self._at_rest.areas, *self.store.area_states()]
        coverage = [*self._at_rest.coverage, *self.store.coverage.values()]
        return checkpoint.encode(checkpoint.Checkpoint(checkpoint.VERSION, views, areas, coverage, self.config_version))

    def metrics(self) -> Mapping[str, float]:
        """Frames taken in and missed, crossings decided."""
        missed = {labelled("camera_frames_missed", one): each.missed for one, each in self.store.coverage.items()}
        return {**self._counts, **missed}

    def close(self) -> None:
        """Let go of the side channel."""
        if self._subscriber is not None:
            self._subscriber.close()

    def _origin(self, one: Decided) -> Origin:
        return Origin(
            source=self._context.source(one.camera_id),
            store_id=self._context.store_id,
            camera_id=one.camera_id,
            config_version=self.config_version,
            model_version=one.model_version,
        )

    def _end_silent_views(self) -> None:
        for camera_id, heard_at in list(self._heard_at.items()):
            if self._clock() - heard_at > SILENT_SECONDS:
                del self._heard_at[camera_id]
                if camera_id in self.store.cameras:
                    LOG.warning("camera %s: no frame for %.0f s; its visits end", camera_id, SILENT_SECONDS)
                    self._outputs += self.to_outputs(self.store.end(camera_id))
                    self._outputs += self._stream_events.of_ended(camera_id, self.store)
