"""What an area must not forget: how many are inside, what was counted, and the clocks of its cameras."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class CameraClock:
    """What an area remembers of one camera: by the camera's own clock, but for `heard_at`."""

    heard_at: float
    """The area's time when the camera's last frame came, or when the area began to wait for one."""
    at: float | None = None
    """The newest frame; none if there was none yet."""
    is_away: bool = True
    """No frame yet, or none since the stream ended."""
    last_reset: float = 0.0
    """The latest `reset_at` that has nothing more to begin: the day began at it, or with another camera's."""
    since: float | None = None
    """Crossings from before belong to the day before."""


@dataclass(slots=True)
class AreaState:
    """Everything that is known of one area."""

    area_id: str
    at: float
    """As of when the occupancy is known; never goes back."""
    reset_at: float
    """As of when the count last began at 0."""
    occupancy: int = 0
    crossings: int = 0
    clamped: int = 0
    seen_seconds: float = 0.0
    unseen_seconds: float = 0.0
    cameras: dict[str, CameraClock] = field(default_factory=dict)
    """Those that the layout names, and those that sent a frame."""
    leader: str | None = None
    """The camera by whose clock the day goes."""
    last_reset: float = 0.0
    """The `reset_at` with which the day began, by the leader's clock."""
    reset_rule: str = ""
    """Which `reset_at`, and in which time zone, `last_reset` was found by."""
    last_drift_bound: int = 0
    """Of the newest event."""
    events_emitted: int = 0
    """Each event has its number, and so an id that no other has."""
    last_emitted_at: float = 0.0
    """As of when the newest event is."""
