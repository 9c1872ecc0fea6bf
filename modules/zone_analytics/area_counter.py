"""One area: how many are inside, by what was counted at its lines, and how far that may be off.

Counting at doors drifts: a crossing that is missed is never put right by a later one. So the count begins at 0 every
day at a time when nobody is inside, never goes below 0, and states a bound for its error:

    drift_bound = clamped                                    people who went out and had never been counted in
                + miscount_share * crossings                 what a counter misses or counts too often
                + crossings / seen * unseen                  what went on, at the usual pace, while nobody looked

each of the last two rounded up. `seen` and `unseen` are seconds, added up over the area's cameras. Both crossings of a
U-turn count: in occupancy they cancel.

**Whose clock.** Cameras' clocks may differ, and each may be set, so none is held against another's:

- The day goes by one camera at a time, which leads: the first that looks, and when its stream ends, the next that is
  heard of. The count begins anew when the leader's own frames pass `reset_at`, and not when its clock is set back.
- A leader that leaps over `reset_at` by more than an hour was away, or its clock was set. While another camera looks
  that hasn't passed it, that one leads from there; so a new day begins when all have leapt, or the next passes it.
- A crossing counts when it is told. Left out is what its camera saw, by its own clock, before the count began anew.
- Nobody looked between two frames of one camera that are farther apart than `coverage_gap_seconds`, and from the end
  of its stream to its next frame. That one camera is looked at later than another is no hole in either.
- What is told is of the newest frame, unless that is more than an hour ahead of what was told before, and not the
  leader's. It never goes back: after a clock was set back it stands still until the clock has caught up.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from modules.zone_analytics.decisions import AreaCause, AreaCounted, Crossing
from storeflow.contract.parameters import DecisionParameters
from storeflow.contract.twins import Area, Line

LEAP_SECONDS = 3600.0
"""One camera alone is not believed when it says that more than this went by at once."""
_HALF_A_DAY = 43_200.0


@dataclass(slots=True)
class Lookout:
    """What an area remembers of one camera: by the camera's own clock, but for `heard_at`."""

    heard_at: float
    """The area's time when the camera was last heard of, or when the area began to wait for it."""
    at: float | None = None
    """The newest frame; none if there was none yet."""
    is_away: bool = True
    """No frame yet, or none since the stream ended."""
    morning: float = 0.0
    """The latest `reset_at` that has nothing more to begin: the day began at it, or with another camera's."""
    since: float | None = None
    """Crossings from before belong to the day before."""


@dataclass(slots=True)
class AreaState:
    """What must not be forgotten of an area."""

    area_id: str
    at: float
    """As of when the occupancy is known; what is told of it never goes back."""
    reset_at: float
    """As of when it was told that the count begins at 0."""
    occupancy: int = 0
    crossings: int = 0
    clamped: int = 0
    seen_seconds: float = 0.0
    unseen_seconds: float = 0.0
    cameras: dict[str, Lookout] = field(default_factory=dict)
    """Those that the layout names, and those that were heard of."""
    leader: str | None = None
    """The camera by whose clock the day goes."""
    morning: float = 0.0
    """The `reset_at` with which the day began, by the leader's clock."""
    goes_by: str = ""
    """Which `reset_at`, and in which time zone, `morning` was reckoned by."""
    told_bound: int = 0
    told: int = 0
    """How many events: each has its number, and so an id that no other has."""
    told_at: float = 0.0
    """As of when the newest of them is."""


