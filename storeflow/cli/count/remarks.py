"""What a film says of the decisions about lines, at the place and for a moment after each was made."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from modules.zone_analytics.decisions import Crossing, Decision, NoCrossing
from storeflow.contract.geometry import Point

SHOWN_SECONDS = 1.0


class Remark(NamedTuple):
    """A few words at a place."""

    text: str
    position: Point
    """Fractions of the frame."""
    was_counted: bool


class Remarks:
    """Remarks on the latest decisions; what was not counted has its reason."""

    def __init__(self) -> None:
        self._until: list[tuple[float, Remark]] = []
        self._feet: dict[str, Point] = {}

    def now(self, at: float, decisions: Sequence[Decision], feet: Mapping[str, Point]) -> list[Remark]:
        """What is to be said in the picture of `at`.

        Args:
            at: `captured_at`.
            decisions: made with this picture.
            feet: where everyone stands, or was last seen, by person; who is gone is remembered.
        """
        self._feet |= feet
        self._until = [(until, remark) for until, remark in self._until if at < until]
        for one in decisions:
            match one:
                case Crossing(line_id=line_id, direction=direction, reason=reason, position=position):
                    turn = "" if one.u_turn_of is None else ", a U-turn"
                    self._say(at, Remark(f"{line_id}: {direction}, {reason}{turn}", position, was_counted=True))
                case NoCrossing(line_id=line_id, person_id=person_id, reason=reason) if person_id in self._feet:
                    text = f"{line_id}: not counted: {reason}"
                    self._say(at, Remark(text, self._feet[person_id], was_counted=False))
                case _:
                    pass
        return [remark for _, remark in self._until]

    def _say(self, at: float, remark: Remark) -> None:
        self._until.append((at + SHOWN_SECONDS, remark))
