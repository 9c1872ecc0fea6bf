"""What happens at a line."""

from typing import ClassVar, Literal

from storeflow.contract.events.base import DecidedEvent, Direction
from storeflow.contract.geometry import Point


class LineCrossed(DecidedEvent):
    """A person went from one side of a line to the other and settled there."""

    event_type: ClassVar[str] = "storeflow.line.crossed"

    line_id: str
    direction: Direction
    track_id: str
    """Pseudonymous: it tells two people of one visit apart and nothing more."""
    object_class: str
    reason: Literal["settled", "stitched", "vanished", "edge"]
    """`settled` on the far side; `stitched`: over a change of track; `vanished`: last seen beyond, walking on;
    `edge`: crossed beyond view, at the frame's edge."""
    position: Point
    """Where the line was crossed."""
    staff: bool = False
    """Whether the person was known by then to work here."""
    group_id: str | None = None
    """Of those who walk together; none for whoever walks alone."""
    buying_unit: bool = True
    """Whether this is a single, or the first of a group to cross this line in this direction: adds up to units."""


class LineUTurn(DecidedEvent):
    """A person who crossed came back over the same line before leaving view: both crossings net to nothing."""

    event_type: ClassVar[str] = "storeflow.line.u_turn"

    line_id: str
    direction: Direction
    """Of the first of the two crossings."""
    track_id: str
    first_crossing_id: str
    """Event id of the crossing that was taken back."""
    second_crossing_id: str
    seconds_between: float
