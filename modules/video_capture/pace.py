"""When a frame of a clip is due, so that film time passes like time."""


class Pace:
    """Film time against the time of day, from the first frame on.

    Lateness is made up for: a frame is due at its distance from the first, not from the one before it.

    Args:
        speed: seconds of film that pass in a second.
    """

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._started_at: float | None = None

    def wait_seconds(self, film_seconds: float, now: float) -> float:
        """How long to wait before the frame of that film time may be shown; `now` is any steady clock's time."""
        if self._started_at is None:
            self._started_at = now - film_seconds / self._speed
        return max(0.0, self._started_at + film_seconds / self._speed - now)
