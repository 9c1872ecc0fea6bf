"""What zone_analytics must not forget over a restart: who is in view, on which side, in which zone or queue, with whom.

It holds what decisions need: where people's feet were in the last moments and how tall they are, but no detection. Only
while documents of Azure Spatial Analysis are made, the detections of each camera's newest frame are in it as well.
"""

import logging
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError

from modules.zone_analytics.area_state import AreaState
from modules.zone_analytics.camera_view import CameraView
from modules.zone_analytics.coverage import Coverage
from modules.zone_analytics.groups import Pair, Party
from modules.zone_analytics.line_counter import LineCounter
from modules.zone_analytics.parameters import DecisionParameters
from modules.zone_analytics.people import Person
from modules.zone_analytics.queue_waits import QueueWaits
from modules.zone_analytics.staff import Staff
from modules.zone_analytics.zone_visits import ZoneVisits
from storeflow.contract.faults import first_fault
from storeflow.contract.messages import Detections
from storeflow.contract.twins import Layout
from storeflow.errors import ContractError

LOG = logging.getLogger(__name__)
VERSION: Final = 2


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
    queues: list[QueueWaits]
    gone: list[Person]
    parties: list[Party]
    pairs: list[Pair]
    staff: Staff
    newest: Detections | None
    """The newest frame; none where no document will be made of it."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The store at rest: all cameras' views, and the areas."""

    version: Literal[2] = VERSION
    views: list[ViewState] = field(default_factory=list)
    areas: list[AreaState] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)
    config_version: int = 0
    """Of the layout that the views had; 0 before there was one."""


_ADAPTER: TypeAdapter[Checkpoint] = TypeAdapter(Checkpoint)


def view_state(view: CameraView, *, with_frame: bool) -> ViewState:
    """The state of a view; with its newest frame where documents may yet be made of it."""
    return ViewState(
        camera_id=view.camera_id,
        at=view.at,
        aspect_ratio=view.aspect_ratio,
        model_version=view.model_version,
        people=list(view.people),
        lines=list(view.lines.values()),
        zones=list(view.zones.values()),
        queues=list(view.queues.values()),
        gone=view.people.gone,
        parties=list({id(party): party for party in view.groups.parties.values()}.values()),
        pairs=list(view.groups.pairs.values()),
        staff=view.staff,
        newest=view.newest if with_frame else None,
    )


def restored_view(state: ViewState, parameters: DecisionParameters) -> CameraView:
    """The view as it was, under the layout that it had; `CameraView.apply` takes it to another one."""
    layout = Layout(
        lines={counter.line_id: counter.line for counter in state.lines},
        zones={visits.zone_id: visits.zone for visits in state.zones},
        queues={waits.queue_id: waits.queue for waits in state.queues},
    )
    view = CameraView(state.camera_id, layout, parameters)
    view.at, view.aspect_ratio, view.model_version = state.at, state.aspect_ratio, state.model_version
    view.newest = state.newest
    view.people.by_track = {person.current_track_id: person for person in state.people}
    view.people.gone = state.gone
    for counter in state.lines:
        view.lines[counter.line_id].passages = counter.passages
    view.zones = {visits.zone_id: visits for visits in state.zones}
    view.queues = {waits.queue_id: waits for waits in state.queues}
    view.groups.parties = {person_id: party for party in state.parties for person_id in party.members}
    view.groups.pairs = {pair.key: pair for pair in state.pairs}
    view.staff = state.staff
    return view


def restored_coverage(coverage: Coverage) -> Coverage:
    """A camera's coverage as it was; the counter of its missed frames begins at 0 with the process."""
    return replace(coverage, missed=0)


def encode(checkpoint: Checkpoint) -> bytes:
    """JSON that `decode` understands."""
    return _ADAPTER.dump_json(checkpoint, by_alias=True)


def decode(body: bytes) -> Checkpoint:
    """What `encode` encoded.

    Raises:
        ContractError: it is damaged or of another version; the module then starts with nobody in view.
    """
    try:
        return _ADAPTER.validate_json(body)
    except ValidationError as error:
        raise ContractError(first_fault(error, "checkpoint")) from error


def decode_or_begin(body: bytes | None) -> Checkpoint:
    """What `encode` encoded; a store with nobody in view where there is none, or one that can't be read."""
    if body is None:
        return Checkpoint()
    try:
        return decode(body)
    except ContractError as error:
        LOG.warning("starting with nobody in view: %s", error)
        return Checkpoint()
