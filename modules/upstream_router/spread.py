"""How a thousand devices don't all speak at once: each has a moment of its own, for good. Pure.

Windows end at the same second everywhere, and everybody comes back at the same second after an outage. What follows
from the device's name needs no agreement, and is the same tomorrow.
"""

from hashlib import blake2b


def fraction(device_id: str, *parts: str | int) -> float:
    """Return a number from 0 up to 1, evenly spread over devices; other `parts` give others of the same device."""
    text = "\x1f".join((device_id, *map(str, parts)))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) / 2**64


def next_turn(now: float, period: float, share: float) -> float:
    """The first moment from `now` on at which a device may speak that does so once a `period`.

    Args:
        now: seconds since the epoch.
        period: in seconds; 0: at any time.
        share: of the period, at which the device's turn is: its `fraction`.
    """
    if not period:
        return now
    offset = share * period
    return now + (offset - now) % period


def pause_after(failures: int, device_id: str, first: float, longest: float) -> float:
    """Seconds to wait after so many failures in a row: twice as long each time, and of that between half and all."""
    full = min(longest, first * 2.0 ** min(failures - 1, 32))
    return full * (0.5 + 0.5 * fraction(device_id, failures))
