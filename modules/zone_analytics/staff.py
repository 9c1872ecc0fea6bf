"""Who works here: anyone who stays where only staff stays, behind the till or in the stockroom's door.

Nobody is known on sight, and nobody for longer than they are in view of this camera: the track ids of another visit
are others. Crossings of a person that were emitted before they were recognised are named then.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from modules.zone_analytics.decisions import Crossing, Decision, StaffRecognised, VisitEnded, WaitEnded
from modules.zone_analytics.people import Person
from modules.zone_analytics.zone_visits import ZoneVisits

MOST_CROSSINGS = 100
"""Remembered of one person: the newest ones."""


@dataclass(slots=True)
class Staff:
    """Recognises staff on one camera's picture, and remembers the crossings of all who may yet turn out to be staff."""

    crossings: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    """Line and time, by person; forgotten when the person leaves view or is recognised."""
    first_told: dict[str, float] = field(default_factory=dict)
    """The earliest moment that being recognised would take back, by person; forgotten likewise."""

    def remember(self, crossing: Crossing) -> None:
        """Take note of a crossing of someone who is not known to work here."""
        if not crossing.staff:
            crossings = self.crossings.setdefault(crossing.person_id, [])
            crossings.append((crossing.line_id, crossing.at))
            del crossings[:-MOST_CROSSINGS]

    def take_note(self, decisions: Iterable[Decision]) -> None:
        """Take note of what a recognition would take back of people in view who are not known to work here."""
        for one in decisions:
            whose = one.person_id if isinstance(one, Crossing | VisitEnded) and not one.staff else None
            if isinstance(one, WaitEnded) and one.outcome != "staff":
                whose = one.person_id
            if whose is not None:
                self.first_told[whose] = min(one.at, self.first_told.get(whose, one.at))

    def recognise(self, at: float, people: Iterable[Person], zones: Iterable[ZoneVisits]) -> list[StaffRecognised]:
        """Everyone who by now has stayed for long enough in a zone that is for staff only, each of them once."""
        here = {
            person_id: visits.zone_id
            for visits in zones
            if visits.zone.staff_only
            for person_id in visits.staying(visits.zone.staff_seconds)
        }
        recognised = []
        for person in people if here else ():
            if person.person_id in here and not person.staff:
                person.staff = True
                crossings = tuple(self.crossings.pop(person.person_id, ()))
                self.first_told.pop(person.person_id, None)
                recognised.append(StaffRecognised(person.person_id, here[person.person_id], at, crossings))
        return recognised

    def leave(self, person_id: str) -> None:
        """Forget a person who is gone."""
        self.crossings.pop(person_id, None)
        self.first_told.pop(person_id, None)
