"""zone_analytics: per-frame tracks in, store events out."""

import logging
from collections.abc import Mapping, Sequence
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

log = logging.getLogger(__name__)
MESSAGES_AT_ONCE = 32
"""Taken from the side channel before the host may commit, configure or stop again."""


class ZoneAnalytics:
    """Decides what happened in front of every camera of the store."""

    sections: ClassVar[tuple[str, ...]] = ("layout",)

    def __init__(self, context: ModuleContext, last_checkpoint: bytes | None) -> None:
        self.context = context
        self.layout = Layout()
        self.config_version = 0
        self.views: dict[str, CameraView] = {}
        self._at_rest = {state.camera_id: state for state in _read(last_checkpoint)}
        self._subscriber: MessageSubscriber | None = None
        self._outputs: list[Output] = []
        self._counts = dict.fromkeys(
            ("frames", "frames_out_of_order", "streams_ended", "crossings", "crossings_refused", "events"), 0
        )

    def configure(self, section: str, value: Any, version: int) -> None:
        """Take over a layout: unchanged lines and zones lose nothing, visits to changed zones end."""
        if section != "layout":
            raise ContractError(f"{section}: not a section of zone_analytics")
        ended = [(view, view.apply(value)) for view in self.views.values()]
        for view, decisions in ended:
            self._outputs += self.to_outputs(view, decisions)
        self.layout, self.config_version = value, version

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
        if isinstance(message, StreamEnded):
            # A stream's end may be told more than once; the first one finds everybody.
            self._counts["streams_ended"] += view.at is not None
            decisions = view.end()
            del self.views[message.camera_id]
        else:
            self._counts["frames"] += 1
            decisions = self._observe(view, message)
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
        return checkpoint.write(self.views)

    def metrics(self) -> Mapping[str, float]:
        """Frames taken in, crossings decided."""
        return self._counts

    def close(self) -> None:
        """Let go of the side channel."""
        if self._subscriber is not None:
            self._subscriber.close()

    def _view(self, camera_id: str) -> CameraView:
        view = self.views.get(camera_id)
        if view is None:
            view = self.views[camera_id] = CameraView(camera_id, self.layout, DECISIONS)
            state = self._at_rest.pop(camera_id, None)
            if state is not None:
                checkpoint.restore(view, state)
        return view

    def _observe(self, view: CameraView, message: Detections) -> list[Decision]:
        """Take in a frame unless it is older than one before; a clock set back far starts the view anew."""
        if view.at is None or message.captured_at > view.at:
            return view.observe(message)
        if view.at - message.captured_at <= DECISIONS.forget_seconds:
            self._counts["frames_out_of_order"] += 1
            return []
        log.warning("camera %s: clock went back by %.1f s", view.camera_id, view.at - message.captured_at)
        decisions = view.end()
        self.views[view.camera_id] = CameraView(view.camera_id, self.layout, DECISIONS)
        return decisions + self.views[view.camera_id].observe(message)


def _read(body: bytes | None) -> list[checkpoint.ViewState]:
    if body is None:
        return []
    try:
        return checkpoint.read(body)
    except ContractError as error:
        log.warning("starting with nobody in view: %s", error)
        return []
