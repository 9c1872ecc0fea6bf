"""What happens at a line."""

from typing import ClassVar, Literal

from pydantic import Field

from storeflow.contract.events.base import Direction, PersonEvent
from storeflow.contract.events.privacy import Impersonal, Personal, Pseudonymous
from storeflow.contract.section import FramePoint


class LineCrossed(PersonEvent):
    """A person went from one side of a line to the other and settled there."""

    event_type: ClassVar[str] = "storeflow.line.crossed"

    line_id: Impersonal[str]
    """The line, by its name in the layout."""
    direction: Personal[Direction]
    """Which way; the layout says which side is in."""
    object_class: Impersonal[str]
    """What was seen: `person`, or a label of the vehicle detector such as `car`."""
    reason: Impersonal[Literal["settled", "stitched", "vanished", "edge"]]
    """By which rule it was counted: `settled` on the far side; `stitched`: over a change of track; `vanished`: last
    seen beyond, walking on; `edge`: crossed beyond view, at the picture's edge."""
    position: Personal[FramePoint]
    """Where the line was crossed, `[x, y]` in fractions of the picture's width and height from its top left corner."""
    staff: Personal[bool] = False
    """Whether the person was known by then to work here; who is recognised later is named by
    `storeflow.person.recognised`."""
    group_id: Pseudonymous[str | None] = None
    """Who came together has the same one; absent for whoever walks alone. It is made of the `track_id` of the member
    seen first."""
    buying_unit: Personal[bool] = True
    """Yes for someone alone, and for the first of a group to cross this line in this direction; so their number is
    that of singles and groups, over any time."""


class LineUTurn(PersonEvent):
    """A person who crossed came back over the same line before leaving view: both crossings net to nothing."""

    event_type: ClassVar[str] = "storeflow.line.u_turn"

    line_id: Impersonal[str]
    """The line, by its name in the layout."""
    direction: Personal[Direction]
    """Which way the first of the two went."""
    first_crossing_id: Pseudonymous[str]
    """`id` of the first `storeflow.line.crossed`; it has the same `source`."""
    second_crossing_id: Pseudonymous[str]
    """`id` of the second."""
    seconds_between: Personal[float] = Field(ge=0)
    """Seconds from the first to the second, to a millisecond."""
