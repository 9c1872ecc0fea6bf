"""One area: how many are inside, by what was counted at its lines, and how far that may be off.

Counting at doors drifts: a crossing that is missed is never put right by a later one. So the count begins at 0 every
day at a time when nobody is inside, never goes below 0, and states a bound for its error:

    drift_bound = clamped                                    people who went out and had never been counted in
                + miscount_share * crossings                 what a counter misses or counts too often
                + crossings / seen * unseen                  what went on, at the usual pace, while nobody looked

each of the last two rounded up. `seen` and `unseen` are seconds, added up over the area's cameras. Between two frames
of a camera that are farther apart than `coverage_gap_seconds` nobody looked. Both crossings of a U-turn count: in
occupancy they cancel.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from modules.zone_analytics.decisions import AreaCause, AreaCounted, Crossing
from storeflow.contract.parameters import DecisionParameters
from storeflow.contract.twins import Area, Line


@dataclass(slots=True)
class AreaState:
    """What must not be forgotten of an area."""

    area_id: str
    at: float
    """`captured_at` of the newest frame; the occupancy is told as of then."""
    reset_at: float
    occupancy: int = 0
    crossings: int = 0
    clamped: int = 0
    seen_seconds: float = 0.0
    unseen_seconds: float = 0.0
    heard_at: dict[str, float] = field(default_factory=dict)
    """The newest frame of each camera; of one that is named in the layout and was never heard of, when we began."""
    told_bound: int = 0


class AreaCounter:
    """The occupancy of one area, over all cameras that its lines are drawn on.

    Args:
        area_id: as the layout calls it.
        area: which lines, and when to begin anew.
        lines: of the same layout.
        parameters: how far counts are trusted.
        state: of a counter of the same area before; an edit of the layout moves nobody out of it.
    """

    def __init__(
        self,
        area_id: str,
        area: Area,
        lines: Mapping[str, Line],
        parameters: DecisionParameters,
        state: AreaState | None = None,
    ) -> None:
        self.area_id = area_id
        self.area = area
        self.parameters = parameters
        cameras = {lines[line_id].camera_id for line_id in area.lines}
        self._is_on_every_camera = None in cameras
        self._named = {camera_id for camera_id in cameras if camera_id is not None}
        self.state = state
        if state is not None:
            kept = {name: at for name, at in state.heard_at.items() if self._is_seen_by(name)}
            state.heard_at = dict.fromkeys(self._named, state.at) | kept

    def hear(self, camera_id: str, at: float) -> list[AreaCounted]:
        """Take in that a camera took a frame."""
        if not self._is_seen_by(camera_id):
            return []
        if self.state is None:
            heard_at = dict.fromkeys((*self._named, camera_id), at)
            self.state = AreaState(self.area_id, at, at, heard_at=heard_at)
            return [self._tell(self.state, "start", camera_id)]
        before = self.state.heard_at.get(camera_id, at)
        if at < before - self.parameters.forget_seconds:  # the clock was set back: go on from there
            self.state.at, self.state.reset_at = at, min(at, self.state.reset_at)
            self.state.heard_at[camera_id] = at
            return []
        told = []
        reset_at = latest_reset(at, self.area)
        if reset_at > self.state.reset_at:
            self.state = self._begin_anew(self.state, reset_at)
            told.append(self._tell(self.state, "reset", ""))
        self.state.at = max(self.state.at, at)
        self._look(self.state, camera_id, before, at)
        if (
            at - before > self.parameters.coverage_gap_seconds
            and self._drift_bound(self.state) != self.state.told_bound
        ):
            told.append(self._tell(self.state, "gap", camera_id))
        return told

    def count(self, camera_id: str, crossing: Crossing) -> list[AreaCounted]:
        """Take in a crossing that was counted in front of a camera."""
        inwards, state = self.area.lines.get(crossing.line_id), self.state
        if inwards is None or state is None or crossing.at < state.reset_at:
            return []  # what happened before a reset is told after it at times, and belongs to the day before
        state.crossings += 1
        if crossing.direction == inwards:
            state.occupancy += 1
        elif state.occupancy > 0:
            state.occupancy -= 1
        else:
            state.clamped += 1
        what = f"{camera_id} {crossing.line_id} {crossing.person_id} {round(crossing.at * 1000)}"
        return [self._tell(state, "crossing", what)]

    def _is_seen_by(self, camera_id: str) -> bool:
        return self._is_on_every_camera or camera_id in self._named

    def _begin_anew(self, before: AreaState, reset_at: float) -> AreaState:
        """A new day with nobody inside; a camera that no line names and that was silent all day is forgotten."""
        heard_at = {name: at for name, at in before.heard_at.items() if name in self._named or at >= before.reset_at}
        return AreaState(self.area_id, reset_at, reset_at, heard_at=heard_at)

    def _look(self, state: AreaState, camera_id: str, before: float, at: float) -> None:
        """Add the time between two frames of a camera to what was seen, or to what was not."""
        seconds = max(0.0, at - max(before, state.reset_at))
        if at - before > self.parameters.coverage_gap_seconds:
            state.unseen_seconds += seconds
        else:
            state.seen_seconds += seconds
        state.heard_at[camera_id] = max(before, at)

    def _unseen_seconds(self, state: AreaState) -> float:
        """With the time for which a camera has been silent up to now."""
        silent = (state.at - max(heard_at, state.reset_at) for heard_at in state.heard_at.values())
        return state.unseen_seconds + sum(one for one in silent if one > self.parameters.coverage_gap_seconds)

    def _drift_bound(self, state: AreaState) -> int:
        pace = state.crossings / state.seen_seconds if state.seen_seconds > 0 else 0.0
        miscounted = ceil(self.parameters.miscount_share * state.crossings)
        return state.clamped + miscounted + ceil(pace * self._unseen_seconds(state))

    def _tell(self, state: AreaState, cause: AreaCause, what: str) -> AreaCounted:
        state.told_bound = self._drift_bound(state)
        return AreaCounted(
            area_id=self.area_id,
            at=state.at,
            occupancy=state.occupancy,
            drift_bound=state.told_bound,
            crossings=state.crossings,
            clamped=state.clamped,
            unseen_seconds=self._unseen_seconds(state),
            reset_at=state.reset_at,
            cause=cause,
            what=what,
        )


def latest_reset(at: float, area: Area) -> float:
    """The latest moment, up to `at`, at which it was `reset_at` o'clock in the area's time zone; once a local day.

    Where the clock is put forward over that time it is as long after midnight as on other days; where it is put back
    over it, the first of the two counts.
    """
    hour, minute = map(int, area.reset_at.split(":"))
    local = datetime.fromtimestamp(at, ZoneInfo(area.time_zone))
    today = local.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)
    return today.timestamp() if today.timestamp() <= at else (today - timedelta(days=1)).timestamp()
