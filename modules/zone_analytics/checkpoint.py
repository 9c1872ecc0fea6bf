"""What zone_analytics must not forget over a restart: who is in view, on which side, in which zone or queue, with whom.

A checkpoint of an earlier version is read as one in which nothing was known of what it doesn't have.
"""

from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter, ValidationError

from modules.zone_analytics.area_counter import AreaState
from modules.zone_analytics.camera_view import CameraView
from modules.zone_analytics.coverage import Coverage
from modules.zone_analytics.groups import Pair, Party
from modules.zone_analytics.line_counter import LineCounter
from modules.zone_analytics.people import Person
from modules.zone_analytics.queue_waits import QueueWaits
from modules.zone_analytics.staff import Staff
from modules.zone_analytics.zone_visits import ZoneVisits
from storeflow.contract.messages import Detections
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
    gone: list[Person] = field(default_factory=list)
    parties: list[Party] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    staff: Staff = field(default_factory=Staff)
    queues: list[QueueWaits] = field(default_factory=list)
    newest: Detections | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The store at rest: all cameras' views, and the areas."""

    version: int = VERSION
    views: list[ViewState] = field(default_factory=list)
    areas: list[AreaState] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)


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
        view.people.gone,
        list({id(party): party for party in view.groups.parties.values()}.values()),
        list(view.groups.pairs.values()),
        view.staff,
        list(view.queues.values()),
        view.newest,
    )


def wake(state: ViewState, parameters: DecisionParameters) -> CameraView:
    """The view as it was, under the layout that it had; `CameraView.apply` takes it to another one."""
    layout = Layout(
        lines={counter.line_id: counter.line for counter in state.lines},
        zones={visits.zone_id: visits.zone for visits in state.zones},
        queues={waits.queue_id: waits.queue for waits in state.queues},
    )
    view = CameraView(state.camera_id, layout, parameters)
    view.at, view.aspect_ratio, view.model_version = state.at, state.aspect_ratio, state.model_version
    view.newest = state.newest
    view.people.by_track = {person.track_id: person for person in state.people}
    view.people.gone = state.gone
    for counter in state.lines:
        view.lines[counter.line_id].passages = counter.passages
    view.zones = {visits.zone_id: visits for visits in state.zones}
    view.queues = {waits.queue_id: waits for waits in state.queues}
    view.groups.parties = {person_id: party for party in state.parties for person_id in party.members}
    view.groups.pairs = {pair.key: pair for pair in state.pairs}
    view.staff = state.staff
    return view


def resume(coverage: Coverage) -> Coverage:
    """What was known of a camera's coverage; the counter of its missed frames begins at 0 with the process."""
    return replace(coverage, missed=0)


def write(checkpoint: Checkpoint) -> bytes:
    """JSON that `read` understands."""
    return _ADAPTER.dump_json(checkpoint, by_alias=True)


def read(body: bytes) -> Checkpoint:
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
    return checkpoint
