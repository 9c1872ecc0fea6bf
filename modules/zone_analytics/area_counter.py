"""One area: how many are inside, by what was counted at its lines, and how far that may be off.

Counting at doors drifts: a crossing that is missed is never put right by a later one. So the count begins at 0 every
day at a time when nobody is inside (`area_day.py`), never goes below 0, and states a bound for its error:

    drift_bound = clamped                                    people who went out and had never been counted in
                + miscount_share * crossings                 what a counter misses or counts too often
                + crossings / seen * unseen                  what went on, at the usual pace, while nobody looked

each of the last two rounded up. `seen` and `unseen` are seconds, added up over the area's cameras. Both crossings of a
U-turn count: in occupancy they cancel.

**Whose clock.** Cameras' clocks may differ, and each may be set, so none is held against another's:

- A crossing counts when it is decided. Left out is what its camera saw, by its own clock, before the count was reset.
- Nobody looked between two frames of one camera that are farther apart than `coverage_gap_seconds`, and from the end
  of its stream to its next frame. That one camera is looked at later than another is no hole in either.
- An event is of the newest frame, unless that is more than an hour ahead of the event before, and not the leader's.
  Its time never goes back: after a clock was set back it stands still until the clock has caught up.
"""

from collections.abc import Mapping
from math import ceil

from modules.zone_analytics.area_day import LEAP_SECONDS, apply_reset_rule, begins_a_day, next_day
from modules.zone_analytics.area_state import AreaState, CameraClock
from modules.zone_analytics.decisions import AreaCause, AreaCounted, Crossing
from modules.zone_analytics.parameters import DecisionParameters
from storeflow.contract.twins import Area, Line


class AreaCounter:
    """The occupancy of one area, over all cameras that its lines are drawn on.

    Args:
        area_id: as the layout calls it.
        area: which lines, and when the count begins at 0.
        lines: of the same layout.
        parameters: how far counts are trusted.
        state: of a counter of the same area before. An edit of the layout moves nobody out of it: another `reset_at` or
            time zone holds from the next time that it is so late.
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
            self._take_over(state)

    def observe_frame(self, camera_id: str, at: float) -> list[AreaCounted]:
        """Take in that a camera took a frame."""
        if not self._is_seen_by(camera_id):
            return []
        if self.state is None:
            self.state = self._begin(camera_id, at)
            return [self._emit(self.state, "start", camera_id)]
        before = self.state.cameras.get(camera_id)
        if before is not None and before.at is not None and 0 <= before.at - at <= self.parameters.forget_seconds:
            return []  # as in `CameraView`, a frame that comes a little late is left out
        decisions = []
        if begins_a_day(self.state, self.area, camera_id, at):
            self.state = next_day(self.state, self.area, at, self._named)
            decisions.append(self._emit(self.state, "reset", ""))
        if self._add_time(self.state, camera_id, at) and self._drift_bound(self.state) != self.state.last_drift_bound:
            decisions.append(self._emit(self.state, "gap", camera_id))
        return decisions

    def end(self, camera_id: str) -> None:
        """Take in that a camera's stream ended: nobody looks until its next frame."""
        if self.state is not None and camera_id in self.state.cameras:
            self.state.cameras[camera_id].is_away = True

    def count(self, camera_id: str, crossing: Crossing) -> list[AreaCounted]:
        """Take in a crossing that was counted in front of a camera."""
        inwards, state = self.area.lines.get(crossing.line_id), self.state
        if inwards is None or state is None:
            return []
        camera = state.cameras.get(camera_id)
        if camera is not None and camera.since is not None and crossing.at < camera.since:
            return []  # what happened before a reset is at times decided after it
        state.crossings += 1
        if crossing.direction == inwards:
            state.occupancy += 1
        elif state.occupancy > 0:
            state.occupancy -= 1
        else:
            state.clamped += 1
        what = f"{camera_id} {crossing.line_id} {crossing.person_id} {round(crossing.at * 1000)}"
        return [self._emit(state, "crossing", what)]

    def _is_seen_by(self, camera_id: str) -> bool:
        return self._is_on_every_camera or camera_id in self._named

    def _begin(self, camera_id: str, at: float) -> AreaState:
        """The state with the very first frame: its camera leads."""
        state = AreaState(self.area_id, at, at)
        self._take_over(state)
        camera = state.cameras.setdefault(camera_id, CameraClock(at))
        state.leader, camera.last_reset = camera_id, state.last_reset
        self._add_time(state, camera_id, at)
        return state

    def _take_over(self, state: AreaState) -> None:
        """Go on from a state, also of an area that had other lines or another day."""
        known = {name: camera for name, camera in state.cameras.items() if self._is_seen_by(name)}
        state.cameras = {name: CameraClock(state.at) for name in sorted(self._named)} | known
        apply_reset_rule(state, self.area)

    def _add_time(self, state: AreaState, camera_id: str, at: float) -> bool:
        """Add the time since a camera's last frame to what was seen, or to what was not: whether it was the latter."""
        camera = state.cameras.setdefault(camera_id, CameraClock(state.at))
        if state.leader == camera_id or at - state.at <= LEAP_SECONDS:
            state.at = max(state.at, at)
        passed = state.at - camera.heard_at
        if camera.at is not None and at > camera.at:
            hole, seconds = at - camera.at, at - max(camera.at, camera.since or camera.at)
            if hole > LEAP_SECONDS or camera.since == camera.at:  # its clock was set, or the day began meanwhile
                seconds = min(seconds, passed)
        else:  # its first frame, or its clock was set back
            hole = passed if camera.is_away else 0.0
            seconds = hole if camera.at is not None else max(0.0, min(hole, at - camera.heard_at))
        was_unseen = hole > self.parameters.coverage_gap_seconds
        if was_unseen:
            state.unseen_seconds += seconds
        else:
            state.seen_seconds += seconds
        camera.at, camera.heard_at, camera.is_away = at, state.at, False
        return was_unseen

    def _unseen_seconds(self, state: AreaState) -> float:
        """With the time for which a camera has been away up to now."""
        return state.unseen_seconds + sum(
            state.at - camera.heard_at for camera in state.cameras.values() if camera.is_away
        )

    def _drift_bound(self, state: AreaState) -> int:
        pace = state.crossings / state.seen_seconds if state.seen_seconds > 0 else 0.0
        miscounted = ceil(self.parameters.miscount_share * state.crossings)
        return state.clamped + miscounted + ceil(pace * self._unseen_seconds(state))

    def _emit(self, state: AreaState, cause: AreaCause, what: str) -> AreaCounted:
        state.last_drift_bound = self._drift_bound(state)
        state.events_emitted, state.last_emitted_at = state.events_emitted + 1, state.at
        return AreaCounted(
            area_id=self.area_id,
            at=state.at,
            occupancy=state.occupancy,
            drift_bound=state.last_drift_bound,
            crossings=state.crossings,
            clamped=state.clamped,
            unseen_seconds=self._unseen_seconds(state),
            reset_at=state.reset_at,
            cause=cause,
            what=f"{what} {state.events_emitted}",
        )
