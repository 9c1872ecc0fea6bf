"""What stays of an event that is erased: what a figure is made of, and nothing that leads to a person. Pure.

By the privacy class of each field (docs/events.md):

    none            stays
    pseudonymous    becomes another name, which nobody can lead back, or goes
    personal        stays where a figure adds it up; a time only to the quarter of an hour; all else goes

So what is left says as much as the figures do: that somebody crossed this line inwards in that quarter of an hour. Who
did, and what else the same person did, it does not. Two crossings that cancel stay joined, because figures take them
out together. What was learnt of staff later is written into what they did before, and joins nothing any more.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import blake2b
from typing import Any

from pydantic import ValidationError

from cloud_functions.envelope import is_known
from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import (
    EVENT_MODELS,
    LineCrossed,
    PersonEvent,
    PersonRecognised,
    QueueLeft,
    SpatialAnalysis,
    ZoneExited,
)
from storeflow.contract.instant import as_text

ERASED = "0" * 12
"""What the `id` of an erased event begins with: of digests, which all others are, one in 10^14 does."""

_QUARTER = 15 * 60

Name = tuple[str, str]
"""A `source`, and an id or a track in it."""


@dataclass(frozen=True)
class Names:
    """New names for old ones, all of one erasure, and what must be known of other events.

    Attributes:
        key: at random; once it is thrown away nobody can lead a new name back to the old one.
        stay: crossings that are not erased: whoever names them goes on naming them so.
        staff_tracks: tracks of people who turned out to work here.
        staff_crossings: crossings of such people.
    """

    key: bytes
    stay: AbstractSet[Name] = frozenset()
    staff_tracks: AbstractSet[Name] = frozenset()
    staff_crossings: AbstractSet[Name] = frozenset()

    def of_event(self, source: str, event_id: str) -> str:
        """The id of an event from now on; every copy of it gets the same."""
        if event_id.startswith(ERASED) or (source, event_id) in self.stay:
            return event_id
        return ERASED + self._digest("event", source, event_id)[: 32 - len(ERASED)]

    def of_track(self, source: str, event_id: str) -> str:
        """The track of an event from now on: one of its own, which joins it to no other."""
        return self._digest("track", source, event_id)

    def _digest(self, *parts: str) -> str:
        return blake2b("\x1f".join(parts).encode(), key=self.key, digest_size=16).hexdigest()


@cache
def privacy_of(event_type: str) -> dict[str, str]:
    """The privacy class of each field of an event's data."""
    return {
        name: field["x-privacy"] for name, field in EVENT_MODELS[event_type].model_json_schema()["properties"].items()
    }


def is_of_people(event_type: str) -> bool:
    """Whether events of a known type say anything of a person."""
    return set(privacy_of(event_type).values()) != {"none"}


def is_readable(document: Any) -> bool:
    """Whether this version knows of each field of an event what it says of a person.

    No document of Azure Spatial Analysis is: it says once more what another event says.
    """
    try:
        event = CloudEvent.model_validate(document)
    except ValidationError:
        return False
    return is_known(event.type, event.dataschema) and event.type != SpatialAnalysis.event_type


def anonymous(document: dict[str, Any], names: Names) -> dict[str, Any]:
    """What stays of an event that can be read."""
    event = CloudEvent.model_validate(document)
    source, old = event.source, event.id
    data = {name: value for name, value in document["data"].items() if name in privacy_of(event.type)}
    data |= _learnt_of_staff(event, names)
    for name, class_ in privacy_of(event.type).items():
        if class_ == "none" or name not in data:
            continue
        if name == "track_id":
            data[name] = names.of_track(source, old)
        elif name in REFERENCES:
            data[name] = REFERENCES[name](data[name], source, names)
        elif name in TIMES:
            data[name] = quarter_before(data[name])
        elif name in CONSTANTS:
            data[name] = CONSTANTS[name]
        elif name in GONE:
            del data[name]
    stays: dict[str, Any] = {name: value for name, value in document.items() if name in _ENVELOPE}
    stays["id"], stays["time"], stays["data"] = names.of_event(source, old), data["captured_at"], data
    return stays


def _learnt_of_staff(event: CloudEvent, names: Names) -> dict[str, Any]:
    """What an event says from now on of somebody who turned out to work here: that they do, as if known before."""
    source, said = event.source, event.data
    if isinstance(said, LineCrossed):
        return {"staff": True} if (source, event.id) in names.staff_crossings else {}
    if isinstance(said, PersonRecognised):
        return {"crossing_ids": [one for one in said.crossing_ids if (source, one) in names.stay]}
    if isinstance(said, PersonEvent) and (source, said.track_id) in names.staff_tracks:
        return dict(_STAFF.get(event.type, {}))
    return {}


def joined_anew(
    document: dict[str, Any], names: Names, erased: AbstractSet[Name], groups: AbstractSet[Name]
) -> dict[str, Any]:
    """An event that is not erased, with what it says of those that are: their new ids, and no group with them."""
    data, source = dict(document["data"]), str(document["source"])
    for name, renamed in REFERENCES.items():
        if name in data:
            others = Names(names.key, {(source, one) for one in _listed(data[name]) if (source, one) not in erased})
            data[name] = renamed(data[name], source, others)
    if (source, data.get("group_id")) in groups:
        del data["group_id"]
    return {**document, "data": data}


def quarter_before(moment: str) -> str:
    """The beginning of the quarter of an hour that a moment is in."""
    at = datetime.fromisoformat(moment)
    return as_text(at - timedelta(seconds=at.timestamp() % _QUARTER))


def quarter_after(moment: str) -> str:
    """The end of it, or the moment itself where that is one: who asks what was known then is not told too early."""
    at = datetime.fromisoformat(moment)
    return as_text(at + timedelta(seconds=-at.timestamp() % _QUARTER))


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _one(value: str, source: str, names: Names) -> str:
    return names.of_event(source, value)


def _each(values: list[str], source: str, names: Names) -> list[str]:
    return [names.of_event(source, value) for value in values]


REFERENCES: dict[str, Callable[[Any, str, Names], Any]] = {
    "first_crossing_id": _one,
    "second_crossing_id": _one,
    "crossing_ids": _each,
}
"""Fields that name crossings: figures take those out again."""
TIMES = frozenset({"captured_at", "entered_at", "arrived_at"})
COUNTED = frozenset(
    {"direction", "staff", "buying_unit", "outcome", "qualifier", "reason", "dwell_seconds", "wait_seconds"}
)
"""What figures count by, or add up: it stays."""
CONSTANTS: dict[str, Any] = {"position": [0.5, 0.5], "seconds_between": 0.0}
"""What the schema demands and no figure needs."""
_STAFF: dict[str, dict[str, Any]] = {ZoneExited.event_type: {"staff": True}, QueueLeft.event_type: {"outcome": "staff"}}
GONE = frozenset({"group_id", "side", "longest_wait_seconds"})
"""What may be absent."""
_ENVELOPE = frozenset(
    {"specversion", "id", "source", "type", "time", "datacontenttype", "dataschema", "subject", "sequence", "data"}
)
