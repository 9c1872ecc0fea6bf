"""Whether a camera is read, and the event and the log line that say so."""

import logging
from typing import NamedTuple

from storeflow.contract.cloudevents import CloudEvent, event_id
from storeflow.contract.events import CameraState
from storeflow.contract.events.cameras import FailedReason, State
from storeflow.contract.instant import instant, milliseconds
from storeflow.host.module import ModuleContext

LOG = logging.getLogger(__name__)


class Change(NamedTuple):
    """A camera's state is another one now."""

    camera_id: str
    state: State
    detail: str
    captured_at: float
    """Of the frame that showed it; the clock's time if there was none."""
    reason: FailedReason | None = None
    """Why it failed."""
    clock_offset_ms: int | None = None
    """Of a live camera that streams: how far `captured_at` is ahead of this device's clock."""


def log_change(change: Change) -> None:
    """Write it to the log: what an operator reads first; a failure is a warning."""
    level = logging.WARNING if change.state == "failed" else logging.INFO
    LOG.log(level, "camera %s: %s: %s", change.camera_id, change.state, change.detail)


def camera_state_event(change: Change, context: ModuleContext) -> CloudEvent:
    """The change as an event of the camera; the same change of a clip played again has the same id."""
    # Not the source of what was decided in front of the camera: another outbox numbers those events.
    source = f"{context.source(change.camera_id)}/state"
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
    name = event_id(source, CameraState.event_type, what, milliseconds(change.captured_at))
    return CloudEvent.of(state, source=source, id=name, subject=change.camera_id)
