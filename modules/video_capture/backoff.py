"""How long to leave a camera alone before it is tried again."""

import random
from collections.abc import Callable

FIRST_SECONDS, LONGEST_SECONDS = 1.0, 30.0


class Backoff:
    """Waits that double, each shortened by chance by up to a half.

    The chance keeps the cameras of a shop from all knocking at once when their switch or recorder is back.

    Args:
        chance: draws a number from 0 to 1.
    """

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._next = FIRST_SECONDS

    def seconds(self, lasted: float = 0.0) -> float:
        """How long to wait now; `lasted` says for how many seconds there were pictures since the wait before.

        Only pictures that lasted as long as the longest wait make it short again: a camera that comes and goes would
        otherwise be asked every second for ever.
        """
        if lasted >= LONGEST_SECONDS:
            self._next = FIRST_SECONDS
        longest = self._next
        self._next = min(2 * longest, LONGEST_SECONDS)
        return longest * (1 - self._chance() / 2)