class AreaCounter:
    """The occupancy of one area, over all cameras that its lines are drawn on.

    Args:
        area_id: as the layout calls it.
        area: which lines, and when to begin anew.
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
        self._goes_by = f"{area.reset_at} {area.time_zone}"
        cameras = {lines[line_id].camera_id for line_id in area.lines}
        self._is_on_every_camera = None in cameras
        self._named = {camera_id for camera_id in cameras if camera_id is not None}
        self.state = state
        if state is not None:
            self._take_over(state)

    def hear(self, camera_id: str, at: float) -> list[AreaCounted]:
        """Take in that a camera took a frame."""
        if not self._is_seen_by(camera_id):
            return []
        if self.state is None:
            self.state = AreaState(self.area_id, at, at)
            self._take_over(self.state)
            self._look(self.state, camera_id, at)
            return [self._tell(self.state, "start", camera_id)]
        before = self.state.cameras.get(camera_id)
        if before is not None and before.at is not None and 0 <= before.at - at <= self.parameters.forget_seconds:
            return []  # as in `CameraView`, a frame that comes a little late is left out
        told = []
        if self._begins_a_day(self.state, camera_id, at):
            self.state = self._begin_anew(self.state, camera_id, latest_reset(at, self.area))
            told.append(self._tell(self.state, "reset", ""))
        if self._look(self.state, camera_id, at) and self._drift_bound(self.state) != self.state.told_bound:
            told.append(self._tell(self.state, "gap", camera_id))
        return told

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
            return []  # what happened before a reset is told after it at times
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

    def _take_over(self, state: AreaState) -> None:
        """Go on from a state, also of an area that had other lines or another day, or of a version without clocks."""
        known = {name: camera for name, camera in state.cameras.items() if self._is_seen_by(name)}
        state.cameras = {name: Lookout(state.at) for name in sorted(self._named)} | known
        if state.goes_by != self._goes_by:
            state.goes_by = self._goes_by
            for camera in known.values():
                camera.morning = 0.0 if camera.at is None else latest_reset(camera.at, self.area)
            leader = known.get(state.leader or "")
            state.morning = latest_reset(state.at, self.area) if leader is None else leader.morning

    def _begins_a_day(self, state: AreaState, camera_id: str, at: float) -> bool:
        """Whether it is the leader that passes `reset_at` with this frame; finds a leader where there is none."""
        camera = state.cameras.setdefault(camera_id, Lookout(state.at))
        morning = latest_reset(at, self.area)
        is_new_here, was_set_back = camera.is_away, camera.at is not None and at < camera.at
        leader = state.cameras.get(state.leader or "")
        if leader is None or leader.is_away:
            state.leader = camera_id
            camera.morning = state.morning if is_new_here else camera.morning
        if was_set_back or (is_new_here and (state.leader != camera_id or morning < camera.morning)):
            camera.morning = morning
        if was_set_back:
            camera.since = None
        if state.leader != camera_id:
            return False
        state.morning = camera.morning
        if morning <= camera.morning:
            return False
        doubter = None
        if camera.at is not None and at - camera.at > LEAP_SECONDS:
            doubter = next(self._who_has_not_passed(state, camera_id), None)
        if doubter is not None:
            state.leader, state.morning = doubter, state.cameras[doubter].morning
        return doubter is None

    def _who_has_not_passed(self, state: AreaState, leader: str) -> Iterator[str]:
        """Every other camera that looks and whose newest frame is from before `reset_at`."""
        for name, camera in state.cameras.items():
            looks = name != leader and not camera.is_away and camera.at is not None
            if looks and camera.at is not None and latest_reset(camera.at, self.area) <= camera.morning:
                yield name

    def _begin_anew(self, before: AreaState, leader: str, morning: float) -> AreaState:
        """A new day with nobody inside; a camera that no line names and that was away all day is forgotten."""
        at = max(before.told_at, morning)
        cameras = {}
        for name, camera in before.cameras.items():
            if name not in self._named and camera.is_away and camera.heard_at <= before.reset_at:
                continue
            cameras[name] = camera
            camera.since, camera.heard_at = camera.at, at
            if camera.at is not None and not camera.is_away:  # its own clock is as near to this `reset_at`
                camera.morning = latest_reset(camera.at + _HALF_A_DAY, self.area)
        cameras[leader].since = cameras[leader].morning = morning
        return AreaState(
            self.area_id,
            at,
            at,
            cameras=cameras,
            leader=leader,
            morning=morning,
            goes_by=self._goes_by,
            told=before.told,
            told_at=at,
        )

    def _look(self, state: AreaState, camera_id: str, at: float) -> bool:
        """Add the time since a camera's last frame to what was seen, or to what was not: whether it was the latter."""
        camera = state.cameras.setdefault(camera_id, Lookout(state.at))
        if state.leader is None:
            state.leader, state.morning = camera_id, latest_reset(at, self.area)
            camera.morning = state.morning
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

    def _tell(self, state: AreaState, cause: AreaCause, what: str) -> AreaCounted:
        state.told_bound = self._drift_bound(state)
        state.told, state.told_at = state.told + 1, state.at
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
            what=f"{what} {state.told}",
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
