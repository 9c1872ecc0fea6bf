"""zone_analytics: per-frame tracks in, store events out."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from modules.zone_analytics import checkpoint
from modules.zone_analytics.camera_view import CameraView
from modules.zone_analytics.decisions import Crossing, Decision, NoCrossing
from modules.zone_analytics.store_events import Origin, to_events
from storeflow.contract.messages import Detections, StreamEnded
from storeflow.contract.parameters import DECISIONS
from storeflow.contract.twins import Layout
from storeflow.errors import ContractError
from storeflow.frames.side_channel import MessageSubscriber
from storeflow.module import ModuleContext, Output

LOG = logging.getLogger(__name__)
MESSAGES_AT_ONCE = 32
"""Taken from the side channel before the host may commit, configure or stop again."""
SILENT_SECONDS = 30.0
"""Without a frame for so long, a camera is taken to be gone: nobody is told to be inside for ever."""


class ZoneAnalytics:
    """Decides what happened in front of every camera of the store.

    Args:
        context: who and where the module is.
        last_checkpoint: who was in view when the process ended.
        clock: a steady clock, in seconds: by it, and by nothing else, a camera's silence is measured.
    """

    sections: ClassVar[tuple[str, ...]] = ("layout",)

    def __init__(
        self, context: ModuleContext, last_checkpoint: bytes | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.context = context
        self._clock = clock
        self.layout = Layout()
        self.config_version = 0
        self.views: dict[str, CameraView] = {}
        self._heard_at: dict[str, float] = {}
        self._at_rest = _read(last_checkpoint)
        self._subscriber: MessageSubscriber | None = None
        self._outputs: list[Output] = []
        self._counts = dict.fromkeys(("frames", "streams_ended", "crossings", "crossings_refused", "events"), 0)

    def configure(self, section: str, value: Any, version: int) -> None:
        """Take over a layout: unchanged lines and zones lose nothing, visits to changed zones end."""
        if section != "layout":
            raise ContractError(f"{section}: not a section of zone_analytics")
        for state in self._at_rest:  # the first layout: go on from where the process before ended
            self.views[state.camera_id] = checkpoint.wake(state, DECISIONS)
            self._heard_at[state.camera_id] = self._clock()
        self._at_rest = []
        self.layout, self.config_version = value, version
        for view in self.views.values():
            self._outputs += self.to_outputs(view, view.apply(value))

    def work(self, timeout: float) -> Sequence[Output]:
        """Take what inference saw from the side channel."""
        if self._subscriber is None:
            self._subscriber = MessageSubscriber(self.context.channel_folder / "detections.sock")
        message = self._subscriber.receive(timeout)
        for _ in range(MESSAGES_AT_ONCE):
            if message is None:
                break
            self._outputs += self.on_side_channel(message)
            message = self._subscriber.receive(0)
        self._end_silent_views()
        outputs, self._outputs = self._outputs, []
        return outputs

    def on_message(self, input_name: str, body: bytes) -> Sequence[Output]:
        """Nothing comes by edgeHub."""
        raise ContractError(f"input {input_name!r} with {len(body)} bytes: zone_analytics has no inputs")

    def on_side_channel(self, message: Detections | StreamEnded) -> list[Output]:
        """The events that follow from one message."""
        view, decisions = self.decide(message)
        return self.to_outputs(view, decisions)

    def decide(self, message: Detections | StreamEnded) -> tuple[CameraView, list[Decision]]:
        """The decisions that follow from one message, and the view that made them."""
        view = self._view(message.camera_id)
        self._heard_at[message.camera_id] = self._clock()
        if isinstance(message, StreamEnded):
            # A stream's end may be told more than once; the first one finds everybody.
            self._counts["streams_ended"] += view.at is not None
            decisions = view.end()
            del self.views[message.camera_id]
        else:
            self._counts["frames"] += 1
            decisions = view.observe(message)
        self._counts["crossings"] += sum(isinstance(decision, Crossing) for decision in decisions)
        self._counts["crossings_refused"] += sum(isinstance(decision, NoCrossing) for decision in decisions)
        return view, decisions

    def to_outputs(self, view: CameraView, decisions: Sequence[Decision]) -> list[Output]:
        """Decisions as events on their way to the router."""
        origin = Origin(
            source=self.context.source(view.camera_id),
            store_id=self.context.store_id,
            camera_id=view.camera_id,
            config_version=self.config_version,
            model_version=view.model_version,
        )
        outputs = [Output("events", event) for decision in decisions for event in to_events(decision, origin)]
        self._counts["events"] += len(outputs)
        return outputs

    def checkpoint(self) -> bytes:
        """Everyone in view, every passage and visit that is open."""
        return checkpoint.write([*self._at_rest, *(checkpoint.rest(view) for view in self.views.values())])

    def metrics(self) -> Mapping[str, float]:
        """Frames taken in, crossings decided."""
        return dict(self._counts)

    def close(self) -> None:
        """Let go of the side channel."""
        if self._subscriber is not None:
            self._subscriber.close()

    def _view(self, camera_id: str) -> CameraView:
        view = self.views.get(camera_id)
        if view is None:
            view = self.views[camera_id] = CameraView(camera_id, self.layout, DECISIONS)
        return view

    def _end_silent_views(self) -> None:
        for camera_id, heard_at in list(self._heard_at.items()):
            if self._clock() - heard_at > SILENT_SECONDS:
                del self._heard_at[camera_id]
                if (view := self.views.pop(camera_id, None)) is not None:
                    LOG.warning("camera %s: no frame for %.0f s; its visits end", camera_id, SILENT_SECONDS)
                    self._outputs += self.to_outputs(view, view.end())


def _read(body: bytes | None) -> list[checkpoint.ViewState]:
    if body is None:
        return []
    try:
        return checkpoint.read(body)
    except ContractError as error:
        LOG.warning("starting with nobody in view: %s", error)
        return []
