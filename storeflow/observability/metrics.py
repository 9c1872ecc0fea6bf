"""Every number that a running module reports, by its one stable name: what docs/metrics.md describes.

`Module.metrics` and the direct method `metrics` call a number `frames_published`; Prometheus calls the same one
`storeflow_frames_published_total`, or `storeflow_…` without the ending where it is a gauge. A number of one camera has
the camera's id behind a stroke, `camera_frames_published/door`, and in Prometheus a label. What is not in this table is
not exposed. A name that was once here keeps its meaning: dashboards and alerts outlive versions.
"""

from typing import Literal, NamedTuple

Kind = Literal["counter", "gauge"]
_PREFIX = "storeflow_"
_STROKE = "/"


class Metric(NamedTuple):
    """One number, or one for each of several things of a kind."""

    name: str
    """With its unit at the end, where it has one."""
    kind: Kind
    """A counter begins at 0 with the process and only grows."""
    help: str
    label: str | None = None
    """Of what kind the things are; none where there is one number for the module."""

    @property
    def exposed_name(self) -> str:
        """As Prometheus calls it."""
        return f"{_PREFIX}{self.name}{'_total' if self.kind == 'counter' else ''}"


def labelled(name: str, value: str) -> str:
    """How `Module.metrics` names the number of one thing, such as one camera."""
    return f"{name}{_STROKE}{value}"


def split(key: str) -> tuple[str, str | None]:
    """Name, and of which thing it is, out of a key of `Module.metrics`."""
    name, stroke, value = key.partition(_STROKE)
    return name, value if stroke else None


VIDEO_CAPTURE = (
    Metric("cameras_configured", "gauge", "Cameras in the section in force."),
    Metric("cameras_streaming", "gauge", "Of these, how many are being read."),
    Metric("cameras_failed", "gauge", "Of these, how many can't be read."),
    Metric("frames_published", "counter", "Frames left in shared memory."),
    Metric("frames_unread", "counter", "Of these, how many no reader took at once."),
    Metric("camera_streaming", "gauge", "1 while the camera is being read, else 0.", "camera"),
    Metric("camera_failed", "gauge", "1 while the camera can't be read, else 0.", "camera"),
    Metric("camera_frames_published", "counter", "Frames of the camera left in shared memory.", "camera"),
    Metric("camera_frames_unread", "counter", "Of these, how many no reader took at once.", "camera"),
    Metric("camera_clock_ahead_seconds", "gauge", "So far its times are ahead of this device's clock.", "camera"),
)
INFERENCE = (
    Metric("cameras", "gauge", "Cameras whose people are being followed."),
    Metric("tracks_reported", "counter", "Tracks reported, in all frames together."),
    Metric("tracks_remembered", "gauge", "Tracks in memory, in view or lost a moment ago."),
    Metric("messages_lost", "counter", "Messages that a reader of detections was too slow for."),
    Metric("camera_frames", "counter", "Frames of the camera analysed.", "camera"),
)
ZONE_ANALYTICS = (
    Metric("streams_ended", "counter", "Camera streams that ended."),
    Metric("crossings", "counter", "Crossings of lines that were counted."),
    Metric("crossings_refused", "counter", "Crossings that were looked into and not counted."),
    Metric("events", "counter", "Events emitted."),
    Metric("camera_frames_missed", "counter", "Frames of the camera that nobody looked at.", "camera"),
)
UPSTREAM_ROUTER = (
    Metric("events_accepted", "counter", "Events taken for delivery."),
    Metric("events_refused", "counter", "Messages that are no events of storeflow."),
    Metric("events_unknown", "counter", "Events taken of a kind or version that is not known here."),
    Metric("events_expired", "counter", "Events that outlived their time to live and were deleted."),
    Metric("events_unsendable", "counter", "Events in quarantine that a sink in the cloud can never take."),
    Metric("cloud_messages", "counter", "Messages that arrived at sinks in the cloud."),
    Metric("cloud_bytes", "counter", "Bytes of their bodies."),
    Metric("windows_sent", "counter", "Rows of footfall windows sent for the first time."),
    Metric("windows_corrected", "counter", "Rows of footfall windows sent again with another revision."),
    Metric("windows_too_late", "counter", "Events too late for their window."),
    Metric("spatial_analysis_dropped", "counter", "Events made for Azure Spatial Analysis that no sink takes."),
)
SHARED = (Metric("frames", "counter", "Frames analysed (inference), decided about (zone_analytics)."),)
HOST = (
    Metric("host_uptime_seconds", "gauge", "Since the process started."),
    Metric("host_connected", "gauge", "1 while connected to edgeHub, else 0."),
    Metric("host_twin_version", "gauge", "$version of the desired properties last read."),
    Metric("host_sections_refused", "gauge", "Keys of the twin that are refused."),
    Metric("host_module_beat_age_seconds", "gauge", "Since the module last came back from a call."),
    Metric("host_kept", "counter", "Events kept in the outbox."),
    Metric("host_repeated", "counter", "Events that had been kept before, and were not kept again."),
    Metric("host_oversized", "counter", "Events too large to be sent, and not kept."),
    Metric("host_dropped", "counter", "Rows dropped because the outbox was full."),
    Metric("host_rows_waiting", "gauge", "Rows in the outbox: an event on its way to one destination."),
    Metric("host_oldest_row_age_seconds", "gauge", "How long ago the oldest of them was kept."),
    Metric("host_rows_untaken", "gauge", "Rows for sinks that the twin has no more."),
    Metric("host_outbox_bytes", "gauge", "Size of the outbox's files."),
    Metric("host_sent", "counter", "Messages that edgeHub acknowledged."),
    Metric("host_resent", "counter", "Events sent again because no receipt came."),
    Metric("host_delivered", "counter", "Rows deleted: the next owner has the event."),
    Metric("host_refused_by_receiver", "counter", "Events that their receiver refused for good."),
    Metric("host_messages_dropped", "counter", "Messages that came faster than the module takes them."),
    Metric("host_messages_refused", "counter", "Messages that the module refused for what they say."),
    Metric("host_messages_failed", "counter", "Failures of the module on a message."),
    Metric("host_messages_quarantined", "counter", "Messages set aside after the module failed on them every time."),
)
METRICS = (*VIDEO_CAPTURE, *INFERENCE, *ZONE_ANALYTICS, *UPSTREAM_ROUTER, *SHARED, *HOST)
