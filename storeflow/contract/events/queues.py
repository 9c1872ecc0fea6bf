"""What happens in a queue in front of a service point."""

from typing import ClassVar, Literal

from pydantic import Field

from storeflow.contract.events.base import Censored, DecidedEvent, PersonEvent
from storeflow.contract.events.privacy import Impersonal, Personal
from storeflow.contract.instant import Instant

QueueOutcome = Literal["served", "abandoned", "lost", "staff"]


class QueueArrived(PersonEvent):
    """A person began to wait."""

    event_type: ClassVar[str] = "storeflow.queue.arrived"
    importance: ClassVar[int] = 1

    queue_id: Impersonal[str]
    """The queue, by its name in the layout."""


class QueueLeft(PersonEvent):
    """A person waits no longer."""

    event_type: ClassVar[str] = "storeflow.queue.left"

    queue_id: Impersonal[str]
    """The queue, by its name in the layout."""
    outcome: Personal[QueueOutcome]
    """What became of them: `served`: at the service point for long enough; `abandoned`: away from queue and service
    point without having been served, or out of view from there; `lost`: vanished in the queue, or the camera did;
    `staff`: turned out to work here, and had not been waiting."""
    arrived_at: Personal[Instant]
    """When the wait began; with `track_id` and `queue_id` it leads back to `storeflow.queue.arrived`. UTC."""
    wait_seconds: Personal[float] = Field(ge=0)
    """Seconds from `arrived_at` to `captured_at`, to a millisecond; 0 for who came straight to the service point."""
    censored: Impersonal[Censored | None] = None
    """Which end of the wait was not seen; absent when both were. The wait is then a lower bound."""


class QueueLength(DecidedEvent):
    """The number of people who wait, or who are being served, changed."""

    event_type: ClassVar[str] = "storeflow.queue.length"
    importance: ClassVar[int] = 0

    queue_id: Impersonal[str]
    """The queue, by its name in the layout."""
    length: Impersonal[int] = Field(ge=0)
    """How many wait from now on, until the next such event."""
    being_served: Impersonal[int] = Field(ge=0)
    """How many are at the service point, likewise."""
    longest_wait_seconds: Personal[float | None] = Field(default=None, ge=0)
    """How many seconds the one who came first has waited, at `captured_at`; absent when nobody waits."""
