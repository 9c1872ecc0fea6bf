"""What zone_analytics must not forget over a restart: who is in view, on which side, in which zone."""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from modules.zone_analytics.camera_view import CameraView
from modules.zone_analytics.line_counter import LineCounter
from modules.zone_analytics.people import Person
from modules.zone_analytics.zone_visits import ZoneVisits
from storeflow.contract.parameters import DecisionParameters
from storeflow.contract.twins import Layout
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


def rest(view: CameraView) -> ViewState:
    """The state of a view."""
    return ViewState(
        view.camera_id,
        view.at,
        view.aspect_ratio,
        view.model_version,
        list(view.people),
        list(view.lines.values()),
        list(view.zones.values()),
    )


def wake(state: ViewState, parameters: DecisionParameters) -> CameraView:
    """The view as it was, under the layout that it had; `CameraView.apply` takes it to another one."""
    layout = Layout(
        lines={counter.line_id: counter.line for counter in state.lines},
        zones={visits.zone_id: visits.zone for visits in state.zones},
    )
    view = CameraView(state.camera_id, layout, parameters)
    view.at, view.aspect_ratio, view.model_version = state.at, state.aspect_ratio, state.model_version
    view.people.by_track = {person.track_id: person for person in state.people}
    for counter in state.lines:
        view.lines[counter.line_id].passages = counter.passages
    for visits in state.zones:
        zone = view.zones[visits.zone_id]
        zone.visits, zone.outside = visits.visits, visits.outside
    return view


def write(states: Iterable[ViewState]) -> bytes:
    """JSON that `read` understands."""
    return _ADAPTER.dump_json(Checkpoint(VERSION, list(states)), by_alias=True)


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
