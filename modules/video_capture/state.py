"""How a camera fares, and the event that tells it."""

from typing import Literal, NamedTuple

from modules.video_capture.camera_error import Reason
from storeflow.contract.cloudevents import CloudEvent, event_id
from storeflow.contract.events import CameraState, instant
from storeflow.module import ModuleContext

State = Literal["streaming", "ended", "failed"]


class Change(NamedTuple):
    """A camera's state is another one now."""

    camera_id: str
    state: State
    detail: str
    captured_at: float
    """Of the frame that it was told from; the clock's time if there was none."""
    reason: Reason | None = None
    """Why it failed."""
    clock_offset_ms: int | None = None
    """Of a live camera that streams: how far `captured_at` is ahead of this device's clock."""


def told(change: Change, context: ModuleContext) -> CloudEvent:
    """The change as an event of the camera; the same change of a clip played again has the same id."""
    # Not the source of what was decided in front of the camera: another outbox numbers those events.
    source = f"{context.source(change.camera_id)}/state"
    milliseconds = round(change.captured_at * 1000)
    state = CameraState(
        store_id=context.store_id,
        camera_id=change.camera_id,
        captured_at=instant(change.captured_at),
        state=change.state,
        detail=change.detail,
        reason=change.reason,
        clock_offset_ms=change.clock_offset_ms,
    )
    # A camera may fail for another reason before it is seen again.
    what = change.state if change.reason is None else f"{change.state} {change.reason}"
    name = event_id(source, CameraState.event_type, what, milliseconds)
    return CloudEvent.of(state, source=source, id=name, subject=change.camera_id)
