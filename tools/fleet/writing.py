"""Happenings as store events: the bytes that the contract's classes would write, forty times as fast. Pure.

tests/tools/fleet/test_writing.py reads every kind with the contract's classes and writes it again: the same bytes.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

from storeflow.contract.cloudevents import event_id, traceparent
from storeflow.contract.events import instant, schema_urn
from tools.fleet.camera_day import (
    MIN_DWELL,
    WINDOW,
    Applied,
    Arrived,
    Covered,
    Dwelling,
    Entered,
    Failed,
    Happening,
    Length,
    Occupancy,
    Recognised,
    Streaming,
)
from tools.fleet.drawing import TEXTS
from tools.fleet.heartbeats import Heartbeat
from tools.fleet.people import Crossing, Person, UTurn, Visit, Wait
from tools.fleet.plan import CHECKOUT, OFFICE, SHELF, Store

MODEL_VERSION = "fleet@000000000000"
_DAY = 86_400_000


class Written(NamedTuple):
    """One event."""

    at: int
    """By the device's clock: milliseconds since 1970."""
    id: str
    source: str
    body: bytes
    """A CloudEvent in structured JSON."""


class Writer:
    """Writes the events of one camera, in the order in which it is given them: it numbers them, too."""

    def __init__(self, store: Store, camera_id: str) -> None:
        self._store_id, self._camera_id = store.store_id, camera_id
        self._source = store.source(camera_id)
        self._redrawn_at = store.redrawn_at(camera_id)
        self._numbers: Counter[str] = Counter()

    def layout_version(self, at: int) -> int:
        """Return the layout in force at a moment."""
        return 2 if self._redrawn_at is not None and at >= self._redrawn_at else 1

    def write(self, happening: Happening) -> Written:
        """Write one."""
        return self._WRITERS[type(happening.what)](self, *happening)

    def _crossed(self, at: int, crossing: Crossing, person: Person) -> Written:
        group = f'"group_id":"{person.group_id}",' if person.group_id else ""
        data = (
            f'{_who(person)}"line_id":"{crossing.line_id}","direction":"{crossing.direction}",'
            f'"object_class":"{person.object_class}","reason":"settled","position":[0.5,0.75],'
            f'"staff":{_flag(person.is_staff_at(at))},{group}"buying_unit":{_flag(crossing.buying_unit)}'
        )
        return self._decided(at, "storeflow.line.crossed", self._crossing_id(person, crossing), crossing.line_id, data)

    def _u_turn(self, at: int, u_turn: UTurn, person: Person) -> Written:
        first, second = u_turn
        name = self._id("storeflow.line.u_turn", person.track_id, first.line_id, at)
        data = (
            f'{_who(person)}"line_id":"{first.line_id}","direction":"{first.direction}",'
            f'"first_crossing_id":"{self._crossing_id(person, first)}",'
            f'"second_crossing_id":"{self._crossing_id(person, second)}",'
            f'"seconds_between":{(second.at - first.at) / 1000}'
        )
        return self._decided(at, "storeflow.line.u_turn", name, first.line_id, data)

    def _recognised(self, at: int, it: Recognised, person: Person) -> Written:
        name = self._id("storeflow.person.recognised", person.track_id, OFFICE, at)
        ids = ",".join(f'"{self._crossing_id(person, one)}"' for one in it.crossings)
        data = f'{_who(person)}"qualifier":"staff","reason":"staff_zone","crossing_ids":[{ids}]'
        return self._decided(at, "storeflow.person.recognised", name, OFFICE, data)

    def _entered(self, at: int, _what: Entered, person: Person) -> Written:
        data = f'{self._in_zone(person)}"side":0,"staff":{_flag(person.is_staff_at(at))}'
        return self._of_visit(at, person, "storeflow.zone.entered", data)

    def _dwelling(self, at: int, it: Dwelling, person: Person) -> Written:
        data = (
            f'{self._in_zone(person)}"entered_at":"{text_of(it.visit.entered_at)}",'
            f'"dwell_seconds":{MIN_DWELL / 1000},"staff":{_flag(person.is_staff_at(at))}'
        )
        return self._of_visit(at, person, "storeflow.zone.dwelling", data)

    def _exited(self, at: int, visit: Visit, person: Person) -> Written:
        data = (
            f'{self._in_zone(person)}{"" if visit.censored else _SIDE}"entered_at":"{text_of(visit.entered_at)}",'
            f'"dwell_seconds":{(visit.exited_at - visit.entered_at) / 1000},{_censored(visit.censored)}'
            f'"staff":{_flag(person.is_staff_at(at))}'
        )
        return self._of_visit(at, person, "storeflow.zone.exited", data)

    def _in_zone(self, person: Person) -> str:
        return f'{_who(person)}"zone_id":"{SHELF}","object_class":"{person.object_class}",'

    def _of_visit(self, at: int, person: Person, event_type: str, data: str) -> Written:
        return self._decided(at, event_type, self._id(event_type, person.track_id, SHELF, at), SHELF, data)

    def _arrived(self, at: int, _what: Arrived, person: Person) -> Written:
        name = self._id("storeflow.queue.arrived", person.track_id, CHECKOUT, at)
        data = f'{_who(person)}"queue_id":"{CHECKOUT}"'
        return self._decided(at, "storeflow.queue.arrived", name, CHECKOUT, data)

    def _left(self, at: int, wait: Wait, person: Person) -> Written:
        name = self._id("storeflow.queue.left", person.track_id, CHECKOUT, at)
        outcome = "staff" if person.is_staff_at(at) else wait.outcome
        censored = f',"censored":"{wait.censored}"' if wait.censored else ""
        data = (
            f'{_who(person)}"queue_id":"{CHECKOUT}","outcome":"{outcome}","arrived_at":"{text_of(wait.arrived_at)}",'
            f'"wait_seconds":{(wait.left_at - wait.arrived_at) / 1000}{censored}'
        )
        return self._decided(at, "storeflow.queue.left", name, CHECKOUT, data)

    def _occupancy(self, at: int, it: Occupancy, _nobody: None) -> Written:
        return self._number(at, "storeflow.zone.occupancy", SHELF, f'"zone_id":"{SHELF}","occupancy":{it.number}')

    def _length(self, at: int, it: Length, _nobody: None) -> Written:
        number = f'"queue_id":"{CHECKOUT}","length":{it.number},"being_served":1'
        return self._number(at, "storeflow.queue.length", CHECKOUT, number)

    def _number(self, at: int, event_type: str, subject: str, data: str) -> Written:
        """Two changes may be in one millisecond: the number of the event tells their ids apart."""
        name = self._id(event_type, str(self._numbers[self._source]), subject, at)
        return self._decided(at, event_type, name, subject, data)

    def _streaming(self, at: int, _what: Streaming, _nobody: None) -> Written:
        return self._state(at, '"state":"streaming","detail":"1280x720","clock_offset_ms":0')

    def _failed(self, at: int, _what: Failed, _nobody: None) -> Written:
        return self._state(at, '"state":"failed","detail":"no answer within 10 s","reason":"unreachable"')

    def _state(self, at: int, data: str) -> Written:
        kind, source = "storeflow.camera.state", f"{self._source}/state"
        name = event_id(source, kind, self._camera_id, at)
        return self._event(
            at, source, kind, name=name, subject=self._camera_id, data=f'"camera_id":"{self._camera_id}",{data}'
        )

    def _applied(self, at: int, it: Applied, _nobody: None) -> Written:
        return self._of_stream(at, "storeflow.layout.applied", TEXTS[it.version], it.version, at)

    def _told(self, at: int, it: Heartbeat, _nobody: None) -> Written:
        until = f'"complete_until":"{text_of(it.complete_until)}"'
        return self._of_stream(at, "storeflow.stream.heartbeat", until, it.complete_until, at)

    def _covered(self, at: int, piece: Covered, _nobody: None) -> Written:
        data = (
            f'"window_start":"{text_of(piece.window_start)}",'
            f'"window_end":"{text_of(piece.window_start + WINDOW)}","observed_seconds":{piece.observed_ms / 1000},'
            f'"frames_analysed":{piece.frames_analysed},"frames_missed":{piece.frames_missed},'
            f'"longest_gap_seconds":{piece.longest_gap_ms / 1000}'
        )
        return self._of_stream(at, "storeflow.camera.coverage", data, self._camera_id, piece.window_start, at)

    def _of_stream(self, at: int, kind: str, data: str, *parts: str | int) -> Written:
        name = event_id(self._source, kind, *parts)
        where = f'"camera_id":"{self._camera_id}",'
        return self._event(at, self._source, kind, name=name, subject=self._camera_id, data=where + data)

    def _crossing_id(self, person: Person, crossing: Crossing) -> str:
        return self._id("storeflow.line.crossed", person.track_id, crossing.line_id, crossing.at)

    def _id(self, event_type: str, who: str, rule_id: str, at: int) -> str:
        return event_id(self._source, event_type, who, rule_id, at)

    def _decided(self, at: int, event_type: str, name: str, subject: str, data: str) -> Written:
        where = (
            f'"camera_id":"{self._camera_id}","config_version":{self.layout_version(at)},'
            f'"model_version":"{MODEL_VERSION}",'
        )
        return self._event(at, self._source, event_type, name=name, subject=subject, data=where + data)

    def _event(self, at: int, source: str, event_type: str, *, name: str, subject: str, data: str) -> Written:
        self._numbers[source] += 1
        when = text_of(at)
        body = (
            f'{{"specversion":"1.0","id":"{name}","source":"{source}","type":"{event_type}","time":"{when}",'
            f'"datacontenttype":"application/json","dataschema":"{_schema(event_type)}","subject":"{subject}",'
            f'"sequence":"{self._numbers[source]:012}","traceparent":"{traceparent(source, name)}",'
            f'"data":{{"store_id":"{self._store_id}","captured_at":"{when}",{data}}}}}'
        )
        return Written(at, name, source, body.encode())

    _WRITERS: ClassVar[Mapping[type, Callable[["Writer", int, Any, Any], Written]]] = {
        Crossing: _crossed,
        UTurn: _u_turn,
        Recognised: _recognised,
        Entered: _entered,
        Dwelling: _dwelling,
        Visit: _exited,
        Arrived: _arrived,
        Wait: _left,
        Occupancy: _occupancy,
        Length: _length,
        Streaming: _streaming,
        Failed: _failed,
        Covered: _covered,
        Applied: _applied,
        Heartbeat: _told,
    }


_SIDE = '"side":0,'
_schema = lru_cache(schema_urn)


def text_of(at: int) -> str:
    """Return a moment as events have it."""
    day, of_day = divmod(at, _DAY)
    minutes, milliseconds = divmod(of_day, 60_000)
    return f"{_date(day)}T{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}.{milliseconds % 1000:03}Z"


@lru_cache(maxsize=1000)
def _date(day: int) -> str:
    return instant(day * 86_400).date().isoformat()


def _who(person: Person) -> str:
    return f'"track_id":"{person.track_id}",'


def _flag(is_so: bool) -> str:
    return "true" if is_so else "false"


def _censored(which: str | None) -> str:
    return f'"censored":"{which}",' if which else ""
