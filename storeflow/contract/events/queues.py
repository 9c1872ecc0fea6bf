"""What happens in a queue in front of a service point."""

from typing import ClassVar, Literal

from pydantic import AwareDatetime, Field

from storeflow.contract.events.base import Censored, DecidedEvent

QueueOutcome = Literal["served", "abandoned", "lost", "staff"]


class QueueArrived(DecidedEvent):
    """A person began to wait."""

    event_type: ClassVar[str] = "storeflow.queue.arrived"

    queue_id: str
    track_id: str


class QueueLeft(DecidedEvent):
    """A person waits no longer."""

    event_type: ClassVar[str] = "storeflow.queue.left"

    queue_id: str
    track_id: str
    outcome: QueueOutcome
    """`served`: came to the service point and stayed; `abandoned`: seen to go away before; `lost`: vanished, nobody
    knows where to; `staff`: was found to work here, and never waited."""
    arrived_at: AwareDatetime
    wait_seconds: float = Field(ge=0)
    censored: Censored | None = None
    """Which end of the wait was not seen: it is then a lower bound."""


class QueueLength(DecidedEvent):
    """The number of people who wait, or who are being served, changed."""

    event_type: ClassVar[str] = "storeflow.queue.length"

    queue_id: str
    length: int = Field(ge=0)
    """How many wait: arrived, and not left."""
    being_served: int = Field(ge=0)
    longest_wait_seconds: float | None = Field(default=None, ge=0)
    """Of those who wait, up to now; none when nobody does."""
