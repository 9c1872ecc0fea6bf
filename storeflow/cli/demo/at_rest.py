"""Whether everything about the clip is decided and delivered, by what lies on disk: a counter ends with its process."""

from collections.abc import Sequence
from pathlib import Path

from modules.zone_analytics.checkpoint import decode
from storeflow.cli.database_file import ask
from storeflow.cli.text import counted
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraState
from storeflow.host.outbox import FILE_NAME

DECIDER = "zone_analytics"
OWNERS = ("video_capture", DECIDER, "upstream_router")
"""Modules that keep events, in the order in which these pass them: an event is at the next before it leaves one."""


def waits_for(modules: Path, camera_id: str, events: Sequence[CloudEvent]) -> str | None:
    """What a run still waits for, in words; none once all that was decided about the clip is in the events file.

    Args:
        modules: the folder of the modules' folders.
        camera_id: the camera that shows the clip.
        events: those in the file.

    Raises:
        StorageError: an outbox can't be read.
        ContractError: the checkpoint of zone_analytics is of another version.
    """
    if not any(isinstance(event.data, CameraState) and event.data.state == "ended" for event in events):
        return "the clip has not ended"
    if not _decided_all(modules / DECIDER / FILE_NAME, camera_id):
        return f"{DECIDER} has not come to the clip's end"
    for module_id in OWNERS:
        ((rows,),) = ask(modules / module_id / FILE_NAME, "SELECT COUNT(*) FROM outbox") or [(0,)]
        if rows:
            return f"{counted(rows, 'event')} in the outbox of {module_id}"
    return None


def _decided_all(outbox: Path, camera_id: str) -> bool:
    """Whether the stream that the decider saw has ended for it: its checkpoint says so, in one commit with the events.

    The camera's coverage stays in there after the end, without a window that is open.
    """
    for (checkpoint,) in ask(outbox, "SELECT value FROM state WHERE name = 'checkpoint'"):
        return any(one.camera_id == camera_id and one.window is None for one in decode(checkpoint).coverage)
    return False
