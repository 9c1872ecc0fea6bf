"""What zone_analytics must not forget over a restart: who is in view, on which side, in which zone."""

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from modules.zone_analytics.camera_view import CameraView
from modules.zone_analytics.line_counter import LineCounter
from modules.zone_analytics.people import Person
from modules.zone_analytics.zone_visits import ZoneVisits
from storeflow.errors import ContractError

VERSION = 1


@dataclass(frozen=True, slots=True)
class ViewState:
    """A `CameraView` at rest."""

    camera_id: str
    at: float | None
    aspect_ratio: float
    model_version: str
    people: list[Person]
    lines: list[LineCounter]
    zones: list[ZoneVisits]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All cameras' views at rest."""

    version: int
    views: list[ViewState]


_ADAPTER: TypeAdapter[Checkpoint] = TypeAdapter(Checkpoint)


def write(views: dict[str, CameraView]) -> bytes:
    """JSON that `read` understands."""
    states = [
        ViewState(
            view.camera_id,
            view.at,
            view.aspect_ratio,
            view.model_version,
            list(view.people),
            list(view.lines.values()),
            list(view.zones.values()),
        )
        for view in views.values()
    ]
    return _ADAPTER.dump_json(Checkpoint(VERSION, states), by_alias=True)


def read(body: bytes) -> list[ViewState]:
    """What `write` wrote.

    Raises:
        ContractError: it is damaged or of another version; the module then starts with nobody in view.
    """
    try:
        checkpoint = _ADAPTER.validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ContractError(f"checkpoint: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if checkpoint.version != VERSION:
        raise ContractError(f"checkpoint: version {checkpoint.version} was expected to be {VERSION}")
    return checkpoint.views


def restore(view: CameraView, state: ViewState) -> None:
    """Let `view` go on from `state`; a line or zone that has changed since starts anew."""
    view.at, view.aspect_ratio, view.model_version = state.at, state.aspect_ratio, state.model_version
    for person in state.people:
        view.people.by_track[person.track_id] = person
    for counter in state.lines:
        current = view.lines.get(counter.line_id)
        if current is not None and current.line == counter.line:
            current.passages = counter.passages
    for visits in state.zones:
        here = view.zones.get(visits.zone_id)
        if here is not None and here.zone == visits.zone:
            here.visits, here.outside = visits.visits, visits.outside
