"""What becomes known of a person, never who it is."""

from typing import ClassVar, Literal

from storeflow.contract.events.base import DecidedEvent


class PersonRecognised(DecidedEvent):
    """A person turned out to work here: what was told of them before is to be seen in that light."""

    event_type: ClassVar[str] = "storeflow.person.recognised"

    track_id: str
    qualifier: Literal["staff"]
    reason: Literal["staff_zone"]
    """`staff_zone`: stayed where only staff stays."""
    crossing_ids: tuple[str, ...]
    """Event ids of this person's crossings that were told without the qualifier."""
