"""How far the events of one source reach: what makes a figure final."""

from typing import ClassVar

from storeflow.contract.events.base import CameraEvent
from storeflow.contract.events.privacy import Impersonal
from storeflow.contract.instant import Instant


class StreamHeartbeat(CameraEvent):
    """All that a source says of the time before a moment has been sent: its numbers below this event's own."""

    event_type: ClassVar[str] = "storeflow.stream.heartbeat"

    complete_until: Impersonal[Instant]
    """Nothing of this `source` that was captured before then is to come, nor anything that takes back what was said of
    that time, once every `sequence` below this event's own is there. UTC."""
    complete_from: Impersonal[Instant | None] = None
    """Nothing that was captured before then is vouched for by this event: of that time something may be missing for
    good; absent where nothing is. UTC."""
