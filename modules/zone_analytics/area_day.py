"""When the day of an area begins, where every camera has a clock of its own and each clock may be set.

- The day goes by one camera at a time, the leader: the first that looks, and when its stream ends, the next one with a
  frame. A day begins when the leader's own frames pass `reset_at`, and not when its clock is set back.
- A leader that leaps over `reset_at` by more than an hour was away, or its clock was set. While another camera looks
  that hasn't passed it, that one leads from there; so a new day begins when all have leapt, or the next passes it.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from modules.zone_analytics.area_state import AreaState, CameraClock
from storeflow.contract.twins import Area

LEAP_SECONDS = 3600.0
"""One camera alone is not believed when it says that more than this went by at once."""
_HALF_A_DAY = 43_200.0


def latest_reset(at: float, area: Area) -> float:
    """The latest moment, up to `at`, at which it was `reset_at` o'clock in the area's time zone; once a local day.

    Where the clock is put forward over that time it is as long after midnight as on other days; where it is put back
    over it, the first of the two counts.
    """
    hour, minute = map(int, area.reset_at.split(":"))
    local = datetime.fromtimestamp(at, ZoneInfo(area.time_zone))
    today = local.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)
    return today.timestamp() if today.timestamp() <= at else (today - timedelta(days=1)).timestamp()


def apply_reset_rule(state: AreaState, area: Area) -> None:
    """Go on by the area's `reset_at` and time zone: if they are others, from the next time that it is so late."""
    rule = f"{area.reset_at} {area.time_zone}"
    if state.reset_rule == rule:
        return
    state.reset_rule = rule
    for camera in state.cameras.values():
        camera.last_reset = 0.0 if camera.at is None else latest_reset(camera.at, area)
    leader = state.cameras.get(state.leader or "")
    state.last_reset = latest_reset(state.at, area) if leader is None else leader.last_reset


def begins_a_day(state: AreaState, area: Area, camera_id: str, at: float) -> bool:
    """Whether it is the leader that passes `reset_at` with this frame; finds a leader where there is none."""
    camera = state.cameras.setdefault(camera_id, CameraClock(state.at))
    reset = latest_reset(at, area)
    is_new_here, was_set_back = camera.is_away, camera.at is not None and at < camera.at
    leader = state.cameras.get(state.leader or "")
    if leader is None or leader.is_away:
        state.leader = camera_id
        camera.last_reset = state.last_reset if is_new_here else camera.last_reset
    if was_set_back or (is_new_here and (state.leader != camera_id or reset < camera.last_reset)):
        camera.last_reset = reset
    if was_set_back:
        camera.since = None
    if state.leader != camera_id:
        return False
    state.last_reset = camera.last_reset
    if reset <= camera.last_reset:
        return False
    doubter = None
    if camera.at is not None and at - camera.at > LEAP_SECONDS:
        doubter = next(_who_has_not_passed(state, area, camera_id), None)
    if doubter is not None:
        state.leader, state.last_reset = doubter, state.cameras[doubter].last_reset
    return doubter is None


def next_day(before: AreaState, area: Area, at: float, named: Collection[str]) -> AreaState:
    """A new day with nobody inside.

    A camera that was away all day is forgotten, unless it is the leader or a line names it.

    Args:
        before: the day that is over; its leader has passed `reset_at`.
        area: when a day begins.
        at: the leader's frame that passed it.
        named: cameras that the area's lines name.
    """
    reset = latest_reset(at, area)
    begun_at = max(before.last_emitted_at, reset)
    cameras = {}
    for name, camera in before.cameras.items():
        was_away_all_day = camera.is_away and camera.heard_at <= before.reset_at
        if was_away_all_day and name not in named and name != before.leader:
            continue
        cameras[name] = camera
        camera.since, camera.heard_at = camera.at, begun_at
        if camera.at is not None and not camera.is_away:  # its own clock is as near to this `reset_at`
            camera.last_reset = latest_reset(camera.at + _HALF_A_DAY, area)
        if name == before.leader:
            camera.since = camera.last_reset = reset
    return AreaState(
        before.area_id,
        begun_at,
        begun_at,
        cameras=cameras,
        leader=before.leader,
        last_reset=reset,
        reset_rule=before.reset_rule,
        events_emitted=before.events_emitted,
        last_emitted_at=begun_at,
    )


def _who_has_not_passed(state: AreaState, area: Area, leader: str) -> Iterator[str]:
    """Every other camera that looks and whose newest frame is from before `reset_at`."""
    for name, camera in state.cameras.items():
        looks = name != leader and not camera.is_away and camera.at is not None
        if looks and camera.at is not None and latest_reset(camera.at, area) <= camera.last_reset:
            yield name
