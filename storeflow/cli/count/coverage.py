"""How much of a run was looked at, from its `storeflow.camera.coverage` events."""

from collections.abc import Iterable

from storeflow.contract.cloudevents import CloudEvent
from storeflow.contract.events import CameraCoverage

_MIN_SHORTFALL = 0.001
"""A smaller one is rounding."""


def shortfall(events: Iterable[CloudEvent], *, starts_at: float) -> float | None:
    """The share of the time that was looked at, from the first frame to the last; none where that is all of it.

    Args:
        events: of one camera.
        starts_at: `captured_at` of the first frame.
    """
    pieces = [event.data for event in events if isinstance(event.data, CameraCoverage)]
    lasted = max((piece.captured_at.timestamp() for piece in pieces), default=starts_at) - starts_at
    seen = sum(piece.observed_seconds for piece in pieces)
    if seen >= lasted * (1 - _MIN_SHORTFALL):
        return None
    return round(seen / lasted, 3)
