"""The numbers of the module, of all cameras together and of each."""

from collections.abc import Iterable, Mapping

from modules.video_capture.camera_state import Change
from modules.video_capture.camera_thread import CameraThread
from storeflow.observability.metrics import labelled


def camera_metrics(
    camera_ids: Iterable[str],
    changes: Mapping[str, Change],
    threads: Mapping[str, CameraThread],
    past: Mapping[str, int],
) -> dict[str, float]:
    """States and frames, in the words of storeflow/observability/metrics.py.

    Args:
        camera_ids: of the cameras in force.
        changes: the last change of each camera that had one.
        threads: of each camera that has begun.
        past: frames `published` and `unread` of threads that ended.
    """
    in_force = list(camera_ids)
    states = {camera_id: changes[camera_id].state for camera_id in in_force if camera_id in changes}
    numbers: dict[str, float] = {
        "cameras_configured": len(in_force),
        "cameras_streaming": sum(state == "streaming" for state in states.values()),
        "cameras_failed": sum(state == "failed" for state in states.values()),
        "frames_published": past.get("published", 0) + sum(thread.published for thread in threads.values()),
        "frames_unread": past.get("unread", 0) + sum(thread.unread for thread in threads.values()),
    }
    for camera_id in in_force:
        numbers[labelled("camera_streaming", camera_id)] = states.get(camera_id) == "streaming"
        numbers[labelled("camera_failed", camera_id)] = states.get(camera_id) == "failed"
        is_live_and_streams = camera_id in changes and changes[camera_id].clock_offset_ms is not None
        if is_live_and_streams and camera_id in threads:
            numbers[labelled("camera_clock_ahead_seconds", camera_id)] = threads[camera_id].clock_ahead_seconds
        if camera_id in threads:
            numbers[labelled("camera_frames_published", camera_id)] = threads[camera_id].published
            numbers[labelled("camera_frames_unread", camera_id)] = threads[camera_id].unread
    return {name: float(number) for name, number in numbers.items()}
