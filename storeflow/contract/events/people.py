"""What becomes known of a person, never who it is."""

from typing import ClassVar, Literal

from storeflow.contract.events.base import PersonEvent
from storeflow.contract.events.privacy import Personal, Pseudonymous


class PersonRecognised(PersonEvent):
    """A person turned out to work here: what they did before was no shopper's either."""

    event_type: ClassVar[str] = "storeflow.person.recognised"

    qualifier: Personal[Literal["staff"]]
    """Always `staff`."""
    reason: Personal[Literal["staff_zone"]]
    """Always `staff_zone`: stayed where only staff stays."""
    crossing_ids: Pseudonymous[tuple[str, ...]]
    """`id` of every `storeflow.line.crossed` of this person that was sent before; they have the same `source`. Of more
    than 100, the newest 100."""
